//! Functions and classes of Basic.

use std::rc::Rc;

use super::Reader;
use crate::code::cursor::name_of;
use crate::code::token::Token;
use crate::code::tree::{Block, Function, Name, Parameter, Statement, StatementKind};

const MODIFIERS: &[&str] = &[
    "public",
    "private",
    "protected",
    "friend",
    "shared",
    "overrides",
    "overridable",
    "mustoverride",
    "notoverridable",
    "overloads",
    "shadows",
    "readonly",
    "writeonly",
    "default",
    "partial",
    "mustinherit",
    "notinheritable",
    "async",
    "iterator",
    "withevents",
];

impl Reader {
    /// `Inherits Base` belongs to the class around it.
    pub(super) fn inherited(&mut self, word: &str) {
        if matches!(word, "inherits" | "implements") {
            self.0.skip(1);
            let base = self.class_path();
            if let Some((_, bases)) = self.0.parsed.program.classes.last_mut() {
                bases.extend(base);
            }
        }
    }

    /// `<WebMethod()> _`: passed over, and remembered by [`Self::declaration`] where the declaration follows.
    pub(super) fn attribute(&mut self) {
        let start = self.0.place();
        let mut names = String::new();
        let mut native = None;
        self.take_attribute(&mut names, &mut native);
        self.skip_line_ends();
        if self.0.place() == start {
            self.0.skip(1);
        }
        let mut unused = Block::new();
        self.declared(&names, native, &mut unused);
        // What is declared as a field is of no use without its class.
    }

    fn take_attribute(&mut self, names: &mut String, native: &mut Option<Name>) {
        let mut is_import = false;
        let mut entry = None;
        self.0.skip(1);
        while !self.0.at_end() && !self.0.take_sign(">") && !matches!(self.0.peek(), Some(Token::Markup)) {
            match self.0.take() {
                Some(Token::Name(name)) => {
                    names.push(' ');
                    names.push_str(&name);
                    is_import |= &*name == "dllimport";
                    if &*name == "entrypoint" && self.0.take_sign(":=") {
                        entry = match self.0.peek() {
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

    /// A function, class or field. `false`: none stands here, and nothing is taken.
    pub(super) fn declaration(&mut self, into: &mut Block) -> bool {
        self.declared("", None, into)
    }

    fn declared(&mut self, attributes: &str, native: Option<Name>, into: &mut Block) -> bool {
        let start = self.0.place();
        let mut modified = false;
        while self.0.is_any_name(MODIFIERS) && self.0.name_ahead(1).is_some() {
            self.0.skip(1);
            modified = true;
        }
        let Some(Token::Name(word)) = self.0.peek().cloned() else {
            self.0.go_to(start);
            return false;
        };
        match &*word {
            "imports" | "namespace" => self.import(&word, into),
            "class" | "module" | "structure" | "interface" | "enum" if self.0.name_ahead(1).is_some() => {
                self.class(&word, into)
            }
            "declare" => self.native(),
            "function" | "sub" if self.0.name_ahead(1).is_some() => self.function(attributes, native, into),
            "property" => self.property(),
            "event" | "delegate" => self.skip_line(),
            "const" | "dim" if modified => {
                let at = self.0.at();
                let kind = self.variables();
                into.extend(kind.map(|kind| Statement { kind, at }));
            }
            _ if modified => {
                let at = self.0.at();
                let mut any = false;
                while let Some(kind) = self.declared_variable() {
                    any = true;
                    into.push(Statement { kind, at });
                    if !self.0.take_sign(",") {
                        break;
                    }
                }
                self.skip_rest_of_line();
                return any;
            }
            _ => {
                self.0.go_to(start);
                return false;
            }
        }
        true
    }

    fn import(&mut self, word: &str, into: &mut Block) {
        self.0.skip(1);
        if word == "namespace" {
            self.class_path();
            self.statements(into);
            self.skip_line();
            return;
        }
        if self.0.is_sign_ahead(1, "=") {
            let alias = self.0.any_name();
            self.0.skip(1);
            if let (Some(alias), Some(long)) = (alias, self.class_path()) {
                self.0.parsed.program.aliases.push((alias, long));
            }
        } else if let Some(name) = self.class_path() {
            self.0.parsed.program.imports.push(name);
        }
        self.skip_rest_of_line();
    }

    fn class(&mut self, word: &str, into: &mut Block) {
        self.0.skip(1);
        let Some(name) = self.0.any_name() else { return };
        self.0.parsed.program.classes.push((name.clone(), Vec::new()));
        self.0.classes.push(name);
        let mut body = Block::new();
        self.statements(&mut body);
        if self.0.is_name("end") {
            self.0.skip(2);
        }
        self.0.classes.pop();
        if word != "enum" {
            into.append(&mut body);
        }
    }

    /// `Declare Function Name Lib "library" Alias "other" (…)`
    fn native(&mut self) {
        let at = self.0.at();
        self.0.skip(1);
        self.0.take_name("auto");
        self.0.take_name("ansi");
        self.0.take_name("unicode");
        self.0.skip(1);
        let Some(name) = self.0.any_name() else { return };
        let mut entry = name.clone();
        while !self.at_line_end() && !self.0.is_sign("(") {
            if self.0.take_name("alias")
                && let Some(Token::Text(text)) = self.0.peek()
            {
                entry = name_of(text);
            }
            self.0.skip(1);
        }
        let parameters = if self.0.is_sign("(") { self.parameters() } else { Vec::new() };
        self.skip_rest_of_line();
        self.declare(Function { name: Some(name), parameters, at, native: Some(entry), ..Function::default() });
    }

    fn function(&mut self, attributes: &str, native: Option<Name>, into: &mut Block) {
        let at = self.0.at();
        self.0.skip(1);
        let Some(name) = self.0.any_name() else { return };
        if self.0.is_sign("(") && self.0.is_name_ahead(1, "of") {
            self.0.skip_enclosed();
        }
        let parameters = if self.0.is_sign("(") { self.parameters() } else { Vec::new() };
        self.skip_header();
        let mut body = Block::new();
        let is_native = native.is_some();
        self.statements(&mut body);
        if self.0.is_name("end") && (self.0.is_name_ahead(1, "sub") || self.0.is_name_ahead(1, "function")) {
            self.0.skip(2);
        } else if !is_native && !self.0.at_end() {
            self.0.stumble();
        }
        let words = ["webmethod", "operationcontract", "scriptmethod", "httppost", "httpget", "webinvoke", "webget"];
        let is_web_method = words.iter().any(|word| attributes.split(' ').any(|attribute| attribute == *word));
        let native = native.map(|entry| if entry.is_empty() { name.clone() } else { entry });
        self.declare(Function { name: Some(name), parameters, body, at, is_web_method, native });
        into.push(Statement { kind: StatementKind::Declared, at });
    }

    /// `As Type`, `Handles x.Click`, `Implements y`. A statement may follow on the line in VBScript.
    fn skip_header(&mut self) {
        while self.0.is_any_name(&["as", "handles", "implements"]) || self.0.is_sign(",") {
            self.0.skip(1);
            self.type_name();
        }
    }

    fn property(&mut self) {
        let at = self.0.at();
        self.0.skip(1);
        let is_get = self.0.is_name("get");
        let is_accessor = is_get || self.0.is_any_name(&["let", "set"]);
        if is_accessor && self.0.name_ahead(1).is_some() {
            self.0.skip(1);
        }
        let Some(name) = self.0.any_name() else { return };
        let parameters = if self.0.is_sign("(") { self.parameters() } else { Vec::new() };
        self.skip_header();
        let is_automatic = !self.0.at_end() && !is_accessor && !self.has_accessors();
        if is_automatic {
            self.skip_rest_of_line();
            return;
        }
        if is_accessor {
            let mut body = Block::new();
            self.statements(&mut body);
            self.0.skip(if self.0.is_name("end") { 2 } else { 0 });
            let name = if is_get { name } else { Rc::from(format!("set_{name}")) };
            self.declare(Function { name: Some(name), parameters, body, at, ..Function::default() });
            return;
        }
        self.skip_rest_of_line();
        while !self.0.at_end() {
            if self.0.is_name("end") && self.0.is_name_ahead(1, "property") {
                break;
            }
            let is_get = self.0.is_name("get");
            if is_get || self.0.is_name("set") {
                let at = self.0.at();
                self.0.skip(1);
                let parameters = if self.0.is_sign("(") { self.parameters() } else { Vec::new() };
                let mut body = Block::new();
                self.statements(&mut body);
                self.0.skip(if self.0.is_name("end") { 2 } else { 0 });
                let name: Name = if is_get { name.clone() } else { Rc::from(format!("set_{name}")) };
                self.declare(Function { name: Some(name), parameters, body, at, ..Function::default() });
            } else {
                self.0.skip(1);
            }
        }
        self.0.skip(2);
    }

    /// The lines that follow begin with `Get` or `Set`.
    fn has_accessors(&self) -> bool {
        (0..30)
            .find(|at| !matches!(self.0.ahead(*at), Some(Token::Name(_) | Token::Sign(_) | Token::Text(_))))
            .is_some_and(|at| {
                let at = (at..at + 4).find(|at| !matches!(self.0.ahead(*at), Some(Token::LineEnd))).unwrap_or(at);
                (at..at + 2).any(|at| self.0.is_name_ahead(at, "get") || self.0.is_name_ahead(at, "set"))
            })
    }

    /// `(ByVal name As Type, Optional other = 1)`, the cursor on the parenthesis.
    pub(super) fn parameters(&mut self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        self.0.take_sign("(");
        while !self.0.at_end() && !self.0.take_sign(")") {
            let before = self.0.place();
            self.skip_line_ends();
            if self.0.is_sign("<") {
                let (mut names, mut native) = (String::new(), None);
                self.take_attribute(&mut names, &mut native);
            }
            while self.0.is_any_name(&["byval", "byref", "optional", "paramarray"]) {
                self.0.skip(1);
            }
            if let Some(name) = self.0.any_name() {
                let is_array = self.0.is_sign("(");
                if is_array {
                    self.0.skip_enclosed();
                }
                let class = if self.0.take_name("as") { self.type_name() } else { None };
                parameters.push(Parameter { name, class });
            }
            if self.0.take_sign("=") {
                self.value();
            }
            self.0.take_sign(",");
            self.skip_line_ends();
            if self.0.place() == before {
                if self.at_line_end() {
                    break;
                }
                self.0.skip(1);
            }
        }
        parameters
    }

    fn declare(&mut self, function: Function) {
        self.0.parsed.program.functions.push(Rc::new(function));
    }
}
