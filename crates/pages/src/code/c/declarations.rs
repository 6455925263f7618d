//! Types, functions and classes of the languages of braces.

use std::rc::Rc;

use super::expressions::is_builtin_type;
use crate::code::cursor::{Cursor, name_of};
use crate::code::token::Token;
use crate::code::tree::{Block, Function, Name, Parameter, Statement, StatementKind};

/// Words before a declaration.
const MODIFIERS: &[&str] = &[
    "public",
    "private",
    "protected",
    "internal",
    "static",
    "virtual",
    "override",
    "abstract",
    "sealed",
    "readonly",
    "unsafe",
    "extern",
    "partial",
    "async",
    "new",
    "volatile",
    "hide",
    "final",
    "expando",
    "const",
];

/// Attributes of one declaration.
const ATTRIBUTES_MAX: usize = 16;
/// Tokens of the attributes between two brackets.
const ATTRIBUTE_TOKENS_MAX: usize = 400;

/// Tokens of one type. Longer ones are no types.
const TYPE_TOKENS_MAX: usize = 60;

impl Cursor {
    /// How many tokens from `from` on are a type; `None`: none.
    pub(super) fn type_ahead(&self, from: usize) -> Option<usize> {
        let mut at = from;
        let first = self.name_ahead(at)?;
        if matches!(self.ahead(at), Some(Token::Name(_))) && is_no_type(first) {
            return None;
        }
        at += 1;
        loop {
            if self.is_sign_ahead(at, "<") {
                at = self.type_arguments_ahead(at)?;
            }
            if (self.is_sign_ahead(at, ".") || self.is_sign_ahead(at, "::")) && self.name_ahead(at + 1).is_some() {
                at += 2;
            } else {
                break;
            }
            if at - from > TYPE_TOKENS_MAX {
                return None;
            }
        }
        if self.is_sign_ahead(at, "?") && !matches!(self.ahead(at + 1), Some(Token::Text(_) | Token::Number(_))) {
            at += 1;
        }
        while self.is_sign_ahead(at, "[") {
            let commas = (at + 1..at + 8).take_while(|at| self.is_sign_ahead(*at, ",")).count();
            if !self.is_sign_ahead(at + 1 + commas, "]") {
                break;
            }
            at += 2 + commas;
        }
        while self.is_sign_ahead(at, "*") && at - from <= TYPE_TOKENS_MAX {
            at += 1;
        }
        (at - from <= TYPE_TOKENS_MAX).then_some(at)
    }

    /// The place behind `<Type, Type>`.
    pub(super) fn type_arguments_ahead(&self, from: usize) -> Option<usize> {
        let mut open = 0_usize;
        for at in from..from + TYPE_TOKENS_MAX {
            match self.ahead(at)? {
                Token::Sign("<") => open += 1,
                Token::Sign(">") => open = open.checked_sub(1)?,
                Token::Sign("," | "." | "[" | "]" | "?" | "::" | "*") | Token::Name(_) | Token::Quoted(_) => {}
                _ => return None,
            }
            if open == 0 {
                return Some(at + 1);
            }
        }
        None
    }

    /// Takes a type; of `System.Collections.Generic.List<string>[]` remains `system.collections.generic.list`.
    pub(super) fn type_name(&mut self) -> Option<Name> {
        let end = self.type_ahead(0)?;
        let name = self.path_until(end);
        let is_array = (0..end).any(|at| self.is_sign_ahead(at, "["));
        self.skip(end);
        Some(if is_array { Rc::from(format!("{name}[]")) } else { name })
    }

    /// Takes a type without its brackets: what stands after `new`.
    pub(super) fn type_path(&mut self) -> Option<Name> {
        let mut end = 0;
        self.name_ahead(end)?;
        end += 1;
        loop {
            if self.is_sign_ahead(end, "<") {
                end = self.type_arguments_ahead(end)?;
            }
            if (self.is_sign_ahead(end, ".") || self.is_sign_ahead(end, "::")) && self.name_ahead(end + 1).is_some() {
                end += 2;
            } else {
                break;
            }
        }
        let name = self.path_until(end);
        self.skip(end);
        Some(name)
    }

    /// The names up to `end`, joined by dots, without type arguments.
    fn path_until(&self, end: usize) -> Name {
        let mut path = String::new();
        let mut open = 0_usize;
        for at in 0..end {
            match self.ahead(at) {
                Some(Token::Sign("<")) => open += 1,
                Some(Token::Sign(">")) => open = open.saturating_sub(1),
                Some(Token::Name(name) | Token::Quoted(name)) if open == 0 => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                _ => {}
            }
        }
        path.strip_prefix("global.").unwrap_or(&path).into()
    }

    /// `[WebMethod]` and the like, and no list.
    pub(super) fn attributes_ahead(&self) -> bool {
        matches!(self.ahead(1), Some(Token::Name(_)))
    }

    /// Takes a declaration of an import, class, function or field. `false`: none stands here, and nothing is taken.
    pub(super) fn declaration(&mut self, into: &mut Block) -> bool {
        let start = self.place();
        let mut attributes = String::new();
        let mut native = None;
        for _ in 0..ATTRIBUTES_MAX {
            if !(self.is_sign("[") && self.attributes_ahead()) {
                break;
            }
            self.attribute(&mut attributes, &mut native);
        }
        if self.is_name("using") || self.is_name("import") || self.is_name("package") || self.is_name("namespace") {
            return self.import(into);
        }
        let mut modifiers = 0;
        while self.is_any_name(MODIFIERS)
            && !self.is_sign_ahead(1, "=")
            && !self.is_sign_ahead(1, ".")
            && !self.is_sign_ahead(1, "(")
        {
            // `new Type(…)` is a value, `const x` a variable of JScript.
            if (self.is_name("new") && modifiers == 0) || (self.is_name("const") && self.is_sign_ahead(2, "=")) {
                break;
            }
            self.skip(1);
            modifiers += 1;
        }
        // `WebMethodAttribute function name(…)` of JScript.NET.
        while self.name_ahead(0).is_some()
            && self.is_name_ahead(1, "function")
            && self.name_ahead(2).is_some()
            && !self.is_name("function")
        {
            if let Some(name) = self.any_name() {
                attributes.push(' ');
                attributes.push_str(name.strip_suffix("attribute").unwrap_or(&name));
            }
        }
        let is_declared =
            self.class() || self.event(modifiers) || self.function(&attributes, native, modifiers > 0, into);
        if !is_declared {
            if modifiers > 0 && self.typed_variable_ahead() {
                let at = self.at();
                let kind = self.typed_variables();
                into.extend(kind.map(|kind| Statement { kind, at }));
                return true;
            }
            if modifiers == 0 {
                self.go_to(start);
            }
        }
        is_declared
    }

    /// What an attribute says that matters: a web method, a function of Windows.
    fn attribute(&mut self, names: &mut String, native: &mut Option<Name>) {
        let from = self.place();
        self.skip_enclosed_within(ATTRIBUTE_TOKENS_MAX);
        let until = self.place();
        self.go_to(from);
        let mut entry = None;
        let mut is_import = false;
        while self.place() < until {
            match self.take() {
                Some(Token::Name(name)) => {
                    names.push(' ');
                    names.push_str(&name);
                    is_import |= matches!(&*name, "dllimport" | "dllimportattribute");
                    if &*name == "entrypoint" && self.take_sign("=") {
                        entry = match self.peek() {
                            Some(Token::Text(text)) => Some(name_of(text)),
                            _ => None,
                        };
                    }
                }
                Some(_) => {}
                None => break,
            }
        }
        if is_import {
            *native = Some(entry.unwrap_or_else(|| Rc::from("")));
        }
    }

    fn import(&mut self, into: &mut Block) -> bool {
        if self.is_name("namespace") || self.is_name("package") {
            self.skip(1);
            self.type_path();
            self.take_sign(";");
            if self.is_sign("{") {
                let mut body = self.block();
                into.append(&mut body);
            }
            return true;
        }
        if self.is_sign_ahead(1, "(") || self.is_name_ahead(1, "var") {
            return false;
        }
        self.skip(1);
        self.take_name("static");
        if self.name_ahead(0).is_some() && self.is_sign_ahead(1, "=") {
            let alias = self.any_name();
            self.skip(1);
            if let (Some(alias), Some(long)) = (alias, self.type_path()) {
                self.parsed.program.aliases.push((alias, long));
            }
        } else if self.typed_variable_ahead() && !self.is_sign_ahead(1, ";") && !self.is_sign_ahead(1, ".") {
            // `using Type x = …;`
            let at = self.at();
            let kind = self.typed_variables();
            into.extend(kind.map(|kind| Statement { kind, at }));
            return true;
        } else if let Some(name) = self.type_path() {
            self.parsed.program.imports.push(name);
        }
        self.take_sign(";");
        true
    }

    fn class(&mut self) -> bool {
        let words = ["class", "struct", "interface", "enum", "record"];
        if !self.is_any_name(&words) || self.name_ahead(1).is_none() {
            return false;
        }
        let is_enum = self.is_name("enum");
        self.skip(1);
        let Some(name) = self.type_path() else { return true };
        let mut bases = Vec::new();
        while !self.at_end() && !self.is_sign("{") && !self.is_sign(";") {
            if self.take_sign(":") || self.take_sign(",") || self.take_name("extends") || self.take_name("implements") {
                bases.extend(self.type_path());
            } else {
                self.skip(1);
            }
        }
        self.parsed.program.classes.push((name.clone(), bases));
        if is_enum {
            if self.is_sign("{") {
                self.skip_enclosed();
            }
            return true;
        }
        self.classes.push(name);
        let mut body = self.block();
        self.classes.pop();
        self.parsed.program.statements.append(&mut body);
        true
    }

    /// `event Type Name;`, `delegate void Name(…);`
    fn event(&mut self, modifiers: usize) -> bool {
        let is_event = self.is_name("event")
            || (self.is_name("delegate") && !self.is_sign_ahead(1, "(") && !self.is_sign_ahead(1, "{"));
        if !is_event || (modifiers == 0 && !matches!(self.ahead(1), Some(Token::Name(_)))) {
            return false;
        }
        while !self.at_end() && !self.take_sign(";") {
            if self.is_sign("{") {
                self.skip_enclosed();
                break;
            }
            self.skip(1);
        }
        true
    }

    /// `Type Name(parameters) {…}`, `function name(parameters) {…}`, `Type Name { get {…} }`.
    fn function(&mut self, attributes: &str, native: Option<Name>, modified: bool, into: &mut Block) -> bool {
        let at = self.at();
        if self.is_name("function") && self.name_ahead(1).is_some() {
            let Some(function) = self.function_value() else { return true };
            let at_function = function.at;
            let is_web_method = attributes.split(' ').any(is_web_attribute);
            self.declare(Function { is_web_method, ..function });
            into.push(Statement { kind: StatementKind::Declared, at: at_function });
            return true;
        }
        // A constructor has no type: `public Name(…) {`.
        let end = match self.type_ahead(0) {
            Some(end) if self.is_member_name(end) => end,
            _ if self.is_constructor(modified) => 0,
            _ => return false,
        };
        let Some(name) = self.name_ahead(end).cloned() else { return false };
        let after = match self.is_sign_ahead(end + 1, "<") {
            true => self.type_arguments_ahead(end + 1).unwrap_or(end + 1),
            false => end + 1,
        };
        if self.is_sign_ahead(after, "(") {
            if !self.is_function_ahead(after) {
                return false;
            }
            self.skip(after);
            let parameters = self.parameters();
            // `: base(…)`, `where T : …`
            while !self.at_end() && !self.is_sign("{") && !self.is_sign(";") && !self.is_sign("=>") {
                if self.is_sign("(") { self.skip_enclosed() } else { self.skip(1) }
            }
            let body = self.function_body();
            let is_web_method = attributes.split(' ').any(is_web_attribute);
            let native = native.map(|entry| if entry.is_empty() { name.clone() } else { entry });
            self.declare(Function { name: Some(name), parameters, body, at, is_web_method, native });
            return true;
        }
        if self.is_sign_ahead(after, "{") && end > 0 {
            return self.property(&name, after, into);
        }
        if self.is_sign_ahead(after, "=>") && end > 0 {
            self.skip(after);
            let body = self.function_body();
            self.declare(Function { name: Some(name), body, at, ..Function::default() });
            return true;
        }
        false
    }

    fn is_member_name(&self, at: usize) -> bool {
        matches!(self.ahead(at), Some(Token::Quoted(_)))
            || matches!(self.ahead(at), Some(Token::Name(name)) if !is_no_type(name) || &**name == "this")
    }

    fn is_constructor(&self, modified: bool) -> bool {
        let is_own = self.name_ahead(0).is_some_and(|name| self.classes.last() == Some(name));
        (modified || is_own) && self.is_sign_ahead(1, "(")
    }

    /// `(`, anything balanced, `)`, then a body.
    fn is_function_ahead(&self, from: usize) -> bool {
        /// More tokens than any list of parameters has.
        const TOKENS_MAX: usize = 400;
        let mut open = 0_usize;
        for at in from..from + TOKENS_MAX {
            match self.ahead(at) {
                Some(Token::Sign("(" | "[" | "{")) => open += 1,
                Some(Token::Sign(")" | "]" | "}")) => open = open.saturating_sub(1),
                Some(Token::Sign(";")) | Some(Token::Markup) | None => return false,
                Some(_) => {}
            }
            if open == 0 {
                let typed = self.is_name_ahead(at + 1, "where") || self.is_sign_ahead(at + 1, ":");
                return typed || ["{", "=>", ";"].iter().any(|sign| self.is_sign_ahead(at + 1, sign));
            }
        }
        false
    }

    fn property(&mut self, name: &Name, brace: usize, into: &mut Block) -> bool {
        let accessor = |cursor: &Self, at: usize| {
            ["get", "set", "add", "remove", "init"].iter().any(|word| cursor.is_name_ahead(at, word))
        };
        let modifiers = (brace + 1..brace + 4)
            .take_while(|at| matches!(self.ahead(*at), Some(Token::Name(word)) if MODIFIERS.contains(&&**word)));
        if !accessor(self, brace + 1 + modifiers.count()) && !self.is_sign_ahead(brace + 1, "[") {
            return false;
        }
        self.skip(brace + 1);
        while !self.at_end() && !self.take_sign("}") {
            if accessor(self, 0) {
                let is_get = self.is_name("get");
                let at = self.at();
                self.skip(1);
                let body = if self.is_sign("{") || self.is_sign("=>") { self.function_body() } else { Block::new() };
                self.take_sign(";");
                if !body.is_empty() {
                    let parameters =
                        if is_get { Vec::new() } else { vec![Parameter { name: Rc::from("value"), class: None }] };
                    let name: Name = if is_get { name.clone() } else { Rc::from(format!("set_{name}")) };
                    self.declare(Function { name: Some(name), parameters, body, at, ..Function::default() });
                }
            } else {
                self.skip(1);
            }
        }
        if self.take_sign("=") {
            let at = self.at();
            let value = self.value();
            self.take_sign(";");
            into.push(Statement { kind: StatementKind::Declare(name.clone(), None, value), at });
        }
        true
    }

    fn declare(&mut self, function: Function) {
        self.parsed.program.functions.push(Rc::new(function));
    }

    /// `function name?(parameters) : Type {…}`, `delegate(parameters) {…}`; the cursor on the word.
    pub(super) fn function_value(&mut self) -> Option<Function> {
        let at = self.at();
        self.skip(1);
        let has_accessor = (self.is_name("get") || self.is_name("set")) && self.name_ahead(1).is_some();
        self.skip(usize::from(has_accessor));
        let mut name = if self.is_sign("(") { None } else { self.any_name() };
        // `function IHttpHandler.ProcessRequest(…)`
        while self.is_sign(".") && self.name_ahead(1).is_some() {
            self.skip(1);
            name = self.any_name();
        }
        let parameters = if self.is_sign("(") { self.parameters() } else { Vec::new() };
        if self.take_sign(":") {
            self.type_name();
        }
        if !self.is_sign("{") {
            return None;
        }
        let body = self.block();
        Some(Function { name, parameters, body, at, ..Function::default() })
    }

    /// `(Type name, name : Type, name = value)`, the cursor on the parenthesis.
    pub(super) fn parameters(&mut self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        self.take_sign("(");
        while !self.at_end() && !self.take_sign(")") {
            let before = self.place();
            while self.is_sign("[") {
                self.skip_enclosed();
            }
            while self.is_any_name(&["ref", "out", "in", "params", "this"]) && self.name_ahead(1).is_some() {
                self.skip(1);
            }
            let end = self.type_ahead(0).filter(|end| self.name_ahead(*end).is_some());
            let class = if end.is_some() { self.type_name() } else { None };
            if let Some(name) = self.any_name() {
                let class = if self.take_sign(":") { self.type_name() } else { class };
                parameters.push(Parameter { name, class });
            }
            if self.take_sign("=") {
                self.value();
            }
            self.take_sign(",");
            if self.place() == before {
                self.skip(1);
            }
        }
        parameters
    }

    /// `{…}`, `=> value;`, `;`
    fn function_body(&mut self) -> Block {
        if self.take_sign(";") {
            return Block::new();
        }
        if self.is_sign("=>") {
            self.skip(1);
            let body = self.lambda_body();
            self.take_sign(";");
            return body;
        }
        self.block()
    }

    /// What stands behind `=>`.
    pub(super) fn lambda_body(&mut self) -> Block {
        if self.is_sign("{") {
            return self.block();
        }
        let at = self.at();
        let value = self.value();
        vec![Statement { kind: StatementKind::Return(value), at }]
    }
}

/// Attributes of methods that answer whoever asks.
fn is_web_attribute(name: &str) -> bool {
    let name = name.strip_suffix("attribute").unwrap_or(name);
    matches!(name, "webmethod" | "operationcontract" | "scriptmethod" | "httppost" | "httpget" | "webinvoke" | "webget")
}

/// Keywords that cannot begin a type.
fn is_no_type(name: &str) -> bool {
    !is_builtin_type(name)
        && matches!(
            name,
            "if" | "else"
                | "for"
                | "foreach"
                | "while"
                | "do"
                | "switch"
                | "case"
                | "break"
                | "continue"
                | "return"
                | "try"
                | "catch"
                | "finally"
                | "using"
                | "lock"
                | "new"
                | "throw"
                | "typeof"
                | "function"
                | "this"
                | "base"
                | "null"
                | "true"
                | "false"
                | "in"
                | "is"
                | "as"
                | "await"
                | "goto"
                | "default"
                | "delete"
                | "instanceof"
                | "let"
                | "class"
                | "namespace"
                | "import"
                | "with"
        )
}
