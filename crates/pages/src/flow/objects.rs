//! Objects of Windows and .NET that pages make, as far as values go through them.

use std::cell::RefCell;
use std::rc::Rc;

use super::Follower;
use super::value::{Content, Control, Known, Strength, Value, last_name, stronger};
use crate::code::tree::Name;

/// Elements of an array that is made with a size.
const ELEMENTS_MAX: f64 = 100_000.0;

/// Classes of COM by their numbers, where an `<object>` names them so. Source: the registry of Windows.
const CLASS_IDS: &[(&str, &str)] = &[
    ("72c24dd5-d70a-438b-8a42-98424b88afb8", "wscript.shell"),
    ("f935dc22-1cf0-11d0-adb9-00c04fd58a0b", "wscript.shell"),
    ("13709620-c279-11ce-a49e-444553540000", "shell.application"),
    ("0d43fe01-f093-11cf-8940-00a0c9054228", "scripting.filesystemobject"),
    ("093ff999-1ea0-4079-9525-9614c3504b74", "wscript.network"),
    ("f935dc26-1cf0-11d0-adb9-00c04fd58a0b", "wscript.network"),
    ("00000566-0000-0010-8000-00aa006d2ea4", "adodb.stream"),
    ("00000514-0000-0010-8000-00aa006d2ea4", "adodb.connection"),
    ("00000535-0000-0010-8000-00aa006d2ea4", "adodb.recordset"),
    ("0e59f1d5-1fbe-11d0-8ff2-00a0d10038bc", "msscriptcontrol.scriptcontrol"),
    ("f6d90f16-9c73-11d3-b32e-00c04f990bb4", "microsoft.xmlhttp"),
    ("88d969c5-f192-11d4-a65f-0040963251e5", "msxml2.xmlhttp"),
];

/// The class that a program identifier, with or without its version, or a class number names.
pub(super) fn com_class(text: &str) -> Name {
    let lower = text.trim().to_ascii_lowercase();
    let bare = lower.trim_start_matches("clsid:").trim_start_matches("new:").trim_matches(['{', '}']);
    if let Some((_, class)) = CLASS_IDS.iter().find(|(id, _)| *id == bare) {
        return Rc::from(*class);
    }
    if bare.starts_with("winmgmts") {
        return Rc::from("winmgmts");
    }
    let name = bare.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    Rc::from(if name.is_empty() { bare } else { name })
}

impl Follower {
    /// Objects that are made by a function that is given their name.
    pub(super) fn made_by_name(&mut self, class: &str, method: &str, arguments: &[Value]) -> Option<Value> {
        let first = arguments.first();
        match (class, method) {
            ("", "getref") => {
                let name = crate::code::cursor::name_of(&first?.as_text()?);
                self.function(&name, 1).map(|function| Value::known(Known::Function(function)))
            }
            (
                _,
                "createobject"
                | "activexobject"
                | "createobjectfromclsid"
                | "getobject"
                | "gettypefromprogid"
                | "gettypefromclsid"
                | "bindtomoniker",
            ) => {
                if let Some(directory) = first.and_then(|first| self.directory(first)) {
                    return Some(directory);
                }
                let text = first.and_then(Value::as_text);
                Some(text.map_or_else(
                    || Value::sent(first.and_then(Value::deep_trail), Control::Part),
                    |text| com_object(&com_class(&text)),
                ))
            }
            ("type" | "assembly", "gettype") => {
                let name = crate::code::cursor::name_of(&first?.as_text()?);
                let name = name.split(',').next().unwrap_or_default().trim();
                Some(Value { class: Some(Rc::from(format!("type:{name}"))), ..Value::default() })
            }
            ("activator", "createinstance") => {
                let class = first?.class()?;
                let class = class.strip_prefix("type:").unwrap_or(class);
                Some(com_object(&Rc::from(class)))
            }
            (_, "createdelegate") => arguments.last().cloned(),
            ("server" | "hostingenvironment" | "request" | "", "mappath") => Some(mapped(first)),
            ("path", "getdirectoryname" | "getfullpath" | "getpathroot") => match &first?.known {
                Known::OwnPage if method == "getfullpath" => first.cloned(),
                Known::OwnPage => Some(Value::known(Known::WebFolder)),
                _ => first
                    .filter(|first| matches!(first.known, Known::WebFolder) || first.control > Control::None)
                    .cloned(),
            },
            ("path", "combine") => {
                let mut value = arguments.first().cloned().unwrap_or_default();
                for part in arguments.iter().skip(1) {
                    let slash = Value::text("\\");
                    value = self.operate(value, crate::code::tree::Operator::Join, &slash);
                    value = self.operate(value, crate::code::tree::Operator::Join, part);
                }
                Some(value)
            }
            _ => None,
        }
    }

    /// Objects whose making matters for what goes through them. `None`: an ordinary one.
    pub(super) fn made(&mut self, class: &str, arguments: &[Value]) -> Option<Value> {
        let first = arguments.first();
        match class {
            "activexobject" => {
                let text = first.and_then(Value::as_text);
                if text.is_none() {
                    self.sink("", "createobject", None, arguments);
                }
                Some(text.map_or_else(
                    || Value::sent(first.and_then(Value::deep_trail), Control::Part),
                    |text| com_object(&com_class(&text)),
                ))
            }
            "directoryentry" => self.directory(first?),
            // An address is what it is made of.
            "uri" => first.cloned(),
            "function" => self.sink("", "function", None, arguments),
            "string" => {
                let known =
                    super::data::joined_letters(first?).or_else(|| first?.as_text().map(|text| text.to_string()))?;
                Some(Value { trail: first?.trail.clone(), ..Value::text(known) })
            }
            "[]" | "array" => {
                let size = first.and_then(Value::as_number).filter(|_| arguments.len() == 1);
                let list = match size {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is limited")]
                    Some(size) if (0.0..=ELEMENTS_MAX).contains(&size) => vec![Value::number(0.0); size as usize],
                    Some(_) => Vec::new(),
                    None => arguments.to_vec(),
                };
                Some(Value::list(list))
            }
            "list" | "arraylist" | "queue" | "stack" | "linkedlist" => {
                let elements = match first.map(|first| &first.known) {
                    Some(Known::List(list)) => list.borrow().clone(),
                    _ => first.filter(|first| first.trail.is_some()).cloned().into_iter().collect(),
                };
                Some(Value::list(elements))
            }
            "stringbuilder" => {
                let text =
                    first.and_then(|first| matches!(first.known, Known::Text(_)).then(|| first.as_text()).flatten());
                Some(filled(class, Some(Content::Text(text.map(|text| text.to_string()).unwrap_or_default())), first))
            }
            "memorystream" => Some(filled(
                class,
                first
                    .and_then(Value::as_bytes)
                    .map(|bytes| Content::Bytes(bytes.to_vec()))
                    .or(Some(Content::Bytes(Vec::new()))),
                first,
            )),
            "deflatestream" | "gzipstream" => {
                let inner = first?.as_object()?;
                let bytes = inner.content.borrow().clone();
                let plain = match bytes {
                    Some(Content::Bytes(bytes)) => {
                        super::data::inflate(&bytes, class == "gzipstream").map(Content::Bytes)
                    }
                    _ => None,
                };
                Some(filled(class, plain, first))
            }
            _ => made_over(class, first?),
        }
    }

    /// Methods of objects of which nothing more is known.
    pub(super) fn object_method(&mut self, value: &Value, name: &Name, arguments: &[Value]) -> Value {
        let class = value.class().unwrap_or_default().to_owned();
        let settled: Vec<Value> = arguments.iter().map(|argument| self.settled(argument)).collect();
        // `InvokeMember("Run", …, object, arguments)` of a class of COM.
        if &**name == "invokemember"
            && super::value::is_com(&class)
            && let Some(method) = settled.first().and_then(Value::as_text)
        {
            let method = crate::code::cursor::name_of(&method);
            let given = unpacked(settled.last());
            return self.sink(&class, &method, Some(value), &given).unwrap_or_default();
        }
        if let Some(result) = reflected(&class, name, &settled) {
            return match result {
                Reflected::Is(value) => value,
                Reflected::Member(name) => {
                    let of = settled_or_path(arguments, &settled);
                    self.member(&of, &name)
                }
                Reflected::Call(path, arguments) => self.call_path(&path, &arguments),
            };
        }
        if matches!(&**name, "read" | "receive")
            && let Some(trail) = value.deep_trail()
        {
            super::calls::fill(&settled, &trail);
        }
        if let Some(object) = value.as_object()
            && let Some(result) = filled_method(object, name, &settled)
        {
            object.absorb(settled.iter().find_map(Value::deep_trail));
            let trail = stronger(result.trail.clone(), value.deep_trail());
            return Value { trail, ..result };
        }
        if let (Some(object), true) = (value.as_object(), settled.len() <= 2)
            && matches!(&**name, "add" | "item" | "get_item" | "get" | "set_item" | "setvalue")
        {
            let key = settled.first().and_then(Value::as_text).map(|key| key.to_ascii_lowercase());
            match (key, settled.get(1)) {
                (Some(key), Some(value)) => object.set(&key, value.clone()),
                (Some(key), None) => {
                    if let Some(found) = object.member(&key) {
                        return found;
                    }
                    // Under keys that are not known, what was sent was put into it.
                    let trail = value.deep_trail().filter(|_| &*class == "scripting.dictionary");
                    if trail.is_some() {
                        return Value::sent(trail, Control::Whole);
                    }
                }
                _ => {}
            }
        }
        let chained = matches!(&*class, "winmgmts" | "msxml2.domdocument" | "microsoft.xmldom");
        let result = self.unknown_result(&class, name, Some(value), &settled);
        if chained {
            let made = Value::object(class);
            return Value { trail: result.trail, ..made };
        }
        let is_object = result.trail.is_none()
            && matches!(
                &**name,
                "getresponse"
                    | "getresponsestream"
                    | "createpipeline"
                    | "open"
                    | "getrequeststream"
                    | "getstream"
                    | "createelement"
                    | "createcommand"
                    | "create"
            );
        if is_object { Value::object(name.clone()) } else { result }
    }

    /// What an object fetched from elsewhere, or holds in another form.
    pub(super) fn fetched_member(&mut self, class: &str, name: &str, object: &super::value::Object) -> Option<Value> {
        let is_answer = matches!(name, "responsetext" | "responsebody" | "responsestream" | "responsexml");
        if is_answer {
            let trail = self.begin("answer of another machine", None, Strength::Fetched, false);
            let trail = stronger(
                Some(trail),
                object
                    .absorbed
                    .borrow()
                    .clone()
                    .filter(|trail| trail.source.strength == Strength::Sent && trail.source.is_upload),
            );
            return Some(Value::sent(trail, Control::Whole));
        }
        if matches!(name, "nodetypedvalue" | "text" | "nodevalue") && !class.is_empty() {
            let text = object.member("text").or_else(|| object.member("nodetypedvalue"))?;
            let kind = object.member("datatype").and_then(|kind| kind.as_text())?;
            let plain = text.as_text();
            let known = match (&*kind, plain) {
                ("bin.base64", Some(plain)) if name == "nodetypedvalue" => {
                    super::data::base64(&plain).map(Value::bytes)
                }
                ("bin.hex", Some(plain)) if name == "nodetypedvalue" => super::data::hex(&plain).map(Value::bytes),
                _ => None,
            };
            let value = known.unwrap_or_default();
            return Some(Value { trail: text.trail.clone(), control: text.control, ..value });
        }
        None
    }
}

/// Streams and readers over something else.
fn made_over(class: &str, inner: &Value) -> Option<Value> {
    match class {
        "cryptostream" | "bufferedstream" => Some(filled(class, None, Some(inner))),
        "streamreader" | "binaryreader" | "stringreader"
            // A reader of a path reads a file; a reader of what is sent, that.
            if inner.as_object().is_some()
                || inner.trail.is_some() && (class != "streamreader" || inner.class() == Some("stream")) =>
        {
            let content = inner.as_object().and_then(|object| object.content.borrow().clone());
            Some(filled(class, content, Some(inner)))
        }
        _ => None,
    }
}

fn com_object(class: &Name) -> Value {
    let object = super::value::Object {
        class: super::value::Name_(if super::value::is_com(class) { class.clone() } else { last_name(class) }),
        ..Default::default()
    };
    Value::known(Known::Object(Rc::new(object)))
}

/// The path on the disk of a path of the site.
fn mapped(path: Option<&Value>) -> Value {
    let Some(path) = path else { return Value::known(Known::WebFolder) };
    if let Some(text) = path.as_text() {
        let is_root = text.trim_matches(['.', '/', '\\', '~', ' ']).is_empty();
        return if is_root {
            Value::known(Known::WebFolder)
        } else {
            Value { known: Known::Text(text), ..Value::default() }
        };
    }
    match &path.known {
        Known::Path(_) | Known::Nothing if path.trail.is_none() => {
            Value { known: Known::WebFolder, class: path.class.clone(), ..Value::default() }
        }
        Known::WebFolder | Known::OwnPage => path.clone(),
        _ => Value { class: path.class.clone(), ..Value::sent(path.trail.clone(), path.control.min(Control::Web)) },
    }
}

fn filled(class: &str, content: Option<Content>, from: Option<&Value>) -> Value {
    let object = super::value::Object {
        class: super::value::Name_(Rc::from(class)),
        content: RefCell::new(content),
        ..Default::default()
    };
    object.absorb(from.and_then(Value::deep_trail));
    if let Some(path) = from.and_then(Value::as_object).and_then(|inner| inner.member("path")) {
        object.set("path", path);
    }
    Value::known(Known::Object(Rc::new(object)))
}

/// Builders and streams: what goes in, comes out.
fn filled_method(object: &super::value::Object, name: &str, arguments: &[Value]) -> Option<Value> {
    let first = arguments.first();
    match name {
        "append" | "appendformat" | "appendline" | "write" | "writetext" | "writebyte" | "writeline"
            if object.content.borrow().is_some() || name.starts_with("write") =>
        {
            let mut content = object.content.borrow_mut();
            *content = match (content.take(), first) {
                (Some(Content::Text(mut text)), Some(first)) if text.len() < super::expressions::TEXT_BYTES_MAX => {
                    let more =
                        super::data::joined_letters(first).or_else(|| first.as_text().map(|text| text.to_string()));
                    more.map(|more| {
                        text.push_str(&more);
                        Content::Text(text)
                    })
                }
                (Some(Content::Bytes(mut bytes)), Some(first)) if bytes.len() < super::expressions::TEXT_BYTES_MAX => {
                    let more = first.as_bytes().map(|more| more.to_vec());
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a byte is written")]
                    let more = more.or_else(|| first.as_code().map(|code| vec![code as u8]));
                    more.map(|more| {
                        bytes.extend(more);
                        Content::Bytes(bytes)
                    })
                }
                (None, Some(first)) => first
                    .as_bytes()
                    .map(|bytes| Content::Bytes(bytes.to_vec()))
                    .or_else(|| first.as_text().map(|text| Content::Text(text.to_string()))),
                (content, _) => content,
            };
            Some(Value { control: first.map_or(Control::None, |first| first.control), ..Value::default() })
        }
        "tostring" | "readtoend" | "toarray" | "getbuffer" | "readtext" | "readall" | "read" => {
            let content = object.content.borrow();
            let known = match &*content {
                Some(Content::Text(text)) => Known::Text(Rc::from(text.as_str())),
                Some(Content::Bytes(bytes)) if matches!(name, "readtoend" | "readtext") => {
                    Known::Text(String::from_utf8_lossy(bytes).into())
                }
                Some(Content::Bytes(bytes)) => Known::Bytes(Rc::from(bytes.as_slice())),
                None => Known::Nothing,
            };
            let trail = object.absorbed.borrow().clone();
            let known = if trail.is_some() { Known::Nothing } else { known };
            let control = if trail.is_some() { Control::Whole } else { Control::None };
            Some(Value { known, trail, control, class: None })
        }
        "copyto" => {
            let target = first?.as_object()?;
            // A stream may be copied to itself.
            let content = object.content.borrow().clone();
            *target.content.borrow_mut() = content;
            let absorbed = object.absorbed.borrow().clone();
            target.absorb(absorbed);
            Some(Value::default())
        }
        _ => None,
    }
}

/// What a member is asked of: a name of the request stays one.
fn settled_or_path(arguments: &[Value], settled: &[Value]) -> Value {
    match arguments.first() {
        Some(path) if matches!(path.known, Known::Path(_)) => path.clone(),
        _ => settled.first().cloned().unwrap_or_default(),
    }
}

enum Reflected {
    Is(Value),
    /// A property by its name.
    Member(Name),
    Call(Name, Vec<Value>),
}

/// `Type.GetType("A.B").GetMethod("C").Invoke(null, new object[] {…})` is `A.B.C(…)`.
fn reflected(class: &str, name: &str, arguments: &[Value]) -> Option<Reflected> {
    if let Some(property) = class.strip_prefix("property:").filter(|_| name == "getvalue") {
        return Some(Reflected::Member(Rc::from(property)));
    }
    if matches!(name, "getproperty" | "getfield") {
        let property = crate::code::cursor::name_of(&arguments.first()?.as_text()?);
        let class = Some(Rc::from(format!("property:{property}")));
        return Some(Reflected::Is(Value { class, ..Value::default() }));
    }
    let is_unknown = class.is_empty() || class == "gettype";
    let unknown = (is_unknown && name == "getmethod").then_some("?");
    let class = class.strip_prefix("type:").or_else(|| class.strip_prefix("method:")).or(unknown)?;
    match name {
        "createdelegate" => {
            Some(Reflected::Is(Value { class: Some(Rc::from(format!("method:{class}"))), ..Value::default() }))
        }
        "getmethod" | "getconstructor" => {
            let method = crate::code::cursor::name_of(&arguments.first()?.as_text()?);
            let class = Rc::from(format!("method:{class}.{method}"));
            Some(Reflected::Is(Value { class: Some(class), ..Value::default() }))
        }
        "invokemember" => {
            let method = crate::code::cursor::name_of(&arguments.first()?.as_text()?);
            Some(Reflected::Call(Rc::from(format!("{class}.{method}")), unpacked(arguments.last())))
        }
        "invoke" => Some(Reflected::Call(Rc::from(class), unpacked(arguments.last()))),
        _ => None,
    }
}

fn unpacked(arguments: Option<&Value>) -> Vec<Value> {
    match arguments.map(|arguments| &arguments.known) {
        Some(Known::List(list)) => list.borrow().clone(),
        _ => arguments.cloned().into_iter().collect(),
    }
}
