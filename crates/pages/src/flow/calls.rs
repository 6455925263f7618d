//! Calls, members and elements: who is asked, and what comes back.

use std::rc::Rc;

use super::Follower;
use super::value::{Control, Known, Value, last_name, stronger};
use crate::code::token::At;
use crate::code::tree::{Expression, Function, Name};

/// Collections in which a page keeps something for later requests, or for later on.
const STORES: &[&str] = &["session", "application", "viewstate", "cache", "items", "contents"];

/// Names joined by dots that are longer than this stand for nothing.
const PATH_BYTES_MAX: usize = 1_000;

/// Methods that put what they read into what they are handed.
const READERS: &[&str] = &[
    "copyto",
    "copytoasync",
    "writeto",
    "read",
    "receive",
    "readasync",
    "blockcopy",
    "copy",
    "readexactly",
    "receivefrom",
    "beginread",
];

/// Variables of the server that are the path of the page itself.
const OWN_PATHS: &[&str] = &["script_name", "path_translated", "url", "path_info"];

impl Follower {
    /// `value.name(arguments)`
    pub(super) fn method(&mut self, value: &Value, name: &Name, arguments: &[Expression], at: At) -> Value {
        if let Known::Path(path) = &value.known
            && (self.is_page_class(path) || matches!(&**path, "this" | "page" | "me" | "base"))
            && let Some(function) = self.function(name, arguments.len())
        {
            return self.call_page(&function, arguments, at);
        }
        let is_foreign = value.class().is_some_and(|class| !class.is_empty() && !self.is_page_class(class));
        if !matches!(value.known, Known::Path(_) | Known::Text(_) | Known::List(_) | Known::Bytes(_))
            && !is_foreign
            && let Some(function) = self.function(name, arguments.len())
        {
            return self.call_page(&function, arguments, at);
        }
        // `x.member(key)` of an object that the page made.
        let members = value.as_object().and_then(|object| object.member(name));
        let arguments = self.arguments(arguments);
        self.at = at;
        if let Some(Value { known: Known::Function(_) | Known::Path(_), .. }) = &members {
            return self.call_value(&members.unwrap_or_default(), arguments);
        }
        self.method_of(value, name, &arguments)
    }

    fn method_of(&mut self, value: &Value, name: &Name, arguments: &[Value]) -> Value {
        // `upload.SaveAs(path)`: the control stands for what is uploaded.
        if let Known::Path(path) = &value.known
            && let Some(upload) = self.control(path, "postedfile")
            && let Some(result) = self.sink("httppostedfile", name, Some(&upload), arguments)
        {
            return result;
        }
        match &value.known {
            Known::Path(path) => {
                let path: Name = if matches!(&**path, "this" | "page" | "me" | "base") {
                    name.clone()
                } else {
                    Rc::from(format!("{path}.{name}"))
                };
                self.call_path(&path, arguments)
            }
            Known::Function(function)
                if matches!(&**name, "call" | "apply" | "invoke" | "begininvoke" | "dynamicinvoke") =>
            {
                let skip = usize::from(matches!(&**name, "call" | "apply"));
                self.call(&function.clone(), arguments.get(skip..).unwrap_or_default().to_vec())
            }
            _ => {
                // A method of something unknown is no function of the language.
                let class = value.class().filter(|class| !class.is_empty()).unwrap_or("?").to_owned();
                if let Some(result) = self.sink(&class, name, Some(value), arguments) {
                    return result;
                }
                if let Some(result) = self.data_method(value, name, arguments) {
                    return result;
                }
                self.object_method(value, name, arguments)
            }
        }
    }

    /// Calls what a value stands for; in Basic an element of a list looks the same.
    pub(super) fn call_value(&mut self, value: &Value, arguments: Vec<Value>) -> Value {
        match &value.known {
            Known::Function(function) => self.call(&function.clone(), arguments),
            Known::Path(path) => {
                let path = path.clone();
                self.call_path(&path, &arguments)
            }
            _ => match value.class.as_deref().and_then(|class| class.strip_prefix("method:")) {
                Some(method) => {
                    let method = Rc::from(method);
                    self.call_path(&method, &arguments)
                }
                None if arguments.is_empty() => value.clone(),
                None => self.index(value, &arguments),
            },
        }
    }

    /// Calls something that the page does not declare.
    pub(super) fn call_path(&mut self, path: &Name, arguments: &[Value]) -> Value {
        if let Some(value) = self.of_request(path, arguments) {
            return value;
        }
        let mut names = path.rsplit('.');
        let method = names.next().unwrap_or_default();
        let class = names.next().unwrap_or_default();
        if STORES.contains(&method) && !arguments.is_empty() {
            return self.stored(method, arguments);
        }
        if STORES.contains(&class) && matches!(method, "item" | "contents" | "get") {
            return self.stored(class, arguments);
        }
        if let Some(class) = self.aliases.get(class).cloned() {
            let long: Name = Rc::from(format!("{class}.{method}"));
            return self.call_long_path(&long, arguments);
        }
        self.call_long_path(path, arguments)
    }

    fn call_long_path(&mut self, path: &Name, arguments: &[Value]) -> Value {
        let mut names = path.rsplit('.');
        let method: Name = Rc::from(names.next().unwrap_or_default());
        let class = names.next().unwrap_or_default().to_owned();
        if let Some(result) = self.sink(&class, &method, None, arguments) {
            return result;
        }
        if let Some(result) = self.made_by_name(&class, &method, arguments) {
            return result;
        }
        let settled: Vec<Value> = arguments.iter().map(|argument| self.settled(argument)).collect();
        if let Some(result) = super::data::call(self, &class, &method, &settled) {
            return result;
        }
        self.unknown_result(&class, &method, None, &settled)
    }

    /// The request, asked for something.
    fn of_request(&mut self, path: &Name, arguments: &[Value]) -> Option<Value> {
        let rest = super::sources::behind_request(path)?;
        let last = rest.rsplit('.').next().unwrap_or_default();
        if matches!(last, "mappath" | "saveas" | "validateinput" | "abort") {
            return None;
        }
        if let Some(variable) = arguments.first().and_then(Value::as_text).filter(|_| last == "servervariables")
            && OWN_PATHS.contains(&&*variable.to_ascii_lowercase())
        {
            return Some(Value::known(Known::OwnPage));
        }
        let trail = self.source(path, arguments.first())?;
        if READERS.contains(&last) {
            fill(arguments, &trail);
        }
        let is_file = trail.source.is_upload;
        let is_stream = super::sources::STREAMS.iter().any(|name| path.ends_with(name));
        let class = match (is_stream, is_file) {
            (true, _) => Some(Rc::from("stream")),
            (false, true) => Some(Rc::from("httppostedfile")),
            _ => None,
        };
        let control = if rest.starts_with("servervariables") { Control::Part } else { Control::Whole };
        Some(Value { class, ..Value::sent(Some(trail), control) })
    }

    /// What the page stored under a key. It may have been another request that stored it.
    fn stored(&mut self, store: &str, arguments: &[Value]) -> Value {
        let key = arguments.first().and_then(Value::as_text).unwrap_or_else(|| Rc::from("*"));
        let name = format!("{store}:{}", key.to_ascii_lowercase());
        self.state.global(&name).cloned().unwrap_or_default()
    }

    fn store(&mut self, store: &str, arguments: &[Value], value: Value) {
        let key = arguments.first().and_then(Value::as_text).unwrap_or_else(|| Rc::from("*"));
        let name: Name = Rc::from(format!("{store}:{}", key.to_ascii_lowercase()));
        let before = self.state.global(&name).cloned();
        let value = before.map_or(value.clone(), |before| before.or(&value));
        self.state.set_global(&name, value);
    }

    /// `value.name`
    pub(super) fn member(&mut self, value: &Value, name: &Name) -> Value {
        self.asked_for(name);
        // Whatever a page calls it: what has a request is the page, its context or a handler's.
        let is_request = matches!(&**name, "request" | "_request");
        if is_request && value.as_object().is_none_or(|object| object.member(name).is_none()) {
            return Value::path("request");
        }
        match &value.known {
            Known::Path(path) => {
                if matches!(&**path, "this" | "page" | "me" | "base") {
                    return self.name(name);
                }
                if path.len() > PATH_BYTES_MAX {
                    return Value::default();
                }
                let path: Name = Rc::from(format!("{path}.{name}"));
                self.path_member(path)
            }
            Known::Text(_) | Known::List(_) | Known::Bytes(_) => {
                self.data_method(value, name, &[]).unwrap_or_else(|| Value::sent(value.trail.clone(), value.control))
            }
            Known::Object(object) => {
                if let Some(found) = object.member(name) {
                    return found;
                }
                self.object_member(value, name)
            }
            _ => {
                if is_count(name) {
                    return Value::default();
                }
                let class = value.class.as_ref().map(|_| name.clone());
                Value { class, ..Value::sent(value.trail.clone(), value.control) }
            }
        }
    }

    fn path_member(&mut self, path: Name) -> Value {
        let mut names = path.rsplit('.');
        let (last, holder) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        if let Some(value) = self.control(holder, last) {
            return value;
        }
        if let Some(value) = super::data::static_member(holder, last) {
            return value;
        }
        if self.is_page_class(holder)
            && let Some(value) = self.state.get(last)
        {
            return value.clone();
        }
        // A property that the page declares.
        if holder.is_empty() || self.is_page_class(holder) {
            return self.name(&Rc::from(last));
        }
        if super::sources::behind_request(&path).is_none() {
            if matches!(last, "readyresponse" | "physicalapplicationpath") {
                return Value::known(Known::WebFolder);
            }
        } else if last == "physicalapplicationpath" {
            return Value::known(Known::WebFolder);
        } else if matches!(last, "physicalpath" | "filepath" | "currentexecutionfilepath") {
            return Value::known(Known::OwnPage);
        }
        if holder == "currentdomain" && last == "basedirectory" {
            return Value::known(Known::WebFolder);
        }
        Value::path(path)
    }

    /// A member of an object to which nothing has been given.
    fn object_member(&mut self, value: &Value, name: &Name) -> Value {
        let Some(object) = value.as_object() else { return Value::default() };
        let class = object.class.0.clone();
        if let Some(result) = self.fetched_member(&class, name, object) {
            return result;
        }
        if is_count(name) {
            return Value::default();
        }
        let of_path = matches!(
            &**name,
            "directoryname" | "fullname" | "directory" | "parent" | "root" | "path" | "name" | "parentfolder"
        );
        if let Some(path) = super::sinks::path_of(value).filter(|path| {
            of_path && (path.control > Control::None || matches!(path.known, Known::WebFolder | Known::OwnPage))
        }) {
            return path;
        }
        // What needs no arguments may stand without parentheses: `stream.ReadAll`.
        if let Some(result) = self.sink(&class, name, Some(value), &[]) {
            return result;
        }
        if let Some(result) = self.data_method(value, name, &[]) {
            return result;
        }
        if self.is_page_class(&class) {
            return self.state.global(name).cloned().unwrap_or_default();
        }
        let trail = object.absorbed.borrow().clone();
        let child = Value { trail, ..Value::object(name.clone()) };
        let control = if child.trail.is_some() { Control::Part } else { Control::None };
        let child = Value { control, ..child };
        object.set(name, child.clone());
        child
    }

    pub(super) fn set_member(&mut self, holder: &Value, name: &Name, value: Value) {
        self.sink_member(holder, name, &value);
        match &holder.known {
            Known::Object(object) => {
                if &**name == "length" && matches!(&value.known, Known::Number(number) if *number == 0.0) {
                    *object.content.borrow_mut() = None;
                }
                if self.is_page_class(&object.class.0) {
                    // The methods of its class see it by its name alone.
                    self.state.set_global(name, value.clone());
                }
                object.set(name, value);
            }
            Known::Path(path) if matches!(&**path, "this" | "me" | "page" | "base") => {
                self.state.set_global(name, value)
            }
            Known::Path(path) if self.is_page_class(path) => self.state.set_global(name, value),
            _ => {}
        }
    }

    pub(super) fn set_element(&mut self, holder: &Value, arguments: &[Value], value: Value) {
        match &holder.known {
            Known::List(list) => {
                let at = arguments.first().and_then(Value::as_number);
                let mut list = list.borrow_mut();
                match at {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is limited")]
                    Some(at) if (0.0..1e5).contains(&at) => {
                        let at = at as usize;
                        if at >= list.len() {
                            list.resize(at + 1, Value::known(Known::Null));
                        }
                        if let Some(slot) = list.get_mut(at) {
                            *slot = value;
                        }
                    }
                    // Somewhere in it.
                    _ if value.trail.is_some() => list.push(value),
                    _ => {}
                }
            }
            Known::Path(path) => {
                let last = path.rsplit('.').next().unwrap_or_default();
                if STORES.contains(&last) {
                    let last = last.to_owned();
                    self.store(&last, arguments, value);
                }
            }
            Known::Object(object) => match arguments.first().and_then(Value::as_text) {
                Some(key) => object.set(&key.to_ascii_lowercase(), value),
                None => object.absorb(value.deep_trail()),
            },
            _ => {}
        }
    }

    /// `value[arguments]`
    pub(super) fn index(&mut self, value: &Value, arguments: &[Value]) -> Value {
        let first = arguments.first();
        if let Some(Known::Text(text)) = first.map(|first| &first.known) {
            self.asked_for(text);
        }
        match &value.known {
            Known::Path(path) => {
                let path = path.clone();
                if path.ends_with("connectionstrings")
                    && let Some(trail) = first.map(|first| self.settled(first)).and_then(|first| first.deep_trail())
                {
                    let class = Some(Rc::from(super::sinks::CONNECTION_STRING));
                    return Value { class, ..Value::sent(Some(trail), Control::None) };
                }
                if let Some(value) = self.of_request(&path, arguments) {
                    return value;
                }
                let last = path.rsplit('.').next().unwrap_or_default();
                if STORES.contains(&last) {
                    let last = last.to_owned();
                    return self.stored(&last, arguments);
                }
                // `this["eval"]`, `String["fromCharCode"]`
                match first.and_then(Value::as_text) {
                    Some(name) if !name.is_empty() => {
                        let name = crate::code::cursor::name_of(&name);
                        self.member(value, &name)
                    }
                    _ => Value::sent(first.and_then(Value::deep_trail), Control::Part),
                }
            }
            Known::Object(object) => {
                let key = first.and_then(Value::as_text);
                match key.and_then(|key| object.member(&key.to_ascii_lowercase())) {
                    Some(found) => found,
                    None => {
                        let trail = value.deep_trail();
                        let control = if trail.is_some() { Control::Whole } else { Control::None };
                        let class = (&*object.class.0 == "httpfilecollection").then(|| Rc::from("httppostedfile"));
                        Value { class, ..Value::sent(trail, control) }
                    }
                }
            }
            _ => match super::data::element(value, first) {
                Some(element) => {
                    // What was set somewhere in the list may be what stands here.
                    let is_unset = matches!(element.known, Known::Null)
                        || matches!(&element.known, Known::Number(number) if *number == 0.0);
                    let trail = if is_unset { value.deep_trail() } else { value.trail.clone() };
                    match trail {
                        Some(trail) if is_unset => Value::sent(Some(trail), Control::Whole),
                        trail => Value { trail: stronger(element.trail, trail), ..element },
                    }
                }
                None => Value { class: value.class.clone(), ..Value::sent(value.deep_trail(), value.control) },
            },
        }
    }

    /// `new Class(arguments) { members }`
    pub(super) fn new_object(
        &mut self,
        class: &Name,
        arguments: &[Expression],
        members: &[(Option<Name>, Expression)],
        at: At,
    ) -> Value {
        let class = self.aliases.get(class).cloned().unwrap_or_else(|| class.clone());
        let arguments: Vec<Value> = arguments.iter().map(|argument| self.evaluate(argument)).collect();
        let arguments: Vec<Value> = arguments.iter().map(|argument| self.settled(argument)).collect();
        self.at = at;
        let short = last_name(&class);
        // `new Func<A, B>(function)` is the function.
        if let [Value { known: Known::Function(_), .. }] = arguments.as_slice()
            && !self.is_page_class(&short)
        {
            return arguments.into_iter().next().unwrap_or_default();
        }
        let made = match self.made(&short, &arguments) {
            Some(made) => made,
            None if self.is_page_class(&short) => {
                let made = Value::object(short.clone());
                if let Some(constructor) = self.function(&short, arguments.len()) {
                    self.call(&constructor, arguments);
                }
                made
            }
            None => {
                let made = Value::object(short.clone());
                if let Some(object) = made.as_object() {
                    object.absorb(arguments.iter().find_map(Value::deep_trail));
                    for (number, argument) in arguments.iter().enumerate() {
                        object.set(&format!("argument {number}"), argument.clone());
                    }
                }
                self.constructed(&short, &arguments);
                made
            }
        };
        for (name, value) in members {
            let value = self.evaluate(value);
            let value = self.settled(&value);
            match name {
                Some(name) => self.set_member(&made, name, value),
                None => {
                    if let Known::List(list) = &made.known {
                        list.borrow_mut().push(value);
                    } else if let Some(object) = made.as_object() {
                        object.absorb(value.deep_trail());
                        // `new Dictionary<A, B> { { key, value } }`
                        if let Known::List(pair) = &value.known
                            && let [key, value] = pair.borrow().as_slice()
                            && let Some(key) = key.as_text()
                        {
                            object.set(&key.to_ascii_lowercase(), value.clone());
                        }
                    }
                }
            }
        }
        made
    }

    /// A function of a library of Windows.
    pub(super) fn native(&mut self, function: &Rc<Function>, arguments: &[Value]) -> Value {
        let entry = function.native.clone().unwrap_or_else(|| Rc::from(""));
        self.facts.natives.insert(entry.to_string());
        self.called.insert(function.at);
        self.sink("native", &entry, None, arguments).unwrap_or_default()
    }

    /// What comes back of something of which nothing is known: what went in may come out.
    pub(super) fn unknown_result(
        &mut self,
        class: &str,
        method: &str,
        receiver: Option<&Value>,
        arguments: &[Value],
    ) -> Value {
        if is_harmless(class, method) {
            return Value::default();
        }
        let own = receiver.and_then(Value::deep_trail);
        let trail = arguments.iter().fold(own, |found, argument| stronger(found, argument.deep_trail()));
        if let Some(object) = receiver.and_then(Value::as_object) {
            object.absorb(arguments.iter().find_map(Value::deep_trail));
        }
        // What is read goes into the buffer that was handed over.
        if READERS.contains(&method)
            && let Some(trail) = &trail
        {
            fill(arguments, trail);
        }
        // What a database answers is its own, whatever was asked.
        if matches!(method, "execute" | "executereader" | "executescalar") && trail.is_some() {
            let stored = self.begin("database of the server", None, super::value::Strength::Stored, false);
            return Value::sent(Some(stored), Control::None);
        }
        let control = match (receiver, arguments.first()) {
            (Some(receiver), _) if receiver.control > Control::None => receiver.control,
            (_, Some(first)) => first.control,
            _ => Control::None,
        };
        if matches!(method, "asc" | "ascb" | "ascw" | "charcodeat") {
            return Value { class: Some(Rc::from(super::expressions::LETTER)), ..Value::sent(trail, Control::Part) };
        }
        let control = if matches!(method, "getfilename" | "getextension" | "getfilenamewithoutextension") {
            Control::Part
        } else {
            control
        };
        Value::sent(trail, control.max(Control::None))
    }

    pub(super) fn is_page_class(&self, class: &str) -> bool {
        let short = class.rsplit('.').next().unwrap_or(class);
        self.classes.contains(short)
    }
}

/// What is read goes into the lists that were handed over.
pub(super) fn fill(arguments: &[Value], trail: &Rc<super::value::Trail>) {
    for argument in arguments {
        if let Known::Object(object) = &argument.known {
            object.absorb(Some(trail.clone()));
        }
        if let Known::List(list) = &argument.known {
            let mut list = list.borrow_mut();
            let is_filled = list.last().is_some_and(|last| last.trail.is_some());
            if !is_filled {
                list.push(Value::sent(Some(trail.clone()), Control::Whole));
            }
        }
    }
}

/// Members that are numbers.
fn is_count(name: &str) -> bool {
    matches!(name, "length" | "count" | "size" | "contentlength" | "totalbytes" | "hasfile" | "haskeys" | "eof" | "bof")
}

/// Functions that give a number, a date, a truth; or what they look up is not handed on.
const HARMLESS: &[&str] = &[
    "abs",
    "all",
    "any",
    "cbool",
    "cbyte",
    "cdate",
    "cdbl",
    "cint",
    "clng",
    "compare",
    "compareto",
    "computehash",
    "contains",
    "containskey",
    "csng",
    "dateadd",
    "datediff",
    "day",
    "endswith",
    "equals",
    "exists",
    "fileexists",
    "fix",
    "folderexists",
    "gethashcode",
    "hashpasswordforstoringinconfigfile",
    "haskey",
    "hasvalue",
    "hour",
    "indexof",
    "instr",
    "instrrev",
    "int",
    "isarray",
    "isdate",
    "isdbnull",
    "isempty",
    "isinrole",
    "ismatch",
    "isnan",
    "isnull",
    "isnullorempty",
    "isnullorwhitespace",
    "isnumeric",
    "isobject",
    "isreference",
    "lastindexof",
    "lbound",
    "len",
    "lenb",
    "minute",
    "month",
    "parsefloat",
    "parseint",
    "round",
    "second",
    "sgn",
    "sqr",
    "startswith",
    "strcomp",
    "test",
    "toboolean",
    "tobyte",
    "todatetime",
    "todecimal",
    "todouble",
    "toint16",
    "toint32",
    "toint64",
    "tosingle",
    "tryparse",
    "typename",
    "ubound",
    "val",
    "vartype",
    "year",
];

/// Types whose `Parse` gives no text.
const PLAIN_TYPES: &[&str] = &[
    "bool", "boolean", "byte", "date", "datetime", "decimal", "double", "enum", "float", "guid", "int", "int32",
    "int64", "integer", "long", "short", "single", "timespan",
];

/// What goes in cannot come out.
fn is_harmless(class: &str, method: &str) -> bool {
    HARMLESS.contains(&method) || (method == "parse" && PLAIN_TYPES.contains(&class))
}
