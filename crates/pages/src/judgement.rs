//! What is to be thought of a page that was followed.
//!
//! A page is a shell where whoever asks decides what is run, written or opened, or where it does by itself what no page
//! of an application does. These are looked at, and are no shells, each for its reason:
//!
//! - What is sent goes to a fixed folder, or is a part of a fixed text: an upload or a guest book does that.
//! - Text that begins as a statement of SQL and goes to `Execute`: the page calls a function of another file.
//! - What a database or a file of the server holds: who put it there is not known.
//! - Settings that are written as a page, where the page written takes no request and starts nothing.
//! - In classic ASP, a connection to any database without a statement that is sent: pages that set an application up ask
//!   for it, and administer databases with it.
//! - Names of objects or types that are sent, without what makes code of them.
//! - An address that is fetched whose answer is not handed on, one kind of access to any file: tools of operators.
//! - In classic ASP, a fixed program that is started and code that could not be seen: old applications run what files of
//!   theirs hold, and start tools.
//!
//! ASP.NET is judged more strictly ([`against_the_grain`]), for what it does not need: a page of it is compiled together
//! with its code, its libraries lie in `bin`, and .NET has classes for what programs were once started for. Of seven
//! thousand pages of forty applications none does these things; web shells that come in parts, whose key is sent or whose
//! command is fixed, do nothing else.

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
    if seen(Fact::Fetches) && seen(Fact::Relays) {
        // Whoever asks reaches through it what only the server reaches.
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
    let tools = [
        files.into_iter().any(seen),
        seen(Fact::Fetches),
        seen(Fact::AnyDatabase),
        seen(Fact::Mails),
        seen(Fact::MakesNamed),
        seen(Fact::StartsFixed),
    ];
    if tools.into_iter().filter(|has| *has).count() >= 2 {
        return (
            Judgement::Shell,
            "It does several things that only operators of a server do, as it is told.".to_owned(),
        );
    }
    if let Some(because) = takes_the_server(followed) {
        return (Judgement::Shell, because);
    }
    if followed.facts.is_net
        && let Some(because) = against_the_grain(followed)
    {
        return (Judgement::Shell, because);
    }
    look(followed)
}

/// What belongs to the server and not to an application of it, in ASP.NET and classic ASP alike.
fn takes_the_server(followed: &Followed) -> Option<String> {
    let asked = followed.flows.iter().find(|flow| flow.ability == Ability::System);
    let words = [
        (Fact::AsksRegistry, "It reads or changes the registry as it is told"),
        (Fact::WalksRegistry, "It walks through the registry of the server"),
        (Fact::MakesAccounts, "It makes accounts of the server or sets their passwords"),
        (Fact::ReadsPasswords, "It reads passwords that the web server keeps"),
        (Fact::ShowsSecrets, "It shows connection strings by their names"),
        (Fact::ChangesSettings, "It changes settings of the site as it is told"),
        (Fact::CopiesItself, "It copies itself to other pages"),
    ];
    let (fact, words) = words.into_iter().find(|(fact, _)| followed.facts.seen.contains(fact))?;
    let is_asked = matches!(fact, Fact::AsksRegistry | Fact::ShowsSecrets | Fact::ChangesSettings);
    Some(match asked.filter(|_| is_asked) {
        Some(flow) => format!("{words}: {} reaches {}.", flow.source, flow.sink),
        None => format!("{words}."),
    })
}

/// What no page of ASP.NET does.
fn against_the_grain(followed: &Followed) -> Option<String> {
    let seen = |fact: Fact| followed.facts.seen.contains(&fact);
    let does = |ability: Ability| followed.flows.iter().find(|flow| flow.ability == ability);
    // Code of a page is compiled with it, and has no need to be made while it runs.
    if seen(Fact::RunsUnseen) {
        return Some("It runs code that could not be seen, which no page of ASP.NET does.".to_owned());
    }
    if followed.facts.disguised {
        return Some("It runs code that it carries in disguise, which no page of ASP.NET does.".to_owned());
    }
    if seen(Fact::CallsByName) {
        return Some("It calls functions of Windows by names that it hides.".to_owned());
    }
    if seen(Fact::StartsFixed) {
        return Some("It starts a program, which no page of ASP.NET does.".to_owned());
    }
    if seen(Fact::MakesNamed) {
        return Some(told(Ability::Load, does(Ability::Load)));
    }
    let files = [Fact::Creates, Fact::Deletes, Fact::Reads, Fact::Lists];
    if files.into_iter().any(seen) && !followed.facts.declared.is_empty() {
        return Some("It reaches any file it is told and calls functions of Windows.".to_owned());
    }
    // An application knows its database; a page that asks for it and runs statements is a console.
    let asks = seen(Fact::AnyDatabase) || seen(Fact::AnyStatement);
    (asks && seen(Fact::ReadsRows)).then(|| told(Ability::Database, does(Ability::Database)))
}

fn look(followed: &Followed) -> (Judgement, String) {
    if let Some(flow) = followed.flows.first() {
        return (Judgement::Look, told(flow.ability, Some(flow)));
    }
    let words = [
        (Fact::RunsUnseen, "It runs code that could not be seen."),
        (Fact::Listens, "It listens for requests of its own."),
        (Fact::StartsFixed, "It starts a program."),
        (Fact::ListsAccounts, "It lists the accounts of the server."),
    ];
    match words.into_iter().find(|(fact, _)| followed.facts.seen.contains(fact)) {
        Some((_, words)) => (Judgement::Look, words.to_owned()),
        None if followed.facts.is_net && !followed.facts.declared.is_empty() => {
            (Judgement::Look, "It calls functions of Windows.".to_owned())
        }
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
