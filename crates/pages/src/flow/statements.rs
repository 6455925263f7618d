//! Running statements.

use std::rc::Rc;

use model::page::Language;

use super::Follower;
use super::value::{Known, Value};
use crate::code::tree::{Block, Count, Expression, Function, Name, Statement, StatementKind, While};

/// Times a loop is gone through whose end is not known.
const UNKNOWN_ROUNDS: usize = 2;
/// Times a loop is gone through whose end is known. Decoders need one round a letter.
const KNOWN_ROUNDS_MAX: usize = 400_000;

/// Times a loop is gone through in which something is decided of which nothing is known. Decoders decide nothing so.
const OPEN_ROUNDS_MAX: usize = 40;

/// Times a function is run with something that is not known.
const RUNS_MAX: u32 = 40;
/// Times a function is run within itself with something that is not known.
const WITHIN_ITSELF_MAX: usize = 2;

/// Times a function is run with what is the same as far as is known. Decoders know more.
const SAME_RUNS_MAX: u32 = 2;

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Normally,
    Break,
    Continue,
    Return,
}

impl Follower {
    pub(super) fn run(&mut self, block: &[Statement]) -> Ended {
        if !self.enter() {
            return Ended::Normally;
        }
        let ended = self.run_inside(block);
        self.leave();
        ended
    }

    fn run_inside(&mut self, block: &[Statement]) -> Ended {
        for (number, statement) in block.iter().enumerate() {
            if !self.spend(1) {
                return Ended::Return;
            }
            self.at = statement.at;
            let ended = self.step(statement);
            if ended != Ended::Normally {
                // What stands behind is not reached, as far as is known.
                if ended == Ended::Return {
                    self.glance(block.get(number + 1..).unwrap_or_default());
                }
                return ended;
            }
        }
        Ended::Normally
    }

    fn step(&mut self, statement: &Statement) -> Ended {
        match &statement.kind {
            StatementKind::Do(expression) => _ = self.evaluate(expression),
            StatementKind::Show(expression) => {
                let shown = self.evaluate(expression);
                self.hands_out(&shown);
            }
            StatementKind::Declare(name, class, value) => self.declare(name, class.as_ref(), value.as_ref()),
            StatementKind::If(arms, otherwise) => return self.branch(arms, otherwise),
            StatementKind::While(looped) => return self.repeat(looped),
            StatementKind::Count(count) => return self.count(count),
            StatementKind::Each(name, class, over, body) => return self.each(name, class.as_ref(), over, body),
            StatementKind::Switch(on, cases) => return self.switch(on, cases),
            StatementKind::Try(body, catches, at_last) => {
                let ended = self.run(body);
                for catch in catches {
                    self.perhaps(catch);
                }
                let last = self.run(at_last);
                return if last == Ended::Normally { ended } else { last };
            }
            StatementKind::With(object, body) => {
                let object = self.evaluate(object);
                self.with.push(object);
                let ended = self.run(body);
                self.with.pop();
                return ended;
            }
            StatementKind::Block(body) => return self.run(body),
            StatementKind::Return(value) => {
                let value = value.as_ref().map(|value| self.evaluate(value));
                self.give_back(value);
                return Ended::Return;
            }
            StatementKind::Break => return Ended::Break,
            StatementKind::Continue => return Ended::Continue,
            StatementKind::Declared => {}
        }
        Ended::Normally
    }

    fn give_back(&mut self, value: Option<Value>) {
        let Some(value) = value else { return };
        if let Some(returned) = self.returned.last_mut() {
            *returned = Some(returned.as_ref().map_or_else(|| value.clone(), |before| before.or(&value)));
        }
    }

    fn declare(&mut self, name: &Name, class: Option<&Name>, value: Option<&Expression>) {
        let value = match (value, class) {
            (Some(value), _) => {
                let mut value = self.evaluate(value);
                if value.class.is_none() && !matches!(value.known, Known::Object(_) | Known::Path(_)) {
                    value.class = class.map(super::value::last_name);
                }
                value
            }
            (None, Some(class)) => self.of_class(class),
            (None, None) => Value::known(Known::Null),
        };
        let value = self.along(value);
        self.state.declare(name, value);
    }

    /// A variable of a class, to which nothing has been given.
    pub(super) fn of_class(&self, class: &Name) -> Value {
        match &**class {
            "string" | "int" | "integer" | "boolean" | "bool" | "long" | "byte" | "char" | "object" | "var"
            | "double" | "date" | "datetime" => Value::known(Known::Null),
            _ if class.ends_with("[]") => Value::default(),
            "httpcontext" | "system.web.httpcontext" | "httplistenercontext" => Value::path("httpcontext"),
            "httprequest" | "system.web.httprequest" | "httplistenerrequest" | "httprequestbase" => {
                Value::path("request")
            }
            _ => Value::object(class.clone()),
        }
    }

    /// Runs what may or may not happen.
    pub(super) fn perhaps(&mut self, block: &[Statement]) {
        self.state.begin_branch();
        self.run(block);
        let outcome = self.state.end_branch();
        self.state.join(vec![outcome], true);
    }

    /// Looks at what does not happen as far as is known, for what it would do. Once.
    fn glance(&mut self, block: &[Statement]) {
        let Some(first) = block.first() else { return };
        if !self.glanced.insert(first.at) {
            return;
        }
        let returned = self.returned.last().cloned();
        self.state.begin_branch();
        self.run(block);
        let outcome = self.state.end_branch();
        if let (Some(before), Some(last)) = (returned, self.returned.last_mut()) {
            let unreached = std::mem::replace(last, before);
            if let Some(slot) = self.unreached.last_mut().filter(|slot| slot.is_none()) {
                *slot = unreached;
            }
        }
        // What it sends is not forgotten: what is known of a page's state may be wrong.
        let sent: super::state::Outcome = outcome.into_iter().filter(|(_, value)| value.trail.is_some()).collect();
        self.state.join(vec![sent], true);
    }

    fn branch(&mut self, arms: &[(Expression, Block)], otherwise: &Block) -> Ended {
        let mut outcomes = Vec::new();
        let mut ways = Vec::new();
        for (at, (condition, body)) in arms.iter().enumerate() {
            let value = self.evaluate(condition);
            match value.as_bool() {
                Some(true) if outcomes.is_empty() => {
                    arms.iter().skip(at + 1).for_each(|(_, body)| self.glance(body));
                    self.glance(otherwise);
                    return self.run(body);
                }
                Some(false) => self.glance(body),
                _ => {
                    self.uncertain += 1;
                    self.state.begin_branch();
                    ways.push(self.run(body));
                    outcomes.push(self.state.end_branch());
                }
            }
        }
        if outcomes.is_empty() {
            return self.run(otherwise);
        }
        self.state.begin_branch();
        ways.push(self.run(otherwise));
        outcomes.push(self.state.end_branch());
        self.state.join(outcomes, false);
        // Only where all ways lead out does the program not go on here.
        let same = ways.iter().all(|way| Some(way) == ways.first());
        if !same {
            self.ways_out += 1;
        }
        ways.first().copied().filter(|_| same).unwrap_or(Ended::Normally)
    }

    fn repeat(&mut self, looped: &While) -> Ended {
        self.run(&looped.first);
        let mut unknown_rounds = 0;
        let mut open_rounds = 0;
        for round in 0..KNOWN_ROUNDS_MAX {
            if self.hurries && round > 0 {
                return Ended::Normally;
            }
            if !self.spend(1) {
                return Ended::Return;
            }
            let (ways_out, uncertain) = (self.ways_out, self.uncertain);
            let tested = looped.condition.as_ref().filter(|_| round > 0 || !looped.body_first);
            let goes_on = match tested {
                Some(condition) => self.evaluate(condition).as_bool().map(|goes_on| goes_on != looped.until),
                None if looped.condition.is_none() => None,
                None => Some(true),
            };
            match goes_on {
                Some(false) => {
                    if round == 0 {
                        self.glance(&looped.body);
                    }
                    return Ended::Normally;
                }
                Some(true) => {
                    let ended = self.run(&looped.body);
                    if ended == Ended::Break {
                        return Ended::Normally;
                    }
                    if ended == Ended::Return {
                        return ended;
                    }
                    for step in &looped.step {
                        self.evaluate(step);
                    }
                    // Where it may have been left, it is not gone through as often as it could.
                    open_rounds += usize::from(self.ways_out > ways_out || self.uncertain > uncertain);
                    let is_endless = looped.condition.as_ref().is_none_or(|condition| {
                        matches!(condition.kind, crate::code::tree::Kind::Bool(_) | crate::code::tree::Kind::Number(_))
                    });
                    let may_be_left = is_endless && self.ways_out > ways_out;
                    if open_rounds >= if may_be_left { UNKNOWN_ROUNDS } else { OPEN_ROUNDS_MAX } {
                        return Ended::Normally;
                    }
                }
                None => {
                    let rounds = self.rounds_of_unknown();
                    self.unknown_loops += 1;
                    self.perhaps(&looped.body);
                    for step in &looped.step {
                        self.evaluate(step);
                    }
                    self.unknown_loops -= 1;
                    self.forget_steps(&looped.step);
                    unknown_rounds += 1;
                    if unknown_rounds >= rounds {
                        return Ended::Normally;
                    }
                }
            }
        }
        self.cut_off("a loop that goes on longer than is followed");
        Ended::Normally
    }

    /// Goes through a loop whose end is not known.
    fn rounds(&mut self, mut round: impl FnMut(&mut Self)) {
        let rounds = self.rounds_of_unknown();
        self.unknown_loops += 1;
        for _ in 0..rounds {
            round(self);
        }
        self.unknown_loops -= 1;
    }

    /// Within a loop of which nothing is known the next round of that one is the second of this one.
    fn rounds_of_unknown(&mut self) -> usize {
        self.uncertain += 1;
        if self.unknown_loops == 0 { UNKNOWN_ROUNDS } else { 1 }
    }

    /// A counter in a loop whose end is not known is not known either.
    fn forget_steps(&mut self, steps: &[Expression]) {
        use crate::code::tree::Kind;
        for step in steps {
            if let Kind::Step(target, _, _) | Kind::Assign(target, _, _) = &step.kind
                && let Kind::Name(name) = &target.kind
            {
                self.state.set(name, Value::default());
            }
        }
    }

    fn count(&mut self, count: &Count) -> Ended {
        let from = self.evaluate(&count.from);
        let until = self.evaluate(&count.until);
        let step = count.step.as_ref().map(|step| self.evaluate(step));
        let step = step.map_or(Some(1.0), |step| step.as_number());
        let (Some(from), Some(until), Some(step)) = (from.as_number(), until.as_number(), step) else {
            self.state.set(&count.variable, Value::default());
            self.rounds(|follower| follower.perhaps(&count.body));
            return Ended::Normally;
        };
        let mut now = from;
        let mut open_rounds = 0;
        for round in 0..KNOWN_ROUNDS_MAX {
            if self.hurries && round > 0 {
                return Ended::Normally;
            }
            if step == 0.0 || (step > 0.0 && now > until) || (step < 0.0 && now < until) {
                return Ended::Normally;
            }
            self.state.set(&count.variable, Value::number(now));
            let uncertain = self.uncertain;
            let ended = self.run(&count.body);
            open_rounds += usize::from(self.uncertain > uncertain);
            if open_rounds >= OPEN_ROUNDS_MAX {
                return Ended::Normally;
            }
            match ended {
                Ended::Break => return Ended::Normally,
                Ended::Return => return Ended::Return,
                _ => {}
            }
            // The body may set it.
            now = self.state.get(&count.variable).and_then(Value::as_number).unwrap_or(now) + step;
        }
        self.cut_off("a loop that goes on longer than is followed");
        Ended::Normally
    }

    fn each(&mut self, name: &Name, class: Option<&Name>, over: &Expression, body: &Block) -> Ended {
        let over = self.evaluate(over);
        let elements: Option<Vec<Value>> = match &over.known {
            Known::List(list) => Some(list.borrow().clone()),
            Known::Text(text) => Some(text.chars().map(|letter| Value::text(letter.to_string())).collect()),
            Known::Bytes(bytes) => Some(bytes.iter().map(|byte| Value::number(f64::from(*byte))).collect()),
            _ => None,
        };
        let Some(elements) = elements else {
            let trail = over.deep_trail().or_else(|| self.source_of(&over));
            let mut element = class.map_or_else(Value::default, |class| self.of_class(class));
            element.trail = trail;
            element.control = if element.trail.is_some() { super::value::Control::Whole } else { element.control };
            if let (Some(folder), None) = (over.as_object(), &element.trail) {
                element.trail = folder.absorbed.borrow().clone();
            }
            self.rounds(|follower| {
                follower.state.set(name, element.clone());
                follower.perhaps(body);
            });
            return Ended::Normally;
        };
        for mut element in elements {
            element.trail = super::value::stronger(element.trail, over.trail.clone());
            self.state.set(name, element);
            match self.run(body) {
                Ended::Break => return Ended::Normally,
                Ended::Return => return Ended::Return,
                _ => {}
            }
        }
        Ended::Normally
    }

    fn switch(&mut self, on: &Expression, cases: &[(Vec<Expression>, Block)]) -> Ended {
        let on = self.evaluate(on);
        let is_known = matches!(on.known, Known::Text(_) | Known::Number(_) | Known::Bool(_));
        let mut outcomes = Vec::new();
        let mut has_default = false;
        for (values, body) in cases {
            has_default |= values.is_empty();
            let fits = values.iter().map(|value| {
                let value = self.evaluate(value);
                super::expressions::equal(&on, &value)
            });
            let fits: Vec<Option<bool>> = fits.collect();
            if is_known && outcomes.is_empty() && fits.contains(&Some(true)) {
                let ended = self.run(body);
                return if ended == Ended::Break { Ended::Normally } else { ended };
            }
            if is_known && !fits.is_empty() && fits.iter().all(|fits| *fits == Some(false)) {
                self.glance(body);
                continue;
            }
            self.state.begin_branch();
            self.run(body);
            outcomes.push(self.state.end_branch());
        }
        self.state.join(outcomes, !has_default);
        Ended::Normally
    }

    /// Calls a function of the page.
    pub(super) fn call(&mut self, function: &Rc<Function>, arguments: Vec<Value>) -> Value {
        /// Functions that call each other. Genuine code of pages stays below ten.
        const CALLS_MAX: usize = 24;
        let is_called_again = self.hurries && self.called.contains(&function.at);
        if self.state.depth() >= CALLS_MAX || is_called_again || !self.spend(1) {
            return Value::sent(arguments.iter().find_map(Value::deep_trail), super::value::Control::Part);
        }
        self.called.insert(function.at);
        if !self.may_run(function, &arguments) {
            self.by_reference.clear();
            let trail = arguments.iter().find_map(Value::deep_trail);
            let control = arguments.first().map_or(super::value::Control::None, |first| first.control);
            return self.along(Value::sent(trail, control));
        }
        self.running.push(function.at);
        let result = self.call_inside(function, arguments);
        self.running.pop();
        result
    }

    /// Functions are computed as often as it takes with what is known, and run some times with what is not.
    fn may_run(&mut self, function: &Function, arguments: &[Value]) -> bool {
        let is_known = |argument: &Value| {
            argument.trail.is_none()
                && matches!(
                    argument.known,
                    Known::Text(_) | Known::Number(_) | Known::Bool(_) | Known::Null | Known::Bytes(_) | Known::List(_)
                )
        };
        if !arguments.is_empty() && arguments.iter().all(is_known) {
            return true;
        }
        let within_itself = self.running.iter().filter(|at| **at == function.at).count();
        let runs = self.runs.entry(function.at).or_default();
        *runs += 1;
        *runs <= RUNS_MAX && within_itself < WITHIN_ITSELF_MAX
    }

    fn call_inside(&mut self, function: &Rc<Function>, arguments: Vec<Value>) -> Value {
        let arguments_are_unknown = !arguments
            .iter()
            .any(|argument| matches!(argument.known, Known::Text(_) | Known::Bytes(_) | Known::List(_)));
        let given = (function.at, fingerprint(&arguments));
        match self.results.get(&given) {
            Some((result, runs)) if *runs >= SAME_RUNS_MAX => {
                self.by_reference.clear();
                return self.along(result.clone());
            }
            _ => {}
        }
        let at = self.at;
        self.state.enter_function();
        self.returned.push(None);
        self.unreached.push(None);
        for (number, parameter) in function.parameters.iter().enumerate() {
            let value = arguments.get(number).cloned();
            let value = value.unwrap_or_else(|| match &parameter.class {
                Some(class) => self.of_class(class),
                // What is not handed over to a script is undefined.
                None if self.language == Language::JScript => Value::known(Known::Null),
                None => Value::default(),
            });
            self.state.declare(&parameter.name, self.along(value));
        }
        // Basic gives back what stands in the variable of the function's name.
        let is_basic = matches!(self.language, Language::VbScript | Language::VisualBasic);
        if let Some(name) = function.name.as_ref().filter(|_| is_basic) {
            self.state.declare(name, Value::known(Known::Null));
        }
        let with = std::mem::take(&mut self.with);
        self.run(&function.body);
        self.with = with;
        let returned = self.returned.pop().flatten();
        let named = function.name.as_ref().filter(|_| is_basic).and_then(|name| self.state.get(name).cloned());
        self.by_reference =
            function.parameters.iter().map(|parameter| self.state.get(&parameter.name).cloned()).collect();
        self.state.leave_function();
        self.at = at;
        let unreached = self.unreached.pop().flatten();
        let result = match (returned.or(named), unreached) {
            // What is called is what it is; of anything else it matters whether it may have been sent.
            (Some(result @ Value { known: Known::Path(_) | Known::Function(_), .. }), _) | (Some(result), None) => {
                result
            }
            (Some(result), Some(unreached)) => result.or(&unreached),
            (None, unreached) => unreached.unwrap_or_default(),
        };
        if arguments_are_unknown {
            let runs = self.results.get(&given).map_or(0, |(_, runs)| *runs);
            self.results.insert(given, (result.clone(), runs + 1));
        }
        self.along(result)
    }
}

/// What a function is given, as far as it matters for what it does.
fn fingerprint(arguments: &[Value]) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    for argument in arguments {
        let trail = argument.deep_trail();
        trail.as_ref().map(|trail| (trail.source.strength as u8, trail.source.is_upload)).hash(&mut hasher);
        (argument.control as u8).hash(&mut hasher);
        argument.class().hash(&mut hasher);
        match &argument.known {
            Known::Text(text) => text.hash(&mut hasher),
            Known::Path(path) => path.hash(&mut hasher),
            Known::Number(number) => number.to_bits().hash(&mut hasher),
            Known::Bool(bool) => bool.hash(&mut hasher),
            Known::WebFolder => 1.hash(&mut hasher),
            _ => {}
        }
    }
    hasher.finish()
}
