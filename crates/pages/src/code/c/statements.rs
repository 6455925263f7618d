//! Statements of the languages of braces.

use crate::code::cursor::Cursor;
use crate::code::token::Token;
use crate::code::tree::{Block, Expression, Name, Statement, StatementKind, While};

impl Cursor {
    /// One statement, or a declaration. What is none is skipped by the caller.
    pub(super) fn statement(&mut self, into: &mut Block) {
        if !self.enter() {
            self.skip_enclosed();
            return;
        }
        let at = self.at();
        if let Some(kind) = self.statement_inside(into) {
            into.push(Statement { kind, at });
        }
        self.leave();
    }

    fn statement_inside(&mut self, into: &mut Block) -> Option<StatementKind> {
        match self.peek()? {
            Token::Markup | Token::Sign(";") | Token::ShownEnd | Token::LineEnd => {
                self.skip(1);
                None
            }
            Token::Shown => {
                self.skip(1);
                let shown = self.values();
                while !self.at_end() && !matches!(self.peek(), Some(Token::ShownEnd | Token::Markup)) {
                    self.skip(1);
                }
                shown.map(StatementKind::Show)
            }
            Token::Sign("{") => Some(StatementKind::Block(self.block())),
            Token::Sign("[") if self.attributes_ahead() => {
                self.declaration(into);
                None
            }
            Token::Name(name) => {
                let name = name.clone();
                self.by_word(&name, into)
            }
            _ => self.expression_statement(),
        }
    }

    fn by_word(&mut self, word: &str, into: &mut Block) -> Option<StatementKind> {
        match word {
            "if" => Some(self.branches()),
            "while" | "for" | "do" => self.looped(word),
            "foreach" => self.each(),
            "switch" => self.switch(),
            "try" => Some(self.tried()),
            "using" if self.is_sign_ahead(1, "(") => Some(self.scoped()),
            "lock" | "fixed" | "with" if self.is_sign_ahead(1, "(") => Some(self.scoped()),
            "unsafe" | "checked" | "unchecked" if self.is_sign_ahead(1, "{") => {
                self.skip(1);
                Some(StatementKind::Block(self.block()))
            }
            "return" => {
                self.skip(1);
                let value = self.values();
                self.end();
                Some(StatementKind::Return(value))
            }
            "throw" => {
                self.skip(1);
                let value = self.values();
                self.end();
                value.map(StatementKind::Do)
            }
            "break" | "continue" | "goto" => {
                let kind = if word == "break" { StatementKind::Break } else { StatementKind::Continue };
                while !self.at_end() && !self.is_sign(";") && !self.is_sign("}") {
                    self.skip(1);
                }
                self.end();
                Some(kind)
            }
            "else" | "case" | "default" | "catch" | "finally"
                if !self.is_sign_ahead(1, ".") && !self.is_sign_ahead(1, "(") =>
            {
                // What it belongs to was cut off by a piece that was not understood.
                self.stumble();
                self.skip(1);
                None
            }
            _ if self.declaration(into) => None,
            "var" | "let" | "const" => self.variables(None),
            _ if self.is_sign_ahead(1, ":") && !self.is_sign_ahead(2, ":") => {
                // A label.
                self.skip(2);
                None
            }
            _ => match self.typed_variable_ahead() {
                true => self.typed_variables(),
                false => self.expression_statement(),
            },
        }
    }

    fn expression_statement(&mut self) -> Option<StatementKind> {
        let value = self.values()?;
        self.end();
        Some(StatementKind::Do(value))
    }

    /// The end of a statement. JScript may leave the semicolon out.
    fn end(&mut self) {
        self.take_sign(";");
    }

    /// `{ … }`, the cursor standing on the brace; or a single statement.
    pub(super) fn block(&mut self) -> Block {
        let mut block = Block::new();
        if !self.take_sign("{") {
            // `if (x) %> markup <% else …`
            if self.peek() == Some(&Token::Markup) && self.is_name_ahead(1, "else") {
                self.skip(1);
                return block;
            }
            while matches!(self.peek(), Some(Token::Markup)) {
                self.skip(1);
            }
            self.statement(&mut block);
            return block;
        }
        while !self.at_end() && !self.take_sign("}") {
            let before = self.place();
            self.statement(&mut block);
            if self.place() == before {
                self.stumble();
                self.skip(1);
            }
        }
        block
    }

    fn condition(&mut self) -> Option<Expression> {
        if !self.take_sign("(") {
            return None;
        }
        let condition = self.values();
        self.skip_to_close();
        condition
    }

    /// Up to the parenthesis that closes the one that is open.
    fn skip_to_close(&mut self) {
        while !self.at_end() && !self.take_sign(")") {
            if self.is_sign("{") || self.is_sign(";") {
                return;
            }
            if self.is_sign("(") {
                self.skip_enclosed();
            } else {
                self.skip(1);
            }
            self.stumble();
        }
    }

    fn branches(&mut self) -> StatementKind {
        let mut arms = Vec::new();
        let mut otherwise = Block::new();
        loop {
            self.take_name("if");
            let at = self.at();
            let condition =
                self.condition().unwrap_or(Expression { kind: crate::code::tree::Kind::Name("?".into()), at });
            let body = self.block();
            arms.push((condition, body));
            let markup = usize::from(self.peek() == Some(&Token::Markup));
            let markup = markup
                + usize::from(self.ahead(markup) == Some(&Token::Sign(";")) && self.is_name_ahead(markup + 1, "else"));
            if !self.is_name_ahead(markup, "else") {
                break;
            }
            self.skip(markup + 1);
            if !self.is_name("if") {
                otherwise = self.block();
                break;
            }
        }
        StatementKind::If(arms, otherwise)
    }

    fn looped(&mut self, word: &str) -> Option<StatementKind> {
        self.skip(1);
        let mut looped = While {
            first: Block::new(),
            condition: None,
            until: false,
            body_first: false,
            step: Vec::new(),
            body: Block::new(),
        };
        match word {
            "while" => {
                looped.condition = self.condition();
                looped.body = self.block();
            }
            "do" => {
                looped.body_first = true;
                looped.body = self.block();
                if self.take_name("while") {
                    looped.condition = self.condition();
                }
                self.end();
            }
            _ => {
                if let Some(each) = self.for_in() {
                    return Some(each);
                }
                self.take_sign("(");
                self.statement(&mut looped.first);
                if !self.is_sign(";") {
                    looped.condition = self.values();
                }
                self.take_sign(";");
                while !self.at_end() && !self.is_sign(")") {
                    let before = self.place();
                    looped.step.extend(self.value());
                    self.take_sign(",");
                    if self.place() == before {
                        break;
                    }
                }
                self.skip_to_close();
                looped.body = self.block();
            }
        }
        Some(StatementKind::While(Box::new(looped)))
    }

    /// `for (var name in object)` of JScript; the cursor behind the `for`.
    fn for_in(&mut self) -> Option<StatementKind> {
        let declared = usize::from(self.is_name_ahead(1, "var") || self.is_name_ahead(1, "let"));
        let at = 1 + declared;
        let is_in = self.is_name_ahead(at + 1, "in") || self.is_name_ahead(at + 1, "of");
        let name = self.name_ahead(at).filter(|_| is_in)?.clone();
        self.skip(at + 2);
        let over = self.values()?;
        self.skip_to_close();
        let body = self.block();
        Some(StatementKind::Each(name, None, over, body))
    }

    fn each(&mut self) -> Option<StatementKind> {
        self.skip(1);
        self.take_sign("(");
        let class = self.type_name();
        let name = self.any_name()?;
        self.take_name("in");
        let over = self.values()?;
        self.skip_to_close();
        let body = self.block();
        Some(StatementKind::Each(name, class, over, body))
    }

    fn switch(&mut self) -> Option<StatementKind> {
        self.skip(1);
        let on = self.condition()?;
        let mut cases = Vec::new();
        self.take_sign("{");
        while !self.at_end() && !self.take_sign("}") {
            let mut values = Vec::new();
            while matches!(self.peek(), Some(Token::Markup)) {
                self.skip(1);
            }
            loop {
                if self.take_name("case") {
                    values.extend(self.value());
                    while !self.at_end() && !self.take_sign(":") && !self.is_sign(";") && !self.is_sign("}") {
                        self.skip(1);
                    }
                } else if self.is_name("default") && self.is_sign_ahead(1, ":") {
                    self.skip(2);
                    values.clear();
                } else {
                    break;
                }
            }
            let mut body = Block::new();
            let ends = |cursor: &Self| {
                cursor.is_name("case")
                    || (cursor.is_name("default") && cursor.is_sign_ahead(1, ":"))
                    || cursor.is_sign("}")
            };
            while !self.at_end() && !ends(self) {
                let before = self.place();
                self.statement(&mut body);
                if self.place() == before {
                    self.stumble();
                    self.skip(1);
                }
            }
            cases.push((values, body));
        }
        Some(StatementKind::Switch(on, cases))
    }

    fn tried(&mut self) -> StatementKind {
        self.skip(1);
        let body = self.block();
        let (mut catches, mut at_last) = (Vec::new(), Block::new());
        loop {
            let markup = usize::from(self.peek() == Some(&Token::Markup));
            if self.is_name_ahead(markup, "catch") {
                self.skip(markup + 1);
                if self.is_sign("(") {
                    self.skip_enclosed();
                }
                if self.take_name("when") {
                    self.skip_enclosed();
                }
                catches.push(self.block());
            } else if self.is_name_ahead(markup, "finally") {
                self.skip(markup + 1);
                at_last = self.block();
            } else {
                return StatementKind::Try(body, catches, at_last);
            }
        }
    }

    /// `using (declaration) body`, `lock (x) body`.
    fn scoped(&mut self) -> StatementKind {
        self.skip(2);
        let mut block = Block::new();
        self.statement(&mut block);
        self.skip_to_close();
        let mut body = self.block();
        block.append(&mut body);
        StatementKind::Block(block)
    }

    /// `var a = 1, b : Type = 2;`
    fn variables(&mut self, class: Option<&Name>) -> Option<StatementKind> {
        if class.is_none() {
            self.skip(1);
        }
        let mut all = Block::new();
        loop {
            let at = self.at();
            let Some(name) = self.any_name() else { break };
            let mut own = class.cloned();
            if class.is_none() && self.take_sign(":") {
                own = self.type_name();
            }
            let value = if self.take_sign("=") { self.value() } else { None };
            all.push(Statement { kind: StatementKind::Declare(name, own, value), at });
            if !self.take_sign(",") {
                break;
            }
        }
        self.end();
        (!all.is_empty()).then_some(StatementKind::Block(all))
    }

    /// `Type name =`, `Type name;`, `Type name,`, `Type name)`.
    pub(super) fn typed_variable_ahead(&self) -> bool {
        let Some(end) = self.type_ahead(0) else { return false };
        let is_name = matches!(self.ahead(end), Some(Token::Name(_) | Token::Quoted(_)));
        is_name
            && matches!(self.ahead(end + 1), Some(Token::Sign("=" | ";" | "," | ")")) | Some(Token::Name(_)) | None)
            && !self.is_name_ahead(end, "in")
            && !self.is_name_ahead(end, "is")
            && !self.is_name_ahead(end, "as")
            && !self.is_name_ahead(end, "instanceof")
    }

    pub(super) fn typed_variables(&mut self) -> Option<StatementKind> {
        let class = self.type_name()?;
        self.variables(Some(&class))
    }
}
