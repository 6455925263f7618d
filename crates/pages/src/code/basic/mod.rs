//! VBScript and VB.NET: languages of lines.

mod declarations;
mod expressions;
mod lexer;
mod statements;

use super::cursor::{Cursor, Parsed};
use super::token::{Placed, Token};
use crate::markup::{Piece, PieceKind};

/// Parses the pieces of a page.
pub(crate) fn parse(pieces: &[Piece<'_>], layer: u16) -> Parsed {
    let mut tokens = Vec::new();
    for piece in pieces {
        let mark = |token: Token| Placed { token, line: piece.line };
        match piece.kind {
            PieceKind::Code => {
                tokens.push(mark(Token::Markup));
                lexer::read(piece.text, piece.line, &mut tokens);
                tokens.push(mark(Token::LineEnd));
            }
            PieceKind::Shown => {
                tokens.push(mark(Token::Shown));
                lexer::read(piece.text, piece.line, &mut tokens);
                tokens.push(mark(Token::ShownEnd));
            }
        }
    }
    let mut reader = Reader(Cursor::new(tokens, layer));
    let mut statements = Vec::new();
    while !reader.0.at_end() {
        let before = reader.0.place();
        reader.statements(&mut statements);
        if reader.0.place() == before {
            // An `End` or `Next` without its beginning.
            reader.0.stumble();
            reader.skip_line();
        }
    }
    reader.0.parsed.program.statements = statements;
    reader.0.parsed
}

/// A cursor that reads Basic.
struct Reader(Cursor);

impl Reader {
    /// Statements end here.
    fn at_line_end(&self) -> bool {
        matches!(
            self.0.peek(),
            None | Some(Token::LineEnd | Token::Markup | Token::Shown | Token::ShownEnd | Token::Sign(":"))
        )
    }

    fn skip_line(&mut self) {
        let from = self.0.place();
        while !self.at_line_end() {
            self.0.skip(1);
        }
        if self.0.place() == from {
            self.0.skip(1);
        }
    }

    fn skip_rest_of_line(&mut self) {
        while !self.at_line_end() {
            self.0.skip(1);
        }
    }
}
