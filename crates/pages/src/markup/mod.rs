//! A page taken apart: which stretches of it are code of the server's side, in which language, and which controls and
//! objects its markup declares.

mod razor;
mod tags;

use std::borrow::Cow;

use model::page::Language;

use crate::code::cursor::name_of;
use crate::code::tree::Name;
use crate::encoded_script;
use tags::Tag;

/// Bytes of tags without an end, or that hold code, which are looked at.
const TAG_BUDGET_BYTES: usize = 4 << 20;
/// Pieces of code of one page.
const PIECES_MAX: usize = 50_000;

/// Is what stands here done or shown?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceKind {
    Code,
    /// `<%= … %>`
    Shown,
}

/// A stretch of code.
#[derive(Clone, Debug)]
pub(crate) struct Piece<'t> {
    pub kind: PieceKind,
    pub text: &'t str,
    /// The line on which it begins, from 1.
    pub line: u32,
    pub language: Language,
}

/// A page, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Markup<'t> {
    pub pieces: Vec<Piece<'t>>,
    /// Controls of the server's side: name and kind.
    pub controls: Vec<(Name, Name)>,
    /// `<object runat=server>`: name and what it is.
    pub objects: Vec<(Name, Name)>,
    /// Files that are read into the page.
    pub includes: Vec<(String, u32)>,
    /// Methods of public classes answer whoever asks: `.asmx`, `.svc`.
    pub is_service: bool,
    pub is_net: bool,
    /// There was more than is looked at.
    pub cut_off: bool,
}

/// What the name and the beginning of a page say of it.
struct Reader<'t> {
    text: &'t str,
    next: usize,
    /// Bytes of tags without an end, or that hold code, which are still looked at.
    tag_budget: usize,
    /// Where the next `%>` stands, as far as that was asked.
    closing: usize,
    /// Up to where lines have been counted, and the line there.
    counted: (usize, u32),
    language: Option<Language>,
    /// What the first script names.
    script_language: Option<Language>,
    extension: &'t str,
    found: Markup<'t>,
}

/// Takes a page apart. `extension` is in lower case.
pub(crate) fn read<'t>(text: &'t str, extension: &'t str) -> Markup<'t> {
    let mut reader = Reader {
        text,
        next: 0,
        tag_budget: TAG_BUDGET_BYTES,
        closing: 0,
        counted: (0, 1),
        language: None,
        script_language: None,
        extension,
        found: Markup { is_net: is_net(text, extension), ..Markup::default() },
    };
    if matches!(extension, "cshtml" | "vbhtml") {
        razor::read(&mut reader);
    } else {
        reader.run();
    }
    reader.guess();
    reader.found
}

fn is_net(text: &str, extension: &str) -> bool {
    match extension {
        "aspx" | "ashx" | "asmx" | "ascx" | "svc" | "master" | "asax" | "soap" | "cshtml" | "vbhtml" => true,
        _ => {
            let words = [
                "<%@ page",
                "<%@page",
                "<%@ webhandler",
                "<%@webhandler",
                "<%@ webservice",
                "<%@ control",
                "<%@ servicehost",
            ];
            let lower = tags::lower_head(text);
            words.iter().any(|word| lower.contains(word))
                || lower.contains("language=\"c#\"")
                || lower.contains("language='c#'")
        }
    }
}

impl<'t> Reader<'t> {
    fn run(&mut self) {
        while let Some(at) = memchr::memchr(b'<', self.rest().as_bytes()) {
            self.next += at;
            if self.found.pieces.len() >= PIECES_MAX {
                self.found.cut_off = true;
                return;
            }
            let rest = self.rest();
            if rest.starts_with("<%") {
                self.server_block();
            } else if self.found.is_net && rest.starts_with("< %@") && self.found.pieces.is_empty() {
                // Boards that pages are copied from tear the first mark apart.
                self.next += 2;
                let end = self.rest().find("%>").unwrap_or(self.rest().len());
                let directive = self.rest().get(2..end).unwrap_or_default();
                self.directive(directive);
                self.next += end;
            } else if rest.starts_with("<!--") {
                self.include();
                self.next += 4;
            } else if rest.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic) {
                self.tag();
            } else {
                self.next += 1;
            }
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.next..).unwrap_or_default()
    }

    fn line(&mut self) -> u32 {
        let (from, lines) = self.counted;
        let between = self.text.get(from..self.next).unwrap_or_default();
        let more = u32::try_from(memchr::memchr_iter(b'\n', between.as_bytes()).count()).unwrap_or(u32::MAX);
        self.counted = (self.next, lines.saturating_add(more));
        self.counted.1
    }

    fn push(&mut self, kind: PieceKind, text: &'t str) {
        if text.trim().is_empty() {
            return;
        }
        let line = self.line();
        let language =
            self.language.unwrap_or(if self.found.is_net { Language::VisualBasic } else { Language::VbScript });
        self.found.pieces.push(Piece { kind, text, line, language });
    }

    /// `<% … %>` in all its forms.
    fn server_block(&mut self) {
        let rest = self.rest();
        if rest.starts_with("<%--") && self.found.is_net {
            self.next += rest.find("--%>").map_or(rest.len(), |end| end + 4);
            return;
        }
        let inside = rest.get(2..).unwrap_or_default();
        // A page may be cut off, and run all the same up to there.
        let end = self.closing_mark(self.next + 2);
        // A directive that is not closed ends with its tag.
        let opened = if inside.trim_start().starts_with('@') { inside.find("<%") } else { None };
        let opened = opened.filter(|opened| end.is_none_or(|end| end > *opened));
        let end = opened.map(|opened| opened.saturating_sub(2)).or(end);
        let code = inside.get(..end.unwrap_or(inside.len())).unwrap_or_default();
        let trimmed = code.trim_start();
        self.next += 2;
        if let Some(directive) = trimmed.strip_prefix('@') {
            let rest_is_code = self.directive(directive);
            self.next += end.map_or(inside.len(), |end| end + 2);
            if rest_is_code {
                let rest = self.rest();
                self.push(PieceKind::Code, rest);
                self.next = self.text.len();
            }
            return;
        }
        match trimmed.chars().next() {
            Some(sign @ ('=' | ':' | '#')) if sign == '=' || (self.found.is_net && !trimmed.starts_with("#@~^")) => {
                let skipped = code.len() - trimmed.len() + 1;
                self.next += skipped;
                let shown = code.get(skipped..).unwrap_or_default();
                // `<%#: item %>`
                self.push(PieceKind::Shown, shown.strip_prefix(':').unwrap_or(shown));
                self.next -= skipped;
            }
            // `<%$ expression %>` names a setting.
            Some('$') if self.found.is_net => {}
            _ => self.push(PieceKind::Code, code),
        }
        self.next += end.map_or(inside.len(), |end| end + 2);
    }

    /// How far behind `from` the next `%>` stands. It is looked for once however often it is asked.
    fn closing_mark(&mut self, from: usize) -> Option<usize> {
        if self.closing < from {
            let found = self.text.get(from..).and_then(|rest| rest.find("%>"));
            self.closing = found.map_or(usize::MAX, |at| from + at);
        }
        (self.closing != usize::MAX).then(|| self.closing - from)
    }

    /// `true`: all that follows is code.
    fn directive(&mut self, directive: &str) -> bool {
        let mut words = directive.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default().to_ascii_lowercase();
        let attributes = tags::attributes(directive);
        let value = |name: &str| attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        if let Some(language) = value("language") {
            self.language = language_of(language, self.found.is_net);
        }
        if let Some(file) = value("codefile").or(value("src")) {
            let line = self.line();
            self.found.includes.push((file.to_owned(), line));
        }
        self.found.is_service |= matches!(kind.as_str(), "webservice" | "servicehost");
        let is_unnamed = kind.contains('=') && matches!(self.extension, "ashx" | "asmx" | "svc");
        self.found.is_service |= is_unnamed && self.extension != "ashx";
        is_unnamed || matches!(kind.as_str(), "webhandler" | "webservice" | "servicehost")
    }

    /// `<!--#include file="…"-->`
    fn include(&mut self) {
        let rest = self.rest();
        let inside = rest.get(4..).unwrap_or_default().trim_start();
        if !inside.starts_with('#') {
            return;
        }
        /// More bytes than the name of any file has.
        const INCLUDE_BYTES_MAX: usize = 1_000;
        let mut end = inside.len().min(INCLUDE_BYTES_MAX);
        while !inside.is_char_boundary(end) {
            end -= 1;
        }
        let inside = inside.get(..end).unwrap_or_default();
        let attributes = tags::attributes(inside.split("-->").next().unwrap_or_default());
        let file = attributes.into_iter().find(|(name, _)| matches!(name.as_str(), "file" | "virtual"));
        let line = self.line();
        self.found.includes.extend(file.map(|(_, file)| (file, line)));
    }

    fn tag(&mut self) {
        let Some(tag) = Tag::read(self.rest(), &mut self.tag_budget) else {
            self.next += 1;
            return;
        };
        let is_server = tag.value("runat").is_some_and(|value| value.eq_ignore_ascii_case("server"));
        // Attributes may hold code: `value="<%= x %>"`.
        let has_code = self.rest().get(..tag.bytes).is_some_and(|tag| tag.contains("<%"));
        if is_server {
            self.server_tag(&tag);
        }
        // Style sheets carry code, which runs when they are applied.
        let is_of_style_sheet = tag.name.ends_with(":script") && tag.value("implements-prefix").is_some();
        if is_of_style_sheet || (tag.name == "script" && is_server) {
            self.next += tag.bytes;
            self.script(&tag);
            return;
        }
        if is_server && tag.name == "object" {
            let class = tag.value("progid").or(tag.value("classid")).or(tag.value("class"));
            if let (Some(id), Some(class)) = (tag.value("id"), class) {
                self.found.objects.push((name_of(id), name_of(class)));
            }
        }
        self.next += if has_code { 1 } else { tag.bytes };
    }

    fn server_tag(&mut self, tag: &Tag) {
        let Some(id) = tag.value("id").or(tag.value("name")) else { return };
        let kind = match (tag.name.as_str(), tag.value("type").map(str::to_ascii_lowercase).as_deref()) {
            ("input", Some("file")) => "htmlinputfile",
            ("input", Some("button" | "submit" | "reset" | "image")) => "htmlinputbutton",
            ("input", _) => "htmlinputtext",
            ("textarea", _) => "htmltextarea",
            ("select", _) => "htmlselect",
            (name, _) => name.rsplit(':').next().unwrap_or(name),
        };
        self.found.controls.push((name_of(id), name_of(kind)));
    }

    /// What stands between `<script runat=server>` and `</script>`; the cursor behind the first.
    fn script(&mut self, tag: &Tag) {
        let before = self.language;
        if let Some(language) = tag.value("language").or(tag.value("type")) {
            self.language = language_of(language, self.found.is_net).or(before);
            self.script_language = self.script_language.or(self.language);
        }
        if let Some(file) = tag.value("src") {
            let line = self.line();
            self.found.includes.push((file.to_owned(), line));
        }
        let rest = self.rest();
        let closing = format!("</{}", tag.name);
        let end = tags::find_ignoring_case(rest, &closing).unwrap_or(rest.len());
        let code = rest.get(..end).unwrap_or_default();
        let code = code.trim_start().strip_prefix("<![CDATA[").unwrap_or(code);
        // Classic ASP lets code of the page be hidden in a comment.
        let code = code.trim_start().strip_prefix("<!--").unwrap_or(code);
        self.push(PieceKind::Code, code);
        self.next += end;
        self.language = before;
    }

    /// Where no language is named, the code shows which it is: a page without its directive is still a page.
    fn guess(&mut self) {
        if self.language.is_some() || self.found.pieces.is_empty() {
            return;
        }
        // A page of ASP.NET has one language, which the first script that names one decides.
        if let Some(language) = self.script_language.filter(|_| self.found.is_net) {
            self.found.pieces.iter_mut().for_each(|piece| piece.language = language);
            return;
        }
        let looks_like_braces = looks_like_braces(self.found.is_net, self.found.pieces.iter().map(|piece| piece.text));
        let braces = if self.found.is_net { Language::CSharp } else { Language::JScript };
        let lines = if self.found.is_net { Language::VisualBasic } else { Language::VbScript };
        for piece in &mut self.found.pieces {
            // Scripts that name their language keep it.
            if piece.language == lines && looks_like_braces {
                piece.language = braces;
            }
        }
    }
}

/// Braces, semicolons at line ends and the like, against the words of Basic.
///
/// Classic ASP is VBScript where it does not say otherwise, so more is asked of it.
fn looks_like_braces<'t>(is_net: bool, pieces: impl Iterator<Item = &'t str>) -> bool {
    let (mut braces, mut words, mut declares) = (0_usize, 0_usize, is_net);
    for piece in pieces {
        braces += piece.matches(['{', ';']).count();
        braces += usize::from(piece.contains("==") || piece.contains("&&") || piece.contains("//")) * 2;
        let lower = piece.to_ascii_lowercase();
        declares |= lower.contains("var ") || (lower.contains("function") && lower.contains('{'));
        // What only script with braces has, however short it is.
        let is_script = lower.contains("new activexobject") || lower.contains("new enumerator");
        declares |= is_script;
        braces += usize::from(is_script);
        for word in
            ["end if", "end sub", "end function", " then", "dim ", "set ", "next\n", "loop\n", "wend", "<>", "on error"]
        {
            words += lower.matches(word).count() * 2;
        }
    }
    declares && if is_net { braces > words } else { braces > 0 && words == 0 }
}

/// The language that a page names.
fn language_of(name: &str, is_net: bool) -> Option<Language> {
    let name = name.trim().to_ascii_lowercase();
    let name = name.strip_prefix("text/").unwrap_or(&name);
    let name = name.strip_suffix(".encode").unwrap_or(name);
    Some(match name {
        "c#" | "cs" | "csharp" | "c" => Language::CSharp,
        "vb" | "visualbasic" | "vb.net" => Language::VisualBasic,
        "vbscript" | "vbs" => {
            if is_net {
                Language::VisualBasic
            } else {
                Language::VbScript
            }
        }
        _ if name.contains("jscript") || name.contains("javascript") || name == "js" || name == "ecmascript" => {
            Language::JScript
        }
        _ => return None,
    })
}

/// Code with the disguise of `VBScript.Encode` taken off, where it wears it.
pub(crate) fn undisguised(code: &str) -> Cow<'_, str> {
    encoded_script::decode(code)
}
