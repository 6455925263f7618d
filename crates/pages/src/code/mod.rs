//! Code of pages: tokens, and a syntax tree that all languages of ASP share.
//!
//! C#, JScript and JScript.NET are read by [`c`], VBScript and VB.NET by [`basic`]. Reading never fails: what is not
//! understood is skipped up to where a statement can begin, and counted.

pub(crate) mod basic;
pub(crate) mod c;
pub(crate) mod cursor;
pub(crate) mod token;
pub(crate) mod tree;

pub(crate) use cursor::Parsed;

use model::page::Language;

use crate::markup::Piece;

/// Parses the pieces of a page that are written in one language.
pub(crate) fn parse(language: Language, pieces: &[Piece<'_>], layer: u16) -> Parsed {
    match language {
        Language::VbScript | Language::VisualBasic => basic::parse(pieces, layer),
        _ => c::parse(pieces, layer, language),
    }
}
