//! What is to be thought of a page that was followed.
//!
//! A page is a shell where whoever asks decides what is run, written or opened, or where it does by itself what no page
//! of an application does. These are looked at, and are no shells, each for its reason:
//!
//! - What is sent goes to a fixed folder, or is a part of a fixed text: an upload or a guest book does that.
//! - Text that begins as a statement of SQL and goes to `Execute`: the page calls a function of another file.
//! - What a database or a file of the server holds: who put it there is not known.
//! - Settings that are written as a page, where the page written takes no request and starts nothing.
//! - A connection to any database without a statement that is sent: pages that set an application up ask for it.
//! - Names of objects or types that are sent, without what makes code of them.
//! - A fixed program that is started, an address that is fetched, one kind of access to any file: tools of operators.

use model::page::{Ability, Flow, Judgement};

use crate::flow::{Fact, Followed};

/// What runs machine code that a page carries, together.
const MEMORY_CALLS: &[&str] =
    &["virtualalloc", "virtualallocex", "virtualprotect", "ntallocatevirtualmemory", "heapalloc"];
const THREAD_CALLS: &[&str] = &[
    "createthread",
    "createremotethread",
    "queueuserapc",
    "enumsystemlocales",
    "callwindowproc",
    "enumwindows",
    "ntcreatethreadex",
];

/// What starts a program, and what connects it or makes it another's.
const START_CALLS: &[&str] = &["createprocess", "winexec", "shellexecute"];
const CONNECT_CALLS: &[&str] =
    &["wsasocket", "wsaconnect", "connect", "bind", "createnamedpipe", "impersonatenamedpipe", "duplicatetokenex"];

/// The judgement and its reason.
pub(crate) fn judge(followed: &Followed) -> (Judgement, String) {
    let seen = |fact: Fact| followed.facts.seen.contains(&fact);
    let does = |ability: Ability| followed.flows.iter().find(|flow| flow.ability == ability);
    for ability in [Ability::Evaluate, Ability::Process] {
        if let Some(flow) = does(ability) {
            return (Judgement::Shell, told(ability, Some(flow)));
        }
    }
    if seen(Fact::LoadsSent) {
        return (Judgement::Shell, told(Ability::Load, does(Ability::Load)));
    }
    if runs_machine_code(followed) || seen(Fact::LoadsCarried) {
        return (Judgement::Shell, "It runs a program that it carries.".to_owned());
    }
    if seen(Fact::WritesAnywhere) || seen(Fact::WritesInSite) {
        return (Judgement::Shell, told(Ability::Write, does(Ability::Write)));
    }
    if seen(Fact::Tunnels) {
        return (Judgement::Shell, told(Ability::Network, does(Ability::Network)));
    }
    if seen(Fact::AnyDatabase) && (seen(Fact::AnyStatement) || seen(Fact::PartStatement)) {
        return (Judgement::Shell, told(Ability::Database, does(Ability::Database)));
    }
    let files = [Fact::Creates, Fact::Deletes, Fact::Reads, Fact::Lists];
    if files.into_iter().filter(|fact| seen(*fact)).count() >= 2 {
        return (Judgement::Shell, "It lists, reads or changes any file it is told.".to_owned());
    }
    if seen(Fact::StartsFixed) && (seen(Fact::ConnectsFixed) || seen(Fact::Listens)) {
        return (Judgement::Shell, "It starts a program and connects it to another machine.".to_owned());
    }
    if connects_natively(followed) {
        return (Judgement::Shell, "It calls what starts programs and connects them to another machine.".to_owned());
    }
    if seen(Fact::PlantsPage) {
        return (Judgement::Shell, "It writes another page that runs code.".to_owned());
    }
    if seen(Fact::StartsFixed) && seen(Fact::Drops) {
        return (Judgement::Shell, "It writes a program to the disk and starts one.".to_owned());
    }
    if seen(Fact::SniffsRaw) {
        return (Judgement::Shell, "It reads what passes on the network.".to_owned());
    }
    if seen(Fact::StartsFixed) && followed.facts.disguised {
        return (Judgement::Shell, "It starts a program by code that it carries in disguise.".to_owned());
    }
    look(followed)
}

fn look(followed: &Followed) -> (Judgement, String) {
    if let Some(flow) = followed.flows.first() {
        return (Judgement::Look, told(flow.ability, Some(flow)));
    }
    let words = [
        (Fact::RunsUnseen, "It runs code that could not be seen."),
        (Fact::Listens, "It listens for requests of its own."),
        (Fact::StartsFixed, "It starts a program."),
    ];
    match words.into_iter().find(|(fact, _)| followed.facts.seen.contains(fact)) {
        Some((_, words)) => (Judgement::Look, words.to_owned()),
        None if followed.facts.disguised => (Judgement::Look, "It runs code that it carries in disguise.".to_owned()),
        None => (Judgement::Nothing, String::new()),
    }
}

/// A page that brings both of these from the libraries of Windows does by hand what .NET would do for anybody.
fn connects_natively(followed: &Followed) -> bool {
    let declares =
        |of: &[&str]| followed.facts.declared.iter().any(|name| of.iter().any(|call| name.starts_with(call)));
    declares(START_CALLS) && declares(CONNECT_CALLS)
}

fn runs_machine_code(followed: &Followed) -> bool {
    let calls = |of: &[&str]| followed.facts.natives.iter().any(|name| of.iter().any(|call| name.starts_with(call)));
    calls(MEMORY_CALLS) && (calls(THREAD_CALLS) || followed.facts.natives.len() == 1)
}

/// `It runs code that it is sent: form field `x` reaches eval.`
fn told(ability: Ability, flow: Option<&Flow>) -> String {
    match flow {
        Some(flow) => format!("It {}: {} reaches {}.", ability.words(), flow.source, flow.sink),
        None => format!("It {}.", ability.words()),
    }
}
