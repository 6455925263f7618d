//! Counts servers and addresses: by product, update, age, country, network, hole.
//!
//! A server is counted once whatever number of addresses it answers at. What it is open to is the worst of what its
//! addresses are open to. Memory grows with what is counted by (networks, holes), not with servers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use model::Utc;
use model::survey::{
    BuildSeen, CVES_MAX, CveState, Exposure, Interval, Judged, Network, Outcome, Precision, Product, Server, State,
    Table, Totals, Worded,
};

/// Labels of one table that are counted; more are counted together.
const LABELS_MAX: usize = 200_000;

/// Rows of a table that are handed on.
const ROWS_MAX: usize = 500;

/// Servers of the list.
pub const SERVERS_MAX: usize = 1_000;

/// Addresses of one server in the list.
const ADDRESSES_MAX: usize = 8;

const DAY_SECS: i64 = 86_400;

/// One server: all its targets, put together.
#[derive(Clone, Debug)]
pub struct Met<'j> {
    /// Its targets; at least one.
    pub targets: &'j [Judged],
    /// What it is: the surest of what its targets are.
    pub product: Product,
    /// Whether it is open, to the hole that was asked for or to any.
    pub exposure: Exposure,
}

impl<'j> Met<'j> {
    /// Puts the targets of one server together. `hole`: the one that counts; none: any.
    #[must_use]
    pub fn of(targets: &'j [Judged], hole: Option<&str>) -> Self {
        let product = targets.iter().map(|target| target.product).min().unwrap_or(Product::Unknown);
        let states = targets.iter().flat_map(|target| target.cves.iter());
        let wanted = states.filter(|state| hole.is_none_or(|hole| hole == state.cve));
        let exposure = wanted.map(|state| Exposure::from(state.state)).min().unwrap_or(Exposure::Closed);
        let unsure = product == Product::PerhapsExchange && exposure == Exposure::Open;
        let exposure = match product {
            Product::Exchange if !targets.iter().any(|target| !target.cves.is_empty()) => Exposure::Undetermined,
            Product::PerhapsExchange if unsure || targets.iter().all(|target| target.cves.is_empty()) => {
                Exposure::Undetermined
            }
            Product::Exchange | Product::PerhapsExchange => exposure,
            _ => Exposure::Closed,
        };
        Self { targets, product, exposure }
    }

    /// Whether it counts as an Exchange server, at least and at most.
    #[must_use]
    pub fn is_server(&self) -> bool {
        matches!(self.product, Product::Exchange | Product::PerhapsExchange)
    }

    /// Every build that its targets name, worst first, without doubles.
    #[must_use]
    pub fn builds(&self) -> Vec<&'j BuildSeen> {
        let mut builds: Vec<&BuildSeen> = self.targets.iter().flat_map(|target| &target.builds).collect();
        builds.sort_by_key(|build| (build.lowest, build.highest));
        builds.dedup_by_key(|build| (build.lowest, build.highest));
        builds
    }

    /// Its updates as text, worst first.
    #[must_use]
    pub fn update(&self) -> String {
        let builds = self.builds();
        match builds.as_slice() {
            [] => "no version seen".to_owned(),
            [one] => one.update.clone(),
            [worst, .., best] => format!("{} to {}", worst.update, best.update),
        }
    }

    /// What it is called: the name that it gives itself, else what was asked for, else its address.
    #[must_use]
    pub fn name(&self) -> String {
        let names: BTreeSet<&str> =
            self.targets.iter().flat_map(|target| &target.identity.server_names).map(String::as_str).collect();
        if !names.is_empty() {
            let shown: Vec<&str> = names.iter().copied().take(4).collect();
            return shown.join(", ");
        }
        let target = &self.targets[0].target;
        match (&target.name, target.address) {
            (Some(name), _) => name.clone(),
            (None, Some(address)) => address.to_string(),
            (None, None) => "unnamed".to_owned(),
        }
    }

    /// Whose network it is in: the first that is known.
    #[must_use]
    pub fn network(&self) -> Network {
        let known = |network: &&Network| network.asn.is_some() || network.country.is_some();
        self.targets.iter().map(|target| &target.network).find(known).cloned().unwrap_or_default()
    }

    /// Its addresses, without ports and doubles.
    #[must_use]
    pub fn addresses(&self) -> u64 {
        let addresses: BTreeSet<_> = self.targets.iter().filter_map(|target| target.target.address).collect();
        addresses.len().max(1) as u64
    }

    /// How each hole stands, the worst of all targets.
    #[must_use]
    pub fn holes(&self) -> BTreeMap<&'j str, State> {
        let mut holes: BTreeMap<&str, State> = BTreeMap::new();
        for state in self.targets.iter().flat_map(|target| target.cves.iter()) {
            let held = holes.entry(&state.cve).or_insert(state.state);
            *held = (*held).min(state.state);
        }
        holes
    }
}

/// Counts the servers of a run, one after the other.
pub struct Counter {
    hole: Option<String>,
    day: Utc,
    totals: Totals,
    outcomes: BTreeMap<Outcome, (u64, BTreeMap<String, u64>)>,
    kinds: BTreeMap<Product, u64>,
    tables: BTreeMap<&'static str, Labels>,
    holes: BTreeMap<String, (u64, Interval)>,
    /// Servers whose targets share their holes, which are hundreds: counted together when all are known.
    shared: Vec<Shared>,
    /// Where in `shared`: by where the holes lie in memory, and whether it is surely an Exchange Server.
    places: HashMap<(usize, bool), usize>,
    ages: [Interval; 4],
    listed: BTreeMap<(Exposure, u64, u64), Server>,
    order: u64,
    servers: u64,
}

/// Servers with the same holes.
struct Shared {
    cves: Arc<[CveState]>,
    is_sure: bool,
    servers: u64,
    /// How many are open, and of how many it is not told.
    told: (u64, u64),
}

/// Sets of holes that are held before they are counted.
const SHARED_MAX: usize = 20_000;

/// How many holes are open, and of how many it is not told.
fn told(states: impl Iterator<Item = State>) -> (u64, u64) {
    states.fold((0, 0), |(open, not_told), state| match state {
        State::Vulnerable => (open + 1, not_told),
        State::Undetermined => (open, not_told + 1),
        State::Patched | State::NotApplicable => (open, not_told),
    })
}

#[derive(Default)]
struct Labels {
    rows: BTreeMap<String, (Option<String>, u64, Interval)>,
    beyond: (u64, u64),
}

impl Labels {
    fn add(&mut self, label: String, note: Option<String>, exposure: Exposure) {
        if self.rows.len() >= LABELS_MAX && !self.rows.contains_key(&label) {
            self.beyond = (self.beyond.0 + 1, self.beyond.1 + 1);
            return;
        }
        let row = self.rows.entry(label).or_insert((note, 0, Interval::default()));
        row.1 += 1;
        row.2.add(exposure);
    }

    /// Rows in an order, the rest left out and counted.
    fn into_table(self, by: &str, largest_first: bool) -> Table {
        let mut rows: Vec<Worded> =
            self.rows.into_iter().map(|(label, (note, all, counted))| Worded { label, note, all, counted }).collect();
        if largest_first {
            rows.sort_by(|a, b| (b.counted, b.all, &a.label).cmp(&(a.counted, a.all, &b.label)));
        }
        let left = rows.split_off(rows.len().min(ROWS_MAX));
        let omitted = (self.beyond.0 + left.len() as u64, self.beyond.1 + left.iter().map(|row| row.all).sum::<u64>());
        Table { by: by.to_owned(), rows, omitted }
    }
}

/// What was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The numbers on top.
    pub totals: Totals,
    /// By one trait each.
    pub tables: Vec<Table>,
    /// How looking ended.
    pub outcomes: Vec<Worded>,
    /// Some servers, the open ones first.
    pub servers: Vec<Server>,
    /// How many more there are.
    pub servers_omitted: u64,
}

impl Counter {
    /// `hole`: the one that "open" means; none: any. `day`: of the run, for ages.
    #[must_use]
    pub fn new(hole: Option<&str>, day: Utc) -> Self {
        Self {
            hole: hole.map(str::to_owned),
            day,
            totals: Totals::default(),
            outcomes: BTreeMap::new(),
            kinds: BTreeMap::new(),
            tables: BTreeMap::new(),
            holes: BTreeMap::new(),
            shared: Vec::new(),
            places: HashMap::new(),
            ages: Default::default(),
            listed: BTreeMap::new(),
            order: 0,
            servers: 0,
        }
    }

    /// Takes one server: all its targets.
    pub fn take(&mut self, targets: &[Judged]) {
        let hole = self.hole.clone();
        let met = Met::of(targets, hole.as_deref());
        for target in targets {
            self.totals.targets += 1;
            self.totals.answered += u64::from(target.outcome == Outcome::Answered);
            let held = self.outcomes.entry(target.outcome).or_default();
            held.0 += 1;
            if let Some(reason) = &target.reason {
                let reason: String = reason.chars().take(120).collect();
                if held.1.len() < 200 || held.1.contains_key(&reason) {
                    *held.1.entry(reason).or_default() += 1;
                }
            }
        }
        if targets.iter().any(|target| target.outcome == Outcome::Answered) || met.product != Product::Unknown {
            *self.kinds.entry(met.product).or_default() += 1;
        }
        if met.is_server() {
            self.server(&met);
        }
    }

    fn server(&mut self, met: &Met<'_>) {
        let sure = u64::from(met.product == Product::Exchange);
        let addresses = met.addresses();
        self.servers += 1;
        self.totals.servers.at_least += sure;
        self.totals.servers.at_most += 1;
        self.totals.addresses.at_least += sure * addresses;
        self.totals.addresses.at_most += addresses;
        self.totals.open.add(met.exposure);
        self.totals.open_addresses.at_least += if met.exposure == Exposure::Open { addresses } else { 0 };
        self.totals.open_addresses.at_most += if met.exposure == Exposure::Closed { 0 } else { addresses };
        let builds = met.builds();
        self.totals.no_version += u64::from(builds.is_empty());
        self.by_build(met, &builds);
        self.by_network(met);
        let told = self.by_hole(met);
        let tls: BTreeSet<&str> = met.targets.iter().filter_map(|target| target.tls_version.as_deref()).collect();
        let tls = tls.first().map_or("not seen".to_owned(), |lowest| (*lowest).to_owned());
        self.table("tls").add(tls, None, met.exposure);
        self.list(met, &builds, told);
    }

    /// Counts the holes of a server; how many it has, and of how many it is not told.
    fn by_hole(&mut self, met: &Met<'_>) -> (u64, u64) {
        let cves = &met.targets[0].cves;
        let is_sure = met.product == Product::Exchange;
        if met.targets.iter().any(|target| !Arc::ptr_eq(&target.cves, cves)) {
            let holes = met.holes();
            for (cve, state) in &holes {
                self.hole(cve, *state, is_sure, 1);
            }
            return told(holes.values().copied());
        }
        if self.shared.len() >= SHARED_MAX {
            self.count_shared();
        }
        let place = *self.places.entry((cves.as_ptr().addr(), is_sure)).or_insert_with(|| {
            let told = told(cves.iter().map(|state| state.state));
            self.shared.push(Shared { cves: Arc::clone(cves), is_sure, servers: 0, told });
            self.shared.len() - 1
        });
        self.shared[place].servers += 1;
        self.shared[place].told
    }

    fn count_shared(&mut self) {
        self.places.clear();
        for shared in std::mem::take(&mut self.shared) {
            for state in shared.cves.iter() {
                self.hole(&state.cve, state.state, shared.is_sure, shared.servers);
            }
        }
    }

    fn hole(&mut self, cve: &str, state: State, is_sure: bool, servers: u64) {
        let exposure = match Exposure::from(state) {
            Exposure::Open if !is_sure => Exposure::Undetermined,
            exposure => exposure,
        };
        if self.holes.len() < CVES_MAX || self.holes.contains_key(cve) {
            let row = self.holes.entry(cve.to_owned()).or_default();
            row.0 += if state == State::NotApplicable { 0 } else { servers };
            row.1.at_least += if exposure == Exposure::Open { servers } else { 0 };
            row.1.at_most += if exposure == Exposure::Closed { 0 } else { servers };
        }
    }

    fn table(&mut self, by: &'static str) -> &mut Labels {
        self.tables.entry(by).or_default()
    }

    fn by_build(&mut self, met: &Met<'_>, builds: &[&BuildSeen]) {
        let Some(worst) = builds.first() else {
            for by in ["product", "level", "update"] {
                self.table(by).add("no version seen".to_owned(), None, met.exposure);
            }
            self.ages.iter_mut().for_each(|age| age.add(Exposure::Undetermined));
            self.totals.unsupported.add(Exposure::Undetermined);
            self.table("support").add("not told".to_owned(), None, met.exposure);
            return;
        };
        self.table("product").add(worst.product.clone(), None, met.exposure);
        self.table("level").add(format!("{} {}", worst.product, worst.level), None, met.exposure);
        let note = match worst.precision {
            Precision::CuOnly => Some("only the cumulative update is visible".to_owned()),
            Precision::NewerThanData => Some("newer than the data".to_owned()),
            Precision::NextLower => Some("build in no list, taken as the next lower one".to_owned()),
            Precision::Exact | Precision::Unknown => None,
        };
        self.table("update").add(format!("{} {}", worst.product, worst.update), note, met.exposure);
        for (age, counted) in self.ages.iter_mut().enumerate() {
            counted.add(of_age(builds, self.day, age));
        }
        let ended = worst.support_end.map(|end| end.0.saturating_add(DAY_SECS * 1_000_000) <= self.day.0);
        let (exposure, words) = match ended {
            Some(true) => (Exposure::Open, "support has ended"),
            Some(false) => (Exposure::Closed, "supported"),
            None => (Exposure::Undetermined, "not told"),
        };
        self.totals.unsupported.add(exposure);
        self.table("support").add(words.to_owned(), None, met.exposure);
    }

    fn by_network(&mut self, met: &Met<'_>) {
        let network = met.network();
        let country = network.country.unwrap_or_else(|| "not known".to_owned());
        self.table("country").add(country, None, met.exposure);
        let asn = network.asn.map_or("not known".to_owned(), |asn| format!("AS{asn}"));
        self.table("asn").add(asn, network.as_name, met.exposure);
    }

    /// Keeps the servers that matter most: open before perhaps open, with many holes before few.
    fn list(&mut self, met: &Met<'_>, builds: &[&BuildSeen], holes: (u64, u64)) {
        self.order += 1;
        let place = (met.exposure, u64::MAX - holes.0, self.order);
        if self.listed.len() >= SERVERS_MAX && self.listed.last_key_value().is_some_and(|(last, _)| *last < place) {
            return;
        }
        let addresses: BTreeSet<String> = met.targets.iter().map(|target| words_of(&target.target)).collect();
        let addresses_omitted = addresses.len().saturating_sub(ADDRESSES_MAX) as u64;
        let server = Server {
            name: met.name(),
            addresses: addresses.into_iter().take(ADDRESSES_MAX).collect(),
            addresses_omitted,
            product: builds.first().map_or_else(|| "Exchange Server".to_owned(), |build| build.product.clone()),
            update: met.update(),
            mixed: builds.len() > 1 || met.targets.iter().any(|target| target.mixed),
            exposure: met.exposure,
            holes,
            network: met.network(),
        };
        self.listed.insert(place, server);
        if self.listed.len() > SERVERS_MAX {
            self.listed.pop_last();
        }
    }

    /// Ends counting.
    #[must_use]
    pub fn finish(mut self) -> Counted {
        self.count_shared();
        let mut tables = Vec::new();
        for by in ["product", "level", "update"] {
            tables.push(self.tables.remove(by).unwrap_or_default().into_table(by, true));
        }
        let ages = AGES.iter().zip(self.ages);
        let all = self.servers;
        let rows = ages.map(|((label, ..), counted)| Worded { label: (*label).to_owned(), note: None, all, counted });
        tables.push(Table { by: "age".to_owned(), rows: rows.collect(), omitted: (0, 0) });
        for by in ["support", "country", "asn"] {
            tables.push(self.tables.remove(by).unwrap_or_default().into_table(by, true));
        }
        let known = |cve: &str| exchange::Knowledge::shipped().hole(cve);
        let nickname = |cve: &str| known(cve).and_then(|hole| hole.nickname.clone());
        let holes = self.holes.into_iter();
        let mut rows: Vec<Worded> =
            holes.map(|(label, (all, counted))| Worded { note: nickname(&label), label, all, counted }).collect();
        // What is exploited comes first: hundreds of servers have each of the latest holes.
        let exploited = |row: &Worded| known(&row.label).is_some_and(|hole| hole.exploited_listed.is_some());
        rows.sort_by(|a, b| {
            (exploited(b), b.counted).cmp(&(exploited(a), a.counted)).then_with(|| b.label.cmp(&a.label))
        });
        tables.push(Table { by: "cve".to_owned(), rows, omitted: (0, 0) });
        tables.push(self.tables.remove("tls").unwrap_or_default().into_table("tls", false));
        let kinds = self.kinds.into_iter().map(|(product, all)| Worded {
            label: product_words(product).to_owned(),
            note: None,
            all,
            counted: Interval::default(),
        });
        tables.push(Table { by: "kind".to_owned(), rows: kinds.collect(), omitted: (0, 0) });
        let outcomes = self.outcomes.into_iter().map(|(outcome, (all, reasons))| Worded {
            label: outcome.words().to_owned(),
            note: most_frequent(reasons),
            all,
            counted: Interval::default(),
        });
        let listed = self.listed.len() as u64;
        Counted {
            totals: self.totals,
            tables,
            outcomes: outcomes.collect(),
            servers: self.listed.into_values().collect(),
            servers_omitted: self.servers - listed,
        }
    }
}

/// Ages of a patch level: label, from this many days on, until before this many.
const AGES: [(&str, i64, i64); 4] = [
    ("less than a month", i64::MIN, 30),
    ("1 to 6 months", 30, 182),
    ("6 to 12 months", 182, 365),
    ("more than 12 months", 365, i64::MAX),
];

/// Whether the oldest patch level of a server is of an age. Of a build of which only the CU is seen, it can be any
/// from that of the CU to that of its last update.
fn of_age(builds: &[&BuildSeen], day: Utc, age: usize) -> Exposure {
    let (_, from, until) = AGES[age];
    let days = |released: Utc| day.secs_since(released).div_euclid(DAY_SECS);
    let oldest = builds.iter().map(|build| build.released.map_or(i64::MAX, days)).max().unwrap_or(i64::MAX);
    let newest_known = builds.iter().map(|build| build.latest.or(build.released).map_or(i64::MIN, days)).max();
    let newest = newest_known.unwrap_or(i64::MIN);
    if newest >= from && oldest < until {
        Exposure::Open
    } else if oldest >= from && newest < until {
        Exposure::Undetermined
    } else {
        Exposure::Closed
    }
}

fn most_frequent(reasons: BTreeMap<String, u64>) -> Option<String> {
    let mut reasons: Vec<(String, u64)> = reasons.into_iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let words: Vec<String> = reasons.into_iter().take(3).map(|(reason, times)| format!("{reason} ({times})")).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// For people.
#[must_use]
pub fn product_words(product: Product) -> &'static str {
    match product {
        Product::Exchange => "Exchange Server",
        Product::PerhapsExchange => "perhaps Exchange Server",
        Product::ExchangeOnline => "Exchange Online",
        Product::SuspectLookalike => "looks like Exchange and contradicts itself",
        Product::Other => "something else",
        Product::Unknown => "answers, and nothing tells what it is",
    }
}

/// `mail.example.org 192.0.2.7:443`.
#[must_use]
pub fn words_of(target: &model::survey::Target) -> String {
    let at = match target.address {
        Some(std::net::IpAddr::V6(address)) => format!("[{address}]:{}", target.port),
        Some(address) => format!("{address}:{}", target.port),
        None => format!("port {}", target.port),
    };
    match &target.name {
        Some(name) => format!("{name} {at}"),
        None => at,
    }
}

#[cfg(test)]
pub(crate) mod tests;
