//! Where what was sent does something: code is run, programs are started, files are touched, others are connected to.

use std::rc::Rc;

use model::page::{Ability, Language};

use super::value::{Control, Known, Strength, Trail, Value, stronger};
use super::{Fact, Follower};

/// Extensions that the web server runs.
const EXECUTABLE: &[&str] = &[
    "aspx", "ashx", "asmx", "ascx", "asp", "asa", "cer", "cdx", "cshtml", "svc", "master", "soap", "php", "jsp", "exe",
    "dll", "bat", "cmd", "ps1", "vbs", "config",
];

/// Providers that compile code.
const COMPILERS: &[&str] = &[
    "csharpcodeprovider",
    "vbcodeprovider",
    "jscriptcodeprovider",
    "codedomprovider",
    "icodecompiler",
    "createcompiler",
    "createprovider",
];

/// Readers that make objects of what they read, and so run what the writer of it wants.
const DESERIALIZERS: &[&str] =
    &["binaryformatter", "losformatter", "objectstateformatter", "soapformatter", "netdatacontractserializer"];

/// Objects of COM that fetch what an address names.
const FETCHERS: &[&str] = &[
    "microsoft.xmlhttp",
    "msxml2.xmlhttp",
    "msxml2.serverxmlhttp",
    "winhttp.winhttprequest",
    "xmlhttp",
    "msxml2.domdocument",
];

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
        let settled: Vec<Value> = arguments.iter().map(|argument| self.settled(argument)).collect();
        let class = class.strip_prefix("method:").or_else(|| class.strip_prefix("type:")).unwrap_or(class);
        let class = self.framework_class(class);
        let class = &*class;
        let class = if super::value::is_com(class) { class } else { class.rsplit('.').next().unwrap_or(class) };
        self.runs_code(class, method, receiver, &settled)
            .or_else(|| self.starts(class, method, receiver, &settled))
            .or_else(|| self.loads(class, method, receiver, &settled))
            .or_else(|| self.touches_files(class, method, receiver, &settled))
            .or_else(|| self.connects(class, method, receiver, &settled))
            .or_else(|| self.asks_database(class, method, receiver, &settled))
    }

    fn runs_code(&mut self, class: &str, method: &str, receiver: Option<&Value>, arguments: &[Value]) -> Option<Value> {
        let is_script = matches!(self.language, Language::VbScript | Language::JScript);
        let code = match (class, method) {
            ("", "eval" | "execute" | "executeglobal") | ("this" | "window" | "global", "eval") if is_script => {
                arguments.first()
            }
            ("" | "constructor", "function" | "constructor") if self.language == Language::JScript => arguments.last(),
            (_, "addcommand") if class == "powershell" || class == "?" || class == "create" => arguments.first(),
            ("eval" | "jscriptevaluate", "jscriptevaluate" | "jscriptevaluateandstore") => arguments.first(),
            (
                "msscriptcontrol.scriptcontrol" | "scriptcontrol",
                "addcode" | "eval" | "executestatement" | "run" | "execute",
            ) => arguments.first(),
            ("vsaengine" | "vsa", _) => arguments.first(),
            ("csharpscript" | "visualbasicscript", "evaluateasync" | "runasync" | "create") => arguments.first(),
            (class, method)
                if method.starts_with("compileassemblyfrom")
                    || (COMPILERS.contains(&class) && method.starts_with("compile")) =>
            {
                arguments.last()
            }
            (_, "addscript")
            | ("scriptblock", "create")
            | ("runspaceinvoke", "invoke")
            | ("invokecommand", "invokescript" | "newscriptblock") => arguments.first(),
            ("" | "powershell", "createpipeline") | ("runspace", "createpipeline") => arguments.first(),
            ("xslcompiledtransform" | "xsltransform", "load")
                if arguments.iter().any(|one| one.deep_trail().is_some()) =>
            {
                arguments.first()
            }
            ("xamlreader" | "xamlservices", "parse" | "load") => arguments.first(),
            (_, "loadxml" | "loadxmlstring") => {
                // A style sheet that carries code.
                let text =
                    arguments.first().and_then(Value::as_text).filter(|text| text.contains("implements-prefix"))?;
                self.run_style_sheet(&text, &Named(class, method).to_string());
                return None;
            }
            _ => return None,
        };
        let code = code.cloned().unwrap_or_default();
        // What begins as a statement of SQL is no code: another file of the page calls its own function so.
        if code.class.as_deref() == Some(super::expressions::STATEMENT) {
            return None;
        }
        let name = Named(class, method);
        let trail = stronger(code.deep_trail(), receiver.and_then(Value::deep_trail));
        if let Some(trail) = trail {
            self.flow(Ability::Evaluate, &trail, &name);
            return Some(Value::sent(Some(trail), Control::Part));
        }
        let text = match &code.known {
            Known::List(list) => list.borrow().first().and_then(Value::as_text),
            _ => code.as_text(),
        };
        let language = if class.ends_with("scriptcontrol") { Language::VbScript } else { self.language };
        match text {
            Some(text) if method.starts_with("compile") => self.run_layer(&text, &name.to_string(), Language::CSharp),
            Some(text) => return Some(self.run_layer_value(&text, &name.to_string(), language)),
            None if method == "createpipeline" => return None,
            None => self.note(Fact::RunsUnseen, &name),
        }
        Some(Value::default())
    }

    fn starts(&mut self, class: &str, method: &str, receiver: Option<&Value>, arguments: &[Value]) -> Option<Value> {
        let is_start = match (class, method) {
            ("process" | "wscript.shell" | "shell.application", "start" | "run" | "exec" | "shellexecute")
            | ("", "shell" | "shellexecute")
            | ("interaction", "shell") => true,
            ("standardinput", "write" | "writeline" | "writeasync" | "writelineasync") => true,
            ("managementclass" | "managementobject" | "managementbaseobject", "invokemethod") => true,
            ("winmgmts", "create" | "execmethod_" | "execmethod") => true,
            ("shell.windows" | "mmc20.application", "executeshellcommand") | ("shell", "run" | "exec") => true,
            (_, "executeshellcommand" | "xp_cmdshell") => true,
            ("native", entry) => starts_natively(entry),
            _ => false,
        };
        if !is_start {
            return self.starts_unnamed(class, method, arguments);
        }
        if class.is_empty() && method == "shell" && !matches!(self.language, Language::VisualBasic) {
            return None;
        }
        let own = receiver.and_then(Value::deep_trail);
        let trail = arguments.iter().fold(own, |found, argument| stronger(found, argument.deep_trail()));
        let name = Named(class, method);
        match &trail {
            Some(trail) if trail.source.strength > Strength::Stored => self.flow(Ability::Process, trail, &name),
            _ => self.note(Fact::StartsFixed, &name),
        }
        let process = Value::object("process");
        if let Some(object) = process.as_object() {
            object.absorb(trail.clone());
        }
        Some(process)
    }

    /// Methods that start something whatever the object is, if they are given what was sent.
    fn starts_unnamed(&mut self, class: &str, method: &str, arguments: &[Value]) -> Option<Value> {
        // `exec` of JScript is a method of regular expressions.
        let is_unknown = class == "?" && (method != "exec" || self.language != Language::JScript);
        if !is_unknown || !matches!(method, "shellexecute" | "exec" | "run") {
            return None;
        }
        let trail =
            arguments.iter().find_map(Value::deep_trail).filter(|trail| trail.source.strength == Strength::Sent)?;
        let name = Named("", method);
        self.flow(Ability::Process, &trail, &name);
        Some(Value::sent(Some(trail), Control::Part))
    }

    fn loads(&mut self, class: &str, method: &str, receiver: Option<&Value>, arguments: &[Value]) -> Option<Value> {
        let first = arguments.first();
        let name = Named(class, method);
        match (class, method) {
            (
                "assembly" | "?" | "appdomain" | "currentdomain" | "assemblyloadcontext" | "default",
                "load"
                | "loadfrom"
                | "loadfile"
                | "unsafeloadfrom"
                | "loadwithpartialname"
                | "executeassembly"
                | "loadfromstream"
                | "reflectiononlyload",
            ) => {
                let trail = arguments.iter().find_map(Value::deep_trail);
                // What is loaded by a method of something unknown is code only where bytes of the request are.
                let is_sent = trail.as_ref().is_some_and(|trail| trail.source.strength == Strength::Sent);
                if class == "?" && (method != "load" || receiver.is_some() || !is_sent) {
                    return None;
                }
                match trail {
                    Some(trail) => self.note_flow(Fact::LoadsSent, Ability::Load, &trail, &name),
                    None => {
                        let carried = first
                            .and_then(Value::as_bytes)
                            .is_some_and(|bytes| bytes.starts_with(b"MZ") || bytes.len() > 1_000);
                        if carried {
                            self.note(Fact::LoadsCarried, &name);
                        } else if method == "load" && first.is_some_and(|first| matches!(first.known, Known::Nothing)) {
                            self.note(Fact::RunsUnseen, &name);
                        }
                    }
                }
                let loaded = Value::object("assembly");
                Some(Value { trail: arguments.iter().find_map(Value::deep_trail), ..loaded })
            }
            (class, "deserialize" | "unsafedeserialize" | "readobject") if DESERIALIZERS.contains(&class) => {
                let trail = arguments.iter().find_map(Value::deep_trail)?;
                self.note_flow(Fact::LoadsSent, Ability::Load, &trail, &name);
                Some(Value::sent(Some(trail), Control::Part))
            }
            ("activator", "createinstance" | "createinstancefrom")
            | ("type" | "assembly", "gettype")
            | ("" | "server", "createobject")
            | (_, "getmethod") => {
                let trail =
                    first.and_then(Value::deep_trail).filter(|trail| trail.source.strength == Strength::Sent)?;
                let is_object_of_it = class == "assembly" || receiver.is_some_and(|receiver| receiver.trail.is_some());
                if !is_object_of_it {
                    self.note_flow(Fact::MakesNamed, Ability::Load, &trail, &name);
                }
                None
            }
            _ => None,
        }
    }

    fn touches_files(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
        let (first, second) = (arguments.first(), arguments.get(1));
        let name = Named(class, method);
        let is_file = matches!(class, "file" | "fileinfo" | "filesystem" | "my.computer.filesystem");
        match (class, method) {
            (_, "writealltext" | "writeallbytes" | "writealllines" | "appendalltext" | "appendalllines") if is_file => {
                self.written(first?, second.cloned(), &name);
                Some(Value::default())
            }
            (
                "file" | "fileinfo" | "scripting.filesystemobject",
                "create" | "createtext" | "openwrite" | "appendtext" | "open" | "createtextfile" | "opentextfile",
            ) => {
                let path = first.cloned().or_else(|| receiver.and_then(path_of)).unwrap_or_default();
                Some(opened("textstream", &path))
            }
            ("scripting.filesystemobject", "getfile" | "getfolder" | "getdrive") => {
                if method == "getfolder" {
                    self.path_flow(Fact::Lists, Ability::List, first, &name);
                }
                Some(opened(if method == "getfile" { "file" } else { "folder" }, first?))
            }
            (
                "file" | "fileinfo" | "scripting.filesystemobject" | "filesystem",
                "copy" | "move" | "copyfile" | "movefile" | "replace" | "moveto" | "copyto" | "copyfolder"
                | "movefolder" | "rename",
            ) => {
                let own = receiver.and_then(path_of);
                let both = [own.as_ref(), first, second];
                both.into_iter()
                    .flatten()
                    .for_each(|path| self.path_flow(Fact::Deletes, Ability::Delete, Some(path), &name));
                None
            }
            (
                "file"
                | "directory"
                | "fileinfo"
                | "directoryinfo"
                | "folder"
                | "scripting.filesystemobject"
                | "filesystem",
                "delete" | "deletefile" | "deletefolder" | "kill",
            )
            | ("", "kill") => {
                let own = receiver.and_then(path_of);
                self.path_flow(
                    Fact::Deletes,
                    Ability::Delete,
                    first.filter(|first| first.control > Control::None).or(own.as_ref()),
                    &name,
                );
                None
            }
            (
                "file" | "filesystem",
                "readalltext" | "readallbytes" | "readalllines" | "opentext" | "openread" | "readlines",
            ) => {
                self.path_flow(Fact::Reads, Ability::Read, first, &name);
                let mut opened = opened("textstream", first?);
                opened.trail = Some(self.begin("file of the server", None, Strength::Stored, false));
                Some(if method.starts_with("open") {
                    Value { trail: None, ..opened }
                } else {
                    Value::sent(opened.trail, Control::None)
                })
            }
            _ => self.reads_files(class, method, receiver, arguments),
        }
    }

    /// Files are read, folders listed, what is open or uploaded is written.
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
                let trail = self.begin("file of the server", None, Strength::Stored, false);
                Some(Value::sent(Some(trail), Control::None))
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
    fn written(&mut self, path: &Value, content: Option<Value>, name: &Named<'_>) {
        let path = &self.settled(path);
        let content_trail =
            content.as_ref().and_then(Value::deep_trail).filter(|trail| trail.source.strength > Strength::Stored);
        let path_text = path.as_text();
        let is_own = matches!(path.known, Known::OwnPage);
        let runs = is_own
            || path_text
                .as_deref()
                .and_then(|path| path.rsplit_once('.'))
                .is_some_and(|(_, extension)| EXECUTABLE.contains(&&*extension.to_ascii_lowercase()));
        match content_trail {
            Some(trail) if trail.source.is_password && path.trail.is_none() => {
                self.note_flow(Fact::KeepsPasswords, Ability::Password, &trail, name)
            }
            Some(trail) if path.control >= Control::Web => {
                let fact = if path.control == Control::Whole { Fact::WritesAnywhere } else { Fact::WritesInSite };
                self.note_flow(fact, Ability::Write, &trail, name);
            }
            Some(trail) if runs && content.as_ref().is_some_and(|content| content.control == Control::Whole) => {
                self.note_flow(Fact::WritesAnywhere, Ability::Write, &trail, name);
            }
            Some(trail) if path.control == Control::Part || runs => {
                self.note_flow(Fact::WritesPartly, Ability::Write, &trail, name)
            }
            Some(_) => {}
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

    fn path_flow(&mut self, fact: Fact, ability: Ability, path: Option<&Value>, name: &Named<'_>) {
        let Some(path) = path else { return };
        let path = self.settled(path);
        if path.control < Control::Whole {
            return;
        }
        if let Some(trail) = path.deep_trail().filter(|trail| trail.source.strength == Strength::Sent) {
            self.note_flow(fact, ability, &trail, name);
        }
    }

    fn connects(&mut self, class: &str, method: &str, receiver: Option<&Value>, arguments: &[Value]) -> Option<Value> {
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
                    .filter(|address| address.class.as_deref() == Some(super::expressions::LOCAL_ADDRESS))
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
            _ => None,
        }
    }

    fn asks_database(
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
            _ => None,
        }
    }

    fn statement(&mut self, statement: Option<&Value>, name: &Named<'_>) {
        let Some(statement) = statement else { return };
        let is_net = matches!(self.language, Language::CSharp | Language::VisualBasic);
        let trail = statement.deep_trail().filter(|trail| trail.source.strength == Strength::Sent);
        if statement.class.as_deref() == Some(super::expressions::DATABASE_COMMAND) {
            match trail {
                Some(trail) => self.flow(Ability::Process, &trail, name),
                None => self.note(Fact::StartsFixed, name),
            }
            return;
        }
        if statement.control < Control::Whole {
            if trail.is_some() && is_net {
                self.note(Fact::PartStatement, name);
            }
            return;
        }
        if let Some(trail) = statement.deep_trail() {
            self.note_flow(Fact::AnyStatement, Ability::Database, &trail, name);
        }
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
            "processstartinfo" | "powershell" => {}
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
            _ => {}
        }
    }

    fn note_flow(&mut self, fact: Fact, ability: Ability, trail: &Rc<Trail>, sink: &Named<'_>) {
        self.facts.seen.insert(fact);
        self.flow(ability, trail, sink);
    }

    fn note(&mut self, fact: Fact, sink: &Named<'_>) {
        if self.facts.seen.insert(fact) {
            self.facts.sinks.push((fact, sink.to_string(), self.at));
        }
    }
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

fn starts_natively(entry: &str) -> bool {
    ["createprocess", "winexec", "shellexecute", "createremotethread", "ntcreateprocess", "_wsystem"]
        .iter()
        .any(|start| entry.starts_with(start))
        || entry == "system"
}

/// The path of what is open.
pub(super) fn path_of(value: &Value) -> Option<Value> {
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
