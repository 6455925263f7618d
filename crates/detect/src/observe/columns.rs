//! The columns that the observers look at, found once per schema.

use model::{Build, Family, Row, Schema, Source};

/// Positions of columns; `None` where the log has no such column.
#[derive(Clone, Debug)]
pub struct Columns {
    pub family: Family,
    pub server: Option<usize>,
    pub client: Option<usize>,
    /// Set by a load balancer or reverse proxy.
    pub forwarded: Option<usize>,
    pub account: Option<usize>,
    pub status: Option<usize>,
    pub win32_status: Option<usize>,
    pub bytes: Option<usize>,
    pub method: Option<usize>,
    pub stem: Option<usize>,
    pub query: Option<usize>,
    pub referrer: Option<usize>,
    pub port: Option<usize>,
    /// The server's own address.
    pub own_address: Option<usize>,
    pub protocol: Option<usize>,
    pub request_id: Option<usize>,
    pub build: Option<[usize; 4]>,
    pub event_data: Option<usize>,
    pub mailbox: Vec<usize>,
    /// The build in `#Version`, where that line holds one.
    pub version: Option<Build>,
    /// The log has the columns in which attacks show.
    pub can_show: bool,
}

impl Columns {
    pub fn of(schema: &Schema) -> Self {
        let one = |names: &[&str]| names.iter().find_map(|name| schema.column(name));
        let build = ["MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion"].map(|name| schema.column(name));
        let build = match build {
            [Some(major), Some(minor), Some(build), Some(revision)] => Some([major, minor, build, revision]),
            _ => None,
        };
        let mailbox = match schema.family {
            Family::Ews => ["ActAsUser", "ImpersonatedUser", "AuthenticatedUser"].as_slice(),
            Family::MapiHttp => &["ActAsUserEmail", "AuthenticatedUserEmail", "AuthenticatedUser"],
            _ => &[],
        };
        let needed: &[&str] = match schema.family {
            Family::HttpProxy => &["AnchorMailbox", "UrlStem", "UrlQuery", "HttpStatus"],
            Family::Iis => &["cs-method", "cs-uri-stem", "cs-uri-query", "sc-status"],
            _ => &[],
        };
        let can_show = needed.iter().all(|name| schema.column(name).is_some());
        let names_server = !matches!(schema.family, Family::MessageTracking | Family::TestProxyLogon);
        Self {
            family: schema.family,
            server: if names_server {
                one(&["ServerHostName", "ServerName", "s-computername", "Server"])
            } else {
                None
            },
            client: one(&["ClientIpAddress", "ClientIPAddress", "ClientIP", "c-ip", "client-ip", "cIp"]),
            forwarded: one(&["X-Forwarded-For", "cs(X-Forwarded-For)", "X-Forwarded-IP", "OriginalIP"]),
            account: one(&["AuthenticatedUser", "cs-username", "user"]),
            status: one(&["HttpStatus", "sc-status", "HttpStatusCode"]),
            win32_status: one(&["sc-win32-status"]),
            bytes: one(&["ResponseBytes", "ResponseSize", "sc-bytes", "total-bytes"]),
            method: one(&["cs-method", "Method"]),
            stem: one(&["cs-uri-stem", "UrlStem"]),
            query: one(&["cs-uri-query", "UrlQuery"]),
            referrer: one(&["cs(Referer)"]),
            port: one(&["s-port"]),
            own_address: one(&["s-ip"]),
            protocol: one(&["Protocol"]),
            request_id: one(&["RequestId"]),
            build,
            event_data: one(&["EventData"]),
            mailbox: mailbox.iter().filter_map(|name| schema.column(name)).collect(),
            version: schema
                .version
                .as_deref()
                .and_then(|version| version.parse().ok())
                .filter(|_| names_build(schema.family)),
            can_show,
        }
    }

    /// The client address: in a header that proxies fill, the last address that is public (nearer ones are proxies of
    /// our own, farther ones the client may have made up); else the peer. Without port and IPv6 zone.
    pub fn client<'r>(&self, row: &Row<'r>) -> Option<&'r [u8]> {
        let forwarded = self.forwarded.and_then(|at| forwarded_address(row.raw(at)));
        forwarded.or_else(|| self.client.map(|at| own_address(row.raw(at)))).filter(|client| !is_empty(client))
    }

    pub fn cell<'r>(&self, row: &Row<'r>, column: Option<usize>) -> Option<&'r [u8]> {
        column.map(|at| row.raw(at)).filter(|cell| !is_empty(cell))
    }

    pub fn number(&self, row: &Row<'_>, column: Option<usize>) -> Option<u64> {
        number(self.cell(row, column)?)
    }

    pub fn status(&self, row: &Row<'_>) -> Option<u16> {
        self.number(row, self.status).and_then(|status| u16::try_from(status).ok())
    }

    pub fn is_post(&self, row: &Row<'_>) -> bool {
        self.method.map(|at| row.raw(at)).unwrap_or_default().eq_ignore_ascii_case(b"POST")
    }

    /// `RequestId` of Exchange logs; in IIS the `cafeReqId` (older: `RequestId`) that Exchange appends to the query.
    pub fn request_id<'r>(&self, row: &Row<'r>) -> Option<&'r [u8]> {
        if self.family != Family::Iis {
            return self.cell(row, self.request_id);
        }
        let query = self.cell(row, self.query)?;
        let at = [&b"cafeReqId="[..], b"&RequestId="]
            .into_iter()
            .find_map(|mark| memchr::memmem::find(query, mark).map(|at| at + mark.len()))?;
        let id = query.get(at..)?;
        let length = id.iter().take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'-').count();
        id.get(..length).filter(|id| id.len() >= 32)
    }

    pub fn build(&self, row: &Row<'_>) -> Option<Build> {
        let number = |column: usize| number(row.raw(column)).and_then(|number| u16::try_from(number).ok());
        let [major, minor, build, revision] = self.build?;
        let build = Build::new(number(major)?, number(minor)?, number(build)?, number(revision)?);
        (build.major >= 8 && build.build > 0).then_some(build)
    }

    /// `httpproxy/Ecp` by the protocol column, `iis/front-end` by the port, where the path did not say better.
    pub fn part<'r>(&self, row: &Row<'r>) -> Option<std::borrow::Cow<'r, str>> {
        match self.family {
            Family::HttpProxy => self.cell(row, self.protocol).map(String::from_utf8_lossy),
            Family::Iis => match self.cell(row, self.port)? {
                b"443" | b"80" => Some("front-end".into()),
                b"444" | b"81" => Some("back-end".into()),
                _ => None,
            },
            _ => None,
        }
    }

    /// A source of this family without a part.
    pub fn source(&self) -> Source {
        Source::whole(self.family)
    }
}

/// A whole number, as the standard library reads it: a plus sign may stand before it.
fn number(cell: &[u8]) -> Option<u64> {
    /// So many digits fit in any case.
    const DIGITS_MAX: usize = 19;
    if cell.is_empty() || cell.len() > DIGITS_MAX || !cell.iter().all(u8::is_ascii_digit) {
        return std::str::from_utf8(cell).ok()?.parse().ok();
    }
    Some(cell.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// The client that a header of proxies names.
pub fn forwarded_address(cell: &[u8]) -> Option<&[u8]> {
    forwarded_client(cell).map(without_port)
}

/// The client that the log itself names.
pub fn own_address(cell: &[u8]) -> &[u8] {
    without_port(first_of_list(cell))
}

/// Exchange writes the client and the proxies behind it into one cell: `203.0.113.7,10.1.0.21`.
fn first_of_list(cell: &[u8]) -> &[u8] {
    match memchr::memchr2(b',', b' ', cell) {
        Some(_) => forwarded_client(cell).unwrap_or(cell),
        None => cell,
    }
}

fn forwarded_client(cell: &[u8]) -> Option<&[u8]> {
    let address = |part: &[u8]| std::str::from_utf8(without_port(part)).ok()?.parse::<std::net::IpAddr>().ok();
    let mut nearest = None;
    for part in cell.rsplit(|byte| matches!(byte, b',' | b'+' | b' ')) {
        let Some(address) = address(part) else { continue };
        if is_public(&address) {
            return Some(part);
        }
        nearest = nearest.or(Some(part));
    }
    nearest
}

fn is_public(address: &std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(v4) => !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified()),
        std::net::IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local())
        }
    }
}

/// Families that write the server's build into `#Version`; others write the literal 15.0.0.0.
fn names_build(family: Family) -> bool {
    matches!(
        family,
        Family::HttpProxy | Family::Ews | Family::RpsHttp | Family::RpsCmdlet | Family::MessageTracking | Family::Audit
    )
}

pub fn is_empty(cell: &[u8]) -> bool {
    matches!(cell, b"" | b"-")
}

fn without_port(address: &[u8]) -> &[u8] {
    // Nearly all addresses are plain IPv4.
    if address.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return address;
    }
    let address = address.strip_prefix(b"[").unwrap_or(address);
    let end = match memchr::memchr(b']', address) {
        Some(bracket) => bracket,
        None if memchr::memchr_iter(b':', address).count() == 1 => {
            memchr::memchr(b':', address).unwrap_or(address.len())
        }
        None => memchr::memchr(b'%', address).unwrap_or(address.len()),
    };
    address.get(..end).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::{forwarded_client, without_port};

    #[test]
    fn numbers_are_read_as_the_standard_library_does() {
        for text in
            ["0", "200", "+200", "-1", "", "-", "00404", "18446744073709551615", "18446744073709551616", "1x", " 1"]
        {
            assert_eq!(super::number(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn behind_proxies_the_last_public_address_is_the_client() {
        for (header, client) in [
            ("198.51.100.9,+10.20.0.250", Some("198.51.100.9")),
            ("1.2.3.4,198.51.100.9", Some("198.51.100.9")),
            ("10.0.0.7", Some("10.0.0.7")),
            ("unknown", None),
            ("-", None),
        ] {
            assert_eq!(forwarded_client(header.as_bytes()), client.map(str::as_bytes), "{header}");
        }
    }

    #[test]
    fn a_list_of_addresses_names_its_client() {
        for (cell, client) in [
            ("203.0.113.66,10.1.0.21", "203.0.113.66"),
            ("203.0.113.66 10.0.0.5", "203.0.113.66"),
            ("10.2.0.7,10.1.0.21", "10.1.0.21"),
            ("203.0.113.66", "203.0.113.66"),
            ("fe80::1%12", "fe80::1%12"),
        ] {
            assert_eq!(super::first_of_list(cell.as_bytes()), client.as_bytes(), "{cell}");
        }
    }

    #[test]
    fn takes_ports_and_zones_off() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:443", "192.0.2.1"),
            ("fe80::1%12", "fe80::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(without_port(text.as_bytes()), address.as_bytes());
        }
    }
}
