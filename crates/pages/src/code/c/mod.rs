//! C#, JScript and JScript.NET: languages of braces.

mod declarations;
mod expressions;
mod lexer;

pub(crate) use lexer::unescape as unescaped;
mod statements;

use model::page::Language;

use super::cursor::{Cursor, Parsed};
use super::token::{Placed, Token};
use crate::markup::{Piece, PieceKind};

/// Parses the pieces of a page.
pub(crate) fn parse(pieces: &[Piece<'_>], layer: u16, language: Language) -> Parsed {
    let mut tokens = Vec::new();
    for piece in pieces {
        let mark = |token: Token| Placed { token, line: piece.line };
        match piece.kind {
            PieceKind::Code => {
                tokens.push(mark(Token::Markup));
                lexer::read(piece.text, piece.line, language, &mut tokens);
            }
            PieceKind::Shown => {
                tokens.push(mark(Token::Shown));
                lexer::read(piece.text, piece.line, language, &mut tokens);
                tokens.push(mark(Token::ShownEnd));
            }
        }
    }
    let mut cursor = Cursor::new(tokens, layer);
    let mut statements = Vec::new();
    while !cursor.at_end() {
        let before = cursor.place();
        cursor.statement(&mut statements);
        if cursor.place() == before {
            cursor.stumble();
            cursor.skip(1);
        }
    }
    cursor.parsed.program.statements = statements;
    cursor.parsed
}

/// An expression that stands alone: in an interpolated string.
pub(super) fn expression(code: &str, at: super::token::At, depth: u32) -> Option<super::tree::Expression> {
    let mut tokens = Vec::new();
    lexer::read(code, at.line, Language::CSharp, &mut tokens);
    let mut cursor = Cursor::within(tokens, at.layer, depth);
    cursor.value()
}
