//! Requests to pages that are not Exchange's own.
//!
//! A web shell nobody has a name for still has to be asked for, over IIS, with its path in the log. Here every request
//! to a page that a web server executes and that is in no list of Exchange's pages is added up per page and client;
//! what it means is judged later.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use model::observation::{EvidenceRecord, PageUse};
use model::{Family, Origin, Raw, Source, Utc};
use serde::{Deserialize, Serialize};

use super::access::Use;
use super::bounded::{Bounded, Merge};
use super::kept::Kept;

/// Pages told apart per server; answered pages and others are counted apart, so that a flood of 404s hides nothing.
const PAGES_MAX: usize = 600;
/// Clients told apart per page.
const CLIENTS_MAX: usize = 64;
/// Longer paths are cut: they are no pages.
const PAGE_BYTES_MAX: usize = 512;

/// One request, as far as it matters here.
pub struct Request<'a> {
    pub client: &'a [u8],
    pub account: Option<&'a [u8]>,
    pub status: u16,
    pub is_post: bool,
    pub has_referrer: bool,
    pub is_command: bool,
    pub time: Utc,
    pub origin: Origin,
    pub raw: &'a [u8],
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Clients(Bounded<Requests>);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Requests {
    all: Use,
    posts: u64,
    referred: u64,
    commands: u64,
    not_found: Use,
    account: Option<Box<[u8]>>,
    kept: Kept<4, 2>,
}

/// Who tells of a request. One request stands in several logs: the front end's IIS log, the proxy log, and, where the
/// page lies on the back end, its IIS log too, with the front end as client. A page is told by the first that knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Teller {
    FrontEnd,
    Proxy,
    BackEnd,
    /// Another site on the same IIS: its pages are not Exchange's in any case.
    OtherSite,
}

impl Teller {
    pub fn of(source: &Source) -> Option<Self> {
        match (source.family, source.part.as_deref()) {
            (Family::Iis, Some("W3SVC2" | "back-end")) => Some(Self::BackEnd),
            (Family::Iis, None | Some("W3SVC1" | "front-end")) => Some(Self::FrontEnd),
            (Family::Iis, Some(_)) => Some(Self::OtherSite),
            (Family::HttpProxy, _) => Some(Self::Proxy),
            _ => None,
        }
    }
}

/// Requests to pages, by who tells of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Pages([PageTally; 4]);

impl Pages {
    pub fn of(&mut self, teller: Teller) -> &mut PageTally {
        let [front_end, proxy, back_end, other_site] = &mut self.0;
        match teller {
            Teller::FrontEnd => front_end,
            Teller::Proxy => proxy,
            Teller::BackEnd => back_end,
            Teller::OtherSite => other_site,
        }
    }

    pub fn shift(&mut self, secs: i64) {
        self.0.iter_mut().for_each(|tally| tally.shift(secs));
    }

    /// One entry per page and client, sorted. No request is counted twice: what the proxy log tells counts for pages
    /// that the IIS log of the front end does not know, and for days of which that log is gone.
    pub fn into_uses(self, days_of_iis: &BTreeSet<i64>) -> Vec<PageUse> {
        let [front_end, proxy, back_end, other_site] = self.0;
        let mut uses: BTreeMap<(String, String), PageUse> = BTreeMap::new();
        for seen in front_end.into_uses(true) {
            uses.insert((seen.page.clone(), seen.client.clone()), seen);
        }
        let told = |uses: &BTreeMap<(String, String), PageUse>| uses.keys().map(|(page, _)| page.clone()).collect();
        let by_iis: BTreeSet<String> = told(&uses);
        for mut seen in proxy.into_uses(true) {
            let (page, day) = page_and_day(&seen.page);
            seen.page = page;
            if by_iis.contains(&seen.page) && day.is_none_or(|day| days_of_iis.contains(&day)) {
                continue;
            }
            match uses.entry((seen.page.clone(), seen.client.clone())) {
                Entry::Vacant(empty) => _ = empty.insert(seen),
                Entry::Occupied(mut known) => add(known.get_mut(), seen),
            }
        }
        let by_front_end: BTreeSet<String> = told(&uses);
        let mut all: Vec<PageUse> = uses.into_values().collect();
        all.extend(back_end.into_uses(true).into_iter().filter(|seen| !by_front_end.contains(&seen.page)));
        all.extend(other_site.into_uses(false));
        all.sort_by(|a, b| (&a.page, &a.client).cmp(&(&b.page, &b.client)));
        all
    }

    /// The key under which a request is filed: the page, and for the proxy log its day.
    pub fn key(teller: Teller, page: &[u8], time: Utc, key: &mut Vec<u8>) {
        key.clear();
        key.extend_from_slice(page);
        if teller == Teller::Proxy {
            key.extend_from_slice(format!("\n{}", day_of(time)).as_bytes());
        }
    }
}

/// Whole days since the epoch.
pub fn day_of(time: Utc) -> i64 {
    time.hour().div_euclid(24)
}

fn page_and_day(key: &str) -> (String, Option<i64>) {
    match key.rsplit_once('\n') {
        Some((page, day)) => (page.to_owned(), day.parse().ok()),
        None => (key.to_owned(), None),
    }
}

/// Adds what another log tells of the same page and client.
fn add(known: &mut PageUse, more: PageUse) {
    known.requests += more.requests;
    known.answered += more.answered;
    known.posts_answered += more.posts_answered;
    known.not_found += more.not_found;
    known.referred += more.referred;
    known.commands += more.commands;
    known.first = known.first.min(more.first);
    known.last = known.last.max(more.last);
    known.first_answered = [known.first_answered, more.first_answered].into_iter().flatten().min();
    known.last_answered = known.last_answered.max(more.last_answered);
    known.gone = known.gone.max(more.gone);
    known.account = known.account.take().or(more.account);
    known.evidence.extend(more.evidence);
    known.evidence.sort_by_key(|record| (record.time, record.origin));
}

impl Merge for Pages {
    fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.merge(theirs);
        }
    }
}

/// Requests per page, answered (200) and not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PageTally {
    answered: Bounded<Clients>,
    others: Bounded<Clients>,
}

impl Default for PageTally {
    fn default() -> Self {
        Self { answered: Bounded::new(PAGES_MAX), others: Bounded::new(PAGES_MAX) }
    }
}

impl Default for Bounded<Requests> {
    fn default() -> Self {
        Self::new(CLIENTS_MAX)
    }
}

impl PageTally {
    /// Adds a request to a page ([`page_of`], in lower case).
    pub fn record(&mut self, page: &[u8], request: &Request<'_>) {
        let half = if request.status == 200 { &mut self.answered } else { &mut self.others };
        let requests = half.slot(page).0.slot(request.client);
        requests.all.add(0, request.time, request.origin);
        requests.posts += u64::from(request.is_post);
        requests.referred += u64::from(request.has_referrer);
        requests.commands += u64::from(request.is_command);
        if request.status == 404 {
            requests.not_found.add(0, request.time, request.origin);
        }
        requests.account = smaller(requests.account.take(), request.account);
        if requests.kept.wants(Some(request.time)) {
            requests.kept.offer(Some(request.time), request.origin, Raw::Text(request.raw));
        }
    }

    pub fn shift(&mut self, secs: i64) {
        let clients = self.answered.values_mut().chain(self.others.values_mut());
        for requests in clients.flat_map(|clients| clients.0.values_mut()) {
            requests.all.shift(secs);
            requests.not_found.shift(secs);
            requests.kept.records_mut().for_each(|record| record.time = record.time.map(|time| time.plus_secs(secs)));
        }
    }

    /// One entry per page and client. Clients beyond the limit stand together as `(other clients)`.
    fn into_uses(self, exchange_site: bool) -> Vec<PageUse> {
        let (mut answered, mut others) = (rows(self.answered), rows(self.others));
        let keys: BTreeSet<_> = answered.keys().chain(others.keys()).cloned().collect();
        keys.into_iter()
            .filter_map(|key| {
                let (page, client) = key.clone();
                let seen = page_use(page, client, answered.remove(&key), others.remove(&key))?;
                Some(PageUse { exchange_site, ..seen })
            })
            .collect()
    }
}

impl Merge for PageTally {
    fn merge(&mut self, other: Self) {
        self.answered.merge(other.answered);
        self.others.merge(other.others);
    }
}

impl Merge for Clients {
    fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

impl Merge for Requests {
    fn merge(&mut self, other: Self) {
        self.all.merge(other.all);
        self.posts += other.posts;
        self.referred += other.referred;
        self.commands += other.commands;
        self.not_found.merge(other.not_found);
        self.account = smaller(self.account.take(), other.account.as_deref());
        self.kept.merge(other.kept);
    }
}

/// Any one account will do, as long as it is the same in every order.
fn smaller(mine: Option<Box<[u8]>>, theirs: Option<&[u8]>) -> Option<Box<[u8]>> {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) if theirs < &*mine => Some(theirs.into()),
        (None, Some(theirs)) => Some(theirs.into()),
        (mine, _) => mine,
    }
}

type Rows = BTreeMap<(String, String), Requests>;

fn rows(half: Bounded<Clients>) -> Rows {
    let (pages, _) = half.into_parts();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut rows = Rows::new();
    for (page, clients) in pages {
        let (clients, rest) = clients.0.into_parts();
        rows.extend(clients.into_iter().map(|(client, requests)| ((text(&page), text(&client)), requests)));
        rows.extend(rest.map(|requests| ((text(&page), "(other clients)".to_owned()), requests)));
    }
    rows
}

fn page_use(page: String, client: String, answered: Option<Requests>, others: Option<Requests>) -> Option<PageUse> {
    let (answered, others) = (answered.unwrap_or_default(), others.unwrap_or_default());
    let mut all = answered.all;
    all.merge(others.all);
    let (first, last) = all.span()?;
    let (first_answered, last_answered) = answered.all.span().unzip();
    let not_found = others.not_found.span();
    let account = smaller(answered.account, others.account.as_deref());
    let mut evidence: Vec<EvidenceRecord> = answered.kept.into_records();
    if evidence.len() < 4 {
        evidence.extend(others.kept.into_records());
    }
    Some(PageUse {
        page,
        client,
        account: account.map(|account| String::from_utf8_lossy(&account).into_owned()),
        exchange_site: true,
        requests: all.requests(),
        answered: answered.all.requests(),
        posts_answered: answered.posts,
        not_found: others.not_found.requests(),
        referred: answered.referred + others.referred,
        commands: answered.commands + others.commands,
        first,
        last,
        first_answered,
        last_answered,
        gone: not_found.and_then(|(_, last)| last_answered.filter(|answered| last > *answered).map(|_| last)),
        evidence,
    })
}

/// The page that a URL path asks for: the path up to the first name that a web server would execute. `None` for
/// everything else. The page is given in lower case in `scratch`.
pub fn page_of<'s>(stem: &[u8], scratch: &'s mut Vec<u8>) -> Option<&'s [u8]> {
    const EXECUTED: [&[u8]; 13] = [
        b"aspx", b"ashx", b"asmx", b"asax", b"ascx", b"asp", b"asa", b"svc", b"cer", b"soap", b"cshtml", b"php", b"jsp",
    ];
    let stem = stem.get(..PAGE_BYTES_MAX).unwrap_or(stem);
    let decoded;
    // IIS logs paths decoded; what is still encoded was encoded twice.
    let stem = if stem.contains(&b'%') {
        decoded = plain(stem);
        decoded.as_slice()
    } else {
        stem
    };
    let end = memchr::memchr_iter(b'.', stem).find_map(|dot| {
        let rest = stem.get(dot + 1..)?;
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let extension = rest.get(..length)?;
        let ends = matches!(rest.get(length), None | Some(b'/' | b';' | b':' | b'.'));
        (ends && EXECUTED.iter().any(|known| extension.eq_ignore_ascii_case(known))).then_some(dot + 1 + length)
    })?;
    scratch.clear();
    scratch.extend(stem.get(..end)?.iter().map(u8::to_ascii_lowercase));
    Some(scratch)
}

/// Does a query carry orders to a shell? Only words that stand in no web application's parameters count: programs that
/// intruders start first, and command lines.
pub fn is_command(query: &[u8]) -> bool {
    const WORDS: [&str; 26] = [
        "whoami",
        "ipconfig",
        "systeminfo",
        "tasklist",
        "nltest",
        "dsquery",
        "netstat",
        "quser",
        "vssadmin",
        "certutil",
        "cmd.exe",
        "powershell",
        "net user",
        "net group",
        "net view",
        "net localgroup",
        "cmd /c",
        "cmd /k",
        "=dir ",
        "=type ",
        "wmic ",
        "ping -n",
        "reg query",
        "reg save",
        "procdump",
        "comsvcs",
    ];
    if query.len() < 4 {
        return false;
    }
    let text = plain(query.get(..8 * 1024).unwrap_or(query));
    WORDS.iter().any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some())
}

/// Lower case, with `+` and percent escapes undone.
fn plain(query: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut text = Vec::with_capacity(query.len());
    let mut at = 0;
    while let Some(byte) = query.get(at) {
        let escaped = (*byte == b'%').then(|| digit(query.get(at + 1)).zip(digit(query.get(at + 2)))).flatten();
        let plain = match escaped {
            Some((high, low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
            None if *byte == b'+' => b' ',
            None => *byte,
        };
        text.push(plain.to_ascii_lowercase());
        at += if escaped.is_some() { 3 } else { 1 };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{is_command, page_of};

    #[test]
    fn tells_orders_from_parameters() {
        for query in ["cmd=whoami", "dir=C%3A%5C&cmd=dsquery+*+-filter", "x=net%20user+/domain", "c=cmd.exe"] {
            assert!(is_command(query.as_bytes()), "{query}");
        }
        for query in ["cmd=Ping&User=a", "exec=1", "report=executive+summary", "command=save", "-"] {
            assert!(!is_command(query.as_bytes()), "{query}");
        }
    }

    #[test]
    fn finds_the_page_in_a_path() {
        let mut scratch = Vec::new();
        for (stem, page) in [
            ("/owa/auth/X.ASPX", Some("/owa/auth/x.aspx")),
            ("/a.aspx/more/path", Some("/a.aspx")),
            ("/ecp/y.js", None),
            ("/a.aspx.txt", Some("/a.aspx")),
            ("/owa/15.1.2106.2/x.js", None),
            ("/ecp/DDI/DDIService.svc/SetObject", Some("/ecp/ddi/ddiservice.svc")),
            ("/aspnet_client/x%2Easpx", Some("/aspnet_client/x.aspx")),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(page_of(stem.as_bytes(), &mut scratch), page.map(str::as_bytes), "{stem}");
        }
    }
}
