//! What a page of ASP.NET or classic ASP does, as its own code says it.
//!
//! A page is taken apart into the code of its server's side (`markup`), the code is parsed (`code`), and values are
//! followed from what is sent to what is done (`flow`). No name of any web shell and no signature is known here: what
//! is judged is that what was sent is run, written or read. Nothing is executed, and everything has a bound: a page
//! that goes beyond one says so in [`Reading::cut_off`].
//!
//! This room opens no files and knows no rules.

mod code;
mod encoded_script;
mod flow;
mod judgement;
mod markup;
mod text;

use model::page::{Judgement, Reading};

/// Bytes of a page that are looked at. Genuine pages have less than a megabyte; more is padding.
pub const PAGE_BYTES_MAX: usize = 16 << 20;
/// Code that is parsed of one page.
const CODE_BYTES_MAX: usize = 2 << 20;

/// Stack for reading one page: what nests is limited, and this is enough for the limit.
pub const STACK_BYTES: usize = 16 << 20;

/// Reads a page. `name` is the name of its file, which tells ASP.NET from classic ASP.
///
/// It takes up to [`STACK_BYTES`] of stack for pages made to nest.
#[must_use]
pub fn read(bytes: &[u8], name: &str) -> Reading {
    let mut cut_off = Vec::new();
    let looked_at = bytes.get(..PAGE_BYTES_MAX).unwrap_or(bytes);
    if looked_at.len() < bytes.len() {
        cut_off.push("only its first 16 MiB were looked at".to_owned());
    }
    let text = text::of(looked_at);
    let extension = name.rsplit_once('.').map_or(String::new(), |(_, extension)| extension.to_lowercase());
    let mut markup = markup::read(&text, &extension);
    let mut budget = CODE_BYTES_MAX;
    let count = markup.pieces.len();
    markup.pieces.retain(|piece| {
        let fits = piece.text.len() <= budget;
        budget = budget.saturating_sub(piece.text.len());
        fits
    });
    if markup.pieces.len() < count || markup.cut_off {
        cut_off.push("it holds more code than is looked at".to_owned());
    }
    let holds = held(&markup);
    if markup.pieces.is_empty() {
        return unless_hidden(Reading { cut_off, ..Reading::default() }, holds);
    }
    let followed = flow::follow(&text, &markup);
    let (judgement, because) = judgement::judge(&followed);
    let mut languages = Vec::new();
    for piece in &markup.pieces {
        if !languages.contains(&piece.language) {
            languages.push(piece.language);
        }
    }
    cut_off.extend(followed.cut_off);
    let (flows, layers) = (followed.flows, followed.layers);
    unless_hidden(Reading { languages, judgement, because, flows, layers, cut_off }, holds)
}

/// What is odd about where a page has its code.
fn held(markup: &markup::Markup<'_>) -> Option<String> {
    const PICTURES: &[&str] = &["gif", "jpg", "jpeg", "png", "bmp", "ico", "tif", "webp"];
    const TEXTS: &[&str] = &["txt", "log", "tmp", "dat", "css", "zip", "pdf", "doc", "xls", "rar"];
    let is_odd = |file: &str| {
        let lower = file.to_ascii_lowercase();
        let kind = lower.rsplit_once('.').map_or("", |(_, kind)| kind);
        PICTURES.contains(&kind) || (TEXTS.contains(&kind) && lower.contains("upload"))
    };
    let (file, line) = markup.includes.iter().find(|(file, _)| is_odd(file))?;
    Some(format!("It reads `{file}` into itself in line {line}, which runs any code that the file holds."))
}

/// A page of which not all was followed, or whose code lies in an odd place, is one to look at: those are ways to hide.
fn unless_hidden(mut reading: Reading, holds: Option<String>) -> Reading {
    if let Some(holds) = holds.filter(|_| reading.judgement == Judgement::Nothing) {
        reading.judgement = Judgement::Look;
        reading.because = holds;
    }
    if reading.judgement == Judgement::Nothing && !reading.cut_off.is_empty() {
        reading.judgement = Judgement::Look;
        "It holds or does more than is followed, which few pages do.".clone_into(&mut reading.because);
    }
    reading
}
