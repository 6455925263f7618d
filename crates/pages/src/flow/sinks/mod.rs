//! Where what was sent does something: code is run, programs are started, files are touched, others are connected to.

mod code;
mod databases;
mod files;
mod network;
mod system;

use std::rc::Rc;

use model::page::Ability;

pub(super) use files::{is_executable, path_of};
pub(super) use system::CONNECTION_STRING;

use super::value::{Known, Strength, Trail, Value};
use super::{Fact, Follower};

/// A class and its method, as a person is shown them.
pub(super) struct Named<'n>(&'n str, &'n str);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self("" | "?", method) => formatter.write_str(method),
            Self("new", class) => write!(formatter, "new {class}"),
            Self(class, method) => write!(formatter, "{class}.{method}"),
        }
    }
}

impl Follower {
    /// Says what a call does, if it does something. `Some`: what comes back of it.
    pub(super) fn sink(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        if class.is_empty() && super::data::only_computes(method) {
            return None;
        }
        let settled: Vec<Value> = arguments.iter().map(|argument| self.settled(argument)).collect();
        let class = class.strip_prefix("method:").or_else(|| class.strip_prefix("type:")).unwrap_or(class);
        let base = self.bases.get(class).cloned();
        let class = base.as_deref().unwrap_or(class);
        let class = if crate::flow::value::is_com(class) { class } else { class.rsplit('.').next().unwrap_or(class) };
        self.runs_code(class, method, receiver, &settled)
            .or_else(|| self.starts(class, method, receiver, &settled))
            .or_else(|| self.loads(class, method, receiver, &settled))
            .or_else(|| self.touches_files(class, method, receiver, &settled))
            .or_else(|| self.connects(class, method, receiver, &settled))
            .or_else(|| self.asks_database(class, method, receiver, &settled))
            .or_else(|| self.touches_system(class, method, receiver, &settled))
    }

    /// An object is made of something.
    pub(super) fn constructed(&mut self, class: &str, arguments: &[Value]) {
        let first = arguments.first();
        let name = Named("new", class);
        match class {
            "streamwriter" | "filestream" | "streamreader" | "directoryinfo" | "fileinfo" => {
                if let Some(path) = first
                    && class != "streamwriter"
                    && class != "filestream"
                {
                    let (fact, ability) = if class == "directoryinfo" {
                        (Fact::Lists, Ability::List)
                    } else {
                        (Fact::Reads, Ability::Read)
                    };
                    if class != "fileinfo" {
                        self.path_flow(fact, ability, Some(path), &name);
                    }
                }
            }
            "sqlconnection" | "oledbconnection" | "odbcconnection" | "oracleconnection" | "mysqlconnection" => {
                if let Some(trail) = first.and_then(Value::deep_trail) {
                    self.note_flow(Fact::AnyDatabase, Ability::Database, &trail, &name);
                }
            }
            "sqlcommand" | "oledbcommand" | "odbccommand" | "sqldataadapter" | "oledbdataadapter"
            | "odbcdataadapter" => {
                self.statement(first, &name);
                // The connection may be made of what was sent, in place.
                if let Some(trail) = arguments.get(1).and_then(Value::deep_trail) {
                    self.note_flow(Fact::AnyDatabase, Ability::Database, &trail, &name);
                }
            }
            "tcpclient" | "udpclient" | "ipendpoint" => {
                if let Some(trail) = arguments.iter().find_map(Value::deep_trail) {
                    self.note_flow(Fact::Tunnels, Ability::Network, &trail, &name);
                } else if class == "tcpclient" && !arguments.is_empty() {
                    self.note(Fact::ConnectsFixed, &name);
                }
            }
            "userprincipal" => self.makes_account(arguments, &name),
            "httplistener" => self.note(Fact::Listens, &name),
            "socket"
                if arguments
                    .iter()
                    .any(|kind| matches!(&kind.known, Known::Path(path) if path.ends_with("sockettype.raw"))) =>
            {
                self.note(Fact::Listens, &name);
                self.note(Fact::SniffsRaw, &name);
            }
            _ => {}
        }
    }

    /// A member is set, and that does something or will.
    pub(super) fn sink_member(&mut self, holder: &Value, name: &str, value: &Value) {
        let class = holder.class().unwrap_or_default().to_owned();
        let shown = Named(&class, name);
        match name {
            "connectionstring" if !matches!(holder.known, Known::Path(_)) => {
                if let Some(trail) = value.deep_trail() {
                    self.note_flow(Fact::AnyDatabase, Ability::Database, &trail, &shown);
                }
            }
            "commandtext" | "selectcommand" => self.statement(Some(value), &shown),
            // Files are hidden so.
            "attributes" if matches!(&*class, "file" | "folder" | "fileinfo" | "directoryinfo") => {
                self.path_flow(Fact::Creates, Ability::Write, path_of(holder).as_ref(), &shown);
            }
            // Forms do that all the time, and it is told only beside something else.
            "to" if is_mail(&class)
                && value.deep_trail().is_some_and(|trail| trail.source.strength == Strength::Sent) =>
            {
                self.note(Fact::Mails, &shown);
            }
            "text" | "innerhtml" | "innertext" => self.hands_out(value),
            _ => {}
        }
    }

    fn note_flow(&mut self, fact: Fact, ability: Ability, trail: &Rc<Trail>, sink: &Named<'_>) {
        self.facts.seen.insert(fact);
        self.flow(ability, trail, sink);
    }

    pub(super) fn note(&mut self, fact: Fact, sink: &Named<'_>) {
        if self.facts.seen.insert(fact) {
            self.facts.sinks.push((fact, sink.to_string(), self.at));
        }
    }
}

/// A letter that is being written.
fn is_mail(class: &str) -> bool {
    class.starts_with("cdo") || class.starts_with("jmail") || class == "mailmessage"
}
