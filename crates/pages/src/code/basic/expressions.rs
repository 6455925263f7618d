//! Expressions of Basic.

use std::rc::Rc;

use super::Reader;
use crate::code::cursor::Cursor;
use crate::code::token::{At, Token, Woven};
use crate::code::tree::{Expression, Function, Kind, Link, Name, Operator, Statement, StatementKind};

/// Operators by precedence, the loosest first; words and signs.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("imp", Operator::Other), ("eqv", Operator::Other), ("xor", Operator::Xor)],
    &[("or", Operator::Or), ("orelse", Operator::Or)],
    &[("and", Operator::And), ("andalso", Operator::And)],
    // `Not` stands between.
    &[],
    &[
        ("=", Operator::Equal),
        ("<>", Operator::NotEqual),
        ("><", Operator::NotEqual),
        ("<=", Operator::LessEqual),
        ("=<", Operator::LessEqual),
        (">=", Operator::GreaterEqual),
        ("=>", Operator::GreaterEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("is", Operator::Other),
        ("isnot", Operator::Other),
        ("like", Operator::Other),
    ],
    &[("<<", Operator::ShiftLeft), (">>", Operator::ShiftRight)],
    &[("&", Operator::Join)],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("mod", Operator::Modulo)],
    &[("\\", Operator::IntegerDivide)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];
const NOT_LEVEL: usize = 3;
/// Below it stands what binds closer than the sign before a number.
const POWER: (&str, Operator) = ("^", Operator::Power);

impl Reader {
    pub(super) fn value(&mut self) -> Option<Expression> {
        if !self.0.enter() {
            self.0.skip_enclosed();
            return None;
        }
        let value = self.level(0);
        self.0.leave();
        value
    }

    fn operator(&self, operators: &[(&str, Operator)]) -> Option<Operator> {
        let is_it = |word: &str| match self.0.peek() {
            Some(Token::Sign(sign)) => *sign == word,
            Some(Token::Name(name)) => &**name == word,
            _ => false,
        };
        operators.iter().find(|(word, _)| is_it(word)).map(|(_, operator)| *operator)
    }

    fn level(&mut self, level: usize) -> Option<Expression> {
        if level >= LEVELS.len() {
            return self.signed();
        }
        let at = self.0.at();
        if level == NOT_LEVEL {
            let mut is_not = false;
            while self.0.take_name("not") {
                is_not = !is_not;
            }
            let value = self.level(level + 1)?;
            return Some(if is_not { Expression { kind: Kind::Not(Box::new(value)), at } } else { value });
        }
        let first = self.level(level + 1)?;
        self.more(level, first)
    }

    /// The operands of one precedence that follow the first.
    fn more(&mut self, level: usize, first: Expression) -> Option<Expression> {
        let operators = LEVELS.get(level)?;
        let at = first.at;
        let mut rest = Vec::new();
        while let Some(operator) = self.operator(operators) {
            self.0.skip(1);
            let Some(operand) = self.level(level + 1) else { break };
            rest.push((operator, operand));
        }
        if rest.is_empty() {
            return Some(first);
        }
        Some(Expression { kind: Kind::Operation(Box::new(first), rest), at })
    }

    /// All operators that follow a first operand: `(a) & b` after a procedure's name.
    pub(super) fn go_on_from(&mut self, first: Expression) -> Option<Expression> {
        let mut value = first;
        for level in (0..LEVELS.len()).rev().filter(|level| *level != NOT_LEVEL) {
            value = self.more(level, value)?;
        }
        Some(value)
    }

    pub(super) fn at_operator(&self) -> bool {
        let joins = LEVELS.get(5..).unwrap_or_default();
        joins.iter().any(|operators| self.operator(operators).is_some())
    }

    fn signed(&mut self) -> Option<Expression> {
        let at = self.0.at();
        let mut negative = false;
        loop {
            if self.0.take_sign("-") {
                negative = !negative;
            } else if !self.0.take_sign("+") {
                break;
            }
        }
        let first = self.unary()?;
        let mut rest = Vec::new();
        while self.0.take_sign(POWER.0) {
            let negative = self.0.take_sign("-");
            let Some(operand) = self.unary() else { break };
            let operand = if negative { Expression { kind: Kind::Negation(Box::new(operand)), at } } else { operand };
            rest.push((POWER.1, operand));
        }
        let value = match rest.is_empty() {
            true => first,
            false => Expression { kind: Kind::Operation(Box::new(first), rest), at },
        };
        Some(if negative { Expression { kind: Kind::Negation(Box::new(value)), at } } else { value })
    }

    fn unary(&mut self) -> Option<Expression> {
        if !self.0.enter() {
            return None;
        }
        let first = self.primary();
        let value = first.map(|first| self.links(first, true));
        self.0.leave();
        value
    }

    fn primary(&mut self) -> Option<Expression> {
        let at = self.0.at();
        let kind = match self.0.peek()?.clone() {
            Token::Text(text) => {
                self.0.skip(1);
                Kind::Text(text)
            }
            Token::Number(number) => {
                self.0.skip(1);
                Kind::Number(number)
            }
            Token::Woven(parts) => {
                self.0.skip(1);
                woven(&parts, at, self.0.depth_in_text())
            }
            Token::Sign("(") => {
                self.0.skip(1);
                let inner = self.value();
                self.skip_line_ends();
                if !self.0.take_sign(")") {
                    self.0.stumble();
                }
                return inner.or(Some(Expression { kind: Kind::Null, at }));
            }
            Token::Sign("{") => {
                self.0.skip(1);
                Kind::List(self.list("}"))
            }
            Token::Sign("." | "!") => Kind::WithObject,
            Token::Quoted(name) => {
                self.0.skip(1);
                Kind::Name(name)
            }
            Token::Name(name) => return self.named(&name, at),
            _ => return None,
        };
        Some(Expression { kind, at })
    }

    fn named(&mut self, name: &Name, at: At) -> Option<Expression> {
        let kind = match &**name {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "nothing" | "null" | "empty" => Kind::Null,
            "me" | "mybase" | "myclass" => Kind::This,
            "new" => return Some(self.made(at)),
            "addressof" | "await" | "byval" | "byref" => {
                self.0.skip(1);
                return self.unary();
            }
            "gettype" if self.0.is_sign_ahead(1, "(") => {
                self.0.skip(2);
                let class = self.type_name().unwrap_or_else(|| Rc::from(""));
                self.0.take_sign(")");
                return Some(Expression { kind: Kind::Type(class), at });
            }
            "ctype" | "directcast" | "trycast" if self.0.is_sign_ahead(1, "(") => {
                self.0.skip(2);
                let value = self.value()?;
                self.0.take_sign(",");
                let class = self.type_name().unwrap_or_else(|| Rc::from(""));
                self.0.take_sign(")");
                return Some(Expression { kind: Kind::Cast(class, Box::new(value)), at });
            }
            "typeof" => {
                self.0.skip(1);
                self.unary();
                while self.0.is_any_name(&["is", "isnot"]) {
                    self.0.skip(1);
                    self.type_name();
                }
                return Some(Expression { kind: Kind::Name(Rc::from("?")), at });
            }
            "if" if self.0.is_sign_ahead(1, "(") => return self.chosen(at),
            "function" | "sub" if self.0.is_sign_ahead(1, "(") => return self.lambda(at),
            _ if is_statement_word(name) => return None,
            _ => Kind::Name(name.clone()),
        };
        self.0.skip(1);
        Some(Expression { kind, at })
    }

    fn chosen(&mut self, at: At) -> Option<Expression> {
        self.0.skip(2);
        let mut all = self.list(")").into_iter();
        let (first, second, third) = (all.next()?, all.next()?, all.next());
        let kind = match third {
            Some(third) => Kind::Choice(Box::new(first), Box::new(second), Box::new(third)),
            None => Kind::Operation(Box::new(first), vec![(Operator::Coalesce, second)]),
        };
        Some(Expression { kind, at })
    }

    /// `New Type(arguments)`, `New Type() {…}`, `New Type With {.a = 1}`.
    fn made(&mut self, at: At) -> Expression {
        self.0.skip(1);
        let class = self.class_path().unwrap_or_else(|| Rc::from(""));
        let arguments = if self.0.take_sign("(") { self.list(")") } else { Vec::new() };
        if self.0.take_sign("{") {
            return Expression { kind: Kind::List(self.list("}")), at };
        }
        let mut members = Vec::new();
        if (self.0.is_name("with") || self.0.is_name("from")) && self.0.is_sign_ahead(1, "{") {
            self.0.skip(2);
            while !self.0.at_end() && !self.0.take_sign("}") {
                let before = self.0.place();
                let is_member = self.0.is_sign(".") && self.0.is_sign_ahead(2, "=");
                let name = self.0.name_ahead(1).filter(|_| is_member).cloned();
                self.0.skip(if is_member { 3 } else { 0 });
                members.extend(self.value().map(|value| (name, value)));
                self.0.take_sign(",");
                self.skip_line_ends();
                if self.0.place() == before {
                    self.0.skip(1);
                }
            }
        }
        Expression { kind: Kind::New(class, arguments, members), at }
    }

    fn lambda(&mut self, at: At) -> Option<Expression> {
        let is_sub = self.0.is_name("sub");
        self.0.skip(1);
        let parameters = self.parameters();
        let mut body = Vec::new();
        if matches!(self.0.peek(), Some(Token::LineEnd)) {
            self.statements(&mut body);
            self.0.take_name("end");
            self.0.skip(1);
        } else if is_sub {
            self.one_statement(&mut body);
        } else {
            let value = self.value();
            body.push(Statement { kind: StatementKind::Return(value), at });
        }
        let function = Function { parameters, body, at, ..Function::default() };
        Some(Expression { kind: Kind::Function(Rc::new(function)), at })
    }

    pub(super) fn skip_line_ends(&mut self) {
        while matches!(self.0.peek(), Some(Token::LineEnd)) {
            self.0.skip(1);
        }
    }

    /// Values up to `end`, which is taken. What is left out stands as nothing, so that places keep their number.
    pub(super) fn list(&mut self, end: &str) -> Vec<Expression> {
        let mut all = Vec::new();
        loop {
            self.skip_line_ends();
            if self.0.at_end() || self.0.take_sign(end) {
                return all;
            }
            let before = self.0.place();
            let at = self.0.at();
            if self.0.name_ahead(0).is_some() && self.0.is_sign_ahead(1, ":=") {
                self.0.skip(2);
            }
            if self.0.is_name("of") {
                // Type arguments.
                while !self.0.at_end() && !self.0.is_sign(end) && !self.at_line_end() {
                    self.0.skip(1);
                }
                continue;
            }
            if self.0.is_sign(",") {
                all.push(Expression { kind: Kind::Null, at });
            } else {
                all.extend(self.value());
                if self.0.take_name("to") {
                    // Bounds of an array: the upper one counts.
                    all.pop();
                    all.extend(self.value());
                }
            }
            self.skip_line_ends();
            if self.0.take_sign(",") {
                continue;
            }
            if self.0.take_sign(end) {
                return all;
            }
            if self.at_line_end() {
                self.0.stumble();
                return all;
            }
            if self.0.place() == before {
                self.0.stumble();
                self.0.skip(1);
            }
        }
    }

    /// `.member`, `!member`, `(arguments)`. `calls`: parentheses are taken.
    pub(super) fn links(&mut self, first: Expression, calls: bool) -> Expression {
        let mut links = Vec::new();
        loop {
            let at = self.0.at();
            if self.0.is_sign(".") || self.0.is_sign("?.") {
                let Some(name) = self.0.name_ahead(1).cloned() else { break };
                self.0.skip(2);
                links.push(Link::Member(name, at));
            } else if self.0.is_sign("!") && self.0.name_ahead(1).is_some() {
                let Some(name) = self.0.name_ahead(1).cloned() else { break };
                self.0.skip(2);
                links.push(Link::Index(vec![Expression { kind: Kind::Text(name), at }], at));
            } else if calls && self.0.is_sign("(") {
                self.0.skip(1);
                links.push(Link::Call(self.list(")"), at));
            } else {
                break;
            }
        }
        if links.is_empty() {
            return first;
        }
        let at = first.at;
        Expression { kind: Kind::Chain(Box::new(first), links), at }
    }

    /// A type: `System.Collections.Generic.List(Of String)`, `Byte()`.
    pub(super) fn type_name(&mut self) -> Option<Name> {
        let name = self.class_path()?;
        let mut is_array = false;
        while self.0.is_sign("(") && (self.0.is_sign_ahead(1, ")") || self.0.is_sign_ahead(1, ",")) {
            is_array = true;
            self.0.skip_enclosed();
        }
        self.0.take_sign("?");
        Some(if is_array { Rc::from(format!("{name}[]")) } else { name })
    }

    pub(super) fn class_path(&mut self) -> Option<Name> {
        let mut path = self.0.any_name()?.to_string();
        loop {
            if self.0.is_sign("(") && self.0.is_name_ahead(1, "of") {
                self.0.skip_enclosed();
            }
            let Some(next) = self.0.name_ahead(1).filter(|_| self.0.is_sign(".")).cloned() else { break };
            self.0.skip(2);
            path.push('.');
            path.push_str(&next);
        }
        Some(path.strip_prefix("global.").unwrap_or(&path).into())
    }
}

fn woven(parts: &[Woven], at: At, depth: Option<u32>) -> Kind {
    let part = |part: &Woven| match part {
        Woven::Text(text) => Some(Expression { kind: Kind::Text(text.clone()), at }),
        Woven::Code(code) => {
            let mut tokens = Vec::new();
            super::lexer::read(code, at.line, &mut tokens);
            Reader(Cursor::within(tokens, at.layer, depth?)).value()
        }
    };
    let mut joined = parts.iter().filter_map(part);
    let Some(first) = joined.next() else { return Kind::Text(Rc::from("")) };
    Kind::Operation(Box::new(first), joined.map(|part| (Operator::Join, part)).collect())
}

/// Words that begin or end statements and never stand for a value.
fn is_statement_word(name: &str) -> bool {
    matches!(
        name,
        "if" | "then"
            | "else"
            | "elseif"
            | "end"
            | "endif"
            | "for"
            | "each"
            | "next"
            | "while"
            | "wend"
            | "do"
            | "loop"
            | "until"
            | "select"
            | "case"
            | "dim"
            | "redim"
            | "const"
            | "sub"
            | "function"
            | "class"
            | "exit"
            | "with"
            | "try"
            | "catch"
            | "finally"
            | "to"
            | "step"
            | "goto"
            | "on"
    )
}
