//! The key=value cell of the ECP logs: `S:TIME=13;S:SID=…;'S:CMD=Set-X.Url=''…'''`.
//!
//! Members are joined by `;`. A member begins with the letters of its type (`S:` string, `I32:` integer, `F:` float,
//! `Dbl:` double, `Dt:` date) and has a key before the first `=`. A member that needs it stands in single quotes, in
//! which a single quote is doubled. (Format: samples of Exchange 15.1.2375, <https://github.com/Qazeer/artefacts.help>.)

use std::borrow::Cow;

use memchr::memchr;

/// The longest type seen is `I32` or `Dbl`.
const KIND_BYTES_MAX: usize = 4;

/// The value of a key, without regard to case; of several the first.
pub(super) fn value<'a>(cell: &'a [u8], key: &str) -> Option<Cow<'a, [u8]>> {
    members(cell).find_map(|(member, quoted)| {
        let (name, value) = split(member)?;
        name.eq_ignore_ascii_case(key.as_bytes()).then(|| if quoted { undouble(value) } else { Cow::Borrowed(value) })
    })
}

/// Members without their outer quotes, and whether they had them.
fn members(cell: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let mut rest = cell;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (member, quoted, after) = match rest.strip_prefix(b"'") {
            Some(inside) => {
                let close = closing_quote(inside);
                let after = inside.get(close..).unwrap_or_default();
                (inside.get(..close).unwrap_or(inside), true, after)
            }
            None => (rest, false, rest),
        };
        let end = memchr(b';', after);
        let member = if quoted { member } else { member.get(..end.unwrap_or(member.len())).unwrap_or(member) };
        rest = end.and_then(|end| after.get(end + 1..)).unwrap_or_default();
        Some((member, quoted))
    })
}

/// Where the quote stands that ends the member; its end where none does.
fn closing_quote(inside: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = inside.get(at..).and_then(|rest| memchr(b'\'', rest)) {
        at += found;
        if inside.get(at + 1) != Some(&b'\'') {
            return at;
        }
        at += 2;
    }
    inside.len()
}

/// Key and value of `S:KEY=value`.
fn split(member: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr(b'=', member)?;
    let (name, value) = (member.get(..equals)?, member.get(equals + 1..)?);
    let colon = memchr(b':', name)?;
    let (kind, key) = (name.get(..colon)?, name.get(colon + 1..)?);
    let typed = (1..=KIND_BYTES_MAX).contains(&kind.len()) && kind.iter().all(u8::is_ascii_alphanumeric);
    typed.then_some((key, value))
}

fn undouble(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\'', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut text = Vec::with_capacity(value.len());
    let mut bytes = value.iter().peekable();
    while let Some(byte) = bytes.next() {
        text.push(*byte);
        if *byte == b'\'' {
            bytes.next_if_eq(&&b'\'');
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::value;

    fn check(cell: &str, key: &str, expected: Option<&str>) {
        let found = value(cell.as_bytes(), key).map(|value| String::from_utf8_lossy(&value).into_owned());
        assert_eq!(found.as_deref(), expected, "{cell} {key}");
    }

    #[test]
    fn reads_the_members_of_a_real_cell() {
        let cell = "S:TIME=13;S:SID=666655678-1234;S:CMD=Get-InboxRule;S:REQID=;\
            S:URL=/ecp/RulesEditor/InboxRules.svc/GetList?msExchEcpCanary=CANARY;S:REFERRER=;S:EX=;S:RS=0;\
            S:BLD=15.1.2375.7;S:TNAME=<null>;S:TID=";
        check(cell, "CMD", Some("Get-InboxRule"));
        check(cell, "cmd", Some("Get-InboxRule"));
        check(cell, "URL", Some("/ecp/RulesEditor/InboxRules.svc/GetList?msExchEcpCanary=CANARY"));
        check(cell, "REQID", Some(""));
        check(cell, "TID", Some(""));
        check(cell, "BLD", Some("15.1.2375.7"));
        check(cell, "ID", None);
        let cell =
            "S:URL=https://localhost:444/ecp/logoff.aspx;S:Bld=15.1.2375.7;Dbl:MAPI.T[SERVER.4444]=3;Dbl:WLM.TS=0";
        check(cell, "URL", Some("https://localhost:444/ecp/logoff.aspx"));
        check(cell, "MAPI.T[SERVER.4444]", Some("3"));
        check(cell, "WLM.TS", Some("0"));
    }

    #[test]
    fn undoes_quotes() {
        let cell = "S:TIME=1;'S:CMD=Set-OabVirtualDirectory.ExternalUrl=''http://f/;x'''';S:URL=/fake';S:URL=/real";
        check(cell, "CMD", Some("Set-OabVirtualDirectory.ExternalUrl='http://f/;x'';S:URL=/fake"));
        check(cell, "URL", Some("/real"));
        check("'S:CMD=Set-X.Url=''a;b'''", "CMD", Some("Set-X.Url='a;b'"));
    }

    #[test]
    fn survives_what_is_no_cell() {
        for cell in ["", ";", ";;", "'", "''", "'''", "'S:CMD=x", "CMD=x", "S:CMD", "S:=", "'S:CMD=x'y;z", "=;:"] {
            let _ = value(cell.as_bytes(), "CMD");
            let _ = value(cell.as_bytes(), "");
        }
        check("'S:CMD=open", "CMD", Some("open"));
        check("'S:CMD=x'rest;S:URL=u", "URL", Some("u"));
        check("CMD=untyped", "CMD", None);
    }
}
