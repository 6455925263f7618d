//! Where other machines are connected to, and what they answer is handed on.

use model::page::Ability;

use super::Named;
use crate::flow::value::{Control, Known, Strength, Value, stronger};
use crate::flow::{Fact, Follower, expressions};

/// Objects of COM that fetch what an address names.
const FETCHERS: &[&str] = &[
    "microsoft.xmlhttp",
    "msxml2.xmlhttp",
    "msxml2.serverxmlhttp",
    "winhttp.winhttprequest",
    "xmlhttp",
    "msxml2.domdocument",
];

impl Follower {
    pub(super) fn connects(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        let name = Named(class, method);
        let first = arguments.first();
        match (class, method) {
            (
                "webclient",
                "downloadstring" | "downloaddata" | "openread" | "downloadfile" | "uploadstring" | "uploaddata",
            )
            | ("httpclient", "getstringasync" | "getbytearrayasync" | "getasync") => {
                let address = first.and_then(Value::deep_trail);
                if let Some(trail) =
                    address.clone().filter(|_| first.is_some_and(|first| first.control == Control::Whole))
                {
                    self.note_flow(Fact::Fetches, Ability::Network, &trail, &name);
                }
                let fetched = self.begin("answer of another machine", None, Strength::Fetched, false);
                if method == "downloadfile" {
                    let content = Value::sent(stronger(Some(fetched), address), Control::Whole);
                    self.written(arguments.get(1)?, Some(content), &name);
                    return Some(Value::default());
                }
                Some(Value::sent(Some(fetched), Control::Whole))
            }
            ("webrequest" | "httpwebrequest", "create" | "createhttp" | "createdefault") => {
                if let Some(trail) = first.filter(|first| first.control == Control::Whole).and_then(Value::deep_trail) {
                    self.note_flow(Fact::Fetches, Ability::Network, &trail, &name);
                }
                Some(Value::object("webrequest"))
            }
            (class, "open") if FETCHERS.contains(&class) => {
                // To talk to a service of this machine on any port is what a tunnel is for.
                if let Some(trail) = arguments
                    .get(1)
                    .filter(|address| address.class.as_deref() == Some(expressions::LOCAL_ADDRESS))
                    .and_then(Value::deep_trail)
                {
                    self.note_flow(Fact::Tunnels, Ability::Network, &trail, &name);
                }
                if let Some(trail) =
                    arguments.get(1).filter(|address| address.control == Control::Whole).and_then(Value::deep_trail)
                {
                    self.note_flow(Fact::Fetches, Ability::Network, &trail, &name);
                }
                Some(Value::default())
            }
            ("tcpclient" | "socket" | "udpclient", "connect" | "beginconnect" | "connectasync" | "new") => {
                match arguments.iter().find_map(Value::deep_trail).or_else(|| receiver.and_then(Value::deep_trail)) {
                    Some(trail) => self.note_flow(Fact::Tunnels, Ability::Network, &trail, &name),
                    None => self.note(Fact::ConnectsFixed, &name),
                }
                None
            }
            _ => self.answers(class, method, receiver, arguments),
        }
    }

    /// What another machine answered is taken, or handed to whoever asks.
    fn answers(&mut self, class: &str, method: &str, receiver: Option<&Value>, arguments: &[Value]) -> Option<Value> {
        match (class, method) {
            // Names are told apart in C# that are the same here: `response` and `Response`.
            ("response" | "webresponse" | "outputstream" | "output", "write" | "binarywrite" | "writeline") => {
                arguments.iter().for_each(|argument| self.hands_out(argument));
                None
            }
            (_, "copyto" | "copytoasync") => {
                let to_sender =
                    matches!(&arguments.first()?.known, Known::Path(path) if path.ends_with("outputstream"));
                if to_sender && let Some(receiver) = receiver {
                    self.hands_out(receiver);
                }
                None
            }
            (_, "getresponsestream") => {
                let fetched = self.begin("answer of another machine", None, Strength::Fetched, false);
                Some(Value { class: Some("stream".into()), ..Value::sent(Some(fetched), Control::Whole) })
            }
            ("webrequest" | "httpwebrequest", "getresponse" | "getresponseasync") => {
                let answer = Value::object("webresponse");
                if let Some(object) = answer.as_object() {
                    object.absorb(Some(self.begin("answer of another machine", None, Strength::Fetched, false)));
                }
                Some(answer)
            }
            _ => None,
        }
    }
}
