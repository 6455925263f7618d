//! Who tried to log on and was refused.
//!
//! Every client's first request is answered 401, so that alone is nothing: what counts is the reason that Windows gives.
//! The logon form of OWA is answered 302 whether the password was right or not; its senders are kept apart, because the
//! account names alone can tell a spraying client.

use std::collections::BTreeSet;

use model::observation::Refused;
use model::{Origin, Row, Utc, WindowsEvent};
use serde::{Deserialize, Serialize};

use super::access::Ends;
use super::bounded::{Bounded, Merge};
use super::columns::Columns;

/// Clients that are told apart per server.
pub const CLIENTS_MAX: usize = 20_000;
/// Accounts that are remembered per client. More make no difference: it sprays.
const ACCOUNTS_MAX: usize = 64;
/// A longer name is none.
const ACCOUNT_BYTES_MAX: usize = 320;

/// Windows codes of a logon that was refused: wrong password, unknown, locked, expired, disabled or restricted account
/// (Win32 error codes 1326 to 1331, 1385, 1793, 1907, 1909), and `SEC_E_LOGON_DENIED`.
const REFUSALS: [&[u8]; 11] =
    [b"1326", b"1327", b"1328", b"1329", b"1330", b"1331", b"1385", b"1793", b"1907", b"1909", b"2148074252"];

/// What one client was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedTally {
    refused: u64,
    forms: u64,
    accounts: BTreeSet<Box<[u8]>>,
    ends: Option<Ends>,
}

impl RefusedTally {
    fn add(&mut self, is_form: bool, account: Option<&[u8]>, time: Utc, origin: Origin) {
        self.refused += u64::from(!is_form);
        self.forms += u64::from(is_form);
        if let Some(account) = account.filter(|account| account.len() <= ACCOUNT_BYTES_MAX)
            && !self.accounts.contains(account)
        {
            self.accounts.insert(account.into());
            self.trim();
        }
        Ends::widen(&mut self.ends, Some(Ends::at(time, origin)));
    }

    fn trim(&mut self) {
        while self.accounts.len() > ACCOUNTS_MAX {
            self.accounts.pop_last();
        }
    }

    pub fn shift(&mut self, secs: i64) {
        self.ends.iter_mut().for_each(|ends| ends.shift(secs));
    }
}

impl Merge for RefusedTally {
    fn merge(&mut self, other: Self) {
        self.refused += other.refused;
        self.forms += other.forms;
        self.accounts.extend(other.accounts);
        self.trim();
        Ends::widen(&mut self.ends, other.ends);
    }
}

/// The logon form of OWA, to which the password is posted.
pub fn is_logon_form(stem: &[u8]) -> bool {
    let form = b"/auth.owa";
    stem.len() >= form.len() && stem.get(stem.len() - form.len()..).is_some_and(|end| end.eq_ignore_ascii_case(form))
}

/// What a row of an IIS log says of its request.
pub struct Answer {
    pub status: Option<u16>,
    /// It asks for the logon form ([`is_logon_form`]).
    pub is_form: bool,
}

/// Counts a row of an IIS log that tells of a refused logon.
pub fn record_row(
    tally: &mut Bounded<RefusedTally>,
    row: &Row<'_>,
    columns: &Columns,
    answer: Answer,
    (client, account): (&[u8], Option<&[u8]>),
    (time, origin): (Utc, Origin),
) {
    if answer.status == Some(401) {
        let reason = columns.cell(row, columns.win32_status);
        if reason.is_some_and(|reason| REFUSALS.contains(&reason)) {
            tally.slot(client).add(false, account, time, origin);
        }
    } else if answer.is_form && columns.is_post(row) {
        tally.slot(client).add(true, account, time, origin);
    }
}

/// Counts Security 4625 (logon failed), 4771 (Kerberos pre-authentication failed) and 4776 (credentials not valid).
pub fn record_event(tally: &mut Bounded<RefusedTally>, event: &WindowsEvent<'_>, origin: Origin) {
    let field = |name: &str| event.field(name).filter(|value| !matches!(*value, "" | "-" | "::1" | "127.0.0.1"));
    let succeeded =
        |name: &str| field(name).is_some_and(|code| code.trim_start_matches("0x").bytes().all(|b| b == b'0'));
    let client = match event.event_id {
        4625 => field("IpAddress"),
        4771 => field("IpAddress").filter(|_| !succeeded("Status")),
        4776 => field("Workstation").or(field("WorkstationName")).filter(|_| !succeeded("Status")),
        _ => None,
    };
    let Some((client, time)) = client.zip(event.time) else { return };
    let client = client.strip_prefix("::ffff:").unwrap_or(client).trim_start_matches('\\');
    // A server that checks the passwords of its own clients names itself.
    let is_itself = event.computer.split('.').next().is_some_and(|own| own.eq_ignore_ascii_case(client));
    let account = field("TargetUserName").filter(|name| !name.ends_with('$') && !name.starts_with("HealthMailbox"));
    if let Some(account) = account.filter(|_| !is_itself) {
        tally.slot(client.as_bytes()).add(false, Some(account.as_bytes()), time, origin);
    }
}

pub fn into_list(tally: Bounded<RefusedTally>) -> Vec<Refused> {
    let (entries, _) = tally.into_parts();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let refused = |(client, seen): (Box<[u8]>, RefusedTally)| {
        let ends = seen.ends?;
        Some(Refused {
            client: text(&client),
            refused: seen.refused,
            forms: seen.forms,
            accounts: seen.accounts.iter().map(|account| text(account)).collect(),
            first: ends.first.0,
            last: ends.last.0,
            evidence: ends.records(),
        })
    };
    entries.into_iter().filter_map(refused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u32, fields: &[(&str, &str)]) -> Vec<Refused> {
        let owned = fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let event = WindowsEvent {
            record: 1,
            offset: 0,
            time: Some(Utc(0)),
            clock_shift_secs: None,
            channel: "Security".into(),
            provider: "".into(),
            event_id: id,
            level: None,
            computer: "EXC01.contoso.example".into(),
            fields: owned,
            raw: model::Raw::Text(b""),
        };
        let mut tally = Bounded::new(10);
        record_event(&mut tally, &event, Origin { file: 0, record: 1, offset: 0 });
        into_list(tally)
    }

    #[test]
    fn refused_logons_of_others() {
        let refused = event(4625, &[("IpAddress", "::ffff:203.0.113.7"), ("TargetUserName", "alice")]);
        assert_eq!((refused[0].client.as_str(), refused[0].refused), ("203.0.113.7", 1));
        assert_eq!(refused[0].accounts, ["alice"]);
        assert_eq!(event(4776, &[("Workstation", "PC7"), ("TargetUserName", "a"), ("Status", "0xc000006a")]).len(), 1);
        assert!(event(4776, &[("Workstation", "PC7"), ("TargetUserName", "a"), ("Status", "0x0")]).is_empty());
        assert!(event(4776, &[("Workstation", "EXC01"), ("TargetUserName", "a"), ("Status", "0xc000006a")]).is_empty());
        assert!(event(4625, &[("IpAddress", "-"), ("TargetUserName", "alice")]).is_empty());
        assert!(event(4625, &[("IpAddress", "203.0.113.7"), ("TargetUserName", "EXC02$")]).is_empty());
        assert!(event(4624, &[("IpAddress", "203.0.113.7"), ("TargetUserName", "alice")]).is_empty());
    }

    #[test]
    fn the_logon_form() {
        assert!(is_logon_form(b"/owa/auth.owa") && is_logon_form(b"/OWA/Auth.OWA"));
        assert!(!is_logon_form(b"/owa/auth/logon.aspx") && !is_logon_form(b"owa"));
    }

    #[test]
    fn memory_is_bounded_and_order_does_not_matter() {
        let tally = |range: &mut dyn Iterator<Item = u32>| {
            let mut tally = RefusedTally::default();
            for number in range {
                let origin = Origin { file: 0, record: u64::from(number), offset: 0 };
                tally.add(false, Some(format!("user{number:04}").as_bytes()), Utc(i64::from(number)), origin);
            }
            tally
        };
        let mut halves = tally(&mut (500..1_000));
        halves.merge(tally(&mut (0..500)));
        assert_eq!(halves, tally(&mut (0..1_000).rev()));
        assert_eq!((halves.accounts.len(), halves.refused), (ACCOUNTS_MAX, 1_000));
    }
}
