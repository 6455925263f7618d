//! Whose an address is: from tables that the user brings, a MaxMind database (MMDB) or a list of ranges.
//!
//! Nothing is asked of any network. A table is told by its name and the day on which it was made, so that a later run
//! can say that a server moved only on paper. Both kinds are read whole, up to a limit.
//!
//! Sources: MaxMind DB File Format 2.0; columns of `ip-location-db` (`start,end,asn,name`) and of `iptoasn`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use model::Utc;
use model::survey::{Network, TableOfNetworks};
use serde::Deserialize;
use thiserror::Error;

/// Bytes of one table.
pub const TABLE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Rows of one list.
const ROWS_MAX: usize = 8_000_000;

/// Characters of a name.
const NAME_CHARS_MAX: usize = 120;

/// Why a table cannot be used.
#[derive(Debug, Error)]
pub enum TableError {
    /// It is no MaxMind database.
    #[error("no MaxMind database: {0}")]
    Mmdb(String),
    /// A line is no row.
    #[error("line {line}: {what}")]
    Row {
        /// From 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// It is larger than [`TABLE_BYTES_MAX`] or has more rows than are read.
    #[error("too large a table")]
    TooLarge,
}

/// Tables, asked one after the other; what one does not know, the next may.
#[derive(Default)]
pub struct Networks {
    databases: Vec<(maxminddb::Reader<Vec<u8>>, TableOfNetworks)>,
    lists: Vec<(Ranges<Whose>, TableOfNetworks)>,
}

#[derive(Clone, Debug, Default)]
struct Whose {
    asn: Option<u32>,
    name: Option<Arc<str>>,
    country: Option<[u8; 2]>,
}

impl Networks {
    /// Adds a MaxMind database.
    pub fn add_mmdb(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), TableError> {
        if bytes.len() as u64 > TABLE_BYTES_MAX {
            return Err(TableError::TooLarge);
        }
        let reader = maxminddb::Reader::from_source(bytes).map_err(|error| TableError::Mmdb(error.to_string()))?;
        let made = i64::try_from(reader.metadata().build_epoch).ok().and_then(|secs| secs.checked_mul(1_000_000));
        let kind: String = reader.metadata().database_type.chars().take(NAME_CHARS_MAX).collect();
        let name = if kind.is_empty() { name.to_owned() } else { kind };
        self.databases.push((reader, TableOfNetworks { name, date: made.filter(|made| *made > 0).map(Utc) }));
        Ok(())
    }

    /// Adds a list: rows `start,end` or `prefix`, then number, name and country. With a heading the columns may stand in
    /// any order; without one they are `start,end,asn,name,country` or `prefix,asn,name,country`.
    pub fn add_list(&mut self, name: &str, bytes: &[u8], date: Option<Utc>) -> Result<(), TableError> {
        if bytes.len() as u64 > TABLE_BYTES_MAX {
            return Err(TableError::TooLarge);
        }
        let ranges = read_list(bytes)?;
        self.lists.push((ranges, TableOfNetworks { name: name.to_owned(), date }));
        Ok(())
    }

    /// What the tables are called and when they were made.
    #[must_use]
    pub fn tables(&self) -> Vec<TableOfNetworks> {
        let databases = self.databases.iter().map(|(_, table)| table);
        databases.chain(self.lists.iter().map(|(_, table)| table)).cloned().collect()
    }

    /// Whose an address is. What the scanner said itself stays where no table answers.
    #[must_use]
    pub fn of(&self, address: Option<IpAddr>, said: &Network) -> Network {
        let mut network = Network::default();
        if let Some(address) = address {
            for (reader, table) in &self.databases {
                if let Some(found) = from_database(reader, address) {
                    fill(&mut network, found, &table.name);
                }
            }
            for (ranges, table) in &self.lists {
                if let Some(found) = ranges.find(address) {
                    fill(&mut network, found.clone(), &table.name);
                }
            }
        }
        if network.source.is_none() {
            return said.clone();
        }
        if network.asn.is_none() {
            (network.asn, network.as_name) = (said.asn, said.as_name.clone());
        }
        network.country = network.country.or_else(|| said.country.clone());
        network
    }
}

fn fill(network: &mut Network, found: Whose, table: &str) {
    let knows_more =
        (network.asn.is_none() && found.asn.is_some()) || (network.country.is_none() && found.country.is_some());
    if network.asn.is_none() && found.asn.is_some() {
        network.asn = found.asn;
        network.as_name = found.name.map(|name| name.to_string());
    }
    if network.country.is_none() {
        network.country = found.country.map(|letters| letters.iter().copied().map(char::from).collect());
    }
    if knows_more {
        network.source = Some(match network.source.take() {
            Some(source) => format!("{source}, {table}"),
            None => table.to_owned(),
        });
    }
}

/// What of the records of GeoLite2, DB-IP, IPinfo and ip-location-db is looked at.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'r> {
    autonomous_system_number: Option<u32>,
    #[serde(borrow)]
    autonomous_system_organization: Option<&'r str>,
    #[serde(borrow)]
    country: Option<Country<'r>>,
    country_code: Option<&'r str>,
    asn: Option<&'r str>,
    as_name: Option<&'r str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Country<'r> {
    Code(#[serde(borrow)] &'r str),
    Record {
        #[serde(borrow)]
        iso_code: Option<&'r str>,
    },
}

fn from_database(reader: &maxminddb::Reader<Vec<u8>>, address: IpAddr) -> Option<Whose> {
    let record: Record<'_> = reader.lookup(address).ok()?.decode().ok()??;
    let country = match &record.country {
        Some(Country::Code(code)) => Some(*code),
        Some(Country::Record { iso_code }) => *iso_code,
        None => None,
    };
    Some(Whose {
        asn: record.autonomous_system_number.or_else(|| record.asn.and_then(number)),
        name: record.autonomous_system_organization.or(record.as_name).map(name),
        country: country.or(record.country_code).and_then(letters),
    })
}

fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text).parse().ok().filter(|asn| *asn > 0)
}

fn name(text: &str) -> Arc<str> {
    text.chars().take(NAME_CHARS_MAX).collect::<String>().into()
}

fn letters(text: &str) -> Option<[u8; 2]> {
    let letters: [u8; 2] = text.trim().as_bytes().try_into().ok()?;
    letters.iter().all(u8::is_ascii_alphabetic).then(|| letters.map(|letter| letter.to_ascii_uppercase()))
}

fn read_list(bytes: &[u8]) -> Result<Ranges<Whose>, TableError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).comment(Some(b'#')).from_reader(bytes);
    let (mut record, mut rows) = (csv::StringRecord::new(), Vec::new());
    let mut order: Option<Order> = None;
    let mut names: BTreeMap<String, Arc<str>> = BTreeMap::new();
    loop {
        let line = reader.position().line();
        let more = reader.read_record(&mut record).map_err(|_| TableError::Row { line, what: "no row of a table" })?;
        if !more {
            break;
        }
        if rows.len() >= ROWS_MAX {
            return Err(TableError::TooLarge);
        }
        let order = match order {
            Some(order) => order,
            None => {
                let (found, heading) = Order::of(&record);
                order = Some(found);
                if heading {
                    continue;
                }
                found
            }
        };
        let cell = |place: Option<usize>| place.and_then(|place| record.get(place)).map_or("", str::trim);
        let (first, last) = match order.end {
            Some(_) => addresses(cell(Some(order.start)), cell(order.end)),
            None => prefix(cell(Some(order.start))),
        }
        .ok_or(TableError::Row { line, what: "no range of addresses" })?;
        let text = cell(order.name);
        let name = (!text.is_empty()).then(|| {
            Arc::clone(names.entry(text.chars().take(NAME_CHARS_MAX).collect()).or_insert_with(|| name(text)))
        });
        let whose = Whose { asn: number(cell(order.asn)), name, country: letters(cell(order.country)) };
        rows.push((first, last, whose));
    }
    Ok(Ranges::of(rows))
}

/// Where the columns of a list stand.
#[derive(Clone, Copy)]
struct Order {
    start: usize,
    end: Option<usize>,
    asn: Option<usize>,
    name: Option<usize>,
    country: Option<usize>,
}

impl Order {
    /// From the first row, and whether that is a heading.
    fn of(first: &csv::StringRecord) -> (Self, bool) {
        let place =
            |names: &[&str]| first.iter().position(|cell| names.contains(&cell.trim().to_ascii_lowercase().as_str()));
        let start = place(&["start", "range_start", "ip_range_start", "start_ip", "prefix", "network", "cidr"]);
        match start {
            Some(start) => {
                let end = place(&["end", "range_end", "ip_range_end", "end_ip"]);
                let asn = place(&["asn", "as_number", "autonomous_system_number"]);
                let name = place(&["name", "as_name", "as_description", "autonomous_system_organization"]);
                (Self { start, end, asn, name, country: place(&["country", "country_code", "geo"]) }, true)
            }
            None if first.get(0).is_some_and(|cell| cell.contains('/')) => {
                (Self { start: 0, end: None, asn: Some(1), name: Some(2), country: Some(3) }, false)
            }
            None => (Self { start: 0, end: Some(1), asn: Some(2), name: Some(3), country: Some(4) }, false),
        }
    }
}

/// One number for both kinds of addresses: IPv4 as mapped into IPv6.
pub(crate) fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn addresses(first: &str, last: &str) -> Option<(u128, u128)> {
    let (first, last) = (wide(first.parse().ok()?), wide(last.parse().ok()?));
    (first <= last).then_some((first, last))
}

/// First and last address of a prefix, or of a single address.
pub(crate) fn prefix(text: &str) -> Option<(u128, u128)> {
    let (address, length) = match text.trim().split_once('/') {
        Some((address, length)) => (address.parse::<IpAddr>().ok()?, Some(length.parse::<u32>().ok()?)),
        None => (text.trim().parse::<IpAddr>().ok()?, None),
    };
    let (bits, address) = match address {
        IpAddr::V4(address) => (32, IpAddr::V4(address)),
        IpAddr::V6(address) => (128, IpAddr::V6(address)),
    };
    let host = bits - length.filter(|length| *length <= bits).or(length.is_none().then_some(bits))?;
    let mask = if host == 128 { u128::MAX } else { (1_u128 << host) - 1 };
    let first = wide(address) & !mask;
    Some((first, first | mask))
}

/// Ranges of addresses, the narrowest that holds an address wins.
#[derive(Debug)]
pub(crate) struct Ranges<T> {
    /// By their first address, wide before narrow. The third: the highest last address up to here.
    rows: Vec<(u128, u128, u128, T)>,
}

/// Ranges looked at for one address when they nest.
const NESTED_MAX: usize = 4_096;

impl<T> Ranges<T> {
    pub(crate) fn of(mut rows: Vec<(u128, u128, T)>) -> Self {
        rows.sort_by_key(|row| (row.0, std::cmp::Reverse(row.1)));
        let mut highest = 0;
        let rows = rows.into_iter().map(|(first, last, value)| {
            highest = highest.max(last);
            (first, last, highest, value)
        });
        Self { rows: rows.collect() }
    }

    pub(crate) fn find(&self, address: IpAddr) -> Option<&T> {
        let address = wide(address);
        let end = self.rows.partition_point(|row| row.0 <= address);
        let candidates = self.rows[..end].iter().rev().take(NESTED_MAX).take_while(|row| row.2 >= address);
        let holding = candidates.filter(|row| row.1 >= address);
        holding.min_by_key(|row| row.1 - row.0).map(|row| &row.3)
    }
}

/// Of a number, its address: for tests and for what is shown.
#[must_use]
pub fn narrow(address: u128) -> IpAddr {
    let address = Ipv6Addr::from(address);
    address.to_ipv4_mapped().map_or(IpAddr::V6(address), |address: Ipv4Addr| IpAddr::V4(address))
}

#[cfg(test)]
mod tests;
