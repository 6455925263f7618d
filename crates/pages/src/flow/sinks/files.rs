//! Where files and folders are written, read, listed, moved and deleted.

use std::rc::Rc;

use model::page::Ability;

use super::Named;
use crate::flow::value::{Control, Known, Strength, Value};
use crate::flow::{Fact, Follower, expressions};

/// Extensions that the web server runs.
const EXECUTABLE: &[&str] = &[
    "aspx", "ashx", "asmx", "ascx", "asp", "asa", "cer", "cdx", "cshtml", "svc", "master", "soap", "php", "jsp", "exe",
    "dll", "bat", "cmd", "ps1", "vbs", "config",
];

/// What the text of the page itself is called.
const OWN_TEXT: &str = "own text";

impl Follower {
    pub(super) fn touches_files(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        self.opens_files(class, method, receiver, arguments)
            .or_else(|| self.moves_files(class, method, receiver, arguments))
            .or_else(|| self.reads_files(class, method, receiver, arguments))
            .or_else(|| self.writes_files(class, method, receiver, arguments))
    }

    fn opens_files(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        let first = arguments.first();
        let name = Named(class, method);
        match (class, method) {
            (
                "file" | "fileinfo" | "scripting.filesystemobject",
                "create" | "createtext" | "openwrite" | "appendtext" | "open" | "createtextfile" | "opentextfile",
            ) => {
                let path = first.cloned().or_else(|| receiver.and_then(path_of)).unwrap_or_default();
                // What is made of a path that is sent is a file, whether something is written to it or not.
                if class != "scripting.filesystemobject" && method.starts_with("create") {
                    self.path_flow(Fact::Creates, Ability::Write, Some(&path), &name);
                }
                Some(opened("textstream", &path))
            }
            ("scripting.filesystemobject", "getfile" | "getfolder" | "getdrive") => {
                if method == "getfolder" {
                    self.path_flow(Fact::Lists, Ability::List, first, &name);
                }
                Some(opened(if method == "getfile" { "file" } else { "folder" }, first?))
            }
            (
                "file" | "filesystem",
                "readalltext" | "readallbytes" | "readalllines" | "opentext" | "openread" | "readlines",
            ) => {
                self.path_flow(Fact::Reads, Ability::Read, first, &name);
                if method.starts_with("open") {
                    return Some(opened("textstream", first?));
                }
                Some(self.read_of(first?))
            }
            _ => None,
        }
    }

    /// What a file holds. Nobody knows who put it there, but for the page itself.
    fn read_of(&self, path: &Value) -> Value {
        let trail = self.begin("file of the server", None, Strength::Stored, false);
        let class = matches!(path.known, Known::OwnPage).then(|| Rc::from(OWN_TEXT));
        Value { class, ..Value::sent(Some(trail), Control::None) }
    }

    fn moves_files(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        const HOLDERS: &[&str] =
            &["file", "directory", "fileinfo", "directoryinfo", "folder", "scripting.filesystemobject", "filesystem"];
        let (first, second) = (arguments.first(), arguments.get(1));
        let name = Named(class, method);
        let own = receiver.and_then(path_of);
        match method {
            "copy" | "move" | "copyfile" | "movefile" | "replace" | "moveto" | "copyto" | "copyfolder"
            | "movefolder" | "rename"
                if HOLDERS.contains(&class) && !matches!(class, "directory" | "directoryinfo" | "folder") =>
            {
                for path in [own.as_ref(), first, second].into_iter().flatten() {
                    self.path_flow(Fact::Deletes, Ability::Delete, Some(path), &name);
                }
            }
            "delete" | "deletefile" | "deletefolder" | "kill"
                if HOLDERS.contains(&class) || (class.is_empty() && method == "kill") =>
            {
                let path = first.filter(|first| first.control > Control::None).or(own.as_ref());
                self.path_flow(Fact::Deletes, Ability::Delete, path, &name);
            }
            _ => {}
        }
        None
    }

    /// What is open is read, folders are listed.
    fn reads_files(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        let first = arguments.first();
        let name = Named(class, method);
        match (class, method) {
            (
                "textstream" | "file" | "streamreader" | "filestream",
                "readall" | "readline" | "readtoend" | "read" | "openastextstream",
            ) => {
                let path = receiver.and_then(path_of)?;
                self.path_flow(Fact::Reads, Ability::Read, Some(&path), &name);
                Some(self.read_of(&path))
            }
            ("response", "writefile" | "transmitfile") | ("adodb.stream", "loadfromfile") => {
                self.path_flow(Fact::Reads, Ability::Read, first, &name);
                None
            }
            (
                "directory" | "directoryinfo" | "filesystem",
                "getfiles"
                | "getdirectories"
                | "getfilesystementries"
                | "enumeratefiles"
                | "enumeratedirectories"
                | "enumeratefilesystementries"
                | "getfilesysteminfos",
            ) => {
                let own = receiver.and_then(path_of);
                self.path_flow(Fact::Lists, Ability::List, own.as_ref().or(first), &name);
                None
            }
            _ => None,
        }
    }

    /// What is open or uploaded is written.
    fn writes_files(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        let first = arguments.first();
        let name = Named(class, method);
        let is_file = matches!(class, "file" | "fileinfo" | "filesystem" | "my.computer.filesystem");
        match (class, method) {
            (_, "writealltext" | "writeallbytes" | "writealllines" | "appendalltext" | "appendalllines") if is_file => {
                self.written(first?, arguments.get(1).cloned(), &name);
                Some(Value::default())
            }
            (
                "textstream" | "streamwriter" | "filestream" | "binarywriter" | "stream",
                "write" | "writeline" | "writebyte",
            ) => {
                let path = receiver.and_then(path_of)?;
                let content = arguments.iter().find(|argument| argument.deep_trail().is_some()).or(first).cloned();
                self.written(&path, content, &name);
                None
            }
            ("adodb.stream", "savetofile") => {
                let content = receiver.map(|receiver| Value::sent(receiver.deep_trail(), Control::Whole));
                self.written(first?, content, &name);
                None
            }
            (_, "saveas" | "savetofile" | "savetodisk" | "save") => self.saved(receiver, first?, &name),
            _ => None,
        }
    }

    /// An upload is stored under a path.
    fn saved(&mut self, receiver: Option<&Value>, path: &Value, name: &Named<'_>) -> Option<Value> {
        let own = receiver.and_then(Value::deep_trail);
        let trail = own.filter(|trail| trail.source.is_upload)?;
        self.written(path, Some(Value::sent(Some(trail), Control::Whole)), name);
        None
    }

    /// Something is written to a path.
    pub(super) fn written(&mut self, path: &Value, content: Option<Value>, name: &Named<'_>) {
        let path = &self.settled(path);
        let content_trail =
            content.as_ref().and_then(Value::deep_trail).filter(|trail| trail.source.strength > Strength::Stored);
        let path_text = path.as_text();
        let is_own = matches!(path.known, Known::OwnPage);
        let runs = is_own
            || path.class.as_deref() == Some(expressions::PAGE)
            || path_text.as_deref().is_some_and(is_executable);
        match content_trail {
            Some(trail) if trail.source.is_password && path.trail.is_none() => {
                self.note_flow(Fact::KeepsPasswords, Ability::Password, &trail, name)
            }
            // What another machine answered is its word, wherever it goes, if it is run there.
            Some(trail) if trail.source.strength == Strength::Fetched && runs => {
                self.note_flow(Fact::WritesAnywhere, Ability::Write, &trail, name);
            }
            Some(trail) if path.control >= Control::Web && trail.source.strength == Strength::Sent => {
                let fact = if path.control == Control::Whole { Fact::WritesAnywhere } else { Fact::WritesInSite };
                self.note_flow(fact, Ability::Write, &trail, name);
            }
            Some(trail) if runs && content.as_ref().is_some_and(|content| content.control == Control::Whole) => {
                self.note_flow(Fact::WritesAnywhere, Ability::Write, &trail, name);
            }
            Some(trail) if path.control > Control::None || runs => {
                self.note_flow(Fact::WritesPartly, Ability::Write, &trail, name)
            }
            Some(_) => {}
            // A page that makes others of itself.
            None if runs && content.as_ref().is_some_and(|content| content.class.as_deref() == Some(OWN_TEXT)) => {
                self.note(Fact::CopiesItself, name);
            }
            // A page that writes a page.
            None if content.as_ref().and_then(Value::as_text).is_some_and(|text| is_server_code(&text)) => {
                self.note(Fact::PlantsPage, name)
            }
            None if content.as_ref().is_some_and(|content| starts_elsewhere(path_text.as_deref(), content)) => {
                self.note(Fact::Drops, name);
            }
            None => self.path_flow(Fact::Creates, Ability::Write, Some(path), name),
        }
    }

    pub(super) fn path_flow(&mut self, fact: Fact, ability: Ability, path: Option<&Value>, name: &Named<'_>) {
        let Some(path) = path else { return };
        let path = self.settled(path);
        if path.control < Control::Whole {
            return;
        }
        if let Some(trail) = path.deep_trail().filter(|trail| trail.source.strength == Strength::Sent) {
            self.note_flow(fact, ability, &trail, name);
        }
    }
}

/// A path that ends as what the web server runs.
pub(in crate::flow) fn is_executable(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| EXECUTABLE.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}

/// A program or a script of Windows, by its name, or by how it begins.
fn starts_elsewhere(path: Option<&str>, content: &Value) -> bool {
    const PROGRAMS: &[&str] = &["exe", "vbs", "bat", "cmd", "ps1", "js", "wsf", "hta", "scr", "com", "dll"];
    let is_program = path
        .and_then(|path| path.rsplit_once('.'))
        .is_some_and(|(_, extension)| PROGRAMS.contains(&&*extension.to_ascii_lowercase()));
    is_program || content.as_text().is_some_and(|text| text.starts_with("MZ"))
}

/// Text that the web server would run.
fn is_server_code(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    // Settings are written as pages too; what takes no request and starts nothing is one of those.
    let does =
        ["request", "eval", "execute", "createobject", "process", "assembly"].iter().any(|word| lower.contains(word));
    does && lower.contains("<%")
        || lower.contains("runat=server")
        || lower.contains("runat=\"server\"")
        || lower.contains("<!--#include")
}

/// The path of what is open.
pub(in crate::flow) fn path_of(value: &Value) -> Option<Value> {
    let object = value.as_object()?;
    object.member("path").or_else(|| object.member("argument 0").map(|inner| path_of(&inner).unwrap_or(inner)))
}

/// Something open, of which the path is known.
fn opened(class: &str, path: &Value) -> Value {
    let opened = Value::object(Rc::<str>::from(class));
    if let Some(object) = opened.as_object() {
        object.set("path", path.clone());
    }
    opened
}
