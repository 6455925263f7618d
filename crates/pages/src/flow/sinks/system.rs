//! Where a page reaches what belongs to the server and to no application: its registry, its accounts, its settings.

use model::page::Ability;

use super::Named;
use crate::flow::value::{Known, Strength, Value};
use crate::flow::{Fact, Follower};

/// What a folder of accounts of Windows is called, which `WinNT:` names.
pub(in crate::flow) const ACCOUNTS: &str = "winnt";
/// What an entry of the settings of IIS is called, which `IIS:` names.
pub(in crate::flow) const METABASE: &str = "metabase";
/// What the settings of a site are called when they are open.
const SETTINGS: &str = "webconfiguration";
/// What a connection string is called whose name was sent.
pub(in crate::flow) const CONNECTION_STRING: &str = "connectionstring";

/// Settings of IIS that are passwords.
const PASSWORDS: &[&str] = &["anonymoususerpass", "wamuserpass", "uncpassword"];

impl Follower {
    pub(super) fn touches_system(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        let name = Named(class, method);
        let first_text = || arguments.first().and_then(Value::as_text).map(|text| text.to_ascii_lowercase());
        match (class, method) {
            (_, "getsubkeynames") => self.note(Fact::WalksRegistry, &name),
            (_, "opensubkey") | ("wscript.shell", "regread" | "regwrite" | "regdelete") => {
                self.asks_registry(arguments, &name);
            }
            ("registry", "getvalue" | "setvalue") => self.asks_registry(arguments, &name),
            (ACCOUNTS, "create" | "setpassword" | "setinfo" | "changepassword") => {
                self.note(Fact::MakesAccounts, &name);
            }
            (ACCOUNTS, "invoke") if first_text().is_some_and(|text| text == "setpassword") => {
                self.note(Fact::MakesAccounts, &name);
            }
            (ACCOUNTS, "add") if arguments.get(1).and_then(Value::as_text).as_deref() == Some("user") => {
                self.note(Fact::MakesAccounts, &name);
            }
            (
                "configurationmanager" | "webconfigurationmanager",
                "openwebconfiguration" | "openmachineconfiguration",
            ) => {
                return Some(Value::object(SETTINGS));
            }
            (SETTINGS, "save") => {
                let trail = receiver.and_then(Value::deep_trail)?;
                if trail.source.strength == Strength::Sent {
                    self.note_flow(Fact::ChangesSettings, Ability::System, &trail, &name);
                }
            }
            (_, "definepinvokemethod" | "getdelegateforfunctionpointer") => self.note(Fact::CallsByName, &name),
            _ if class != ACCOUNTS => return None,
            _ => {}
        }
        // Whatever else an entry of accounts is asked for gives another.
        (class == ACCOUNTS).then(|| Value::object(ACCOUNTS))
    }

    fn asks_registry(&mut self, arguments: &[Value], name: &Named<'_>) {
        let trail = arguments.iter().find_map(Value::deep_trail);
        if let Some(trail) = trail.filter(|trail| trail.source.strength == Strength::Sent) {
            self.note_flow(Fact::AsksRegistry, Ability::System, &trail, name);
        }
    }

    /// The folder of accounts or the settings of IIS that an address of ADSI names.
    pub(in crate::flow) fn directory(&mut self, address: &Value) -> Option<Value> {
        let address = address.as_text()?.trim_start().to_ascii_lowercase();
        if address.starts_with("winnt:") {
            self.note(Fact::ListsAccounts, &Named("", "getobject"));
            return Some(Value::object(ACCOUNTS));
        }
        address.starts_with("iis:").then(|| Value::object(METABASE))
    }

    /// A member or element is asked for by its name.
    pub(in crate::flow) fn asked_for(&mut self, member: &str) {
        if PASSWORDS.iter().any(|password| password.eq_ignore_ascii_case(member)) {
            self.note(Fact::ReadsPasswords, &Named("", member));
        }
    }

    /// An account of this machine is made: `new UserPrincipal(machine, name, password, true)`.
    pub(super) fn makes_account(&mut self, arguments: &[Value], name: &Named<'_>) {
        let machine = arguments.first().and_then(Value::as_object).and_then(|context| context.member("argument 0"));
        let is_machine = machine
            .is_some_and(|kind| matches!(&kind.known, Known::Path(path) if path.ends_with("contexttype.machine")));
        if is_machine && arguments.len() > 2 {
            self.note(Fact::MakesAccounts, name);
        }
    }

    /// Something is handed to whoever asks: what another machine answered, or what only the server should know.
    pub(in crate::flow) fn hands_out(&mut self, value: &Value) {
        let Some(trail) = value.deep_trail() else { return };
        let name = Named("response", "write");
        if trail.source.strength == Strength::Fetched {
            self.note(Fact::Relays, &name);
        }
        if value.class.as_deref() == Some(CONNECTION_STRING) && trail.source.strength == Strength::Sent {
            self.note_flow(Fact::ShowsSecrets, Ability::System, &trail, &name);
        }
    }
}
