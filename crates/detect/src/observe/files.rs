//! Files that tell something by being there: pages of web folders, configuration, dumps, archives.

use std::borrow::Cow;

use model::file::Kind;
use model::listing::{ListedFile, TimeBasis};
use model::observation::{Belongs, FileSeen, FileState};
use model::page::{Judgement, Reading};
use model::{Element, Family, Origin, Raw, Reject, RejectReason, Source, Utc, server_name};

use super::file::FileTally;
use super::file_system::{shown, state, state_word, trace};
use super::observer::FileFacts;
use super::sightings::Hit;
use crate::pack::IndicatorKind;
use crate::plan::{FileFields, Plan, RuleIndex};
use crate::yara::{YaraFile, YaraHit, own_names};

/// Bytes of a page or configuration file that rules look into.
pub const CONTENT_BYTES_MAX: usize = 1 << 20;

/// First bytes of a file that rules see, whatever it is: enough for a magic number.
pub const HEAD_BYTES: usize = 64;

/// What is known of a file that is no log.
pub struct FileContent<'a> {
    /// What it is.
    pub kind: Kind,
    /// Bytes in all.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: Option<&'a str>,
    /// Lower-case hex, where indicators ask for it.
    pub sha1: Option<&'a str>,
    /// Lower-case hex, where indicators ask for it.
    pub md5: Option<&'a str>,
    /// Its first bytes, whatever it is.
    pub head: &'a [u8],
    /// Its beginning as UTF-8, for kinds that rules look into.
    pub content: &'a [u8],
    /// Its beginning as it is, as much as YARA rules want of it ([`Plan::yara_bytes_max`]).
    pub bytes: &'a [u8],
    /// The elements of a configuration file, or the values of a registry hive.
    pub elements: &'a [Element],
    /// What its code says, where it is a page.
    pub page: Option<&'a Reading>,
    /// The machine that it names as its own.
    pub computer: Option<&'a str>,
    /// The file is not read but named by a list, which says this of it; `content` and `bytes` are what the list holds of it.
    pub listed: Option<&'a ListedFile>,
}

/// A hit on a file, or on an element of it.
pub(crate) struct FileHit<'h> {
    pub rule: RuleIndex,
    /// What the rule saw.
    pub fields: &'h FileFields<'h>,
    /// Where the element stands; `None`: the file itself.
    pub element: Option<&'h Element>,
    /// What a YARA rule found, and where.
    pub found: Option<&'h YaraHit>,
    pub subject: &'h [u8],
}

impl FileHit<'_> {
    /// A value of a hive has a source of its own; everything else is the file.
    pub fn source(&self, kind: Kind) -> Source {
        let is_value = kind == Kind::RegistryHive && self.element.is_some();
        Source::whole(if is_value { Family::Registry } else { Family::File })
    }

    /// Where it stands: the element, the string that was found, the record of the list that names the file, or the file
    /// itself.
    pub fn origin(&self, facts: &FileFacts, file: &FileContent<'_>) -> Origin {
        let (record, offset) = match (self.element, file.listed, self.found) {
            (Some(element), ..) => (element.line, element.offset),
            (None, Some(listed), _) => (listed.record, listed.offset),
            (None, None, Some(found)) => (0, found.offset),
            (None, None, None) => (0, 0),
        };
        Origin { file: facts.file, record, offset }
    }

    /// When what was hit was last changed, where the file says so.
    pub fn time(&self) -> Option<Utc> {
        self.element.and_then(|element| element.time)
    }

    /// What is shown of it: the element, the strings that were found, or `text`, which stands for the file.
    pub fn text<'t>(&'t self, text: &'t [u8]) -> &'t [u8] {
        match (self.element, self.found) {
            (Some(element), _) => &element.raw,
            (None, Some(found)) if !found.matched.is_empty() => found.matched.as_bytes(),
            (None, _) => text,
        }
    }
}

/// Looks at one file that is no log.
#[must_use]
pub fn observe_file(plan: &Plan, facts: &FileFacts, file: &FileContent<'_>) -> FileTally {
    let path = facts.on_server.as_str();
    let name = path.rsplit('\\').next().unwrap_or(path);
    let place = Place::of(path, file);
    let listing = file.listed.map(shown);
    let text = listing.as_deref().unwrap_or(file.content);
    let mut tally = FileTally::default();
    let computer = file.computer.and_then(server_name);
    let server = tally.server(computer.as_deref());
    let all_tried = match_file(plan, facts, file, &place, &mut |hit| {
        server.sightings.record(&Hit {
            rule: hit.rule.at(),
            source: &hit.source(file.kind),
            time: hit.time(),
            client: None,
            subject: Some(hit.subject),
            account: None,
            request_id: None,
            status: None,
            bytes: 0,
            origin: hit.origin(facts, file),
            raw: Raw::Text(hit.text(text)),
        });
    });
    let is_page = matches!(file.kind, Kind::WebFile | Kind::CompiledPage);
    // The table of a volume knows what lies in its web folders; a collector's list knows what was taken.
    let is_told = file.listed.is_none_or(|listed| listed.times.basis == TimeBasis::FileTable);
    server.web_folders = is_page && is_told && place.url.is_some();
    let trace = trace(path, name, file);
    let reading = file.page.filter(|page| page.judgement > Judgement::Nothing).map(kept);
    if is_page || trace.is_some() || file.listed.is_some() || reading.is_some() {
        server.files.push(FileSeen {
            file: facts.file,
            path: path.to_owned(),
            url: place.url,
            sha256: file.sha256.map(str::to_owned),
            size: file.size,
            belongs: place.belongs,
            state: state(file),
            times: file.listed.map(|listed| listed.times),
            trace,
            reading,
        });
    }
    if file.kind == Kind::Executable && name == "exsetup.exe" {
        server.builds.undated.extend(file_version(file.content));
    }
    tally_yara(plan, file, all_tried, &mut tally);
    if file.page.is_some_and(|page| !page.cut_off.is_empty()) {
        tally.reject(not_all_followed());
    }
    tally
}

/// What the path of a file says of it.
pub(crate) struct Place {
    url: Option<String>,
    belongs: Belongs,
    state: FileState,
    /// What is odd about the name, as words, and the genuine page that it resembles.
    odd: (String, &'static str),
}

impl Place {
    pub fn of(path: &str, file: &FileContent<'_>) -> Self {
        let belongs = exchange::file_belongs(path, file.sha256).unwrap_or(Belongs::Unknown);
        let odd = exchange::odd_name(path);
        let words: Vec<&str> = odd.oddities.iter().map(|oddity| oddity.word()).collect();
        let odd = (words.join(" "), odd.resembles.unwrap_or_default());
        Self { url: exchange::url_of_path(path), belongs, state: state(file), odd }
    }
}

/// Says where YARA rules ran out of time, or of bytes.
pub(crate) fn tally_yara(plan: &Plan, file: &FileContent<'_>, all_tried: bool, tally: &mut FileTally) {
    let mut say = |offset: usize, what| {
        tally.reject(Reject { record: 0, offset: offset as u64, reason: RejectReason::Unsearched(what) });
    };
    if !all_tried {
        say(0, "YARA rules took too long on this file, and not all were tried");
    }
    if file.listed.is_none() && plan.yara_is_cut(file.size, file.bytes.len()) {
        say(file.bytes.len(), "longer than YARA rules look");
    }
}

/// Said of a page that goes beyond a bound of reading pages.
fn not_all_followed() -> Reject {
    let reason = RejectReason::Damaged("a page that holds or does more than is followed: look at it by hand");
    Reject { record: 0, offset: 0, reason }
}

/// Reports what fits the file: elements of a configuration first, then the file itself. `false`: not all YARA rules
/// were tried.
pub(crate) fn match_file(
    plan: &Plan,
    facts: &FileFacts,
    file: &FileContent<'_>,
    place: &Place,
    found: &mut dyn FnMut(&FileHit<'_>),
) -> bool {
    let path = facts.on_server.as_str();
    let name = path.rsplit('\\').next().unwrap_or(path);
    match_elements(plan, (path, name), file, found);
    let size = file.size.to_string();
    let head = String::from_utf8_lossy(file.head.get(..HEAD_BYTES).unwrap_or(file.head));
    let abilities = file.page.map(abilities).unwrap_or_default();
    // YARA rules go first: what they know of a page counts for what is thought of its code.
    let mut known = Vec::new();
    let seen = YaraFile { on_server: path, in_evidence: &facts.path, bytes: file.bytes };
    let all_tried = plan.yara(&seen, &mut |hit| known.push(hit));
    let own = own_names(&known);
    let fields = fields_of((path, name), place, file, (&size, &head, &abilities, &own));
    let mut rules = Vec::new();
    plan.file(&fields, &mut |rule| rules.push(rule));
    rules.extend(known_by(plan, path, name, file));
    for rule in rules {
        found(&FileHit { rule, fields: &fields, element: None, found: None, subject: path.as_bytes() });
    }
    for hit in &known {
        found(&FileHit { rule: hit.rule, fields: &fields, element: None, found: Some(hit), subject: path.as_bytes() });
    }
    all_tried
}

/// A file as rules see it.
fn fields_of<'f>(
    (path, name): (&'f str, &'f str),
    place: &'f Place,
    file: &FileContent<'f>,
    (size, head, abilities, yara): (&'f str, &'f str, &'f str, &'f str),
) -> FileFields<'f> {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let belongs_word = match place.belongs {
        Belongs::Known => "known",
        Belongs::PathOnly => "path-only",
        Belongs::Unknown => "unknown",
    };
    let all: [(&str, &[u8]); 17] = [
        ("path", path.as_bytes()),
        ("name", name.as_bytes()),
        ("extension", extension.as_bytes()),
        ("url", place.url.as_deref().unwrap_or_default().as_bytes()),
        ("size", size.as_bytes()),
        ("sha256", file.sha256.unwrap_or_default().as_bytes()),
        ("belongs", belongs_word.as_bytes()),
        ("state", state_word(place.state).as_bytes()),
        ("odd", place.odd.0.as_bytes()),
        ("resembles", place.odd.1.as_bytes()),
        ("times", times_word(file).as_bytes()),
        ("kind", kind_word(file.kind).as_bytes()),
        ("content", file.content),
        ("head", head.as_bytes()),
        ("does", file.page.map_or("", |page| page.judgement.word()).as_bytes()),
        ("abilities", abilities.as_bytes()),
        ("yara", yara.as_bytes()),
    ];
    let said = all.into_iter().filter(|(_, value)| !value.is_empty());
    FileFields { fields: said.map(|(name, value)| (name, Cow::Borrowed(value))).collect() }
}

/// As much of what a page says as is kept of one of many.
fn kept(page: &Reading) -> Reading {
    const FLOWS_MAX: usize = 12;
    const LAYERS_MAX: usize = 8;
    let mut kept = page.clone();
    kept.flows.truncate(FLOWS_MAX);
    kept.layers.truncate(LAYERS_MAX);
    kept
}

/// What a page can do, as words: `evaluate process`.
fn abilities(page: &Reading) -> String {
    let mut words: Vec<&str> = page.flows.iter().map(|flow| flow.ability.word()).collect();
    words.dedup();
    words.join(" ")
}

/// What the times of a file say by themselves.
fn times_word(file: &FileContent<'_>) -> &'static str {
    if file.listed.is_some_and(|listed| listed.times.is_set_back()) { "set-back" } else { "" }
}

/// Rules over the elements of a configuration file, or over the values of a registry hive.
fn match_elements(
    plan: &Plan,
    (path, name): (&str, &str),
    file: &FileContent<'_>,
    found: &mut dyn FnMut(&FileHit<'_>),
) {
    let mut rules = Vec::new();
    for element in file.elements {
        let own = [("path", path), ("file", name)].into_iter();
        let told = element.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // What the file says of itself cannot stand in for where it lies.
        let fields = own.chain(told).filter(|(_, value)| !value.is_empty());
        let fields =
            FileFields { fields: fields.map(|(name, value)| (name, Cow::Borrowed(value.as_bytes()))).collect() };
        rules.clear();
        if file.kind == Kind::RegistryHive {
            plan.registry(&fields, &mut |rule| rules.push(rule));
        } else {
            plan.configuration(&fields, &mut |rule| rules.push(rule));
        }
        rules.retain(|rule| plan.rule(*rule).holds_at(element.time));
        for rule in &rules {
            let subject = plan.rule(*rule).subject_field.and_then(|field| plan.file_value(field, &fields));
            let subject = subject.unwrap_or(path.as_bytes());
            found(&FileHit { rule: *rule, fields: &fields, element: Some(element), found: None, subject });
        }
    }
}

/// Indicators that name this file.
fn known_by(plan: &Plan, path: &str, name: &str, file: &FileContent<'_>) -> Vec<RuleIndex> {
    let values = [
        (IndicatorKind::Sha256, file.sha256),
        (IndicatorKind::Sha1, file.sha1),
        (IndicatorKind::Md5, file.md5),
        (IndicatorKind::Path, Some(path)),
        (IndicatorKind::FileName, Some(name)),
    ];
    let found = values.into_iter().filter_map(|(kind, value)| Some(plan.indicators().find(kind, value?)));
    found.flatten().map(|(rule, _)| *rule).collect()
}

/// The file version of a Windows executable, from its version resource: UTF-16 text `FileVersion`, padding, value.
fn file_version(bytes: &[u8]) -> Option<model::Build> {
    let key: Vec<u8> = "FileVersion".bytes().flat_map(|byte| [byte, 0]).collect();
    let at = memchr::memmem::find(bytes, &key)? + key.len();
    let text: String = bytes
        .get(at..)?
        .chunks_exact(2)
        .take(32)
        .filter_map(|pair| pair.first().copied())
        .skip_while(|byte| *byte == 0)
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .map(char::from)
        .collect();
    text.parse().ok()
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::WebFile => "web-file",
        Kind::CompiledPage => "compiled-page",
        Kind::Configuration => "configuration",
        Kind::ScheduledTask => "scheduled-task",
        Kind::RegistryHive => "registry-hive",
        Kind::ErrorReport => "error-report",
        Kind::DirectoryExport => "directory-export",
        Kind::Executable => "executable",
        Kind::Container => "container",
        Kind::FileTable => "file-table",
        Kind::FileList => "file-list",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::file_version;

    #[test]
    fn reads_the_version_resource() {
        let resource: Vec<u8> =
            "FileVersion\u{0}\u{0}15.01.2106.002\u{0}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(file_version(&resource).map(|build| build.to_string()).as_deref(), Some("15.1.2106.2"));
        assert_eq!(file_version(b"MZ"), None);
    }
}
