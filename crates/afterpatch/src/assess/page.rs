//! Which files are read as pages, whatever they are called.

use memchr::memmem;
use model::file::Kind;
use model::page::Reading;

/// What begins code of the server's side. Nothing that lacks all of them runs as a page.
const MARKS: [&[u8]; 3] = [b"<%", b"runat", b"@{"];

/// Reads a file as a page, where it is one or may be one: a page by its name, or a file of another name in a web folder
/// that holds code. A web server can be told to run files of any name, and a page can include them.
pub fn reading(kind: Kind, on_server: &str, bytes: &[u8]) -> Option<Reading> {
    let name = base_name(on_server);
    let may_be = match kind {
        Kind::WebFile => true,
        Kind::Configuration | Kind::Other => exchange::url_of_path(on_server).is_some() || name == "web.config",
        _ => false,
    };
    (may_be && (kind == Kind::WebFile || holds_code(bytes))).then(|| pages::read(bytes, name))
}

/// The same of a file that somebody points at: where it lies does not matter.
pub fn by_itself(kind: Kind, path: &str, bytes: &[u8]) -> Option<Reading> {
    (kind == Kind::WebFile || holds_code(bytes)).then(|| pages::read(bytes, base_name(path)))
}

/// Text of two bytes a letter holds zeros, and is looked at whatever it holds.
fn holds_code(bytes: &[u8]) -> bool {
    MARKS.iter().any(|mark| memmem::find(bytes, mark).is_some()) || bytes.contains(&0)
}

fn base_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}
