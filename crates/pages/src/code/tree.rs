//! The syntax tree that all languages share. It keeps what matters to follow a value, and no more.
//!
//! What can be long in a hostile page is a list here and no nest: operands of one precedence, the links of a chain of
//! calls, the arms of an `if`. What nests is limited by the parser, so no walk over the tree can be deep.

use std::rc::Rc;

use super::token::At;

pub(crate) type Name = Rc<str>;

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub kind: Kind,
    pub at: At,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Text(Rc<str>),
    Number(f64),
    Bool(bool),
    Null,
    Name(Name),
    /// `this`, `Me`, `base`: the page.
    This,
    /// `.Name` inside `With`: the object of the innermost one.
    WithObject,
    /// `a.b(c)[d]`: what it begins with, and its links.
    Chain(Box<Expression>, Vec<Link>),
    /// `new Type(arguments) { members }`.
    New(Name, Vec<Expression>, Vec<(Option<Name>, Expression)>),
    /// `[a, b]`, `{a, b}`, `Array(a, b)`.
    List(Vec<Expression>),
    /// `{a: 1, b: 2}` of JScript, `new { a = 1 }`.
    Members(Vec<(Name, Expression)>),
    /// `first op second op third`, one precedence, from the left.
    Operation(Box<Expression>, Vec<(Operator, Expression)>),
    Negation(Box<Expression>),
    Not(Box<Expression>),
    /// `~x`
    Complement(Box<Expression>),
    /// `condition ? then : otherwise`, `If(…)`.
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
    /// `target = value`, `target += value`.
    Assign(Box<Expression>, Option<Operator>, Box<Expression>),
    /// `x++`, `--x`.
    Step(Box<Expression>, f64, StepValue),
    /// `(Type) value`.
    Cast(Name, Box<Expression>),
    /// A function without a name, or the address of one.
    Function(Rc<Function>),
    /// Several, of which the last counts.
    Sequence(Vec<Expression>),
    /// `typeof(Type)`.
    Type(Name),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepValue {
    Before,
    After,
}

#[derive(Clone, Debug)]
pub(crate) enum Link {
    /// `.name`
    Member(Name, At),
    /// `(arguments)`; in Basic an index looks the same.
    Call(Vec<Expression>, At),
    /// `[index]`
    Index(Vec<Expression>, At),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    /// `&` of Basic: joins text whatever it is.
    Join,
    Subtract,
    Multiply,
    Divide,
    IntegerDivide,
    Modulo,
    Power,
    Xor,
    BitAnd,
    BitOr,
    ShiftLeft,
    ShiftRight,
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// `??`
    Coalesce,
    /// `is`, `as`, `Like`, `in`, `instanceof`: nothing is known of the result.
    Other,
}

#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub kind: StatementKind,
    pub at: At,
}

pub(crate) type Block = Vec<Statement>;

#[derive(Clone, Debug)]
pub(crate) enum StatementKind {
    Do(Expression),
    /// A variable: name, type where one is named, value where one is given, dimensions of an array.
    Declare(Name, Option<Name>, Option<Expression>),
    /// Arms, tried in order, and what is done otherwise.
    If(Vec<(Expression, Block)>, Block),
    /// `while`, `do … until`, `for(;;)`.
    While(Box<While>),
    /// `For i = from To until Step step`.
    Count(Box<Count>),
    /// `For Each`, `foreach`, `for … in`.
    Each(Name, Option<Name>, Expression, Block),
    /// The value, and for every case its values (none: the default) and what is done.
    Switch(Expression, Vec<(Vec<Expression>, Block)>),
    Try(Block, Vec<Block>, Block),
    With(Expression, Block),
    Block(Block),
    Return(Option<Expression>),
    Break,
    Continue,
    /// Says that a function, class or import stands here; they are in [`Program`].
    Declared,
    /// `<%= expression %>`.
    Show(Expression),
}

#[derive(Clone, Debug)]
pub(crate) struct While {
    pub first: Block,
    /// `None`: for ever.
    pub condition: Option<Expression>,
    /// `do … until`: goes on while the condition is false.
    pub until: bool,
    /// The body comes before the condition.
    pub body_first: bool,
    pub step: Vec<Expression>,
    pub body: Block,
}

#[derive(Clone, Debug)]
pub(crate) struct Count {
    pub variable: Name,
    pub from: Expression,
    pub until: Expression,
    pub step: Option<Expression>,
    pub body: Block,
}

/// A function, method, property or event handler.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    pub name: Name_,
    pub parameters: Vec<Parameter>,
    pub body: Block,
    pub at: At,
    /// Callers from outside hand in what they like: web methods.
    pub is_web_method: bool,
    /// A function of a library of Windows: name of the function in the library.
    pub native: Option<Name>,
}

/// A name that may be missing.
pub(crate) type Name_ = Option<Name>;

#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub name: Name,
    pub class: Option<Name>,
}

/// All that the code of one language declares and does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    pub statements: Block,
    pub functions: Vec<Rc<Function>>,
    /// Classes: name, and what they derive from.
    pub classes: Vec<(Name, Vec<Name>)>,
    /// `using Short = Long.Name;`
    pub aliases: Vec<(Name, Name)>,
    /// `using static Long.Name;`, `Imports Long.Name`, `using Long.Name`.
    pub imports: Vec<Name>,
}
