//! Why a rule was refused, in words for the person who wrote it.

/// Why a rule cannot be run exactly as it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The parser refused it.
    #[error("not readable as Sigma: {0}")]
    Syntax(String),
    /// A modifier that is not implemented, or a combination that has no meaning.
    #[error("modifier `{0}` cannot be compiled exactly here")]
    Modifier(String),
    /// A value that does not fit its modifiers.
    #[error("value `{value}` of field `{field}`: {why}")]
    Value {
        /// The field, empty for keywords.
        field: String,
        /// The value as written.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// A construct of the detection section.
    #[error("{0} cannot be compiled exactly")]
    Construct(String),
    /// The condition names something that is not there.
    #[error("the condition asks for `{0}`, which the rule does not define in that number")]
    Undefined(String),
    /// A filter that cannot be put to rules.
    #[error("filter: {0}")]
    Filter(String),
    /// Events that afterpatch does not read.
    #[error("log source {0} is not one that is read here")]
    LogSource(String),
    /// A tag, attribute or name that the pack language requires.
    #[error("{0}")]
    Pack(String),
    /// A correlation that cannot be evaluated.
    #[error("correlation: {0}")]
    Correlation(String),
}
