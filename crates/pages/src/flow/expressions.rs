//! Evaluating expressions.

use std::rc::Rc;

use model::page::Language;

use super::Follower;
use super::value::{Control, Known, Strength, Value, stronger};
use crate::code::tree::{Expression, Kind, Link, Name, Operator, StepValue};

/// What an address of this machine is called whose port is sent.
pub(super) const LOCAL_ADDRESS: &str = "local address";
/// What a statement is called by which a database starts a program.
pub(super) const DATABASE_COMMAND: &str = "database command";
/// What a text is called that begins as a statement of SQL.
pub(super) const STATEMENT: &str = "statement";
/// What a statement is called whose table is sent.
pub(super) const OVER_TABLE: &str = "statement over a table";
/// What the code of a letter is called that was sent: deciphering computes with it.
pub(super) const LETTER: &str = "letter";
/// What a path in the site is called that ends as a page does.
pub(super) const PAGE: &str = "page of the site";
/// Longer texts are no statements.
const STATEMENT_BYTES_MAX: usize = 4_096;
/// Text that is built up here. Longer is not known any more.
pub(super) const TEXT_BYTES_MAX: usize = 4 << 20;

impl Follower {
    pub(super) fn evaluate(&mut self, expression: &Expression) -> Value {
        if !self.spend(1) {
            return Value::default();
        }
        // What holds nothing needs no depth.
        match &expression.kind {
            Kind::Text(text) => return Value::known(Known::Text(text.clone())),
            Kind::Number(number) => return Value::number(*number),
            Kind::Name(name) => {
                if let Some(value) = self.state.get(name) {
                    return value.clone();
                }
            }
            _ => {}
        }
        if !self.enter() {
            return Value::default();
        }
        let value = self.evaluate_inside(expression);
        self.leave();
        value
    }

    fn evaluate_inside(&mut self, expression: &Expression) -> Value {
        match &expression.kind {
            Kind::Text(text) => Value::known(Known::Text(text.clone())),
            Kind::Number(number) => Value::number(*number),
            Kind::Bool(bool) => Value::bool(*bool),
            Kind::Null => Value::known(Known::Null),
            Kind::Name(name) => self.name(name),
            Kind::This => Value::path("this"),
            Kind::WithObject => self.with.last().cloned().unwrap_or_default(),
            Kind::Chain(first, links) => self.chain(first, links),
            Kind::New(class, arguments, members) => self.new_object(class, arguments, members, expression.at),
            Kind::List(all) => {
                let all: Vec<Value> = all.iter().map(|one| self.evaluate(one)).collect();
                Value::list(all)
            }
            Kind::Members(members) => {
                let object = Value::object("");
                for (name, value) in members {
                    let value = self.evaluate(value);
                    if let Some(object) = object.as_object() {
                        object.set(name, value);
                    }
                }
                object
            }
            Kind::Operation(first, rest) => self.operation(first, rest),
            Kind::Negation(of) => self.negation(of),
            Kind::Complement(of) => self.numeric(of, |number| f64::from(!whole(number))),
            Kind::Not(of) => {
                let value = self.evaluate(of);
                match value.known {
                    // `Not` of Basic works on bits.
                    Known::Number(number) if number != 0.0 && number != 1.0 => Value::number(f64::from(!whole(number))),
                    _ => value.as_bool().map_or_else(Value::default, |bool| Value::bool(!bool)),
                }
            }
            Kind::Choice(condition, then, otherwise) => {
                let condition = self.evaluate(condition);
                let (then, otherwise) = (self.evaluate(then), self.evaluate(otherwise));
                match condition.as_bool() {
                    Some(true) => then,
                    Some(false) => otherwise,
                    None => then.or(&otherwise),
                }
            }
            Kind::Assign(target, operator, value) => self.assign(target, *operator, value),
            Kind::Step(target, by, gives) => self.count_up(target, *by, *gives),
            Kind::Cast(class, value) => self.cast(class, value),
            Kind::Function(function) => {
                self.nested.push(function.clone());
                Value::known(Known::Function(function.clone()))
            }
            Kind::Sequence(all) => all.iter().map(|one| self.evaluate(one)).last().unwrap_or_default(),
            Kind::Type(class) => Value { class: Some(Rc::from(format!("type:{class}"))), ..Value::default() },
        }
    }

    pub(super) fn name(&mut self, name: &Name) -> Value {
        if let Some(value) = self.state.get(name) {
            return value.clone();
        }
        if let Some(function) = self.function(name, 0).filter(|function| function.parameters.is_empty()) {
            return self.call(&function, Vec::new());
        }
        if let Some(value) = super::data::constant(name) {
            return value;
        }
        let long = self.aliases.get(name);
        super::state::State::path(long.unwrap_or(name))
    }

    fn chain(&mut self, first: &Expression, links: &[Link]) -> Value {
        let mut links = links.iter().peekable();
        let mut value = match &first.kind {
            Kind::Name(name) => {
                let is_called = matches!(links.peek(), Some(Link::Call(..)));
                let variable = self.state.get(name).cloned();
                let holds_list = variable.as_ref().is_some_and(|value| {
                    matches!(value.known, Known::List(_) | Known::Function(_))
                        || value.trail.is_some()
                        || matches!(&value.known, Known::Path(_))
                });
                let function =
                    if is_called && !holds_list { self.function(name, arguments_of(links.peek())) } else { None };
                match (function, variable) {
                    (Some(function), _) => {
                        let Some(Link::Call(arguments, at)) = links.next() else { return Value::default() };
                        self.call_page(&function, arguments, *at)
                    }
                    (None, Some(variable)) => variable,
                    (None, None) => match self.state.get(name) {
                        Some(value) => value.clone(),
                        None if is_called => super::state::State::path(self.aliases.get(name).unwrap_or(name)),
                        None => self.name(name),
                    },
                }
            }
            _ => self.evaluate(first),
        };
        while let Some(link) = links.next() {
            value = match (link, links.peek()) {
                (Link::Member(name, _), Some(Link::Call(arguments, at))) => {
                    links.next();
                    let at = *at;
                    self.method(&value, name, arguments, at)
                }
                (Link::Member(name, at), _) => {
                    self.at = *at;
                    self.member(&value, name)
                }
                (Link::Call(arguments, at), _) => {
                    let arguments = self.arguments(arguments);
                    self.at = *at;
                    self.call_value(&value, arguments)
                }
                (Link::Index(arguments, at), _) => {
                    let arguments = self.arguments(arguments);
                    self.at = *at;
                    self.index(&value, &arguments)
                }
            };
        }
        value
    }

    pub(super) fn arguments(&mut self, arguments: &[Expression]) -> Vec<Value> {
        arguments.iter().map(|argument| self.evaluate(argument)).collect()
    }

    /// Calls a function of the page, and gives back to variables what it did to its parameters.
    pub(super) fn call_page(
        &mut self,
        function: &Rc<crate::code::tree::Function>,
        arguments: &[Expression],
        at: crate::code::token::At,
    ) -> Value {
        let values = self.arguments(arguments);
        self.at = at;
        let result =
            if function.native.is_some() { self.native(function, &values) } else { self.call(function, values) };
        for (argument, value) in arguments.iter().zip(std::mem::take(&mut self.by_reference)) {
            if let (Kind::Name(name), Some(value)) = (&argument.kind, value)
                && self.state.get(name).is_some()
            {
                self.state.set(name, value);
            }
        }
        result
    }

    fn operation(&mut self, first: &Expression, rest: &[(Operator, Expression)]) -> Value {
        let mut value = self.evaluate(first);
        for (operator, operand) in rest {
            let operand = self.evaluate(operand);
            value = self.operate(value, *operator, &operand);
        }
        value
    }

    pub(super) fn operate(&mut self, left: Value, operator: Operator, right: &Value) -> Value {
        match operator {
            Operator::Add | Operator::Join => self.join(&left, operator, right),
            Operator::Coalesce => match left.known {
                Known::Null => right.clone(),
                Known::Nothing => left.or(right),
                _ => left,
            },
            Operator::Equal => equal(&left, right).map_or_else(Value::default, Value::bool),
            Operator::NotEqual => equal(&left, right).map_or_else(Value::default, |is| Value::bool(!is)),
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                compare(&left, operator, right)
            }
            Operator::Other => Value::default(),
            Operator::And | Operator::Or if left.as_bool().is_none() || right.as_bool().is_none() => {
                logic(&left, operator, right)
            }
            _ => {
                let numbers = self.number_of(&left).zip(self.number_of(right));
                let both_bools = matches!((&left.known, &right.known), (Known::Bool(_), Known::Bool(_)));
                let known = numbers.and_then(|(left, right)| arithmetic(left, operator, right));
                let is_letter = [&left, right].iter().any(|side| side.class.as_deref() == Some(LETTER));
                let trail = stronger(left.deep_trail(), right.deep_trail());
                let trail = trail.filter(|_| operator == Operator::Xor || is_letter);
                match known {
                    Some(number) if both_bools => Value::bool(number != 0.0),
                    Some(number) => Value::number(number),
                    None => {
                        let class = is_letter.then(|| Rc::from(LETTER));
                        Value { class, ..Value::sent(trail, Control::Part) }
                    }
                }
            }
        }
    }

    /// What a value counts for: `'5'` is a letter in C#, and a number in script.
    fn number_of(&self, value: &Value) -> Option<f64> {
        match self.language {
            Language::VbScript | Language::JScript => value.as_number().or_else(|| value.as_code()),
            _ => value.as_code(),
        }
    }

    /// Text joined, or numbers added.
    fn join(&mut self, left: &Value, operator: Operator, right: &Value) -> Value {
        let (left, right) = (&self.unless_empty(left), &self.unless_empty(right));
        let trail = stronger(left.deep_trail(), right.deep_trail());
        let control = joined_control(left, right);
        if operator == Operator::Add
            && let (Known::Number(_), Known::Number(_)) = (&left.known, &right.known)
            && let Some((left, right)) = left.as_number().zip(right.as_number())
        {
            return Value::number(left + right);
        }
        let known = match (left.as_text(), right.as_text()) {
            (Some(left), Some(right)) if left.len() + right.len() <= TEXT_BYTES_MAX => {
                self.spend(cost_of_bytes(left.len() + right.len()) / 8);
                let mut text = String::with_capacity(left.len() + right.len());
                text.push_str(&left);
                text.push_str(&right);
                Known::Text(text.into())
            }
            _ if matches!((&left.known, &right.known), (Known::WebFolder, Known::OwnPage)) => Known::OwnPage,
            _ if matches!(left.known, Known::WebFolder | Known::OwnPage) && trail.is_none() => Known::WebFolder,
            _ => Known::Nothing,
        };
        // The port of this machine is what is sent, or was before.
        let at_port = |text: &str| text.ends_with("127.0.0.1:") || text.ends_with("localhost:");
        let is_port = trail.is_some() && left.as_text().is_some_and(|left| at_port(&left));
        let is_local = is_port || left.class.as_deref() == Some(LOCAL_ADDRESS);
        let is_command = [left, right].iter().any(|side| {
            side.class.as_deref() == Some(DATABASE_COMMAND)
                || side.as_text().is_some_and(|text| text.len() < STATEMENT_BYTES_MAX && commands_database(&text))
        });
        let names_table = left.class.as_deref() == Some(OVER_TABLE)
            || (right.trail.as_ref().is_some_and(|trail| trail.source.strength == Strength::Sent)
                && left.as_text().is_some_and(|left| asks_for_table(&left)));
        let class = match (is_command, is_local) {
            _ if names_table => Some(Rc::from(OVER_TABLE)),
            (true, _) => Some(Rc::from(DATABASE_COMMAND)),
            (_, true) => Some(Rc::from(LOCAL_ADDRESS)),
            _ if left.class.as_deref() == Some(STATEMENT)
                || left.as_text().is_some_and(|text| begins_statement(&text)) =>
            {
                Some(Rc::from(STATEMENT))
            }
            _ if !matches!(known, Known::Text(_))
                && right.as_text().is_some_and(|text| super::sinks::is_executable(&text)) =>
            {
                Some(Rc::from(PAGE))
            }
            _ => None,
        };
        Value { known, trail, control, class }
    }

    /// A name of a script that nothing is given to is empty, unless another file may have given it something.
    fn unless_empty(&self, value: &Value) -> Value {
        const OWN_NAMES: &[&str] = &["request", "response", "server", "session", "application", "err", "objectcontext"];
        if let Known::Path(name) = &value.known
            && self.is_whole
            && self.language == Language::VbScript
            && !name.contains('.')
            && !OWN_NAMES.contains(&&**name)
            && !name.starts_with("vb")
        {
            return Value::known(Known::Null);
        }
        self.settled(value)
    }

    /// An empty text counts for nothing in JScript: `!-""` is true.
    fn negation(&mut self, of: &Expression) -> Value {
        let value = self.evaluate(of);
        let is_empty = matches!(&value.known, Known::Text(text) if text.is_empty());
        match value.as_code() {
            Some(number) => Value::number(-number),
            None if is_empty && self.language == Language::JScript => Value::number(0.0),
            None => Value::default(),
        }
    }

    fn numeric(&mut self, of: &Expression, with: impl Fn(f64) -> f64) -> Value {
        let value = self.evaluate(of);
        value.as_code().map_or_else(Value::default, |number| Value::number(with(number)))
    }

    fn cast(&mut self, class: &Name, value: &Expression) -> Value {
        let value = self.evaluate(value);
        let value = self.settled(&value);
        match &**class {
            "char" => match value.known {
                Known::Number(number) => Value { known: Known::Text(letter(number)), ..value },
                _ => value,
            },
            "int" | "byte" | "uint" | "short" | "ushort" | "long" | "ulong" | "sbyte" | "double" | "float"
            | "decimal" | "integer" | "bool" | "boolean" => {
                let number = value.as_code();
                let number =
                    number.map(|number| if &**class == "byte" { number.trunc().rem_euclid(256.0) } else { number });
                // A letter of what was sent remains one, as deciphering needs.
                number.map_or_else(
                    || Value { known: Known::Nothing, class: None, ..value.clone() },
                    |number| Value::number(number.trunc()),
                )
            }
            "string" | "object" | "dynamic" | "string[]" | "object[]" | "byte[]" | "char[]" => value,
            _ if matches!(value.known, Known::Nothing | Known::Null)
                && value.trail.is_none()
                && value.class.is_none() =>
            {
                self.of_class(class)
            }
            _ => Value { class: value.class.clone().or_else(|| Some(super::value::last_name(class))), ..value },
        }
    }

    fn assign(&mut self, target: &Expression, operator: Option<Operator>, value: &Expression) -> Value {
        self.begin_variable(target);
        let value = self.evaluate(value);
        let value = match operator {
            Some(operator) => {
                let before = self.evaluate(target);
                self.operate(before, operator, &value)
            }
            None => value,
        };
        self.at = target.at;
        let value = self.along(self.settled(&value));
        self.put(target, value.clone());
        value
    }

    /// A variable of a script need not be declared: `text = text & letter` begins with nothing.
    fn begin_variable(&mut self, target: &Expression) {
        if let Kind::Name(name) = &target.kind
            && self.language == Language::VbScript
            && self.state.get(name).is_none()
            && !self.functions.contains_key(name)
        {
            self.state.set(name, Value::known(Known::Null));
        }
    }

    /// Puts a value where an expression points.
    fn put(&mut self, target: &Expression, value: Value) {
        match &target.kind {
            Kind::Name(name) => {
                let setter = self.function(&format!("set_{name}"), 1);
                match setter.filter(|_| self.state.get(name).is_none()) {
                    Some(setter) => _ = self.call(&setter, vec![value]),
                    None => self.state.set(name, value),
                }
            }
            Kind::Chain(first, links) => {
                let Some((last, before)) = links.split_last() else { return };
                let holder = if before.is_empty() { self.evaluate_holder(first) } else { self.chain(first, before) };
                match last {
                    Link::Member(name, _) => self.set_member(&holder, name, value),
                    Link::Call(arguments, _) | Link::Index(arguments, _) => {
                        let arguments = self.arguments(arguments);
                        self.set_element(&holder, &arguments, value);
                    }
                }
            }
            _ => {}
        }
    }

    /// What holds an element; a variable that is none yet is no call.
    fn evaluate_holder(&mut self, first: &Expression) -> Value {
        match &first.kind {
            Kind::Name(name) => match self.state.get(name) {
                Some(value) => value.clone(),
                None => super::state::State::path(self.aliases.get(name).unwrap_or(name)),
            },
            _ => self.evaluate(first),
        }
    }

    fn count_up(&mut self, target: &Expression, by: f64, gives: StepValue) -> Value {
        let before = self.evaluate(target);
        let after = before.as_code().map_or_else(Value::default, |number| Value::number(number + by));
        self.put(target, after.clone());
        if gives == StepValue::Before { before } else { after }
    }

    /// The value goes on along the line that is run.
    pub(super) fn along(&self, mut value: Value) -> Value {
        value.trail = value.trail.map(|trail| trail.go_on(self.at));
        value
    }
}

/// Steps that work on so many bytes of text costs. Texts beyond what decoders make cost more than their share.
pub(super) fn cost_of_bytes(bytes: usize) -> u64 {
    const LONG_TEXT_BYTES: usize = 256 * 1024;
    let per_step = if bytes > LONG_TEXT_BYTES { 128 } else { 1_024 };
    1 + u64::try_from(bytes / per_step).unwrap_or(u64::MAX)
}

/// `select … from`, `update …`, `delete from`, `insert into`.
fn begins_statement(text: &str) -> bool {
    let begins =
        |words: &str| text.trim_start().get(..words.len()).is_some_and(|head| head.eq_ignore_ascii_case(words));
    ["select ", "update ", "delete ", "insert into "].iter().any(|words| begins(words)) && !begins("select case")
}

/// `select * from `: what follows is a table.
fn asks_for_table(text: &str) -> bool {
    let text = text.trim_end_matches(['[', ' ', '.']);
    let text = text.strip_suffix("dbo").map_or(text, |before| before.trim_end_matches(['[', ' ']));
    let end = text.char_indices().rev().nth(4).and_then(|(at, _)| text.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(" from"))
}

/// Procedures by which Microsoft's SQL Server starts programs.
fn commands_database(text: &str) -> bool {
    let names = ["xp_cmdshell", "sp_oacreate", "sp_oamethod"];
    memchr::memchr(b'_', text.as_bytes()).is_some() && {
        let lower = text.to_ascii_lowercase();
        names.iter().any(|name| lower.contains(name))
    }
}

fn arguments_of(link: Option<&&Link>) -> usize {
    match link {
        Some(Link::Call(arguments, _)) => arguments.len(),
        _ => 0,
    }
}

/// How much of `left & right` the sender decides, as a path.
fn joined_control(left: &Value, right: &Value) -> Control {
    let is_empty = matches!(&left.known, Known::Text(text) if text.is_empty()) || matches!(left.known, Known::Null);
    if is_empty {
        return right.control;
    }
    if left.control > Control::None {
        return left.control;
    }
    if right.trail.is_none() && right.control == Control::None {
        return Control::None;
    }
    // What follows the folder of the page or the site is any file there.
    if matches!(left.known, Known::WebFolder | Known::OwnPage) { Control::Web } else { Control::Part }
}

/// Whether two values are the same, where that is known.
pub(super) fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (&left.known, &right.known) {
        (Known::Text(left), Known::Text(right)) => Some(left == right),
        (Known::Number(left), Known::Number(right)) => Some(left.to_bits() == right.to_bits() || left == right),
        (Known::Bool(left), Known::Bool(right)) => Some(left == right),
        (Known::Null, Known::Null) => Some(true),
        (Known::Null, Known::Text(text)) | (Known::Text(text), Known::Null) => Some(text.is_empty()),
        (Known::Text(_), Known::Number(number)) => left.as_code().map(|left| left == *number),
        (Known::Number(number), Known::Text(_)) => right.as_code().map(|right| right == *number),
        _ => None,
    }
}

fn compare(left: &Value, operator: Operator, right: &Value) -> Value {
    let order = match (&left.known, &right.known) {
        (Known::Text(left), Known::Text(right)) => left.partial_cmp(right),
        _ => left.as_code().zip(right.as_code()).and_then(|(left, right)| left.partial_cmp(&right)),
    };
    let Some(order) = order else { return Value::default() };
    Value::bool(match operator {
        Operator::Less => order.is_lt(),
        Operator::LessEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// `x Or True` is true whatever `x` is; `x || y` of JScript is one of both.
fn logic(left: &Value, operator: Operator, right: &Value) -> Value {
    let decides = operator == Operator::Or;
    if left.as_bool() == Some(decides) && left.trail.is_none()
        || right.as_bool() == Some(decides) && right.trail.is_none()
    {
        return Value::bool(decides);
    }
    let mut value = left.or(right);
    if matches!(value.known, Known::Bool(_) | Known::Number(_) | Known::Null) {
        value.known = Known::Nothing;
    }
    value
}

/// As 32 bits, as the languages do it.
#[expect(clippy::cast_possible_truncation, reason = "as the languages do it")]
pub(super) fn whole(number: f64) -> i32 {
    number as i64 as i32
}

fn arithmetic(left: f64, operator: Operator, right: f64) -> Option<f64> {
    let bits = |with: fn(i32, i32) -> i32| Some(f64::from(with(whole(left), whole(right))));
    match operator {
        Operator::Subtract => Some(left - right),
        Operator::Multiply => Some(left * right),
        Operator::Divide => (right != 0.0).then(|| left / right),
        Operator::IntegerDivide => (right != 0.0).then(|| (left / right).trunc()),
        Operator::Modulo => (right != 0.0).then(|| left % right),
        Operator::Power => Some(left.powf(right)),
        Operator::Xor => bits(|left, right| left ^ right),
        Operator::BitAnd | Operator::And => bits(|left, right| left & right),
        Operator::BitOr | Operator::Or => bits(|left, right| left | right),
        Operator::ShiftLeft => bits(|left, right| left.wrapping_shl(right.cast_unsigned())),
        Operator::ShiftRight => bits(|left, right| left.wrapping_shr(right.cast_unsigned())),
        _ => None,
    }
}

/// The letter of a code.
pub(super) fn letter(code: f64) -> Rc<str> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes are small")]
    let letter = char::from_u32(code as i64 as u32 & 0x001F_FFFF).unwrap_or(char::REPLACEMENT_CHARACTER);
    Rc::from(letter.to_string())
}
