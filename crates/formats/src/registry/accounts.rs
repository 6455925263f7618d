//! The accounts of a SAM hive: who there is, since when, and who of them is an administrator.
//!
//! Passwords stand in the same place and are not looked at. Layout of `F`, `V` and `C`: RegRipper, `samparse.pl`, and the
//! public descriptions of SAM. An account has two keys: one by its number, which changes with every logon, and one by its
//! name, which is written when the account is made or renamed.

use std::collections::{BTreeMap, BTreeSet};

use model::Utc;

use super::Gathered;
use super::hive::{Hive, Key, filetime, u16_at, u32_at, u64_at};

/// Members of a group that are looked at.
const MEMBERS_MAX: usize = 1_000;
/// Numbers below belong to Windows.
const FIRST_MADE: u32 = 1_000;

/// What the data of an account say.
struct Facts {
    rid: u32,
    is_enabled: bool,
    last_logon: Option<Utc>,
    password_set: Option<Utc>,
}

/// Adds a record per account.
pub fn read<'a>(hive: &Hive<'a>, sam: &Key<'a>, gathered: &mut Gathered) {
    let Some(users) = hive.find(sam, r"Domains\Account\Users") else { return };
    let machine = hive.find(sam, r"Domains\Account").and_then(|key| hive.value_of(&key, "V"));
    let machine = machine.map(|value| value.bytes).unwrap_or_default();
    let administrators = administrators(hive, sam, &machine);
    let names: BTreeMap<u32, Key<'a>> = hive
        .find(&users, "Names")
        .map(|names| hive.subkeys(&names))
        .unwrap_or_default()
        .into_iter()
        // The type of the nameless value is the number.
        .filter_map(|key| Some((hive.values(&key).first()?.kind, key)))
        .collect();
    for user in hive.subkeys(&users) {
        let Ok(rid) = u32::from_str_radix(&user.name, 16) else { continue };
        let facts = hive.value_of(&user, "F").and_then(|value| facts(&value.bytes));
        let named = names.get(&rid);
        let name = named.map_or_else(|| format!("RID {rid}"), |key| key.name.clone());
        let target = match named {
            Some(_) => format!(r"HKLM\SAM\SAM\Domains\Account\Users\Names\{name}"),
            None => format!(r"HKLM\SAM\SAM\Domains\Account\Users\{}", user.name),
        };
        let mut fields = vec![("Account".to_owned(), name), ("RID".to_owned(), rid.to_string())];
        let is_administrator = administrators.contains(&rid);
        fields.push(("Administrator".to_owned(), word(is_administrator)));
        if let Some(facts) = &facts {
            fields.push(("Enabled".to_owned(), word(facts.is_enabled)));
            fields.push(("RIDInData".to_owned(), if facts.rid == rid { "same" } else { "other" }.to_owned()));
            let times = [("LastLogon", facts.last_logon), ("PasswordSet", facts.password_set)];
            let times = times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), time?.to_string())));
            fields.extend(times);
        }
        let details = details(rid, is_administrator, facts.as_ref());
        // The accounts of Windows were made with it: when they were switched on is not told.
        let time = named.and_then(|key| key.written).filter(|_| rid >= FIRST_MADE);
        let offset = named.map_or(user.offset, |key| key.offset);
        gathered.add((target, details), (offset, time), fields);
    }
}

fn word(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}

fn details(rid: u32, is_administrator: bool, facts: Option<&Facts>) -> String {
    let mut details = format!("RID {rid}");
    if let Some(facts) = facts {
        details.push_str(if facts.is_enabled { ", enabled" } else { ", disabled" });
    }
    if is_administrator {
        details.push_str(", local administrator");
    }
    details
}

/// `F`: times at 8 and 24, number at 48, flags at 56.
fn facts(bytes: &[u8]) -> Option<Facts> {
    const DISABLED: u16 = 1;
    Some(Facts {
        rid: u32_at(bytes, 48)?,
        is_enabled: u16_at(bytes, 56)? & DISABLED == 0,
        last_logon: u64_at(bytes, 8).and_then(filetime),
        password_set: u64_at(bytes, 24).and_then(filetime),
    })
}

/// Numbers of the accounts of this machine that are members of its Administrators. `C`: members at the offset at 40,
/// their count at 48, both counted from 52 on.
fn administrators<'a>(hive: &Hive<'a>, sam: &Key<'a>, machine: &[u8]) -> BTreeSet<u32> {
    const HEADER_BYTES: usize = 0x34;
    let group = hive.find(sam, r"Domains\Builtin\Aliases\00000220").and_then(|key| hive.value_of(&key, "C"));
    let Some(group) = group.map(|value| value.bytes) else { return BTreeSet::new() };
    let members = || {
        let from = HEADER_BYTES.checked_add(usize::try_from(u32_at(&group, 40)?).ok()?)?;
        let count = usize::try_from(u32_at(&group, 48)?).ok()?;
        Some((group.get(from..)?, count.min(MEMBERS_MAX)))
    };
    let Some((mut rest, count)) = members() else { return BTreeSet::new() };
    // The last twelve bytes of `V` of the domain are the number of the machine.
    let machine = machine.len().checked_sub(12).and_then(|from| machine.get(from..)).unwrap_or_default();
    let mut found = BTreeSet::new();
    for _ in 0..count {
        let Some(length) = rest.get(1).map(|parts| 8 + 4 * usize::from(*parts)) else { break };
        let Some((member, others)) = rest.split_at_checked(length) else { break };
        rest = others;
        // Revision, parts, authority, 21, the machine, and the number of the account.
        if length == 28 && member.get(12..24) == Some(machine) {
            found.extend(u32_at(member, 24));
        }
    }
    found
}
