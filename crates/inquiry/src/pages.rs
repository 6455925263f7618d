//! Pages that are web shells by the way they are used.
//!
//! A web shell that nobody has a name for shows as a page that is not Exchange's own, that few clients ask for, by
//! POST, answered 200, without a referrer. Pages that many people reach through links belong to some application.
//! Names that are only ever answered 404 were asked for by somebody who looks for the web shells of others.

use std::collections::{BTreeMap, BTreeSet};

use model::Utc;
use model::campaign::{Proves, Stage};
use model::observation::PageUse;

use crate::findings::{
    Material, ODD_PAGE_RULE, PROBES_RULE, SHELL_PAGE_RULE, SHELL_USE_RULE, Said, Seen, evidence, own_finding,
};
use crate::paths::is_script;
use crate::product::{Place, Product};
use crate::wording::{count, list, number};

/// Most clients of a web shell that is driven by POST or by commands.
const DRIVING_CLIENTS_MAX: usize = 5;
/// Most clients of a page in `aspnet_client` that is only fetched, and of a driven page directly under the site.
const FEW_CLIENTS_MAX: usize = 3;
/// Most clients of a page of another application that is worth a look.
const ODD_CLIENTS_MAX: usize = 2;
/// Of so many requests one may name a referrer.
const REFERRED_ONE_IN: u64 = 10;
/// A client that asks for this many absent pages is a scanner.
const SCANNER_NAMES_MIN: usize = 3;
/// A client that is answered by this many unknown pages and sends nothing to any is a scanner.
const FETCHER_NAMES_MIN: usize = 8;
/// Most clients of a page that nobody logs on to, reaches by a link, or does anything but send to.
const SENDING_CLIENTS_MAX: usize = 50;
/// The most records that a finding about a page shows.
const SHOWN_MAX: usize = 6;

/// What the use of a page says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    /// A web shell.
    Shell,
    /// Somebody should look at it.
    Odd,
    /// An ordinary page, or one that is not there.
    Silent,
}

/// One page and all requests for it.
struct Page<'a> {
    url: &'a str,
    place: Place,
    uses: Vec<&'a PageUse>,
}

/// The findings about pages of one server.
pub(crate) fn findings(material: &Material<'_>) -> Vec<Seen> {
    let scanners = scanners(&material.server.pages);
    let fetchers = fetchers(&material.server.pages);
    let mut seen = Vec::new();
    for page in pages(&material.server.pages, material.product) {
        match page.judge(&scanners, &fetchers) {
            Judgement::Shell => seen.extend(page.shell_findings(material, &scanners)),
            Judgement::Odd => seen.push(page.odd_finding(material)),
            Judgement::Silent => {}
        }
    }
    seen.extend(probes(material));
    seen
}

fn pages<'a>(uses: &'a [PageUse], product: &dyn Product) -> Vec<Page<'a>> {
    let mut pages: BTreeMap<&str, Vec<&PageUse>> = BTreeMap::new();
    // The observer has left out what is Exchange's own and used like it.
    for one in uses.iter().filter(|one| is_script(&one.page)) {
        pages.entry(&one.page).or_default().push(one);
    }
    let place = |url: &str, uses: &[&PageUse]| {
        let on_exchange_site = uses.iter().any(|one| one.exchange_site);
        if on_exchange_site { product.place(url) } else { Place::Elsewhere }
    };
    pages.into_iter().map(|(url, uses)| Page { url, place: place(url, &uses), uses }).collect()
}

/// Clients that try name after name: many that are not there, or, where a server answers 200 to any name, many that are.
pub(crate) fn scanners(uses: &[PageUse]) -> BTreeSet<&str> {
    let mut absent: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in uses.iter().filter(|one| one.answered == 0 && one.not_found > 0) {
        absent.entry(&one.client).or_default().insert(&one.page);
    }
    let absent = absent.into_iter().filter(|(_, pages)| pages.len() >= SCANNER_NAMES_MIN).map(|(client, _)| client);
    absent.chain(fetchers(uses)).collect()
}

/// Clients that send nothing and are answered 200 by page after page: the server answers 200 to any name.
fn fetchers(uses: &[PageUse]) -> BTreeSet<&str> {
    let mut fetched: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in uses.iter().filter(|one| one.answered > 0 && !drives(one)) {
        fetched.entry(&one.client).or_default().insert(&one.page);
    }
    fetched.into_iter().filter(|(_, pages)| pages.len() >= FETCHER_NAMES_MIN).map(|(client, _)| client).collect()
}

/// The client sends something to a page that answers.
pub(crate) fn drives(one: &PageUse) -> bool {
    one.answered > 0 && (one.posts_answered > 0 || one.commands > 0)
}

impl<'a> Page<'a> {
    fn judge(&self, scanners: &BTreeSet<&str>, fetchers: &BTreeSet<&str>) -> Judgement {
        let by_hand: BTreeSet<&str> =
            self.answered().filter(|one| drives(one) || !scanners.contains(one.client.as_str())).map(client).collect();
        let clients = by_hand.len();
        // A scanner's 200 shows that the page is there, unless the server answers 200 to any name.
        if self.answered().all(|one| !drives(one) && fetchers.contains(one.client.as_str())) {
            return Judgement::Silent;
        }
        let sum = |part: fn(&PageUse) -> u64| self.uses.iter().map(|one| part(one)).fold(0, u64::saturating_add);
        let referred = sum(|one| one.referred);
        let unlinked = referred == 0;
        let hardly_linked = referred.saturating_mul(REFERRED_ONE_IN) <= sum(|one| one.requests);
        let anonymous = self.answered().all(|one| one.account.is_none());
        let posts = sum(|one| one.posts_answered);
        let driven = posts > 0 || sum(|one| one.commands) > 0;
        // Command lines in a query need no other sign, wherever the page lies.
        if sum(|one| one.commands) > 0 && clients <= DRIVING_CLIENTS_MAX {
            return Judgement::Shell;
        }
        match self.place {
            Place::Elsewhere | Place::SiteRoot if !(posts > 0 && unlinked && anonymous) => Judgement::Silent,
            Place::SiteRoot if clients <= FEW_CLIENTS_MAX => Judgement::Shell,
            Place::Elsewhere | Place::SiteRoot if clients <= ODD_CLIENTS_MAX => Judgement::Odd,
            Place::Elsewhere | Place::SiteRoot => Judgement::Silent,
            // People log on to applications; the folders below are open to anybody, so there it says nothing.
            Place::ExchangeFolder if !anonymous && is_shared_name(self.url) => Judgement::Silent,
            _ if !hardly_linked => Judgement::Silent,
            _ if driven && clients <= DRIVING_CLIENTS_MAX => Judgement::Shell,
            _ if anonymous
                && unlinked
                && posts.saturating_mul(2) > sum(|one| one.answered)
                && clients <= SENDING_CLIENTS_MAX =>
            {
                Judgement::Shell
            }
            Place::AspNetClient if clients <= FEW_CLIENTS_MAX => Judgement::Shell,
            _ if clients <= FEW_CLIENTS_MAX => Judgement::Odd,
            _ => Judgement::Silent,
        }
    }

    fn answered(&self) -> impl Iterator<Item = &&'a PageUse> {
        self.uses.iter().filter(|one| one.answered > 0)
    }

    fn first_answered(&self) -> Option<Utc> {
        self.answered().map(|one| one.first_answered.unwrap_or(one.first)).min()
    }

    fn last_answered(&self) -> Option<Utc> {
        self.answered().filter_map(|one| one.last_answered).max()
    }

    /// One finding for the page, one for each client that drives it.
    fn shell_findings(&self, material: &Material<'_>, scanners: &BTreeSet<&str>) -> Vec<Seen> {
        let mut seen = vec![self.shell_page(material, scanners)];
        let mut driving: BTreeMap<&str, Vec<&PageUse>> = BTreeMap::new();
        for one in self.uses.iter().filter(|one| drives(one)) {
            driving.entry(&one.client).or_default().push(one);
        }
        seen.extend(driving.into_iter().map(|(client, uses)| self.shell_use(material, client, &uses)));
        seen
    }

    fn shell_page(&self, material: &Material<'_>, scanners: &BTreeSet<&str>) -> Seen {
        let clients: BTreeSet<&str> = self.answered().map(client).collect();
        let answered = self.answered().map(|one| one.answered).fold(0, u64::saturating_add);
        let posts = self.uses.iter().map(|one| one.posts_answered).fold(0, u64::saturating_add);
        let said = Said {
            rule: SHELL_PAGE_RULE,
            title: "A page that is used like a web shell".to_owned(),
            reason: format!(
                "The page is not one of Exchange's own, it lies {}, it answered {} with 200 ({} by POST) from {}, and hardly \
                 any request names a referrer.",
                where_it_lies(self.place),
                count(answered, "request"),
                number(posts),
                count(clients.len() as u64, "client"),
            ),
            benign: &[
                "a page that an administrator put there and asks for by hand",
                "a health check of another product",
            ],
            attack: &["T1505.003"],
            stage: Stage::Foothold,
            proves: Proves::Persistence,
        };
        let mut seen = self.seen(material, said, &self.uses);
        seen.finding.time = self.first_answered();
        seen.finding.last = self.last_answered();
        seen.finding.count = answered;
        seen.finding.client = (clients.len() == 1).then(|| clients.first().copied().unwrap_or_default().to_owned());
        let by_hand = self.answered().filter(|one| drives(one) || !scanners.contains(one.client.as_str()));
        seen.last_driven = by_hand.filter_map(|one| one.last_answered).max();
        seen
    }

    fn shell_use(&self, material: &Material<'_>, client: &str, uses: &[&PageUse]) -> Seen {
        let answered = uses.iter().map(|one| one.answered).fold(0, u64::saturating_add);
        let commands = uses.iter().any(|one| one.commands > 0);
        let said = Said {
            rule: SHELL_USE_RULE,
            title: "A client drives a web shell".to_owned(),
            reason: if commands {
                "Requests to the page carry commands in their query, and they were answered 200.".to_owned()
            } else {
                "POST requests to the page were answered 200. What they carried is in no log.".to_owned()
            },
            benign: &["a page that an administrator put there and asks for by hand"],
            attack: &["T1505.003"],
            stage: Stage::Control,
            proves: if commands { Proves::Execution } else { Proves::Persistence },
        };
        let mut seen = self.seen(material, said, uses);
        seen.finding.time = uses.iter().map(|one| one.first_answered.unwrap_or(one.first)).min();
        seen.finding.last = uses.iter().filter_map(|one| one.last_answered).max();
        seen.finding.count = answered;
        seen.finding.client = Some(client.to_owned());
        seen.finding.account = uses.iter().find_map(|one| one.account.clone());
        seen
    }

    fn odd_finding(&self, material: &Material<'_>) -> Seen {
        let said = Said {
            rule: ODD_PAGE_RULE,
            title: "A page that few clients ask for: look at it".to_owned(),
            reason: format!(
                "The page is not one of Exchange's own, it lies {}, and was answered 200 to few clients without a \
                 referrer. That alone says nothing: open the file.",
                where_it_lies(self.place)
            ),
            benign: &["an interface of another application", "a page that an administrator put there"],
            attack: &["T1505.003"],
            stage: Stage::Foothold,
            proves: Proves::Context,
        };
        let mut seen = self.seen(material, said, &self.uses);
        seen.finding.time = self.first_answered();
        seen.finding.last = self.last_answered();
        seen.finding.count = self.answered().map(|one| one.answered).fold(0, u64::saturating_add);
        seen
    }

    fn seen(&self, material: &Material<'_>, said: Said, uses: &[&PageUse]) -> Seen {
        let mut finding = own_finding(material.name, said);
        finding.subject = Some(self.url.to_owned());
        let mut records: Vec<_> = uses.iter().flat_map(|one| &one.evidence).collect();
        records.sort_by_key(|record| (record.time, record.origin));
        let last = if records.len() > SHOWN_MAX { records.pop() } else { None };
        records.truncate(SHOWN_MAX - usize::from(last.is_some()));
        records.extend(last);
        let file = records.first().and_then(|record| material.files.get(record.origin.file as usize));
        if let Some(source) = file.and_then(|file| file.source.clone()) {
            finding.source = source;
        }
        finding.evidence = evidence(material.files, records);
        own_seen(finding, vec![self.url.to_owned()])
    }
}

/// Applications of Exchange whose names other products use as well.
fn is_shared_name(url: &str) -> bool {
    let first = url.split('/').find(|part| !part.is_empty()).unwrap_or_default();
    matches!(first, "public" | "sync" | "api" | "rest" | "exchange" | "shadow")
}

fn own_seen(finding: model::assessment::Finding, pages: Vec<String>) -> Seen {
    Seen {
        finding,
        family: model::Family::Iis,
        indicator: false,
        foreign: false,
        request_ids: Vec::new(),
        pages,
        last_driven: None,
        follows: None,
    }
}

fn client<'a>(one: &&'a PageUse) -> &'a str {
    &one.client
}

fn where_it_lies(place: Place) -> &'static str {
    match place {
        Place::AspNetClient => "in aspnet_client, where no page belongs",
        Place::OwaAuth => "among the logon pages of OWA",
        Place::EcpAuth => "among the logon pages of ECP",
        Place::ExchangeFolder => "in a folder of Exchange",
        Place::SiteRoot => "directly under the web site",
        Place::Elsewhere => "in another application of the web site",
    }
}

/// One finding per client that asks for names of web shells and never gets one.
fn probes(material: &Material<'_>) -> Vec<Seen> {
    let mut asked: BTreeMap<&str, Vec<&PageUse>> = BTreeMap::new();
    let fetchers = fetchers(&material.server.pages);
    let is_probe = |one: &&PageUse| {
        (one.answered == 0 && one.not_found > 0) || (!drives(one) && fetchers.contains(one.client.as_str()))
    };
    for one in material.server.pages.iter().filter(is_probe) {
        let known_place = material.product.place(&one.page) != Place::Elsewhere;
        if is_script(&one.page) && known_place && !material.product.is_known_page(&one.page) {
            asked.entry(&one.client).or_default().push(one);
        }
    }
    // One absent page at the root of a site is a typing error or a link of old.
    let is_search = |uses: &[&PageUse]| {
        uses.len() >= SCANNER_NAMES_MIN || uses.iter().any(|one| material.product.place(&one.page) != Place::SiteRoot)
    };
    asked.into_iter().filter(|(_, uses)| is_search(uses)).map(|(client, uses)| probe(material, client, &uses)).collect()
}

fn probe(material: &Material<'_>, client: &str, uses: &[&PageUse]) -> Seen {
    let names: BTreeSet<&str> = uses.iter().map(|one| one.page.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let said = Said {
        rule: PROBES_RULE,
        title: "A client looks for web shells of others".to_owned(),
        reason: if uses.iter().any(|one| one.answered > 0) {
            format!(
                "It asked for {} and was answered 200 by page after page: the server answers so to any name ({}). That \
                 shows interest, not entry.",
                count(names.len() as u64, "page"),
                list(&names, 3)
            )
        } else {
            format!(
                "It asked for {} that {} not there: {}. That shows interest, not entry.",
                count(names.len() as u64, "page"),
                if names.len() == 1 { "is" } else { "are" },
                list(&names, 3)
            )
        },
        benign: &[
            "a vulnerability scan that somebody ordered",
            "a research scanner",
            "a web shell that was removed before",
        ],
        attack: &["T1595.002"],
        stage: Stage::Access,
        proves: Proves::Scan,
    };
    let mut finding = own_finding(material.name, said);
    finding.time = uses.iter().map(|one| one.first).min();
    finding.last = uses.iter().map(|one| one.last).max();
    finding.count = uses.iter().map(|one| one.requests).fold(0, u64::saturating_add);
    finding.client = Some(client.to_owned());
    finding.subject = names.first().map(|name| (*name).to_owned());
    let mut records: Vec<_> = uses.iter().flat_map(|one| &one.evidence).collect();
    records.sort_by_key(|record| (record.time, record.origin));
    records.truncate(SHOWN_MAX);
    finding.evidence = evidence(material.files, records);
    own_seen(finding, Vec::new())
}

#[cfg(test)]
mod tests {
    use crate::testing::{Builder, page_use};
    use model::assessment::Verdict;
    use model::observation::PageUse;

    /// Verdict, and rules with what they prove.
    fn check(uses: Vec<PageUse>, expected: &str) {
        let mut builder = Builder::new().covered();
        builder.server().pages = uses;
        let assessment = builder.assess();
        let rules: Vec<String> =
            assessment.findings.iter().map(|one| format!("{} {:?}", one.rule, one.proves)).collect();
        assert_eq!(format!("{} [{}]", assessment.verdict.word(), rules.join(", ")), expected);
    }

    fn posted(page: &str, client: &str) -> PageUse {
        PageUse { posts_answered: 2, ..page_use(page, client, 3) }
    }

    #[test]
    fn a_driven_page_where_none_belongs_is_a_web_shell() {
        let shell = "compromised [observer/web-shell-page Persistence, observer/web-shell-use Persistence]";
        check(vec![posted("/aspnet_client/x.aspx", "203.0.113.7")], shell);
        check(vec![posted("/owa/auth/x.aspx", "203.0.113.7")], shell);
        check(vec![posted("/ecp/auth/x.aspx", "203.0.113.7")], shell);
        check(vec![posted("/x.aspx", "203.0.113.7")], shell);
    }

    #[test]
    fn commands_in_the_query_are_execution() {
        let one = PageUse { commands: 1, ..page_use("/owa/auth/x.aspx", "203.0.113.7", 1) };
        check(vec![one], "compromised [observer/web-shell-page Persistence, observer/web-shell-use Execution]");
    }

    #[test]
    fn a_fetched_page_is_one_only_in_aspnet_client() {
        check(
            vec![page_use("/aspnet_client/x.aspx", "203.0.113.7", 1)],
            "compromised [observer/web-shell-page Persistence]",
        );
        check(vec![page_use("/owa/auth/x.aspx", "203.0.113.7", 1)], "cannot-tell [observer/odd-page Context]");
        check(vec![page_use("/x.aspx", "203.0.113.7", 1)], "no-evidence []");
    }

    #[test]
    fn pages_of_applications_are_silent() {
        let linked = |n| PageUse { referred: 3, ..posted("/owa/auth/portal.aspx", &format!("203.0.113.{n}")) };
        check((0..9).map(linked).collect(), "no-evidence []");
        let mail =
            |n| PageUse { account: Some(format!("user{n}")), ..posted("/public/x.asmx", &format!("203.0.113.{n}")) };
        check((0..9).map(mail).collect(), "no-evidence []");
        let linked = PageUse { referred: 3, ..posted("/aspnet_client/x.aspx", "203.0.113.7") };
        check(vec![linked], "no-evidence []");
        check(vec![posted("/shop/cart.aspx", "203.0.113.7")], "no-evidence [observer/odd-page Context]");
        let known = PageUse { account: Some("alice".to_owned()), ..posted("/shop/cart.aspx", "203.0.113.7") };
        check(vec![known], "no-evidence []");
        let other_site = PageUse { exchange_site: false, ..posted("/login.aspx", "203.0.113.7") };
        check(vec![PageUse { account: Some("alice".to_owned()), ..other_site }], "no-evidence []");
        check(vec![posted("/ecp/main.css", "203.0.113.7")], "no-evidence []");
    }

    #[test]
    fn command_lines_are_a_shell_wherever_the_page_lies() {
        for page in ["/reports/cmd.aspx", "/aspnet_netclient/4_0_30319/d.aspx", "/x.aspx"] {
            let one = PageUse { commands: 2, ..page_use(page, "203.0.113.7", 2) };
            check(vec![one], "compromised [observer/web-shell-page Persistence, observer/web-shell-use Execution]");
        }
    }

    #[test]
    fn a_server_that_answers_to_any_name_has_no_shells() {
        let uses = (0..20).map(|n| page_use(&format!("/aspnet_client/{n}.aspx"), "198.51.100.1", 1)).collect();
        check(uses, "targeted [observer/web-shell-probes Scan]");
    }

    #[test]
    fn names_answered_404_are_probes() {
        let absent = |page: &str| PageUse { answered: 0, not_found: 3, ..page_use(page, "198.51.100.1", 3) };
        let names: Vec<PageUse> =
            ["/aspnet_client/a.aspx", "/owa/auth/b.aspx", "/owa/auth/c.aspx"].into_iter().map(absent).collect();
        check(names, "targeted [observer/web-shell-probes Scan]");
        check(vec![absent("/shop/a.aspx")], "no-evidence []");
    }

    #[test]
    fn a_page_that_scanners_find_is_there_but_is_not_used_by_them() {
        let mut uses = Vec::new();
        for scanner in (1..=6).map(|n| format!("198.51.100.{n}")) {
            for name in ["a", "b", "c"] {
                let page = format!("/aspnet_client/{name}.aspx");
                uses.push(PageUse { answered: 0, not_found: 1, ..page_use(&page, &scanner, 1) });
            }
            uses.push(page_use("/aspnet_client/x.aspx", &scanner, 1));
        }
        let mut builder = Builder::new().covered();
        builder.server().pages = uses;
        let assessment = builder.assess();
        assert_eq!(assessment.verdict, Verdict::Compromised);
        assert_eq!(assessment.servers[0].web_shells[0].clients, Vec::<String>::new());
        assert_eq!(assessment.servers[0].web_shells[0].uses, 6);
    }
}
