//! Following values through the code of a page, from what is sent to what is done.
//!
//! The page is run, with what is known of its values: constants are computed, so that code in disguise reads as it runs;
//! what is sent is carried along as a way ([`value::Trail`]). Where it is not known which way the program goes, it goes
//! both. Every function of the page is an entry, since events call them. Nothing is executed: there are no files, no
//! processes and no clock here, only values, and a budget.

mod calls;
mod data;
mod expressions;
mod objects;
mod sinks;
mod sources;
mod state;
mod statements;
mod value;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use model::page::{Ability, Flow, Language, Layer, Step};

pub(crate) use data::base64;
use state::State;
use value::{Strength, Trail, Value};

use crate::code::token::At;
use crate::code::tree::{Function, Name, Program, Statement, StatementKind};
use crate::code::{self};
use crate::markup::{Markup, Piece, PieceKind};

/// Steps of the program that are followed, and bytes of text in units of 1,024 that are made. A quarter of a second or so.
const STEPS_MAX: u64 = 1_000_000;
/// Steps that are left once a page is known to run what it is sent: more of its ways are told, and nothing is decided.
const STEPS_ONCE_KNOWN: u64 = 150_000;
/// Steps for what stands behind where the budget was spent.
const STEPS_BEHIND: u64 = 50_000;
/// Ways that are told of one page.
const FLOWS_MAX: usize = 64;
/// Expressions, statements, calls and layers inside each other. What stands in [`crate::STACK_BYTES`] is measured.
const DEPTH_MAX: u32 = 1_000;
/// Layers of disguise.
const LAYERS_MAX: usize = 40;
/// Letters of a layer that are shown.
const LAYER_LETTERS_MAX: usize = 4_000;
/// Letters of a line that are shown.
const LINE_LETTERS_MAX: usize = 160;
/// Rounds over all entries: what one event keeps, another uses.
const ROUNDS: usize = 2;

/// Something a page does or can do, for judging it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// Runs code of which nothing is known.
    RunsUnseen,
    /// Starts a program that is fixed.
    StartsFixed,
    /// Loads a library that it carries.
    LoadsCarried,
    /// Loads libraries or objects that are sent.
    LoadsSent,
    /// Makes objects whose names are sent.
    MakesNamed,
    /// Writes what is sent to any path.
    WritesAnywhere,
    /// Writes what is sent to any name in the site.
    WritesInSite,
    /// Writes what is sent to a folder that is fixed, under a name that is sent.
    WritesPartly,
    /// Creates any file, of its own content.
    Creates,
    Deletes,
    Reads,
    Lists,
    Fetches,
    /// Opens connections to any machine.
    Tunnels,
    /// Opens connections to a fixed machine.
    ConnectsFixed,
    AnyDatabase,
    AnyStatement,
    /// A statement of which a part is sent.
    PartStatement,
    KeepsPasswords,
    /// Writes something of its own to a file.
    Drops,
    /// Writes a page of its own.
    PlantsPage,
    /// Reads what passes on the network.
    SniffsRaw,
    Listens,
    /// Sends mail to whom it is told.
    Mails,
    /// Hands out what another machine answered.
    Relays,
    /// Runs statements and takes what comes of them.
    ReadsRows,
    /// Writes its own text to other pages.
    CopiesItself,
    WalksRegistry,
    /// Asks for keys of the registry that are sent.
    AsksRegistry,
    /// Makes accounts of the server, or sets their passwords.
    MakesAccounts,
    ListsAccounts,
    /// Reads passwords that IIS keeps.
    ReadsPasswords,
    /// Shows connection strings whose names are sent.
    ShowsSecrets,
    /// Writes what is sent to the settings of the site.
    ChangesSettings,
    /// Calls functions of Windows that it does not declare.
    CallsByName,
}

/// What was noticed beside the ways.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub seen: BTreeSet<Fact>,
    /// Where, for those that are no ways.
    pub sinks: Vec<(Fact, String, At)>,
    /// Functions of Windows that are called.
    pub natives: BTreeSet<String>,
    /// Functions of Windows that are declared.
    pub declared: BTreeSet<String>,
    /// Values that a page carries were decoded to code and run.
    pub disguised: bool,
    pub is_net: bool,
}

/// A page that was followed.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub flows: Vec<Flow>,
    pub layers: Vec<Layer>,
    pub facts: Facts,
    pub cut_off: Vec<String>,
}

/// The page while it is followed.
pub(crate) struct Follower {
    state: State,
    functions: state::Names<Name, Vec<Rc<Function>>>,
    classes: HashSet<String>,
    /// What classes of the page derive from.
    bases: HashMap<String, Name>,
    aliases: HashMap<Name, Name>,
    controls: HashMap<Name, Name>,
    with: Vec<Value>,
    returned: Vec<Option<Value>>,
    /// What functions would give back by ways that they do not go, as far as is known.
    unreached: Vec<Option<Value>>,
    by_reference: Vec<Option<Value>>,
    /// Functions without a name that were met, and may be called by events.
    nested: Vec<Rc<Function>>,
    called: HashSet<At>,
    /// Functions that are being run, and how often each was with something that is not known.
    running: Vec<At>,
    runs: HashMap<At, u32>,
    glanced: HashSet<At>,
    /// What functions gave back, by what they were given, and how often they were run with it.
    results: HashMap<(At, u64), (Value, u32)>,
    language: Language,
    is_service: bool,
    /// No other file is read into the page.
    is_whole: bool,
    at: At,
    steps: u64,
    /// The page runs what it is sent.
    is_known: bool,
    /// The budget is spent: loops and calls are passed over.
    hurries: bool,
    /// Expressions and statements inside each other that are being run.
    depth: u32,
    /// Loops inside each other whose end is not known.
    unknown_loops: usize,
    /// Decisions of which nothing is known.
    uncertain: u64,
    /// Ways out of loops and functions that may have been taken.
    ways_out: u64,
    /// Texts of the layers; the page itself first.
    texts: Vec<String>,
    flows: Vec<(Flow, Vec<At>)>,
    layers: Vec<Layer>,
    facts: Facts,
    cut_off: BTreeSet<String>,
}

/// Follows the values of a page whose text is `text`.
pub(crate) fn follow(text: &str, markup: &Markup<'_>) -> Followed {
    let mut follower = Follower::new(text, markup);
    let mut languages: Vec<Language> = Vec::new();
    for piece in &markup.pieces {
        if !languages.contains(&piece.language) {
            languages.push(piece.language);
        }
    }
    for language in languages {
        let pieces: Vec<Piece<'_>> = markup.pieces.iter().filter(|piece| piece.language == language).cloned().collect();
        follower.page_code(language, &pieces);
    }
    follower.finish()
}

impl Follower {
    fn new(text: &str, markup: &Markup<'_>) -> Self {
        let mut state = State::default();
        for (name, class) in &markup.objects {
            state.set_global(name, Value::object(objects::com_class(class)));
        }
        Self {
            state,
            functions: state::Names::default(),
            classes: HashSet::new(),
            bases: HashMap::new(),
            aliases: HashMap::new(),
            controls: markup.controls.iter().cloned().collect(),
            with: Vec::new(),
            returned: Vec::new(),
            unreached: Vec::new(),
            by_reference: Vec::new(),
            nested: Vec::new(),
            called: HashSet::new(),
            running: Vec::new(),
            runs: HashMap::new(),
            glanced: HashSet::new(),
            results: HashMap::new(),
            language: Language::CSharp,
            is_service: markup.is_service,
            is_whole: markup.includes.is_empty(),
            at: At::default(),
            steps: STEPS_MAX,
            is_known: false,
            hurries: false,
            depth: 0,
            unknown_loops: 0,
            ways_out: 0,
            uncertain: 0,
            texts: vec![text.to_owned()],
            flows: Vec::new(),
            layers: Vec::new(),
            facts: Facts { is_net: markup.is_net, ..Facts::default() },
            cut_off: BTreeSet::new(),
        }
    }

    /// Takes a unit of the budget. `false`: there is none left.
    fn spend(&mut self, steps: u64) -> bool {
        if self.steps < steps {
            if !self.is_known {
                self.cut_off("its code does more than is followed");
            }
            // What stands behind is still glanced at.
            self.steps = if self.hurries { 0 } else { STEPS_BEHIND };
            let goes_on = !self.hurries;
            self.hurries = true;
            return goes_on;
        }
        self.steps -= steps;
        true
    }

    /// Goes a level deeper, unless it is deep enough. Whoever got `true` calls [`Self::leave`].
    fn enter(&mut self) -> bool {
        let fits = self.depth < DEPTH_MAX;
        self.depth += u32::from(fits);
        if !fits {
            self.cut_off("code nested deeper than is followed");
        }
        fits
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn cut_off(&mut self, what: &str) {
        self.cut_off.insert(what.to_owned());
    }

    /// Runs the code of the page in one language: what stands outside functions, then every function.
    fn page_code(&mut self, language: Language, pieces: &[Piece<'_>]) {
        self.language = language;
        let decoded: Vec<_> = pieces.iter().map(|piece| crate::markup::undisguised(piece.text)).collect();
        for (piece, decoded) in pieces.iter().zip(&decoded) {
            if let std::borrow::Cow::Owned(decoded) = decoded {
                self.add_layer(decoded, "Script.Encode", At { layer: 0, line: piece.line, place: 0 });
            }
        }
        let plain: Vec<Piece<'_>> =
            pieces.iter().zip(&decoded).map(|(piece, decoded)| Piece { text: decoded, ..piece.clone() }).collect();
        let parsed = code::parse(language, &plain, 0);
        self.cut_off.extend(parsed.too_deep.then(|| "code nested deeper than is followed".to_owned()));
        let statements = self.take_in(parsed.program);
        for round in 0..ROUNDS {
            let before = (self.state.sent_globals(), self.flows.len());
            // What one request keeps in the session, the next one uses.
            if round == 0 || self.state.keeps_sent() {
                self.run(&statements);
            } else if self.facts.is_net && before.0 > 0 {
                // What stands between the markup is run after the events, and sees what they set.
                let shown: Vec<Statement> =
                    statements.iter().filter(|statement| !declares(statement)).cloned().collect();
                self.run(&shown);
            }
            self.entries();
            if before == (self.state.sent_globals(), self.flows.len()) {
                break;
            }
        }
    }

    /// Takes in what a program declares, and hands back what it does.
    fn take_in(&mut self, program: Program) -> Vec<Statement> {
        for function in program.functions {
            if let Some(native) = &function.native {
                self.facts.declared.insert(native.to_string());
            }
            if let Some(name) = &function.name {
                self.functions.entry(name.clone()).or_default().push(function.clone());
            }
        }
        for (class, bases) in program.classes {
            self.classes.insert(class.to_string());
            if let Some(base) = bases.first() {
                self.bases.insert(class.to_string(), value::last_name(base));
            }
        }
        self.aliases.extend(program.aliases);
        program.statements
    }

    /// Calls every function as whoever asks for the page might.
    fn entries(&mut self) {
        let mut functions: Vec<Rc<Function>> = self.functions.values().flatten().cloned().collect();
        // What a page does first comes first.
        let rank = |function: &Function| match function.name.as_deref() {
            Some("page_load" | "page_init" | "oninit" | "onload" | "processrequest") => 0,
            _ => 1,
        };
        functions.sort_by_key(|function| (rank(function), function.at));
        functions.extend(std::mem::take(&mut self.nested));
        for function in functions {
            if function.native.is_some() {
                continue;
            }
            // The class of a service does what its contract, an interface, says.
            let is_of_contract = || {
                let named = function.name.as_ref().and_then(|name| self.functions.get(name));
                named.is_some_and(|all| all.iter().any(|function| function.is_web_method))
            };
            let is_web_method = function.is_web_method || (self.is_service && is_of_contract());
            // What was called with what the page knows need not be called without.
            if self.called.contains(&function.at) && !is_web_method && rank(&function) > 0 {
                continue;
            }
            let arguments = self.entry_arguments(&function, is_web_method);
            self.state.begin_branch();
            self.call(&function, arguments);
            let outcome = self.state.end_branch();
            self.state.join(vec![outcome], true);
        }
    }

    fn entry_arguments(&mut self, function: &Function, is_web_method: bool) -> Vec<Value> {
        self.at = function.at;
        let argument = |parameter: &crate::code::tree::Parameter| match &parameter.class {
            _ if is_web_method => {
                let is_number = matches!(
                    parameter.class.as_deref(),
                    Some("int" | "integer" | "long" | "bool" | "boolean" | "datetime" | "guid" | "double" | "decimal")
                );
                let trail = self.begin("parameter of a web method", Some(&parameter.name), Strength::Sent, false);
                if is_number { Value::default() } else { Value::sent(Some(trail), value::Control::Whole) }
            }
            Some(class) => self.of_class(class),
            None => Value::default(),
        };
        function.parameters.iter().map(argument).collect()
    }

    /// A function of the page that takes so many arguments, else any of its name.
    fn function(&self, name: &str, arguments: usize) -> Option<Rc<Function>> {
        let all = self.functions.get(name)?;
        all.iter().find(|function| function.parameters.len() == arguments).or(all.last()).cloned()
    }

    /// Runs code that the page made, in place.
    fn run_layer_value(&mut self, text: &str, by: &str, language: Language) -> Value {
        let before = std::mem::replace(&mut self.language, language);
        let value = self.run_layer_inside(text, by);
        self.language = before;
        value
    }

    fn run_layer_inside(&mut self, text: &str, by: &str) -> Value {
        self.run_layer(text, by, self.language);
        // What an expression is, its evaluation gives.
        let pieces = [Piece { kind: PieceKind::Shown, text, line: 1, language: self.language }];
        let parsed = code::parse(self.language, &pieces, 0);
        match parsed.program.statements.as_slice() {
            [Statement { kind: StatementKind::Show(expression), .. }] if parsed.skipped == 0 => {
                let expression = expression.clone();
                self.evaluate(&expression)
            }
            _ => Value::default(),
        }
    }

    /// Runs the code that a style sheet carries, as if it were called.
    fn run_style_sheet(&mut self, text: &str, by: &str) {
        let markup = crate::markup::read(text, "xsl");
        for piece in &markup.pieces {
            self.run_layer(piece.text, by, piece.language);
            // What the transformation calls, it calls by itself.
            let program = code::parse(piece.language, std::slice::from_ref(piece), 0).program;
            for function in program.functions.iter().filter_map(|function| function.name.as_deref()) {
                if let Some(function) = self.function(function, 0) {
                    self.call(&function, Vec::new());
                }
            }
        }
    }

    fn run_layer(&mut self, text: &str, by: &str, language: Language) {
        let at = self.at;
        let Some(layer) = self.add_layer(text, by, at) else { return };
        self.carried(by);
        let before = std::mem::replace(&mut self.language, language);
        let pieces = [Piece { kind: PieceKind::Code, text, line: 1, language }];
        let parsed = code::parse(language, &pieces, layer);
        let statements = self.take_in(parsed.program);
        self.run(&statements);
        self.language = before;
        self.at = at;
    }

    /// Remembers a layer. `None`: there are too many, or this one was run already.
    fn add_layer(&mut self, text: &str, by: &str, at: At) -> Option<u16> {
        if self.texts.len() > LAYERS_MAX {
            self.cut_off("more layers of disguise than are followed");
            return None;
        }
        if self.texts.iter().any(|known| known == text) {
            return None;
        }
        self.texts.push(text.to_owned());
        let number = u16::try_from(self.texts.len() - 1).unwrap_or(u16::MAX);
        let shown = shortened(text, LAYER_LETTERS_MAX);
        self.layers.push(Layer { number, layer: at.layer, line: at.line, by: by.to_owned(), text: shown });
        Some(number)
    }

    /// Text of the page itself is run.
    fn carried(&mut self, by: &str) {
        if !self.facts.disguised && self.flows.len() < FLOWS_MAX {
            let flow = Flow {
                ability: Ability::Carried,
                source: "text of the page".to_owned(),
                sink: by.to_owned(),
                steps: Vec::new(),
            };
            self.flows.push((flow, vec![self.at]));
        }
        self.facts.disguised = true;
    }

    /// What was sent does something here.
    fn flow(&mut self, ability: Ability, trail: &Rc<Trail>, sink: &sinks::Named<'_>) {
        if trail.source.strength == Strength::Stored {
            return;
        }
        let (source, sink) = (trail.source.words.clone(), sink.to_string());
        let is_told =
            self.flows.iter().any(|(flow, _)| flow.ability == ability && flow.sink == sink && flow.source == source);
        if is_told || self.flows.len() >= FLOWS_MAX {
            return;
        }
        if matches!(ability, Ability::Evaluate | Ability::Process) && !self.is_known {
            self.is_known = true;
            self.steps = self.steps.min(STEPS_ONCE_KNOWN);
        }
        let mut places = trail.places();
        if places.last().is_none_or(|last| !last.is_on_line_of(self.at)) {
            places.push(self.at);
        }
        self.flows.push((Flow { ability, source, sink, steps: Vec::new() }, places));
    }

    fn finish(mut self) -> Followed {
        let lines: Vec<Vec<&str>> = self.texts.iter().map(|text| text.lines().collect()).collect();
        let step = |at: &At| {
            let line = lines
                .get(usize::from(at.layer))
                .and_then(|lines| lines.get(usize::try_from(at.line).ok()?.checked_sub(1)?));
            Step {
                layer: at.layer,
                line: at.line,
                text: shortened(line.map_or("", |line| line.trim()), LINE_LETTERS_MAX),
            }
        };
        let mut flows: Vec<Flow> = self
            .flows
            .drain(..)
            .map(|(flow, places)| Flow { steps: places.iter().map(step).collect(), ..flow })
            .collect();
        flows.sort_by_key(|flow| flow.ability);
        Followed { flows, layers: self.layers, facts: self.facts, cut_off: self.cut_off.into_iter().collect() }
    }
}

/// Fields of a page, with what they begin with.
fn declares(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Declare(..) => true,
        StatementKind::Block(block) => {
            block.iter().all(|statement| matches!(statement.kind, StatementKind::Declare(..)))
        }
        _ => false,
    }
}

fn shortened(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
