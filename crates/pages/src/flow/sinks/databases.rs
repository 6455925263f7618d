//! Where databases are opened and asked.

use model::page::{Ability, Language};

use super::Named;
use crate::flow::value::{Control, Strength, Value};
use crate::flow::{Fact, Follower, expressions};

impl Follower {
    pub(super) fn asks_database(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        let name = Named(class, method);
        match (class, method) {
            ("adodb.connection", "open") | ("adodb.recordset", "open") => {
                let (connection, statement) = if class == "adodb.connection" {
                    (arguments.first(), None)
                } else {
                    (arguments.get(1), arguments.first())
                };
                // What a connection that is open was asked says nothing of where it leads.
                let text = connection.filter(|connection| connection.as_object().is_none());
                if let Some(trail) = text.and_then(Value::deep_trail) {
                    self.note_flow(Fact::AnyDatabase, Ability::Database, &trail, &name);
                }
                self.statement(statement, &name);
                if let Some(object) = receiver.and_then(Value::as_object) {
                    object.absorb(connection.and_then(Value::deep_trail));
                }
                None
            }
            ("adodb.connection" | "adodb.command", "execute") => {
                self.statement(arguments.first(), &name);
                None
            }
            (_, "fill" | "executereader" | "executescalar" | "executenonquery" | "databind") => {
                self.note(Fact::ReadsRows, &name);
                None
            }
            _ => None,
        }
    }

    pub(super) fn statement(&mut self, statement: Option<&Value>, name: &Named<'_>) {
        let Some(statement) = statement else { return };
        let trail = statement.deep_trail().filter(|trail| trail.source.strength == Strength::Sent);
        if statement.class.as_deref() == Some(expressions::DATABASE_COMMAND) {
            match trail {
                Some(trail) => self.flow(Ability::Process, &trail, name),
                None => self.note(Fact::StartsFixed, name),
            }
            return;
        }
        if statement.control < Control::Whole {
            let is_net = matches!(self.language, Language::CSharp | Language::VisualBasic);
            if trail.is_some() && (is_net || statement.class.as_deref() == Some(expressions::OVER_TABLE)) {
                self.note(Fact::PartStatement, name);
            }
            return;
        }
        if let Some(trail) = statement.deep_trail() {
            self.note_flow(Fact::AnyStatement, Ability::Database, &trail, name);
        }
    }
}
