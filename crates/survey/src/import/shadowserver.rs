//! Reports of Shadowserver (`scan_exchange`, `scan6_exchange`): CSV of which the columns differ by year and are named in the
//! first row (The-Shadowserver-Foundation/report_schema). They say what Shadowserver concluded, not what it saw.

use model::survey::{Claim, ClaimKind, Network, Scanner, Target};

use super::parts::{address, asn, country, cut, name, observation};
use super::{Held, Intake};

/// Columns of the first row that are looked at.
const COLUMNS_MAX: usize = 256;

/// Where the columns stand.
#[derive(Default)]
pub(super) struct Rows {
    columns: Option<Vec<String>>,
}

impl Rows {
    pub(super) fn line(&mut self, line: &[u8], intake: &mut Intake<'_, '_>) -> Result<Held, String> {
        let cells = cells(line)?;
        let Some(columns) = &self.columns else {
            let lower: Vec<String> =
                cells.iter().take(COLUMNS_MAX).map(|cell| cell.trim().to_ascii_lowercase()).collect();
            if !lower.iter().any(|column| column == "ip") || !lower.iter().any(|column| column == "timestamp") {
                return Err("the first row names no columns `timestamp` and `ip`".to_owned());
            }
            self.columns = Some(lower);
            return Ok(Held::Nothing);
        };
        if cells.len() != columns.len() {
            return Err(format!("{} cells for {} columns", cells.len(), columns.len()));
        }
        let cell = |wanted: &str| {
            let place = columns.iter().position(|column| column == wanted)?;
            cells.get(place).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
        };
        let observed_at = intake.time(cell("timestamp"))?;
        let address = address(cell("ip")).ok_or("its address is none")?;
        let port = cell("port").and_then(|port| port.parse().ok()).ok_or("its port is none")?;
        let mut seen = observation(
            observed_at,
            Scanner::Shadowserver,
            Target { name: name(cell("hostname")), address: Some(address), port },
        );
        let mut claim = |kind: ClaimKind, text: &str| seen.claims.push(Claim { kind, text: cut(text) });
        for tag in cell("tag").unwrap_or_default().split(';').map(str::trim).filter(|tag| !tag.is_empty()) {
            let lower = tag.to_ascii_lowercase();
            match lower.as_str() {
                "exchange" => claim(ClaimKind::Product, "Exchange"),
                cve if cve.starts_with("cve-") => claim(ClaimKind::Cve, &cve.to_ascii_uppercase()),
                other => claim(ClaimKind::Tag, other),
            }
        }
        if let Some(version) = cell("version") {
            claim(ClaimKind::Version, version);
        }
        if let Some(server) = cell("servername") {
            claim(ClaimKind::ServerName, server);
        }
        seen.network = Network {
            country: country(cell("geo")),
            asn: asn(cell("asn")),
            as_name: None,
            source: Some("Shadowserver".to_owned()),
        };
        intake.give(seen);
        Ok(Held::Record)
    }
}

fn cells(line: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line);
    let mut row = csv::ByteRecord::new();
    reader.read_byte_record(&mut row).map_err(|error| error.to_string())?;
    Ok(row.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect())
}
