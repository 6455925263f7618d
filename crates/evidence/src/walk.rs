//! Which files there are, in folders and in archives.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry, Metadata};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use model::file::Outcome;
use serde::{Deserialize, Serialize};

use crate::budgets::Opening;
use crate::containers::Member;
use crate::containers::listing::{Container, look_into};
use crate::os_path;
use crate::place::{Place, drive_folder, place, place_on_drive};

/// More folders inside each other than this are a loop or an attack.
pub const FOLDER_DEPTH_MAX: usize = 128;

/// One file of the evidence, or something in its place that is not read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Input {
    /// As in the evidence, relative to its root, with `/`, and with `!` between an archive and its
    /// member. Bytes that are not UTF-8 stand as `%FF`.
    pub path: String,
    /// Bytes, as the file system or the header of its archive says.
    pub size: u64,
    /// Host and path on the server.
    pub place: Place,
    /// `None`: a regular file to be read. Otherwise why it is not.
    pub passed_over: Option<Outcome>,
    /// What is odd about it, and does not keep it from being read.
    pub notes: Vec<String>,
    pub(crate) location: Location,
    /// Its number among the archives, where it is one whose members are inputs.
    pub(crate) container: Option<u32>,
    /// Where it stands in an archive that can only be read from the front.
    pub(crate) in_sequence: Option<InSequence>,
}

impl Input {
    /// Is it a member of an archive, whose size is only what a header says?
    #[must_use]
    pub fn is_member(&self) -> bool {
        matches!(self.location, Location::Member { .. })
    }
}

/// Where an input lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Location {
    Path(#[serde(with = "os_path")] PathBuf),
    Member { container: u32, member: Member },
}

/// A place in a sequence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InSequence {
    /// The archive that is read from its front.
    pub(crate) container: u32,
    /// So much of the path is the path of that archive, with the `!`.
    pub(crate) path_bytes: u32,
    /// Ascends in the order of reading.
    pub(crate) number: u64,
}

/// All inputs, in the order of their evidence paths; members of an archive that can only be read from the front, in the
/// order of their bytes behind it. Plain data: another process that is sent it opens any input without listing anything
/// again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// Sorted by path; the index is the file number in origins.
    pub inputs: Vec<Input>,
    /// Passwords, which another process has to be given anew, and budgets.
    pub opening: Opening,
    pub(crate) containers: Vec<Container>,
}

/// A root that cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// It is not there.
    #[error("no such file or folder: `{0}`")]
    Missing(PathBuf),
    /// The output folder lies inside it, or is the folder of a root that is a file.
    #[error("results in `{output}` would stand in or beside evidence `{root}`; nothing is ever written there")]
    OutputInside {
        /// The evidence.
        root: PathBuf,
        /// Where the results were to go.
        output: PathBuf,
    },
}

/// Is asked for the path of an archive on the disk; the answer is why it is not to be looked into.
pub type Ask<'a> = dyn FnMut(&str) -> Option<String> + 'a;

impl Inventory {
    /// A root that is not there.
    ///
    /// # Errors
    /// The first of them.
    pub fn refuse_missing(roots: &[PathBuf]) -> Result<(), WalkError> {
        roots.iter().try_for_each(|root| match fs::metadata(root) {
            Ok(_) => Ok(()),
            Err(_) => Err(WalkError::Missing(root.clone())),
        })
    }

    /// Lists everything below the roots, and in archives there. Links, devices, pipes and sockets are listed, never
    /// followed. What is named twice is listed once, and the order of the roots does not matter.
    ///
    /// # Errors
    /// When a root does not exist.
    pub fn walk(roots: &[PathBuf]) -> Result<Self, WalkError> {
        Self::walk_with(roots, &Opening::default())
    }

    /// The same, with passwords and budgets for archives.
    ///
    /// # Errors
    /// When a root does not exist.
    pub fn walk_with(roots: &[PathBuf], opening: &Opening) -> Result<Self, WalkError> {
        Self::walk_watched(roots, opening, &mut |_| None)
    }

    /// The same, and asks of each archive on the disk whether it is to be looked into, with its path. The answer is why not,
    /// which is then said of it.
    ///
    /// # Errors
    /// When a root does not exist.
    pub fn walk_watched(roots: &[PathBuf], opening: &Opening, ask: &mut Ask<'_>) -> Result<Self, WalkError> {
        let mut inputs = Vec::new();
        let roots = apart(roots)?;
        for (root, prefix) in roots.iter().zip(prefixes(&roots)) {
            if root.metadata.is_dir() {
                list(&root.typed, &prefix, 0, &mut inputs);
            } else {
                let name = root.typed.file_name().map_or_else(String::new, readable);
                inputs.push(input(root.typed.clone(), join(&prefix, &name), &root.metadata));
            }
        }
        let mut inventory = Self { inputs, opening: opening.clone(), containers: Vec::new() };
        inventory.put_in_order(ask);
        Ok(inventory)
    }

    /// Looks into archives, sorts by path, and finds the place of those that only their neighbours show.
    fn put_in_order(&mut self, ask: &mut Ask<'_>) {
        // Budgets are spent in an order that does not depend on the order of the roots.
        self.inputs.sort_by(|a, b| (&a.path, &a.location).cmp(&(&b.path, &b.location)));
        (self.inputs, self.containers) = look_into(std::mem::take(&mut self.inputs), &self.opening, ask);
        self.inputs.sort_by(|a, b| order(a).cmp(&order(b)));
        tell_apart(&mut self.inputs);
        let drives: BTreeSet<String> = self.inputs.iter().filter_map(|input| drive_folder(&input.path)).collect();
        for input in self.inputs.iter_mut().filter(|input| !input.place.anchored) {
            if let Some(place) = place_on_drive(&input.path, &drives) {
                input.place = place;
            }
        }
    }

    /// Lists what lies below folders of a running server and is wanted there. A folder that is not there holds nothing.
    /// Each folder or file comes with the path under which it stands in the evidence: `C/inetpub/wwwroot`. `keep` is asked
    /// for each file with its path on the server; what could not be listed always stays.
    #[must_use]
    pub fn walk_places(places: &[(PathBuf, String)], keep: &dyn Fn(&str) -> bool) -> Self {
        let mut inputs = Vec::new();
        for (location, path) in places {
            match fs::metadata(location) {
                Ok(metadata) if metadata.is_dir() => list(location, path, 0, &mut inputs),
                Ok(metadata) => inputs.push(input(location.clone(), path.clone(), &metadata)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => inputs.push(passed_over(location, path, Outcome::Unreadable(reason(&error)))),
            }
        }
        let mut inventory = Self { inputs, ..Self::default() };
        inventory.inputs.sort_by(|a, b| (&a.path, &a.location).cmp(&(&b.path, &b.location)));
        inventory.inputs.dedup_by(|a, b| a.path == b.path);
        let could_not_be_listed = |input: &Input| matches!(input.passed_over, Some(Outcome::Unreadable(_)));
        inventory.inputs.retain(|input| could_not_be_listed(input) || keep(&input.place.on_server));
        inventory.put_in_order(&mut |_| None);
        inventory
    }

    /// Refuses an output folder inside a root, and the folder in which a root that is a file stands. Asked once more
    /// after the folder has been made, it sees links that were not there before.
    ///
    /// # Errors
    /// When it lies inside.
    pub fn refuse_output_inside(roots: &[PathBuf], output: &Path) -> Result<(), WalkError> {
        let output_real = real_path(output);
        for root in roots {
            let root_real = real_path(root);
            let is_beside = root_real.is_file() && root_real.parent() == Some(&output_real);
            if is_beside || output_real.starts_with(&root_real) {
                return Err(WalkError::OutputInside { root: root.clone(), output: output.to_owned() });
            }
        }
        Ok(())
    }
}

/// By path; sequences as a whole by the path of their archive, and inside by the order of reading.
fn order(input: &Input) -> (&str, u64, &Location) {
    match &input.in_sequence {
        Some(within) => {
            (input.path.get(..within.path_bytes as usize).unwrap_or(&input.path), within.number, &input.location)
        }
        None => (&input.path, 0, &input.location),
    }
}

/// A file may be called what a member of an archive beside it is called: each path stands once.
fn tell_apart(inputs: &mut [Input]) {
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let doubles: Vec<usize> =
        inputs.iter().enumerate().filter(|(_, input)| !taken.insert(&input.path)).map(|(index, _)| index).collect();
    let mut taken: BTreeSet<String> = match doubles.is_empty() {
        true => return,
        false => inputs.iter().map(|input| input.path.clone()).collect(),
    };
    for index in doubles {
        let Some(input) = inputs.get_mut(index) else { continue };
        let free = (2_u64..).map(|number| format!("{}#{number}", input.path)).find(|path| !taken.contains(path));
        input.path = free.expect("numbers do not end");
        taken.insert(input.path.clone());
    }
}

/// The path without links, `.` and `..`. What does not exist is taken by its names.
fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut real = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::CurDir => {}
            // Links before it are resolved by now.
            Component::ParentDir => _ = real.pop(),
            // A drive without its root would be the folder that is current there.
            Component::Prefix(drive) => real.push(drive.as_os_str()),
            part => {
                real.push(part);
                real = fs::canonicalize(&real).unwrap_or(real);
            }
        }
    }
    real
}

/// One root that is read.
struct Root {
    real: PathBuf,
    /// As the analyst typed it: a link there is meant.
    typed: PathBuf,
    metadata: Metadata,
}

/// The roots in the order of their real paths, without those that lie inside others.
fn apart(roots: &[PathBuf]) -> Result<Vec<Root>, WalkError> {
    let mut all = Vec::new();
    for typed in roots {
        let metadata = fs::metadata(typed).map_err(|_| WalkError::Missing(typed.clone()))?;
        all.push(Root { real: real_path(typed), typed: typed.clone(), metadata });
    }
    all.sort_by(|a, b| (&a.real, &a.typed).cmp(&(&b.real, &b.typed)));
    let mut apart: Vec<Root> = Vec::new();
    for root in all {
        // Whatever lies inside a folder comes right behind it.
        if !apart.last().is_some_and(|before| root.real.starts_with(&before.real)) {
            apart.push(root);
        }
    }
    Ok(apart)
}

/// Several roots are told apart by a leading folder name; equal names get a number.
fn prefixes(roots: &[Root]) -> Vec<String> {
    if roots.len() < 2 {
        return roots.iter().map(|_| String::new()).collect();
    }
    let mut taken = BTreeSet::new();
    let name = |root: &Root| {
        let folder = if root.metadata.is_dir() { &root.real } else { root.real.parent().unwrap_or(&root.real) };
        folder.file_name().map_or_else(|| "root".to_owned(), readable)
    };
    let numbered = |name: String| {
        let mut prefix = name.clone();
        let mut number = 1_u64;
        while !taken.insert(prefix.clone()) {
            number += 1;
            prefix = format!("{name}-{number}");
        }
        prefix
    };
    roots.iter().map(name).map(numbered).collect()
}

/// A name as text: bytes that are not UTF-8 as `%FF`.
fn readable(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The names of a folder as text, each of them once.
fn readable_names(names: &[OsString]) -> Vec<String> {
    let mut taken: BTreeSet<String> = names.iter().filter_map(|name| name.to_str()).map(str::to_owned).collect();
    let unique = |name: &OsString| match name.to_str() {
        Some(name) => name.to_owned(),
        None => {
            let mut text = readable(name);
            // It grows each time, and real names have an end.
            while !taken.insert(text.clone()) {
                text = text.replace('%', "%25");
            }
            text
        }
    };
    names.iter().map(unique).collect()
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

fn list(folder: &Path, prefix: &str, depth: usize, inputs: &mut Vec<Input>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) if depth < FOLDER_DEPTH_MAX => entries,
        Ok(_) => {
            return inputs.push(passed_over(folder, prefix, Outcome::Unreadable("folders nested too deeply".into())));
        }
        Err(error) => return inputs.push(passed_over(folder, prefix, Outcome::Unreadable(reason(&error)))),
    };
    let mut found: Vec<DirEntry> = Vec::new();
    for entry in entries {
        let Ok(entry) = entry else {
            inputs.push(passed_over(
                folder,
                prefix,
                Outcome::Unreadable("folder could not be listed to its end".into()),
            ));
            break;
        };
        found.push(entry);
    }
    found.sort_by_key(DirEntry::file_name);
    let names: Vec<OsString> = found.iter().map(DirEntry::file_name).collect();
    for (entry, name) in found.iter().zip(readable_names(&names)) {
        let path = join(prefix, &name);
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => list(&entry.path(), &path, depth + 1, inputs),
            Ok(metadata) => inputs.push(input(entry.path(), path, &metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                inputs.push(passed_over(&entry.path(), &path, Outcome::Vanished));
            }
            Err(error) => inputs.push(passed_over(&entry.path(), &path, Outcome::Unreadable(reason(&error)))),
        }
    }
}

/// The operating system's reason without its number, which differs between systems.
pub(crate) fn reason(error: &std::io::Error) -> String {
    error.kind().to_string()
}

fn input(location: PathBuf, path: String, metadata: &Metadata) -> Input {
    let passed_over = (!metadata.is_file()).then_some(Outcome::NotRegular);
    let size = if metadata.is_file() { metadata.len() } else { 0 };
    file(location, path, size, passed_over)
}

fn passed_over(location: &Path, path: &str, outcome: Outcome) -> Input {
    let path = if path.is_empty() { "." } else { path };
    file(location.to_owned(), path.to_owned(), 0, Some(outcome))
}

fn file(location: PathBuf, path: String, size: u64, passed_over: Option<Outcome>) -> Input {
    Input {
        place: place(&path),
        path,
        size,
        passed_over,
        notes: Vec::new(),
        location: Location::Path(location),
        container: None,
        in_sequence: None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Inventory, Location, readable_names, real_path};

    /// A folder that goes with the test.
    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("afterpatch-evidence-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path.canonicalize().unwrap())
        }

        pub(crate) fn put(&self, path: &str, content: &[u8]) {
            let path = self.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        pub(crate) fn path(&self, path: &str) -> PathBuf {
            self.0.join(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            _ = fs::remove_dir_all(&self.0);
        }
    }

    fn listed(roots: &[PathBuf]) -> Vec<(String, PathBuf)> {
        let inventory = Inventory::walk(roots).unwrap();
        let real = |location: &Location| match location {
            Location::Path(path) => real_path(path),
            Location::Member { .. } => PathBuf::new(),
        };
        inventory.inputs.iter().map(|input| (input.path.clone(), real(&input.location))).collect()
    }

    fn is_refused(root: &Path, output: &Path) -> bool {
        Inventory::refuse_output_inside(&[root.to_owned()], output).is_err()
    }

    #[test]
    fn results_never_stand_beside_a_file_of_evidence() {
        let folder = Folder::new("beside");
        folder.put("case/x/manifest.jsonl", b"{}");
        let file = folder.path("case/x/manifest.jsonl");
        assert!(is_refused(&file, &folder.path("case/x")));
        assert!(is_refused(&file, &folder.path("case/x/new/..")));
        assert!(is_refused(&file, &file));
        assert!(!is_refused(&file, &folder.path("case")));
        assert!(!is_refused(&file, &folder.path("case/x/report")), "a folder of its own");
    }

    #[test]
    fn two_points_lead_where_the_system_would_go() {
        let folder = Folder::new("points");
        folder.put("case/x.log", b"");
        let case = folder.path("case");
        for inside in ["absent/../case/out", "absent/deeper/../../case", "./case/./out", "case/absent/../out"] {
            assert!(is_refused(&case, &folder.path(inside)), "{inside}");
        }
        for outside in ["absent/../out", "case/../out", "case/absent/../../out", "case-report"] {
            assert!(!is_refused(&case, &folder.path(outside)), "{outside}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_before_two_points() {
        let folder = Folder::new("links");
        folder.put("case/deep/x.log", b"");
        fs::create_dir_all(folder.path("elsewhere")).unwrap();
        std::os::unix::fs::symlink(folder.path("case/deep"), folder.path("elsewhere/link")).unwrap();
        assert!(is_refused(&folder.path("case"), &folder.path("elsewhere/link/../out")));
        assert!(!is_refused(&folder.path("case"), &folder.path("elsewhere/link/../../out")));
    }

    #[test]
    fn the_second_look_sees_what_was_made_meanwhile() {
        let folder = Folder::new("second_look");
        folder.put("case/x.log", b"");
        let (case, output) = (folder.path("case"), folder.path("later/out"));
        assert!(!is_refused(&case, &output));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&case, folder.path("later")).unwrap();
            assert!(is_refused(&case, &output));
        }
    }

    #[test]
    fn what_is_named_twice_is_listed_once() {
        let folder = Folder::new("twice");
        folder.put("case/a/x.log", b"");
        folder.put("case/y.log", b"");
        folder.put("case-b/z.log", b"");
        let case = folder.path("case");
        let once = listed(std::slice::from_ref(&case));
        assert_eq!(once.len(), 2);
        for others in ["case", "case/.", "case/a", "case/y.log", "case/a/../y.log"] {
            assert_eq!(listed(&[folder.path(others), case.clone()]), once, "{others}");
            assert_eq!(listed(&[case.clone(), folder.path(others)]), once, "{others}");
        }
        assert_eq!(listed(&[folder.path("case-b"), case]).len(), 3, "a longer name is another folder");
    }

    #[test]
    fn places_of_a_running_server_stand_under_their_drive() {
        let folder = Folder::new("places");
        folder.put("w/x.aspx", b"");
        folder.put("w/deep/y.gif", b"");
        let places = [
            (folder.path("w"), "C/inetpub/wwwroot".to_owned()),
            (folder.path("w/deep"), "C/inetpub/wwwroot/deep".to_owned()),
            (folder.path("w/x.aspx"), "C/x.aspx".to_owned()),
            (folder.path("absent"), "D/absent".to_owned()),
        ];
        let paths = |keep: &dyn Fn(&str) -> bool| -> Vec<String> {
            Inventory::walk_places(&places, keep).inputs.into_iter().map(|input| input.place.on_server).collect()
        };
        let all = [r"c:\inetpub\wwwroot\deep\y.gif", r"c:\inetpub\wwwroot\x.aspx", r"c:\x.aspx"];
        assert_eq!(paths(&|_| true), all);
        assert_eq!(paths(&|path| path.ends_with(".gif")), all[..1]);
    }

    #[test]
    fn the_order_of_roots_does_not_matter() {
        let folder = Folder::new("order");
        for root in ["1/logs", "2/logs", "3/logs-2"] {
            folder.put(&format!("{root}/x.log"), b"");
        }
        let [one, two, three] = ["1/logs", "2/logs", "3/logs-2"].map(|root| folder.path(root));
        let expected = listed(&[one.clone(), two.clone(), three.clone()]);
        let paths: Vec<&str> = expected.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["logs-2-2/x.log", "logs-2/x.log", "logs/x.log"]);
        assert_eq!(listed(&[three.clone(), two.clone(), one.clone()]), expected);
        assert_eq!(listed(&[two, three, one]), expected);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_stay_apart() {
        use std::os::unix::ffi::OsStringExt;
        let names: Vec<OsString> = [&b"a\xFE"[..], b"a\xFF", b"a%FF", b"%4", b"a%FF\xFE", b"a\xFF\xFE"]
            .map(<[u8]>::to_vec)
            .map(OsString::from_vec)
            .into();
        assert_eq!(readable_names(&names), ["a%FE", "a%25FF", "a%FF", "%4", "a%FF%FE", "a%25FF%25FE"]);
    }
}
