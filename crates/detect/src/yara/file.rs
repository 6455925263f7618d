//! What rules are told of a file besides its bytes: the variables that THOR and LOKI define.
//!
//! <https://github.com/Neo23x0/signature-base#external-variables-in-yara-rules> names them. `filepath` is the folder and ends
//! without a backslash, `extension` begins with its dot and is in lower case, `filetype` is a word by the first bytes. The
//! owner is in no evidence that is read here, so it is empty.

/// A file as YARA rules see it.
#[derive(Clone, Copy, Debug, Default)]
pub struct YaraFile<'f> {
    /// Path on the server, with backslashes, in lower case.
    pub on_server: &'f str,
    /// Path in the evidence, which may still have the spelling of the server.
    pub in_evidence: &'f str,
    /// Its beginning, or all of it.
    pub bytes: &'f [u8],
}

/// The values of the variables, in the order of [`VARIABLES`].
pub(super) struct Values {
    pub(super) all: [String; 5],
}

/// The variables that rules may use.
pub(super) const VARIABLES: [&str; 5] = ["filename", "filepath", "extension", "filetype", "owner"];

/// Kinds of files by their first bytes, with the words that public rules ask for.
const TYPES: [(&[u8], &str); 22] = [
    (b"MZ", "EXE"),
    (b"\x7fELF", "ELF"),
    (b"\xcf\xfa\xed\xfe", "MACH-O"),
    (b"\xce\xfa\xed\xfe", "MACH-O"),
    (b"MDMP", "MDMP"),
    (b"PAGEDU", "DMP"),
    (b"%PDF", "PDF"),
    (b"{\\rt", "RTF"),
    (b"\xd0\xcf\x11\xe0", "OLE"),
    (b"PK\x03\x04", "ZIP"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7ZIP"),
    (b"\x1f\x8b", "GZIP"),
    (b"MSCF", "CAB"),
    (b"GIF8", "GIF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPG"),
    (b"!BDN", "PST"),
    (b"L\0\0\0\x01\x14\x02\0", "LNK"),
    (b"\xca\xfe\xba\xbe", "JAVACLASS"),
    (b"<?php", "PHP"),
    (b"regf", "REGISTRYHIVE"),
];

impl YaraFile<'_> {
    pub(super) fn values(&self) -> Values {
        let path = self.spelling();
        let (folder, name) = path.rsplit_once('\\').unwrap_or(("", &path));
        let extension = name.rsplit_once('.').map(|(_, extension)| format!(".{}", extension.to_ascii_lowercase()));
        let is_it = |(first, _): &&(&[u8], &str)| self.bytes.starts_with(first);
        let word = TYPES.iter().find(is_it).map_or("", |(_, word)| word);
        Values {
            all: [name.to_owned(), folder.to_owned(), extension.unwrap_or_default(), word.to_owned(), String::new()],
        }
    }

    /// The path on the server as it was spelt there, as far as the evidence still shows it: from its end backwards.
    fn spelling(&self) -> String {
        let mut steps: Vec<&str> = self.on_server.split('\\').collect();
        let spelt = self.in_evidence.rsplit(['/', '\\', '!']);
        for (step, spelt) in steps.iter_mut().rev().zip(spelt) {
            if step.to_lowercase() != spelt.to_lowercase() {
                break;
            }
            *step = spelt;
        }
        let path = steps.join("\\");
        match path.split_at_checked(2) {
            Some((drive, rest)) if drive.ends_with(':') => drive.to_ascii_uppercase() + rest,
            _ => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::YaraFile;

    fn values(on_server: &str, in_evidence: &str, bytes: &[u8]) -> [String; 5] {
        YaraFile { on_server, in_evidence, bytes }.values().all
    }

    #[test]
    fn names_are_spelt_as_in_the_evidence() {
        let all = values(r"c:\windows\system32\taskmgr.exe", "host/C/Windows/System32/Taskmgr.EXE", b"MZ\x90");
        assert_eq!(all, ["Taskmgr.EXE", r"C:\Windows\System32", ".exe", "EXE", ""]);
        let all = values(r"c:\windows\a.aspx", "export/other-name", b"<%");
        assert_eq!(all, ["a.aspx", r"C:\windows", ".aspx", "", ""]);
        assert_eq!(values("", "", b""), ["", "", "", "", ""]);
    }
}
