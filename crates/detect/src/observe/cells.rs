//! What the cells that observers look at mean, remembered ([`super::remembered`]): the client and the indicators that
//! name it, the page that is asked for, the account.

use std::collections::HashMap;
use std::sync::LazyLock;

use model::observation::Belongs;
use model::{Row, Utc};

use super::columns::{Columns, forwarded_address, is_empty, own_address};
use super::observer::TimeRange;
use super::pages::{Teller, page_of};
use super::refused::is_logon_form;
use super::remembered::Remembered;
use crate::pack::IndicatorKind;
use crate::plan::{Plan, RuleIndex};

/// What cells meant before, of one schema.
#[derive(Default)]
pub(crate) struct Cells {
    own: Remembered<Client>,
    forwarded: Remembered<Option<Client>>,
    stems: Remembered<Stem>,
    probes: Remembered<bool>,
    own_pages: OwnPages,
}

/// A client, without port and IPv6 zone; empty where the cell names none.
#[derive(Clone, Default)]
pub(crate) struct Client {
    address: Box<[u8]>,
    known: Box<[(RuleIndex, TimeRange)]>,
}

/// The path of a URL.
#[derive(Clone, Default)]
pub(crate) struct Stem {
    /// The page that it asks for, where it asks for one, in lower case.
    page: Option<Page>,
    /// The logon form of OWA.
    pub is_form: bool,
    /// The remote shell is reached through OWA by an exploit only, and reads no mail.
    pub may_be_shell: bool,
}

#[derive(Clone)]
struct Page {
    name: Box<[u8]>,
    /// Exchange's own; where a POST without an account asks for it, too.
    is_own: bool,
    is_own_for_bare_post: bool,
}

impl Client {
    fn of(address: &[u8], plan: &Plan) -> Self {
        let known = std::str::from_utf8(address).map(|text| plan.indicators().find(IndicatorKind::Ip, text));
        let known = known.unwrap_or_default().iter();
        let holds = |from, until| TimeRange { from, until };
        let known = known.map(|(rule, indicator)| (*rule, holds(indicator.from, indicator.until))).collect();
        Self { address: address.into(), known }
    }

    /// As the record names it.
    pub fn address(&self) -> Option<&[u8]> {
        Some(&*self.address).filter(|address| !is_empty(address))
    }

    /// Reports the indicators that name the client, where they hold at this time.
    pub fn indicators(&self, time: Option<Utc>, fits: &mut dyn FnMut(RuleIndex)) {
        self.known.iter().filter(|(_, range)| range.contains(time)).for_each(|(rule, _)| fits(*rule));
    }
}

impl Stem {
    fn of(path: &[u8], own_pages: &mut OwnPages) -> Self {
        /// The remote shell, also where its first letter is written otherwise.
        static SHELL: LazyLock<memchr::memmem::Finder<'static>> =
            LazyLock::new(|| memchr::memmem::Finder::new("owershell"));
        let mut scratch = Vec::new();
        let page = page_of(path, &mut scratch).map(|name| Page {
            name: name.into(),
            is_own: own_pages.contains(name, false),
            is_own_for_bare_post: own_pages.contains(name, true),
        });
        let may_be_shell = memchr::memchr(b'%', path).is_some() || SHELL.find(&path.to_ascii_lowercase()).is_some();
        Self { page, is_form: is_logon_form(path), may_be_shell }
    }

    /// The page, where it is none of Exchange's own. `is_bare_post`: a POST without an account.
    pub fn strange_page(&self, is_bare_post: bool) -> Option<&[u8]> {
        let page = self.page.as_ref()?;
        let is_own = if is_bare_post { page.is_own_for_bare_post } else { page.is_own };
        (!is_own).then_some(&*page.name)
    }
}

/// What the cells of one row mean.
pub(crate) struct Said<'c> {
    client: Option<&'c Client>,
    stem: Option<&'c Stem>,
    /// The account is that of a health mailbox. They make most of the traffic and are nobody.
    pub is_probe: bool,
}

impl Cells {
    /// What the cells of a row mean.
    pub fn read(&mut self, row: &Row<'_>, columns: &Columns, plan: &Plan) -> Said<'_> {
        let Self { own, forwarded, stems, probes, own_pages } = self;
        let by_proxy = columns.forwarded.and_then(|at| {
            let learn = |cell: &[u8]| forwarded_address(cell).map(|address| Client::of(address, plan));
            forwarded.of(row.raw(at), learn).as_ref()
        });
        let client = match (by_proxy, columns.client) {
            (None, Some(at)) => Some(own.of(row.raw(at), |cell| Client::of(own_address(cell), plan))),
            (by_proxy, _) => by_proxy,
        };
        let stem = columns.stem.map(|at| stems.of(row.raw(at), |path| Stem::of(path, own_pages)));
        let is_probe = columns.account.is_some_and(|at| *probes.of(row.raw(at), is_probe));
        Said { client, stem, is_probe }
    }
}

impl<'c> Said<'c> {
    /// The client, as [`Columns::client`] names it.
    pub fn client(&self) -> Option<&'c [u8]> {
        self.client.and_then(Client::address)
    }

    /// Reports the indicators that name the client, where they hold at this time.
    pub fn known_client(&self, time: Option<Utc>, fits: &mut dyn FnMut(RuleIndex)) {
        self.client.iter().for_each(|client| client.indicators(time, fits));
    }

    /// The page that is asked for, where it is none of Exchange's own, and whose log tells of it.
    pub fn strange_page(&self, teller: Option<Teller>, row: &Row<'_>, columns: &Columns) -> Option<(Teller, &'c [u8])> {
        let (teller, stem) = teller.zip(self.stem.filter(|stem| stem.page.is_some()))?;
        // The back end is only ever asked by the front end, which posts on for others.
        let has_account = columns.cell(row, columns.account).is_some();
        let is_bare_post = !has_account && teller != Teller::BackEnd && columns.is_post(row);
        Some((teller, stem.strange_page(is_bare_post)?))
    }

    /// The logon form of OWA is asked for.
    pub fn is_form(&self) -> bool {
        self.stem.is_some_and(|stem| stem.is_form)
    }

    /// The path may lead to the remote shell.
    pub fn may_be_shell(&self) -> bool {
        self.stem.is_some_and(|stem| stem.may_be_shell)
    }
}

/// Health mailboxes make most of the traffic and are nobody.
pub(crate) fn is_probe(account: &[u8]) -> bool {
    static PROBE: LazyLock<memchr::memmem::Finder<'static>> =
        LazyLock::new(|| memchr::memmem::Finder::new("HealthMailbox"));
    PROBE.find(account).is_some()
}

/// Whether pages are Exchange's own, remembered: a few dozen pages make up most requests.
#[derive(Default)]
struct OwnPages(HashMap<Box<[u8]>, [Option<bool>; 2]>);

impl OwnPages {
    /// More are looked up each time.
    const REMEMBERED_MAX: usize = 4_096;

    fn contains(&mut self, page: &[u8], is_bare_post: bool) -> bool {
        let at = usize::from(is_bare_post);
        if let Some(known) = self.0.get(page).and_then(|answers| answers.get(at).copied().flatten()) {
            return known;
        }
        let is_own = std::str::from_utf8(page).is_ok_and(|page| is_exchanges_own(page, is_bare_post));
        if self.0.len() < Self::REMEMBERED_MAX
            && let Some(answer) = self.0.entry(page.into()).or_default().get_mut(at)
        {
            *answer = Some(is_own);
        }
        is_own
    }
}

/// A page of Exchange's own. In the front end's logon folders a back-end page of the same URL is no excuse for a POST
/// without an account:
/// attackers name their pages after it.
fn is_exchanges_own(page: &str, is_bare_post: bool) -> bool {
    let in_logon_folder =
        || matches!(exchange::place_of_url(page), exchange::Place::OwaAuth | exchange::Place::EcpAuth);
    let in_front_end = || {
        exchange::file_belongs(&format!(r"\frontend\httpproxy{}", page.replace('/', r"\")), None)
            != Some(Belongs::Unknown)
    };
    let takes_no_post = || page.ends_with(LINK_ONLY);
    exchange::is_known_page(page) && (!is_bare_post || !in_logon_folder() || (in_front_end() && !takes_no_post()))
}

/// The page of the logon folder that is only ever followed to, and that intruders replace: one that is posted to is no
/// longer Exchange's.
const LINK_ONLY: &str = "/redirsuiteserviceproxy.aspx";
