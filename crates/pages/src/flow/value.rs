//! What is known of a value, and whether it was sent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::code::token::At;
use crate::code::tree::{Function, Name};

/// Steps of one way that are kept: the first and the latest.
const STEPS_MAX: u16 = 24;
/// Objects in objects that are looked into for what was sent.
const DEPTH_MAX: u32 = 6;
/// Values in values that are looked at for what was sent, all together.
const VISITS_MAX: u32 = 200;
/// Elements of one list that are looked at for what was sent, at each of its ends.
const ELEMENTS_MAX: usize = 16;
/// Members of one object, elements of one list that are looked at.
pub(crate) const MEMBERS_MAX: usize = 4_096;

/// A value at some point of the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Value {
    pub known: Known,
    /// How it came from what was sent.
    pub trail: Option<Rc<Trail>>,
    /// How much of it, as a path, the sender decides.
    pub control: Control,
    /// What kind of object it is, where no object stands for it.
    pub class: Option<Name>,
}

/// What is known of it whoever asks.
#[derive(Clone, Debug, Default)]
pub(crate) enum Known {
    #[default]
    Nothing,
    Null,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    List(Rc<List>),
    Object(Rc<Object>),
    Function(Rc<Function>),
    /// A name that the page does not declare: `system.diagnostics.process`, `request.form`.
    Path(Name),
    /// Folder of the page or the site, or something fixed in it.
    WebFolder,
    /// The page's own file.
    OwnPage,
}

/// How much of a path the sender decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Control {
    #[default]
    None,
    /// A part behind something fixed.
    Part,
    /// Any name in the folders of the site.
    Web,
    /// All of it.
    Whole,
}

/// Elements of a list or array.
#[derive(Debug, Default)]
pub(crate) struct List(RefCell<Vec<Value>>);

impl std::ops::Deref for List {
    type Target = RefCell<Vec<Value>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for List {
    fn drop(&mut self) {
        dismantle(std::mem::take(self.0.get_mut()));
    }
}

/// Members of an object.
#[derive(Debug, Default)]
pub(crate) struct Members(RefCell<BTreeMap<Name, Value>>);

impl std::ops::Deref for Members {
    type Target = RefCell<BTreeMap<Name, Value>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        dismantle(std::mem::take(self.0.get_mut()).into_values().collect());
    }
}

/// Drops what was in a list or object one after the other: lists in lists a hundred thousand deep need no stack.
fn dismantle(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value.known {
            Known::List(list) => {
                if let Some(mut list) = Rc::into_inner(list) {
                    values.append(list.0.get_mut());
                }
            }
            Known::Object(object) => {
                if let Some(mut object) = Rc::into_inner(object) {
                    values.extend(std::mem::take(object.members.0.get_mut()).into_values());
                }
            }
            _ => {}
        }
    }
}

/// An object: what it is, and what was put into it.
#[derive(Debug, Default)]
pub(crate) struct Object {
    pub class: Name_,
    pub members: Members,
    /// What was sent and went into it.
    pub absorbed: RefCell<Option<Rc<Trail>>>,
    /// Text or bytes that were appended, while all of them are known.
    pub content: RefCell<Option<Content>>,
}

/// What was appended to a builder or stream.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

/// A class, lower case, its last name only.
#[derive(Clone, Debug)]
pub(crate) struct Name_(pub Name);

impl Default for Name_ {
    fn default() -> Self {
        Self(Rc::from(""))
    }
}

/// How strongly a source speaks: what was sent with the request above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// Read from a file or database of the server.
    Stored,
    /// Fetched from another machine.
    Fetched,
    /// Sent with the request.
    Sent,
}

/// The way of a value, from its source.
#[derive(Debug)]
pub(crate) struct Trail {
    pub at: At,
    pub from: Option<Rc<Trail>>,
    pub source: Rc<Source>,
    pub steps: u16,
}

#[derive(Debug)]
pub(crate) struct Source {
    pub strength: Strength,
    pub words: String,
    /// An uploaded file, or its name.
    pub is_upload: bool,
    /// A field that is named like one of a password.
    pub is_password: bool,
}

impl Trail {
    pub fn begin(source: Source, at: At) -> Rc<Self> {
        Rc::new(Self { at, from: None, source: Rc::new(source), steps: 1 })
    }

    /// The way goes on over another line.
    pub fn go_on(self: &Rc<Self>, at: At) -> Rc<Self> {
        if self.at.is_on_line_of(at) || self.steps >= STEPS_MAX {
            return self.clone();
        }
        Rc::new(Self { at, from: Some(self.clone()), source: self.source.clone(), steps: self.steps + 1 })
    }

    /// Places from the source on.
    pub fn places(&self) -> Vec<At> {
        let mut places = vec![self.at];
        let mut before = self.from.as_deref();
        while let Some(trail) = before {
            places.push(trail.at);
            before = trail.from.as_deref();
        }
        places.reverse();
        places.dedup_by(|one, other| one.is_on_line_of(*other));
        places
    }
}

/// The stronger of two ways.
pub(crate) fn stronger(one: Option<Rc<Trail>>, other: Option<Rc<Trail>>) -> Option<Rc<Trail>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.source.strength > one.source.strength { other } else { one }),
        (one, other) => one.or(other),
    }
}

impl Value {
    pub fn known(known: Known) -> Self {
        Self { known, ..Self::default() }
    }

    pub fn text(text: impl Into<Rc<str>>) -> Self {
        Self::known(Known::Text(text.into()))
    }

    pub fn number(number: f64) -> Self {
        Self::known(Known::Number(number))
    }

    pub fn bool(bool: bool) -> Self {
        Self::known(Known::Bool(bool))
    }

    pub fn bytes(bytes: impl Into<Rc<[u8]>>) -> Self {
        Self::known(Known::Bytes(bytes.into()))
    }

    pub fn list(list: Vec<Self>) -> Self {
        Self::known(Known::List(Rc::new(List(RefCell::new(list)))))
    }

    pub fn path(path: impl Into<Rc<str>>) -> Self {
        Self::known(Known::Path(path.into()))
    }

    pub fn object(class: impl Into<Rc<str>>) -> Self {
        let object = Object { class: Name_(last_name(&class.into())), ..Object::default() };
        Self::known(Known::Object(Rc::new(object)))
    }

    /// Something of which only the way is known.
    pub fn sent(trail: Option<Rc<Trail>>, control: Control) -> Self {
        Self { trail, control, ..Self::default() }
    }

    /// The class of the object that this is.
    pub fn class(&self) -> Option<&str> {
        match &self.known {
            Known::Object(object) => Some(&object.class.0),
            _ => self.class.as_deref(),
        }
    }

    pub fn as_object(&self) -> Option<&Rc<Object>> {
        match &self.known {
            Known::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The way of this value or of anything in it.
    pub fn deep_trail(&self) -> Option<Rc<Trail>> {
        match &self.known {
            Known::List(_) | Known::Object(_) => {
                let mut visits = VISITS_MAX;
                self.trail_within(DEPTH_MAX, &mut visits)
            }
            _ => self.trail.clone(),
        }
    }

    /// `visits` is what may still be looked at: what holds itself is looked at no further.
    fn trail_within(&self, depth: u32, visits: &mut u32) -> Option<Rc<Trail>> {
        let mut found = self.trail.clone();
        let is_sent =
            |trail: &Option<Rc<Trail>>| trail.as_ref().is_some_and(|trail| trail.source.strength == Strength::Sent);
        if depth == 0 || is_sent(&found) {
            return found;
        }
        let mut look = |value: &Self, found: &mut Option<Rc<Trail>>| {
            if *visits > 0 && !is_sent(found) {
                *visits -= 1;
                *found = stronger(found.take(), value.trail_within(depth - 1, visits));
            }
        };
        match &self.known {
            // What was put in last is what matters most.
            Known::List(list) => {
                let list = list.borrow();
                let tail = list.len().min(ELEMENTS_MAX);
                list.iter().rev().take(tail).for_each(|value| look(value, &mut found));
                list.iter().take(ELEMENTS_MAX.min(list.len() - tail)).for_each(|value| look(value, &mut found));
            }
            Known::Object(object) => {
                found = stronger(found, object.absorbed.borrow().clone());
                object.members.borrow().values().for_each(|value| look(value, &mut found));
            }
            _ => {}
        }
        found
    }

    /// As text, where it is known and a single thing.
    pub fn as_text(&self) -> Option<Rc<str>> {
        match &self.known {
            Known::Text(text) => Some(text.clone()),
            Known::Number(number) => Some(number_text(*number).into()),
            Known::Bool(bool) => Some(Rc::from(if *bool { "True" } else { "False" })),
            Known::Null => Some(Rc::from("")),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<f64> {
        match &self.known {
            Known::Number(number) => Some(*number),
            Known::Bool(bool) => Some(f64::from(u8::from(*bool))),
            Known::Text(text) => text.trim().parse().ok().or_else(|| prefixed_number(text.trim())),
            Known::Null => Some(0.0),
            _ => None,
        }
    }

    /// A number, or the code of a character.
    pub fn as_code(&self) -> Option<f64> {
        match &self.known {
            Known::Text(text) => {
                let mut letters = text.chars();
                letters.next().filter(|_| letters.next().is_none()).map(|letter| f64::from(u32::from(letter)))
            }
            _ => self.as_number(),
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match &self.known {
            Known::Bool(bool) => Some(*bool),
            Known::Number(number) => Some(*number != 0.0),
            Known::Null => Some(false),
            _ => None,
        }
    }

    pub fn as_bytes(&self) -> Option<Rc<[u8]>> {
        match &self.known {
            Known::Bytes(bytes) => Some(bytes.clone()),
            Known::List(list) => {
                let list = list.borrow();
                let byte = |value: &Self| value.as_code().filter(|code| (0.0..256.0).contains(code));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was tested")]
                list.iter().map(|value| byte(value).map(|code| code as u8)).collect::<Option<Vec<u8>>>().map(Rc::from)
            }
            _ => None,
        }
    }

    /// What remains of two values of which either may stand here.
    pub fn or(&self, other: &Self) -> Self {
        let is_same = self.known.is_same(&other.known);
        let known = if is_same {
            self.known.clone()
        } else {
            match (&self.known, &other.known) {
                // Of two lists or objects the one that holds what was sent matters.
                (Known::List(_) | Known::Object(_), Known::List(_) | Known::Object(_)) => {
                    let other_holds = other.deep_trail().is_some() && self.deep_trail().is_none();
                    if other_holds { other.known.clone() } else { self.known.clone() }
                }
                // An object that is not made yet is made later.
                (Known::Nothing | Known::Null, object @ Known::Object(_)) | (object @ Known::Object(_), _) => {
                    object.clone()
                }
                _ => Known::Nothing,
            }
        };
        let class = self.class.clone().or_else(|| other.class.clone());
        Self {
            known,
            trail: stronger(self.trail.clone(), other.trail.clone()),
            control: self.control.max(other.control),
            class,
        }
    }
}

impl Known {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) | (Self::WebFolder, Self::WebFolder) | (Self::OwnPage, Self::OwnPage) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Number(one), Self::Number(other)) => one.to_bits() == other.to_bits(),
            (Self::Text(one), Self::Text(other)) | (Self::Path(one), Self::Path(other)) => one == other,
            (Self::Bytes(one), Self::Bytes(other)) => one == other,
            (Self::List(one), Self::List(other)) => Rc::ptr_eq(one, other),
            (Self::Object(one), Self::Object(other)) => Rc::ptr_eq(one, other),
            (Self::Function(one), Self::Function(other)) => Rc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Object {
    pub fn absorb(&self, trail: Option<Rc<Trail>>) {
        let before = self.absorbed.borrow_mut().take();
        *self.absorbed.borrow_mut() = stronger(before, trail);
    }

    pub fn member(&self, name: &str) -> Option<Value> {
        self.members.borrow().get(name).cloned()
    }

    pub fn set(&self, name: &str, value: Value) {
        let mut members = self.members.borrow_mut();
        if members.len() < MEMBERS_MAX {
            members.insert(Rc::from(name), value);
        }
    }
}

/// The last of names joined by dots. What COM calls a class (`wscript.shell`) is told by both.
pub(crate) fn last_name(path: &Name) -> Name {
    if is_com(path) {
        return path.clone();
    }
    path.rsplit('.').next().map_or_else(|| path.clone(), Rc::from)
}

/// A program identifier of COM, and no class of .NET.
pub(crate) fn is_com(path: &str) -> bool {
    const FIRST_NAMES: &[&str] = &[
        "wscript",
        "scripting",
        "adodb",
        "adox",
        "shell",
        "msxml2",
        "microsoft",
        "winhttp",
        "msscriptcontrol",
        "jmail",
        "cdo",
        "cdonts",
        "excel",
        "word",
        "vbscript",
        "persits",
        "softartisans",
        "lyfupload",
        "dundas",
        "mswc",
        "internetexplorer",
        "winmgmts",
        "iis",
        "system.net",
        "catalog",
        "jro",
        "sqldmo",
        "mmc20",
        "htmlfile",
        "schedule",
        "server",
        "aspx",
        "persits.upload",
        "dynupload",
        "webadmin",
    ];
    let Some((first, rest)) = path.split_once('.') else { return false };
    FIRST_NAMES.contains(&first)
        && rest.matches('.').count() <= 4
        && !rest.contains("visualbasic")
        && !rest.contains("win32")
        && !rest.contains("csharp")
        && !rest.contains("jscript")
        && !rest.contains("exchange")
}

/// `65`, `1.5`: as Basic and JScript write numbers.
pub(crate) fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "it was tested")]
        return (number as i64).to_string();
    }
    number.to_string()
}

/// `&H41`, `0x41`
fn prefixed_number(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2)? {
        "&h" | "0x" => (lower.get(2..)?, 16),
        "&o" => (lower.get(2..)?, 8),
        _ => return None,
    };
    #[expect(clippy::cast_precision_loss, reason = "numbers of pages are small")]
    i64::from_str_radix(digits, radix).ok().map(|number| number as f64)
}
