//! Expressions of the languages of braces.

use std::rc::Rc;

use crate::code::cursor::Cursor;
use crate::code::token::{Token, Woven};
use crate::code::tree::{Expression, Function, Kind, Link, Name, Operator, Parameter, StepValue};

/// Operators by precedence, the loosest first.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("??", Operator::Coalesce)],
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[("|", Operator::BitOr)],
    &[("^", Operator::Xor)],
    &[("&", Operator::BitAnd)],
    &[("==", Operator::Equal), ("!=", Operator::NotEqual), ("===", Operator::Equal), ("!==", Operator::NotEqual)],
    &[("<=", Operator::LessEqual), (">=", Operator::GreaterEqual), ("<", Operator::Less), (">", Operator::Greater)],
    &[("<<", Operator::ShiftLeft), (">>>", Operator::ShiftRight)],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Modulo)],
];

const ASSIGNMENTS: &[(&str, Option<Operator>)] = &[
    ("=", None),
    ("+=", Some(Operator::Add)),
    ("-=", Some(Operator::Subtract)),
    ("*=", Some(Operator::Multiply)),
    ("/=", Some(Operator::Divide)),
    ("%=", Some(Operator::Modulo)),
    ("&=", Some(Operator::BitAnd)),
    ("|=", Some(Operator::BitOr)),
    ("^=", Some(Operator::Xor)),
    ("<<=", Some(Operator::ShiftLeft)),
    (">>=", Some(Operator::ShiftRight)),
    (">>>=", Some(Operator::ShiftRight)),
    ("??=", Some(Operator::Coalesce)),
];

/// Words that begin a value though they are keywords.
const PREFIX_WORDS: &[&str] =
    &["await", "ref", "out", "in", "checked", "unchecked", "delete", "void", "throw", "params"];

impl Cursor {
    /// An expression with assignments and commas.
    pub(super) fn values(&mut self) -> Option<Expression> {
        let at = self.at();
        let first = self.value()?;
        if !self.is_sign(",") {
            return Some(first);
        }
        let mut all = vec![first];
        while self.take_sign(",") {
            all.extend(self.value());
        }
        Some(Expression { kind: Kind::Sequence(all), at })
    }

    /// An expression without commas.
    pub(super) fn value(&mut self) -> Option<Expression> {
        if !self.enter() {
            self.skip_enclosed();
            return None;
        }
        let value = self.assignment();
        self.leave();
        value
    }

    fn assignment(&mut self) -> Option<Expression> {
        let at = self.at();
        if let Some(function) = self.lambda() {
            return Some(function);
        }
        let target = self.choice()?;
        let sign = ASSIGNMENTS.iter().find(|(sign, _)| self.is_sign(sign));
        let Some((_, operator)) = sign else { return Some(target) };
        self.skip(1);
        let value = self.value()?;
        Some(Expression { kind: Kind::Assign(Box::new(target), *operator, Box::new(value)), at })
    }

    fn choice(&mut self) -> Option<Expression> {
        let at = self.at();
        let condition = self.level(0)?;
        if !self.is_sign("?") {
            return Some(condition);
        }
        self.skip(1);
        let then = self.value()?;
        if !self.take_sign(":") {
            return Some(then);
        }
        let otherwise = self.value()?;
        Some(Expression { kind: Kind::Choice(Box::new(condition), Box::new(then), Box::new(otherwise)), at })
    }

    fn level(&mut self, level: usize) -> Option<Expression> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let at = self.at();
        let first = self.level(level + 1)?;
        let mut rest = Vec::new();
        loop {
            let found = operators.iter().find(|(sign, _)| self.is_sign(sign)).map(|(_, operator)| *operator);
            // `>>` comes as two signs, since it may also close two lists of types.
            let shift = level == 8 && self.is_sign(">") && self.is_sign_ahead(1, ">");
            let closes_types = level == 7 && self.is_sign(">") && self.is_sign_ahead(1, ">");
            let word = level == 7 && self.is_any_name(&["is", "as", "instanceof", "in"]);
            let operator = match found {
                Some(operator) if !closes_types => operator,
                _ if shift => {
                    self.skip(1);
                    Operator::ShiftRight
                }
                _ if word => Operator::Other,
                _ => break,
            };
            if word && self.is_name("as") {
                self.skip(1);
                self.type_name();
                continue;
            }
            self.skip(1);
            let Some(operand) = self.level(level + 1) else { break };
            rest.push((operator, operand));
        }
        if rest.is_empty() {
            Some(first)
        } else {
            Some(Expression { kind: Kind::Operation(Box::new(first), rest), at })
        }
    }

    fn unary(&mut self) -> Option<Expression> {
        if !self.enter() {
            return None;
        }
        let value = self.unary_inside();
        self.leave();
        value
    }

    fn unary_inside(&mut self) -> Option<Expression> {
        let at = self.at();
        while self.is_any_name(PREFIX_WORDS) && !self.is_sign_ahead(1, "=") && !self.is_sign_ahead(1, ".") {
            let is_call = self.is_sign_ahead(1, "(") && self.is_any_name(&["checked", "unchecked"]);
            self.skip(1);
            if is_call {
                break;
            }
        }
        let boxed = |operand: Expression| Box::new(operand);
        match self.peek()? {
            Token::Sign("!") => self.after_sign(at, |operand| Kind::Not(boxed(operand))),
            Token::Sign("-") => self.after_sign(at, |operand| Kind::Negation(boxed(operand))),
            Token::Sign("~") => self.after_sign(at, |operand| Kind::Complement(boxed(operand))),
            Token::Sign("+" | "&" | "*" | "...") => {
                self.skip(1);
                self.unary()
            }
            Token::Sign("++") => self.after_sign(at, |operand| Kind::Step(boxed(operand), 1.0, StepValue::After)),
            Token::Sign("--") => self.after_sign(at, |operand| Kind::Step(boxed(operand), -1.0, StepValue::After)),
            Token::Sign("(") if self.is_cast() => {
                self.skip(1);
                let class = self.type_name().unwrap_or_else(|| Rc::from(""));
                self.take_sign(")");
                let operand = self.unary()?;
                Some(Expression { kind: Kind::Cast(class, Box::new(operand)), at })
            }
            Token::Name(name) if &**name == "typeof" => {
                self.skip(1);
                let inside = self.take_sign("(");
                let class = self.type_name().unwrap_or_else(|| Rc::from(""));
                if inside {
                    self.take_sign(")");
                }
                let kind = Kind::Type(class);
                Some(self.links(Expression { kind, at }))
            }
            _ => {
                let first = self.primary()?;
                let value = self.links(first);
                Some(self.stepped(value))
            }
        }
    }

    fn after_sign(&mut self, at: crate::code::token::At, kind: impl FnOnce(Expression) -> Kind) -> Option<Expression> {
        self.skip(1);
        let operand = self.unary()?;
        Some(Expression { kind: kind(operand), at })
    }

    fn stepped(&mut self, value: Expression) -> Expression {
        let by = match self.peek() {
            Some(Token::Sign("++")) => 1.0,
            Some(Token::Sign("--")) => -1.0,
            _ => return value,
        };
        self.skip(1);
        let at = value.at;
        Expression { kind: Kind::Step(Box::new(value), by, StepValue::Before), at }
    }

    /// `(Type) operand`: the parentheses hold nothing but a type, and an operand follows.
    fn is_cast(&self) -> bool {
        let Some(end) = self.type_ahead(1) else { return false };
        if !self.is_sign_ahead(end, ")") {
            return false;
        }
        let builtin = matches!(self.ahead(1), Some(Token::Name(name)) if is_builtin_type(name));
        match self.ahead(end + 1) {
            Some(Token::Name(name)) => !matches!(&**name, "is" | "as" | "in" | "instanceof"),
            Some(
                Token::Text(_) | Token::Woven(_) | Token::Number(_) | Token::Quoted(_) | Token::Sign("(" | "!" | "~"),
            ) => true,
            Some(Token::Sign("-" | "+" | "&" | "*")) => builtin,
            _ => false,
        }
    }

    fn primary(&mut self) -> Option<Expression> {
        let at = self.at();
        let kind = match self.peek()?.clone() {
            Token::Text(text) => {
                self.skip(1);
                Kind::Text(text)
            }
            Token::Number(number) => {
                self.skip(1);
                Kind::Number(number)
            }
            Token::Woven(parts) => {
                self.skip(1);
                woven(&parts, at, self.depth_in_text())
            }
            Token::Sign("(") => {
                self.skip(1);
                let inner = self.values();
                self.close(")");
                return inner.or(Some(Expression { kind: Kind::Null, at }));
            }
            Token::Sign("[") => {
                self.skip(1);
                let all = self.list("]");
                Kind::List(all)
            }
            Token::Sign("{") => self.braces(),
            Token::Name(name) => return self.named(&name, at),
            Token::Quoted(name) => {
                self.skip(1);
                Kind::Name(name)
            }
            _ => return None,
        };
        Some(Expression { kind, at })
    }

    fn named(&mut self, name: &Name, at: crate::code::token::At) -> Option<Expression> {
        let kind = match &**name {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" | "undefined" | "default" => Kind::Null,
            "this" | "base" | "super" => Kind::This,
            "new" => return self.made(at),
            "function" | "delegate" => {
                let function = self.function_value()?;
                return Some(Expression { kind: Kind::Function(Rc::new(function)), at });
            }
            _ if is_statement_word(name) => return None,
            _ => Kind::Name(name.clone()),
        };
        self.skip(1);
        Some(Expression { kind, at })
    }

    /// What stands in brackets or parentheses up to its end, which is taken.
    pub(super) fn list(&mut self, end: &str) -> Vec<Expression> {
        let mut all = Vec::new();
        while !self.at_end() && !self.is_sign(end) {
            let before = self.place();
            // `name: value` names an argument.
            if self.name_ahead(0).is_some() && self.is_sign_ahead(1, ":") && !self.is_sign_ahead(2, ":") {
                self.skip(2);
            }
            self.take_name("out");
            self.take_name("ref");
            if (self.is_name("var") || self.type_ahead(0) == Some(1))
                && self.name_ahead(1).is_some()
                && !self.is_name("new")
            {
                // `out var x`
                self.skip(1);
            }
            all.extend(self.value());
            if self.take_sign(",") {
                continue;
            }
            if !self.is_sign(end) && self.place() == before {
                self.stumble();
                self.skip(1);
            }
            if matches!(self.peek(), Some(Token::Sign(";" | "}") | Token::Markup | Token::ShownEnd)) {
                break;
            }
        }
        self.take_sign(end);
        all
    }

    fn close(&mut self, end: &str) {
        if !self.take_sign(end) {
            self.stumble();
        }
    }

    /// `{…}` as a value: members or a list.
    fn braces(&mut self) -> Kind {
        self.skip(1);
        let has_members = self.is_sign("}")
            || (self.is_sign_ahead(1, ":")
                && matches!(self.peek(), Some(Token::Name(_) | Token::Text(_) | Token::Number(_))));
        if !has_members {
            return Kind::List(self.list("}"));
        }
        let mut members = Vec::new();
        while !self.at_end() && !self.take_sign("}") {
            let name: Option<Name> = match self.take() {
                Some(Token::Name(name) | Token::Quoted(name)) => Some(name),
                Some(Token::Text(text)) => Some(crate::code::cursor::name_of(&text)),
                _ => None,
            };
            if self.take_sign(":")
                && let (Some(name), Some(value)) = (name, self.value())
            {
                members.push((name, value));
            }
            self.take_sign(",");
        }
        Kind::Members(members)
    }

    /// `new Type(…) {…}`, `new Type[…] {…}`, `new[] {…}`, `new {…}`.
    fn made(&mut self, at: crate::code::token::At) -> Option<Expression> {
        self.skip(1);
        if self.is_sign("{") {
            let kind = self.braces();
            return Some(Expression { kind, at });
        }
        // `new Function(code)` makes a function of text, and is no `function` though names have no case here.
        if self.is_name("function") && self.is_function_text() {
            self.skip(2);
            let arguments = self.list(")");
            return Some(Expression { kind: Kind::New(Rc::from("function"), arguments, Vec::new()), at });
        }
        if self.is_name("function") {
            let function = self.function_value()?;
            return Some(Expression { kind: Kind::Function(Rc::new(function)), at });
        }
        let class = self.constructed_type();
        let mut sizes = Vec::new();
        let mut is_array = false;
        while self.is_sign("[") {
            is_array = true;
            self.skip(1);
            sizes.extend(self.list("]"));
        }
        if is_array {
            let kind = if self.is_sign("{") { self.braces() } else { Kind::New(Rc::from("[]"), sizes, Vec::new()) };
            return Some(Expression { kind: array_members(kind), at });
        }
        let arguments = if self.take_sign("(") { self.list(")") } else { Vec::new() };
        let members = if self.is_sign("{") { self.initial_members() } else { Vec::new() };
        Some(Expression { kind: Kind::New(class.unwrap_or_else(|| Rc::from("")), arguments, members), at })
    }

    /// `Function(…)` behind which no body stands.
    fn is_function_text(&self) -> bool {
        /// More tokens than any list of arguments has.
        const TOKENS_MAX: usize = 400;
        let mut open = 0_usize;
        for at in 1..TOKENS_MAX {
            match self.ahead(at) {
                Some(Token::Sign("(")) => open += 1,
                Some(Token::Sign(")")) if open <= 1 => {
                    return !self.is_sign_ahead(at + 1, "{") && !self.is_sign_ahead(at + 1, ":");
                }
                Some(Token::Sign(")")) => open -= 1,
                Some(_) if open > 0 => {}
                _ => return false,
            }
        }
        false
    }

    /// The name after `new`: a type, in JScript any chain of names.
    fn constructed_type(&mut self) -> Option<Name> {
        self.type_path()
    }

    fn initial_members(&mut self) -> Vec<(Option<Name>, Expression)> {
        self.skip(1);
        let mut members = Vec::new();
        while !self.at_end() && !self.take_sign("}") {
            let before = self.place();
            let name = self.name_ahead(0).filter(|_| self.is_sign_ahead(1, "=")).cloned();
            if name.is_some() {
                self.skip(2);
            }
            let value = if self.is_sign("{") {
                let at = self.at();
                let kind = self.braces();
                Some(Expression { kind, at })
            } else {
                self.value()
            };
            members.extend(value.map(|value| (name, value)));
            self.take_sign(",");
            if self.place() == before {
                self.stumble();
                self.skip(1);
            }
        }
        members
    }

    /// `.member`, `(arguments)`, `[index]` and so on, as many as there are.
    pub(super) fn links(&mut self, first: Expression) -> Expression {
        let mut links = Vec::new();
        loop {
            let at = self.at();
            if self.is_sign("?.") || self.is_sign(".") || self.is_sign("::") || self.is_sign("->") {
                self.skip(1);
                if self.is_sign("[") {
                    continue;
                }
                let Some(name) = self.any_name() else { break };
                self.skip_type_arguments();
                links.push(Link::Member(name, at));
            } else if self.is_sign("(") {
                self.skip(1);
                links.push(Link::Call(self.list(")"), at));
            } else if self.is_sign("[") {
                self.skip(1);
                links.push(Link::Index(self.list("]"), at));
            } else if self.is_sign("!") && self.is_sign_ahead(1, ".") {
                self.skip(1);
            } else if self.is_sign("<") && self.generic_call_ahead() {
                self.skip_type_arguments();
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

    fn skip_type_arguments(&mut self) {
        if self.is_sign("<")
            && let Some(end) = self.type_arguments_ahead(0)
            && self.is_sign_ahead(end, "(")
        {
            self.skip(end);
        }
    }

    fn generic_call_ahead(&self) -> bool {
        self.type_arguments_ahead(0).is_some_and(|end| self.is_sign_ahead(end, "("))
    }

    /// `x => …`, `(x, y) => …`, `delegate(x) {…}`.
    fn lambda(&mut self) -> Option<Expression> {
        let at = self.at();
        let start = usize::from(self.is_name("async"));
        let parameters = if self.name_ahead(start).is_some() && self.is_sign_ahead(start + 1, "=>") {
            let name = self.name_ahead(start)?.clone();
            self.skip(start + 2);
            vec![Parameter { name, class: None }]
        } else if self.is_sign_ahead(start, "(") && self.lambda_ahead(start) {
            self.skip(start);
            let parameters = self.parameters();
            self.take_sign("=>");
            parameters
        } else {
            return None;
        };
        let body = self.lambda_body();
        let function = Function { parameters, body, at, ..Function::default() };
        Some(Expression { kind: Kind::Function(Rc::new(function)), at })
    }

    /// `(`, names and types, `) =>`.
    fn lambda_ahead(&self, from: usize) -> bool {
        /// More parameters than any lambda has.
        const TOKENS_MAX: usize = 60;
        let plain = |token: &Token| {
            matches!(token, Token::Name(_) | Token::Quoted(_) | Token::Sign("," | "." | "<" | ">" | "[" | "]" | "?"))
        };
        let end = (from + 1..from + TOKENS_MAX).find(|at| !self.ahead(*at).is_some_and(plain));
        end.is_some_and(|end| self.is_sign_ahead(end, ")") && self.is_sign_ahead(end + 1, "=>"))
    }
}

fn array_members(kind: Kind) -> Kind {
    match kind {
        Kind::Members(_) => Kind::List(Vec::new()),
        kind => kind,
    }
}

/// The parts of an interpolated string, joined.
fn woven(parts: &[Woven], at: crate::code::token::At, depth: Option<u32>) -> Kind {
    let mut joined = parts.iter().filter_map(|part| match part {
        Woven::Text(text) => Some(Expression { kind: Kind::Text(text.clone()), at }),
        Woven::Code(code) => super::expression(code, at, depth?),
    });
    let Some(first) = joined.next() else { return Kind::Text(Rc::from("")) };
    Kind::Operation(Box::new(first), joined.map(|part| (Operator::Join, part)).collect())
}

pub(super) fn is_builtin_type(name: &str) -> bool {
    matches!(
        name,
        "byte"
            | "sbyte"
            | "short"
            | "ushort"
            | "int"
            | "uint"
            | "long"
            | "ulong"
            | "char"
            | "float"
            | "double"
            | "decimal"
            | "string"
            | "bool"
            | "object"
            | "dynamic"
            | "var"
            | "void"
    )
}

/// Words that begin or end statements and never stand for a value.
fn is_statement_word(name: &str) -> bool {
    matches!(
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
            | "class"
            | "namespace"
            | "goto"
    )
}
