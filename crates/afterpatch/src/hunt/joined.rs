//! Correlations: hits that belong together, as one hit of their own that names its members.

use std::collections::BTreeSet;

use detect::sigma::correlation::{CorrelationGroup, Member};
use evidence::Inventory;

use super::lines::{Fields, Line, RuleSaid};

/// What the table calls several servers.
pub const SEVERAL: &str = "(several)";

/// Members named in a line: the first ones. All are counted.
const MEMBERS_MAX: usize = 100;

/// A member, as a line names it.
#[derive(Debug, serde::Serialize)]
pub struct MemberSaid {
    /// Id of its rule.
    rule: String,
    timestamp: String,
    computer: String,
    file: String,
    record: u64,
    offset: u64,
}

/// The server that all members are on; `None` where they are on several.
pub fn server(group: &CorrelationGroup) -> Option<&str> {
    let first = group.members.first()?;
    group.members.iter().all(|member| member.server == first.server).then_some(&*first.server)
}

/// What all members have in common.
fn common<'a>(group: &'a CorrelationGroup, of: &dyn Fn(&'a Member) -> Option<&'a str>) -> Option<&'a str> {
    let first = of(group.members.first()?)?;
    group.members.iter().all(|member| of(member) == Some(first)).then_some(first)
}

/// What a line says of a group; `id` knows the names of rules.
pub fn line<'a>(
    group: &'a CorrelationGroup,
    rule: &'a RuleSaid,
    inventory: &Inventory,
    id: &dyn Fn(&Member) -> String,
) -> Line<'a> {
    let path = |member: &Member| {
        let input = inventory.inputs.get(member.origin.file as usize);
        input.map(|input| input.path.clone()).unwrap_or_default()
    };
    let members = group.members.iter().take(MEMBERS_MAX).map(|member| MemberSaid {
        rule: id(member),
        timestamp: member.time.to_string(),
        computer: member.server.to_string(),
        file: path(member),
        record: member.origin.record,
        offset: member.origin.offset,
    });
    let last = group.members.last().map(|member| member.time.to_string()).unwrap_or_default();
    let rules: BTreeSet<String> = group.members.iter().map(id).collect();
    let mut fields = group.by.clone();
    fields.push(("hits".into(), group.members.len().to_string()));
    fields.push(("last".into(), last));
    fields.push(("rules".into(), rules.into_iter().collect::<Vec<_>>().join(" ")));
    // Formats without lists of members still lead to the records.
    let place = |member: &Member| format!("{}:{}", path(member), member.origin.record);
    let places: Vec<String> = group.members.iter().take(MEMBERS_MAX).map(place).collect();
    fields.push(("records".into(), places.join(" ")));
    let first = group.members.first();
    Line {
        timestamp: first.map(|member| member.time.to_string()),
        rule,
        computer: server(group),
        source: "correlation".into(),
        channel: None,
        provider: None,
        event_id: None,
        record: None,
        file: "",
        offset: None,
        client: common(group, &|member| member.client.as_deref()).map(Into::into),
        account: common(group, &|member| member.account.as_deref()).map(Into::into),
        subject: None,
        fields: Fields(fields),
        members: members.collect(),
    }
}
