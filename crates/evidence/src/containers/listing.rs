//! What archives hold: every member an input of its own, at any depth, with whatever is odd about it said.

use std::io::{Cursor, Read};
use std::sync::Arc;

use model::file::Outcome;
use serde::{Deserialize, Serialize};

use super::codec::Codec;
use super::names::{Names, SAME_BUT_CASE, SAME_NAME};
use super::{
    Archive, Bytes, Format, HELD_BYTES_MAX, MAGIC_BYTES, Member, Rules, Seekable, Spring, Work, recognise, seven_zip,
    tar, zip,
};
use crate::budgets::Opening;
use crate::ended::outcome_of;
use crate::kind::not_looked_into;
use crate::place::place;
use crate::walk::{Ask, InSequence, Input, Location};

/// So much of a collector's account of its encryption is read.
const METADATA_BYTES_MAX: u64 = 64 * 1024;
/// An archive with all that it holds may swell to so many times of what one member may, before the ratio counts.
const FREE_OF_ALL: u64 = 16;

/// An archive of the inventory, as plain data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Container {
    pub(crate) source: Location,
    pub(crate) codec: Option<Codec>,
    pub(crate) format: Format,
}

/// Looks into every file that is an archive and that `ask` has nothing against. Members follow it in the list.
pub(crate) fn look_into(files: Vec<Input>, opening: &Opening, ask: &mut Ask<'_>) -> (Vec<Input>, Vec<Container>) {
    let rules = Rules { opening: opening.clone(), work: Work::of(opening.budgets.total_bytes) };
    let mut listing = Listing { rules: Arc::new(rules), ..Listing::default() };
    for file in files {
        let (path, is_read) = (file.location.clone(), file.passed_over.is_none());
        listing.inputs.push(file);
        let Location::Path(path) = path else { continue };
        if is_read {
            listing.look_into_file(Spring::File(path), ask);
        }
    }
    (listing.inputs, listing.containers)
}

#[derive(Default)]
struct Listing {
    rules: Arc<Rules>,
    inputs: Vec<Input>,
    containers: Vec<Container>,
    /// Members so far.
    members: u64,
    /// What all of them are reckoned as.
    bytes: u64,
    /// Size and reckoning of the file that is looked into.
    root: (u64, u64),
    /// The sequence that members belong to at the moment: its archive, and how much of their paths is its own.
    sequence: Option<(u32, u32)>,
    /// Members of sequences so far.
    in_sequences: u64,
}

/// An archive that is looked into.
struct Outer {
    archive: Arc<Archive>,
    number: u32,
    /// What paths of its members begin with.
    path: String,
    depth: u32,
    names: Names,
    /// What its members are reckoned as.
    bytes: u64,
    count: u64,
    input: usize,
}

impl Listing {
    fn look_into_file(&mut self, spring: Spring, ask: &mut Ask<'_>) {
        let Ok(mut bytes) = spring.bytes() else { return };
        let mut head = Vec::new();
        if (&mut bytes).take(MAGIC_BYTES as u64).read_to_end(&mut head).is_err() {
            return;
        }
        let input = self.inputs.len() - 1;
        if super::format(&head).is_some() || Codec::of(&head).is_some() {
            let against = self.inputs.get(input).and_then(|file| ask(&file.path));
            if let Some(why) = against {
                return self.note(input, why);
            }
        }
        self.root = (self.inputs.get(input).map_or(0, |file| file.size), 0);
        self.look(input, &spring, &head, 0);
    }

    /// Looks into an input, the last one, if it is an archive.
    fn look(&mut self, input: usize, spring: &Spring, head: &[u8], depth: u32) {
        if let Some(why) = not_looked_into(head) {
            return self.note(input, why.to_owned());
        }
        let Some((codec, format)) = recognise(head, || spring.bytes().ok()) else { return };
        let Some(file) = self.inputs.get_mut(input) else { return };
        if depth >= self.rules.opening.budgets.depth {
            file.notes.push(format!("archives stand inside each other more than {depth} deep: it is not looked into"));
            return;
        }
        let number = u32::try_from(self.containers.len()).unwrap_or(u32::MAX);
        file.container = Some(number);
        let path = format!("{}!", file.path);
        self.containers.push(Container { source: file.location.clone(), codec, format });
        let archive = Archive { spring: spring.clone(), codec, format, rules: Arc::clone(&self.rules) };
        let before = self.sequence;
        if before.is_none() && !self.is_random(number) {
            self.sequence = Some((number, u32::try_from(path.len()).unwrap_or(u32::MAX)));
        }
        let (names, archive) = (Names::default(), Arc::new(archive));
        let mut outer = Outer { archive, number, path, depth, names, bytes: 0, count: 0, input };
        let listed = match format {
            Format::Zip => self.list_zip(&mut outer),
            Format::Tar => self.list_tar(&mut outer),
            Format::SevenZip => self.list_seven_zip(&mut outer),
        };
        self.sequence = before;
        if let Err(outcome) = listed {
            let why = match &outcome {
                Outcome::Unreadable(why) => format!("its members could not all be listed: {why}"),
                Outcome::Encrypted(how) => format!("its members could not be listed: it is encrypted with {how}"),
                Outcome::LimitReached(which) => format!("its members were not all listed: {which}"),
                _ => "its members could not be listed".to_owned(),
            };
            self.note(input, why);
        } else if outer.count == 0 {
            self.note(input, "it is an archive and holds no files".to_owned());
        }
    }

    /// By what the inventory will know of it, not by what is held in memory now.
    fn is_random(&self, number: u32) -> bool {
        crate::read::archive(&self.containers, number, &self.rules).is_some_and(|archive| archive.is_random())
    }

    fn note(&mut self, input: usize, note: String) {
        if let Some(file) = self.inputs.get_mut(input)
            && !file.notes.contains(&note)
        {
            file.notes.push(note);
        }
    }

    fn list_zip(&mut self, outer: &mut Outer) -> Result<(), Outcome> {
        let mut reader = outer.archive.reader()?;
        let directory = zip::list(&mut reader, &self.rules)?;
        directory.notes.iter().for_each(|note| self.note(outer.input, note.clone()));
        let scheme = velociraptor_scheme(&mut reader, &directory.members, &self.rules);
        let mut spans = Vec::new();
        let mut is_odd = !directory.notes.is_empty();
        for listed in &directory.members {
            let header = listed.entry.data(&mut reader, Some(&listed.name));
            let is_folder = matches!(listed.name.last(), Some(b'/' | b'\\')) && listed.entry.size == 0;
            let (refused, note) = match header {
                Ok((data, note)) => {
                    spans.push(listed.span(data));
                    (listed.refused.map(|why| Outcome::Unreadable(why.to_owned())), note)
                }
                Err(error) => (
                    Some(listed.refused.map_or_else(|| outcome_of(&error), |why| Outcome::Unreadable(why.into()))),
                    None,
                ),
            };
            is_odd |= refused.is_some();
            if is_folder && refused.is_none() {
                continue;
            }
            let refused = refused.or_else(|| listed.is_special.then_some(Outcome::NotRegular));
            let refused = refused.or_else(|| listed.entry.readable().err());
            let refused = refused.or_else(|| self.locked(&listed.entry, scheme));
            let (charge, member) = (listed.entry.charge(), Member::Zip(listed.entry.clone()));
            let sizes = (listed.entry.size, listed.entry.compressed(), charge);
            let Some(input) = self.add(outer, &listed.name, member.clone(), sizes, refused) else { return Ok(()) };
            note.into_iter().for_each(|note| self.note(input, note));
            let (reader, rules) = (&mut reader, Arc::clone(&self.rules));
            self.peek(outer, input, &member, move || listed.entry.open(Box::new(reader), &rules));
        }
        if !is_odd && let Some(note) = zip::gaps(&spans, directory.start) {
            self.note(outer.input, note);
        }
        Ok(())
    }

    /// What is encrypted and cannot be opened with what was given.
    fn locked(&self, entry: &zip::Entry, scheme: Option<&'static str>) -> Option<Outcome> {
        if !entry.is_encrypted() {
            return None;
        }
        if let Some(scheme) = scheme {
            return Some(Outcome::Encrypted(format!(
                "a Velociraptor collection encrypted with a certificate ({scheme}), which no password opens: decrypt it where \
                 the private key is, on the Velociraptor server that made the collector, and point at what comes out"
            )));
        }
        self.rules.opening.passwords.is_empty().then(|| entry.locked(0))
    }

    fn list_tar(&mut self, outer: &mut Outer) -> Result<(), Outcome> {
        let mut reader = outer.archive.reader()?;
        let rules = Arc::clone(&self.rules);
        let mut walk = tar::Walk::new(&mut reader, &rules.opening.budgets);
        while let Some(listed) = walk.next()? {
            let refused = match listed.what {
                tar::What::Folder => continue,
                tar::What::File => None,
                tar::What::Special => Some(Outcome::NotRegular),
                tar::What::Sparse => {
                    Some(Outcome::Unreadable("a sparse file of tar, which is not read: pack it without -S".into()))
                }
            };
            let member = Member::Tar { data: listed.data, size: listed.size };
            let sizes = (listed.size, listed.size, listed.size);
            let Some(input) = self.add(outer, &listed.name, member.clone(), sizes, refused) else { return Ok(()) };
            let (reader, rules) = (walk.reader(), &rules);
            let own = member.clone();
            self.peek(outer, input, &member, move || own.open(Box::new(reader), rules));
        }
        Ok(())
    }

    fn list_seven_zip(&mut self, outer: &mut Outer) -> Result<(), Outcome> {
        let mut reader = outer.archive.reader()?;
        let opened = seven_zip::open(&mut reader, &self.rules)?;
        let members = opened.members();
        let is_archive = |file: u32| members.iter().any(|listed| listed.file == file && names_archive(&listed.name));
        let has_archives = members.iter().any(|listed| names_archive(&listed.name));
        let mut left = members.iter();
        // Only members that are called archives are looked at: to see them, all that stands before them is decompressed.
        let mut each = |file: u32, bytes: Result<Bytes<'_>, Outcome>| {
            let mut added = None;
            for listed in left.by_ref() {
                added = self.add_of_seven_zip(outer, listed);
                if added.is_none() || listed.file == file {
                    break;
                }
            }
            if let (Some(input), Ok(bytes)) = (added, bytes) {
                self.peek(outer, input, &Member::SevenZip { file }, || Ok(bytes));
            }
            added.is_some()
        };
        if has_archives {
            opened.read(&mut reader, &mut each, &is_archive);
        }
        // To the end, or to where a budget ends it.
        _ = left.find(|listed| self.add_of_seven_zip(outer, listed).is_none());
        Ok(())
    }

    fn add_of_seven_zip(&mut self, outer: &mut Outer, listed: &seven_zip::Listed) -> Option<usize> {
        let mut refused = listed.is_special.then_some(Outcome::NotRegular);
        if listed.is_locked {
            refused = Some(Outcome::Encrypted(super::locked("AES-256 (7z)", self.rules.opening.passwords.len())));
        }
        let sizes = (listed.size, listed.size, listed.size);
        self.add(outer, listed.name.as_bytes(), Member::SevenZip { file: listed.file }, sizes, refused)
    }

    /// Adds a member, unless there are too many. Sizes are the declared one, the compressed one and what it is
    /// reckoned as.
    fn add(
        &mut self,
        outer: &mut Outer,
        name: &[u8],
        member: Member,
        (size, compressed, charge): (u64, u64, u64),
        refused: Option<Outcome>,
    ) -> Option<usize> {
        let budgets = &self.rules.opening.budgets;
        if outer.count >= budgets.members || self.members >= budgets.total_members {
            let most = if outer.count >= budgets.members { budgets.members } else { budgets.total_members };
            let whose = if outer.count >= budgets.members { "it has" } else { "all archives together have" };
            self.note(outer.input, format!("{whose} more than {most} members; the rest is not read"));
            return None;
        }
        let passed_over = refused.or_else(|| self.charge(outer, size, compressed, charge));
        outer.count += 1;
        self.members += 1;
        let input = self.inputs.len();
        let named = outer.names.give(name, self.rules.opening.budgets.name_bytes, input);
        for other in named.others {
            let is_same = named.notes.iter().any(|note| note == SAME_NAME);
            self.note(other, if is_same { SAME_NAME } else { SAME_BUT_CASE }.to_owned());
        }
        let path = format!("{}{}", outer.path, named.name);
        let in_sequence = self.sequence.map(|(container, path_bytes)| {
            self.in_sequences += 1;
            InSequence { container, path_bytes, number: self.in_sequences }
        });
        self.inputs.push(Input {
            place: place(&path),
            path,
            size,
            passed_over,
            notes: named.notes,
            location: Location::Member { container: outer.number, member },
            container: None,
            in_sequence,
        });
        Some(input)
    }

    /// Reckons a member; what would spend more than a budget has is not read.
    fn charge(&mut self, outer: &mut Outer, size: u64, compressed: u64, charge: u64) -> Option<Outcome> {
        let budgets = &self.rules.opening.budgets;
        let of_container = outer.bytes.saturating_add(charge);
        let of_all = self.bytes.saturating_add(charge);
        let of_root = self.root.1.saturating_add(charge);
        let free = budgets.ratio_free_bytes.saturating_mul(FREE_OF_ALL);
        let why = if let Some(why) = budgets.stop(size, compressed) {
            format!("by its header, {why}")
        } else if of_container > budgets.container_bytes {
            format!("its archive holds more than {} bytes", budgets.container_bytes)
        } else if of_all > budgets.total_bytes {
            format!("all archives together hold more than {} bytes", budgets.total_bytes)
        } else if of_root > free && of_root / self.root.0.max(1) > budgets.ratio {
            format!("its archive, with all in it, swells more than {} times, as a bomb does", budgets.ratio)
        } else {
            outer.bytes = of_container;
            self.bytes = of_all;
            self.root.1 = of_root;
            return None;
        };
        Some(Outcome::LimitReached(why))
    }

    /// Looks at the beginning of a member, and into it where it is an archive itself.
    fn peek<'b>(
        &mut self,
        outer: &Outer,
        input: usize,
        member: &Member,
        open: impl FnOnce() -> Result<Bytes<'b>, Outcome>,
    ) {
        let Some(file) = self.inputs.get(input) else { return };
        let size = file.size;
        if file.passed_over.is_some() || size == 0 {
            return;
        }
        let mut bytes = match open() {
            Ok(bytes) => bytes,
            Err(outcome) => {
                // A password that does not fit is known before anything is read.
                if let (Outcome::Encrypted(_), Some(file)) = (&outcome, self.inputs.get_mut(input)) {
                    file.passed_over = Some(outcome);
                }
                return;
            }
        };
        let mut head = Vec::new();
        if (&mut bytes).take(MAGIC_BYTES as u64).read_to_end(&mut head).is_err() {
            return;
        }
        if super::format(&head).is_none() && Codec::of(&head).is_none() && not_looked_into(&head).is_none() {
            return;
        }
        let mut spring = Spring::Member(Arc::clone(&outer.archive), member.clone());
        if size <= HELD_BYTES_MAX {
            let mut held = Cursor::new(&head).chain(bytes.take(HELD_BYTES_MAX));
            let mut all = Vec::new();
            // What breaks off is looked into as far as it goes.
            _ = held.read_to_end(&mut all);
            spring = Spring::Held(all.into());
        }
        self.look(input, &spring, &head, outer.depth + 1);
    }
}

/// Does a name end as archives' names do?
fn names_archive(name: &str) -> bool {
    const ENDINGS: &[&str] = &["zip", "7z", "tar", "gz", "tgz", "xz", "txz", "zst", "tzst", "bz2", "tbz2"];
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ENDINGS.iter().any(|archive| archive.eq_ignore_ascii_case(ending))
}

/// How a Velociraptor collection is encrypted, by the file that it puts beside what it encrypted.
fn velociraptor_scheme(reader: &mut Seekable<'_>, members: &[zip::Listed], rules: &Rules) -> Option<&'static str> {
    members.iter().find(|listed| listed.name == b"data.zip" && listed.entry.is_encrypted())?;
    let metadata = members.iter().find(|listed| listed.name == b"metadata.json" && listed.refused.is_none())?;
    let bytes = metadata.entry.open(Box::new(reader), rules).ok()?;
    let mut text = Vec::new();
    bytes.take(METADATA_BYTES_MAX).read_to_end(&mut text).ok()?;
    zip::velociraptor_scheme(&text)
}
