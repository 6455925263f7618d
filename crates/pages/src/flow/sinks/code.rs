//! Where code is run, programs are started, libraries are loaded.

use model::page::{Ability, Language};

use super::Named;
use crate::flow::value::{Control, Known, Strength, Value, stronger};
use crate::flow::{Fact, Follower, expressions};

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

impl Follower {
    pub(super) fn runs_code(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
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
            // Pages add scripts for the browser by methods of the same name.
            (_, "addscript")
                if arguments.first().is_some_and(|first| first.deep_trail().is_some() || first.as_text().is_none()) =>
            {
                arguments.first()
            }
            ("powershell" | "create" | "commands", "addscript")
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
        if matches!(code.class.as_deref(), Some(expressions::STATEMENT | expressions::OVER_TABLE)) {
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

    pub(super) fn starts(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Option<Value> {
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
    pub(super) fn starts_unnamed(&mut self, class: &str, method: &str, arguments: &[Value]) -> Option<Value> {
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

    pub(super) fn loads(
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
                        } else if method == "load" && first.is_some_and(is_hidden) {
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
}

/// Bytes of which nothing is known, or not all; a name would be text.
fn is_hidden(library: &Value) -> bool {
    matches!(library.known, Known::Nothing | Known::List(_))
}

fn starts_natively(entry: &str) -> bool {
    ["createprocess", "winexec", "shellexecute", "createremotethread", "ntcreateprocess", "_wsystem"]
        .iter()
        .any(|start| entry.starts_with(start))
        || entry == "system"
}
