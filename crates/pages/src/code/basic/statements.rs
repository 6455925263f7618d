//! Statements of Basic.

use super::Reader;
use crate::code::token::Token;
use crate::code::tree::{Block, Count, Expression, Kind, Link, Operator, Statement, StatementKind, While};

impl Reader {
    /// Statements up to one that ends what encloses them, which is left.
    pub(super) fn statements(&mut self, into: &mut Block) {
        if !self.0.enter() {
            self.skip_line();
            return;
        }
        while !self.0.at_end() && !self.ends_block() {
            let before = self.0.place();
            self.one_statement(into);
            if self.0.place() == before {
                self.0.stumble();
                self.skip_line();
            }
        }
        self.0.leave();
    }

    fn ends_block(&self) -> bool {
        let Some(Token::Name(name)) = self.0.peek() else { return false };
        let ends = ["else", "elseif", "endif", "next", "loop", "wend", "case", "catch", "finally"];
        match &**name {
            // `End` alone ends the page.
            "end" => self.0.name_ahead(1).is_some(),
            name => ends.contains(&name) && !self.0.is_sign_ahead(1, ".") && !self.0.is_sign_ahead(1, "="),
        }
    }

    /// Takes `End If` and the like.
    fn end_of(&mut self, word: &str) {
        if self.0.is_name("end") && self.0.is_name_ahead(1, word) {
            self.0.skip(2);
        }
    }

    pub(super) fn one_statement(&mut self, into: &mut Block) {
        let at = self.0.at();
        let kind = match self.0.peek() {
            None => None,
            Some(Token::LineEnd | Token::Markup | Token::ShownEnd | Token::Sign(":")) => {
                self.0.skip(1);
                None
            }
            Some(Token::Shown) => {
                self.0.skip(1);
                let shown = self.value();
                while !self.0.at_end() && !matches!(self.0.peek(), Some(Token::ShownEnd | Token::Markup)) {
                    self.0.skip(1);
                }
                shown.map(StatementKind::Show)
            }
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.by_word(&name, into)
            }
            Some(Token::Sign("<")) => {
                self.attribute();
                None
            }
            Some(_) => self.action(),
        };
        into.extend(kind.map(|kind| Statement { kind, at }));
    }

    fn by_word(&mut self, word: &str, into: &mut Block) -> Option<StatementKind> {
        if self.0.is_sign_ahead(1, "=") && word != "end" {
            return self.action();
        }
        match word {
            "if" => self.branches(),
            "for" => self.counted(),
            "do" => Some(self.repeated()),
            "while" => Some(self.while_true()),
            "select" => self.switch(),
            "with" | "using" | "synclock" => self.scoped(word),
            "try" => Some(self.tried()),
            "dim" | "redim" | "const" | "static" => self.variables(),
            "set" | "let" | "call" if !self.0.is_sign_ahead(1, "(") || word == "call" => {
                self.0.skip(1);
                self.action()
            }
            "return" | "throw" | "error" => {
                self.0.skip(1);
                let value = self.value();
                self.skip_rest_of_line();
                Some(StatementKind::Return(value))
            }
            "exit" | "continue" => {
                let is_loop = !(self.0.is_name_ahead(1, "sub")
                    || self.0.is_name_ahead(1, "function")
                    || self.0.is_name_ahead(1, "property"));
                self.skip_rest_of_line();
                Some(match (word, is_loop) {
                    ("continue", _) => StatementKind::Continue,
                    (_, true) => StatementKind::Break,
                    (_, false) => StatementKind::Return(None),
                })
            }
            "on" if self.0.is_name_ahead(1, "error") => {
                // `On Error Resume Next`, `On Error GoTo 0`: what follows on the line is a statement.
                self.0.skip(4);
                None
            }
            "on" | "option" | "goto" | "resume" | "randomize" | "stop" | "erase" | "end" | "raiseevent"
            | "inherits" | "implements" => {
                self.inherited(word);
                self.skip_rest_of_line();
                None
            }
            "addhandler" => {
                self.0.skip(1);
                let mut values = self.list(":");
                values.pop().map(StatementKind::Do)
            }
            _ if self.declaration(into) => None,
            _ if self.0.is_sign_ahead(1, ":") && !self.0.is_sign_ahead(2, "=") => {
                // A label, or a call without anything: the call is what can matter.
                self.action()
            }
            _ => self.action(),
        }
    }

    /// An assignment or a call.
    fn action(&mut self) -> Option<StatementKind> {
        let at = self.0.at();
        let first = match self.0.peek()? {
            Token::Sign("." | "!") => Expression { kind: Kind::WithObject, at },
            Token::Name(name)
                if matches!(
                    &**name,
                    "me" | "mybase" | "new" | "ctype" | "directcast" | "trycast" | "await" | "gettype"
                ) =>
            {
                // Parentheses are part of these words.
                return self.action_on(at, true);
            }
            Token::Name(_) | Token::Quoted(_) => Expression { kind: Kind::Name(self.0.any_name()?), at },
            _ => return self.action_on(at, true),
        };
        let target = self.links(first, true);
        self.act(target)
    }

    fn action_on(&mut self, _at: crate::code::token::At, _whole: bool) -> Option<StatementKind> {
        let target = self.value()?;
        self.act(target)
    }

    fn act(&mut self, target: Expression) -> Option<StatementKind> {
        let at = target.at;
        let assignments = [
            ("=", None),
            ("&=", Some(Operator::Join)),
            ("+=", Some(Operator::Add)),
            ("-=", Some(Operator::Subtract)),
            ("*=", Some(Operator::Multiply)),
            ("/=", Some(Operator::Divide)),
            ("^=", Some(Operator::Power)),
        ];
        if let Some((_, operator)) = assignments.iter().find(|(sign, _)| self.0.is_sign(sign)) {
            self.0.skip(1);
            self.0.take_name("set");
            let value = self.value()?;
            self.skip_junk();
            let kind = Kind::Assign(Box::new(target), *operator, Box::new(value));
            return Some(StatementKind::Do(Expression { kind, at }));
        }
        if self.at_line_end() {
            return Some(StatementKind::Do(called(target)));
        }
        // `Write (a) & b` hands over one value.
        if self.at_operator()
            && let Kind::Chain(first, mut links) = target.kind.clone()
            && let Some(Link::Call(mut arguments, call)) = links.pop()
            && let (Some(argument), true) = (arguments.pop(), arguments.is_empty())
        {
            let argument = self.go_on_from(argument)?;
            let mut all = vec![argument];
            if self.0.take_sign(",") {
                all.extend(self.bare_arguments());
            }
            links.push(Link::Call(all, call));
            self.skip_junk();
            return Some(StatementKind::Do(Expression { kind: Kind::Chain(first, links), at }));
        }
        let is_open = matches!(self.0.peek(), Some(Token::Sign(",")))
            && matches!(&target.kind, Kind::Chain(_, links) if matches!(links.last(), Some(Link::Call(..))));
        let mut target = target;
        let mut arguments = Vec::new();
        if is_open
            && let Kind::Chain(_, links) = &mut target.kind
            && let Some(Link::Call(first, _)) = links.pop()
        {
            // `Run (command), 0, True`
            arguments.extend(first);
            self.0.skip(1);
        }
        arguments.extend(self.bare_arguments());
        self.skip_junk();
        let call = Link::Call(arguments, at);
        let kind = match target.kind {
            Kind::Chain(first, mut links) => {
                links.push(call);
                Kind::Chain(first, links)
            }
            kind => Kind::Chain(Box::new(Expression { kind, at }), vec![call]),
        };
        Some(StatementKind::Do(Expression { kind, at }))
    }

    /// Arguments without parentheses, up to the end of the statement.
    fn bare_arguments(&mut self) -> Vec<Expression> {
        let mut all = Vec::new();
        while !self.at_line_end() && !self.0.is_name("else") {
            let before = self.0.place();
            let at = self.0.at();
            if self.0.is_sign(",") {
                all.push(Expression { kind: Kind::Null, at });
            } else {
                if self.0.name_ahead(0).is_some() && self.0.is_sign_ahead(1, ":=") {
                    self.0.skip(2);
                }
                all.extend(self.value());
            }
            if !self.0.take_sign(",") && self.0.place() == before {
                break;
            }
        }
        all
    }

    /// What is left of a statement and was not understood.
    fn skip_junk(&mut self) {
        if !self.at_line_end() && !self.0.is_name("else") {
            self.0.stumble();
            // What follows without a separator is read as a statement of its own.
            while !self.at_line_end() && !matches!(self.0.peek(), Some(Token::Name(_))) {
                self.0.skip(1);
            }
        }
    }

    fn condition(&mut self) -> Expression {
        let at = self.0.at();
        self.value().unwrap_or(Expression { kind: Kind::Name("?".into()), at })
    }

    fn branches(&mut self) -> Option<StatementKind> {
        self.0.skip(1);
        let condition = self.condition();
        while !self.at_line_end() && !self.0.is_name("then") {
            self.0.stumble();
            self.0.skip(1);
        }
        self.0.take_name("then");
        if !matches!(self.0.peek(), Some(Token::LineEnd | Token::Markup | Token::Shown | Token::ShownEnd) | None) {
            return Some(self.branches_on_line(condition));
        }
        let mut arms = Vec::new();
        let mut condition = condition;
        loop {
            let mut body = Block::new();
            self.statements(&mut body);
            arms.push((condition, body));
            let is_else_if = self.0.is_name("elseif") || (self.0.is_name("else") && self.0.is_name_ahead(1, "if"));
            if !is_else_if {
                break;
            }
            self.0.skip(if self.0.is_name("elseif") { 1 } else { 2 });
            condition = self.condition();
            self.0.take_name("then");
        }
        let mut otherwise = Block::new();
        if self.0.take_name("else") {
            self.statements(&mut otherwise);
        }
        self.end_of("if");
        self.0.take_name("endif");
        Some(StatementKind::If(arms, otherwise))
    }

    /// `If x Then a : b Else c`
    fn branches_on_line(&mut self, condition: Expression) -> StatementKind {
        let mut arms = Vec::new();
        let mut condition = condition;
        let mut otherwise = Block::new();
        loop {
            let mut body = Block::new();
            self.line(&mut body);
            arms.push((condition, body));
            let is_else_if = self.0.is_name("elseif") || (self.0.is_name("else") && self.0.is_name_ahead(1, "if"));
            if is_else_if {
                self.0.skip(if self.0.is_name("elseif") { 1 } else { 2 });
                condition = self.condition();
                self.0.take_name("then");
                continue;
            }
            if self.0.take_name("else") {
                self.line(&mut otherwise);
            }
            self.end_of("if");
            return StatementKind::If(arms, otherwise);
        }
    }

    /// Statements up to the end of the line or an `Else`.
    fn line(&mut self, into: &mut Block) {
        if !self.0.enter() {
            self.skip_rest_of_line();
            return;
        }
        loop {
            while self.0.take_sign(":") {}
            let ends =
                matches!(self.0.peek(), None | Some(Token::LineEnd | Token::Markup | Token::Shown | Token::ShownEnd));
            if ends || self.ends_block() {
                break;
            }
            let before = self.0.place();
            self.one_statement(into);
            if self.0.place() == before {
                self.0.stumble();
                self.0.skip(1);
            }
        }
        self.0.leave();
    }

    fn counted(&mut self) -> Option<StatementKind> {
        self.0.skip(1);
        let is_each = self.0.take_name("each");
        let variable = self.0.any_name()?;
        let mut class = None;
        if self.0.take_name("as") {
            class = self.type_name();
        }
        let mut body = Block::new();
        if is_each {
            self.0.take_name("in");
            let over = self.condition();
            self.statements(&mut body);
            self.next_word();
            return Some(StatementKind::Each(variable, class, over, body));
        }
        self.0.take_sign("=");
        let from = self.condition();
        self.0.take_name("to");
        let until = self.condition();
        let step = if self.0.take_name("step") { self.value() } else { None };
        self.statements(&mut body);
        self.next_word();
        Some(StatementKind::Count(Box::new(Count { variable, from, until, step, body })))
    }

    fn next_word(&mut self) {
        if self.0.take_name("next") {
            self.skip_rest_of_line();
        }
    }

    fn repeated(&mut self) -> StatementKind {
        self.0.skip(1);
        let mut looped = empty_loop();
        let condition = |reader: &mut Self, looped: &mut While, body_first: bool| {
            let is_until = reader.0.is_name("until");
            if is_until || reader.0.is_name("while") {
                reader.0.skip(1);
                looped.condition = Some(reader.condition());
                looped.until = is_until;
                looped.body_first = body_first;
            }
        };
        condition(self, &mut looped, false);
        let mut body = Block::new();
        self.statements(&mut body);
        if self.0.take_name("loop") {
            condition(self, &mut looped, true);
        }
        looped.body = body;
        StatementKind::While(Box::new(looped))
    }

    fn while_true(&mut self) -> StatementKind {
        self.0.skip(1);
        let condition = Some(self.condition());
        let mut body = Block::new();
        self.statements(&mut body);
        self.0.take_name("wend");
        self.end_of("while");
        StatementKind::While(Box::new(While { condition, body, ..empty_loop() }))
    }

    fn switch(&mut self) -> Option<StatementKind> {
        self.0.skip(1);
        self.0.take_name("case");
        let on = self.condition();
        let mut cases = Vec::new();
        while !self.0.at_end() {
            if self.0.take_name("case") {
                let mut values = Vec::new();
                if !self.0.take_name("else") {
                    while !self.at_line_end() {
                        let before = self.0.place();
                        let is_range = self.0.take_name("is");
                        if is_range {
                            self.0.skip(1);
                        }
                        let value = self.value();
                        if self.0.take_name("to") || is_range {
                            self.value();
                            let at = self.0.at();
                            values.push(Expression { kind: Kind::Name("?".into()), at });
                        } else {
                            values.extend(value);
                        }
                        self.0.take_sign(",");
                        if self.0.place() == before {
                            self.0.skip(1);
                        }
                    }
                }
                let mut body = Block::new();
                self.statements(&mut body);
                cases.push((values, body));
            } else if self.0.is_name("end") {
                self.end_of("select");
                break;
            } else if self.at_line_end() {
                self.0.skip(1);
            } else {
                break;
            }
        }
        Some(StatementKind::Switch(on, cases))
    }

    fn scoped(&mut self, word: &str) -> Option<StatementKind> {
        self.0.skip(1);
        if word == "using" && self.0.is_name_ahead(1, "as") {
            let mut block = Block::new();
            let at = self.0.at();
            let declared = self.declared_variable();
            block.extend(declared.map(|kind| Statement { kind, at }));
            self.statements(&mut block);
            self.end_of(word);
            return Some(StatementKind::Block(block));
        }
        let on = self.condition();
        let mut body = Block::new();
        self.statements(&mut body);
        self.end_of(word);
        Some(StatementKind::With(on, body))
    }

    fn tried(&mut self) -> StatementKind {
        self.0.skip(1);
        let mut body = Block::new();
        self.statements(&mut body);
        let (mut catches, mut at_last) = (Vec::new(), Block::new());
        loop {
            if self.0.take_name("catch") {
                self.skip_rest_of_line();
                let mut body = Block::new();
                self.statements(&mut body);
                catches.push(body);
            } else if self.0.take_name("finally") {
                self.statements(&mut at_last);
            } else {
                self.end_of("try");
                return StatementKind::Try(body, catches, at_last);
            }
        }
    }

    /// `Dim a, b(10), c As String = ""`
    pub(super) fn variables(&mut self) -> Option<StatementKind> {
        let is_redim = self.0.is_name("redim");
        self.0.skip(1);
        self.0.take_name("preserve");
        let mut all = Block::new();
        loop {
            let at = self.0.at();
            let declared = if is_redim { self.resized() } else { self.declared_variable() };
            let Some(kind) = declared else { break };
            all.push(Statement { kind, at });
            if !self.0.take_sign(",") {
                break;
            }
        }
        self.skip_junk();
        (!all.is_empty()).then_some(StatementKind::Block(all))
    }

    /// A new size keeps what is in the array, for all that is asked here.
    fn resized(&mut self) -> Option<StatementKind> {
        let value = self.value()?;
        Some(StatementKind::Do(value))
    }

    /// `name As Type = value`, `name As New Type(arguments)`, `name(10)`.
    pub(super) fn declared_variable(&mut self) -> Option<StatementKind> {
        let name = self.0.any_name()?;
        let at = self.0.at();
        let mut sizes = None;
        if self.0.take_sign("(") {
            sizes = Some(self.list(")"));
        }
        let mut class = None;
        let mut value = None;
        if self.0.take_name("as") {
            if self.0.is_name("new") {
                value = self.value();
            } else {
                class = self.type_name();
            }
        }
        if self.0.take_sign("=") {
            value = self.value();
        }
        if let (Some(sizes), None) = (sizes, &value)
            && !sizes.is_empty()
        {
            value = Some(Expression { kind: Kind::New("[]".into(), sizes, Vec::new()), at });
        }
        Some(StatementKind::Declare(name, class, value))
    }
}

fn empty_loop() -> While {
    While {
        first: Block::new(),
        condition: None,
        until: false,
        body_first: false,
        step: Vec::new(),
        body: Block::new(),
    }
}

/// A name that stands alone is called.
fn called(target: Expression) -> Expression {
    let at = target.at;
    let is_called = matches!(&target.kind, Kind::Chain(_, links) if matches!(links.last(), Some(Link::Call(..))));
    match target.kind {
        Kind::Chain(first, mut links) if !is_called => {
            links.push(Link::Call(Vec::new(), at));
            Expression { kind: Kind::Chain(first, links), at }
        }
        Kind::Name(_) => Expression { kind: Kind::Chain(Box::new(target), vec![Link::Call(Vec::new(), at)]), at },
        kind => Expression { kind, at },
    }
}
