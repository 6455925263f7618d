//! `cases/*.md`: log blocks and the hits that each must give.
//!
//! Reads what `docs/rules.md` calls cases. Nothing is run here: a case is text with a place, so that whoever runs it
//! can point to the line.

use std::collections::BTreeMap;

use super::{PackFiles, text};

/// Upper bound of the blocks of one file.
const BLOCKS_MAX: usize = 10_000;

/// One log block and the hits that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// `cases/iis.md`, relative to the pack.
    pub file: String,
    /// The line of the log block's fence, from 1.
    pub line: u64,
    /// The word after `log`: `httpproxy/Ecp`, `windows`, `file`.
    pub source: String,
    /// The records, each line with its line end.
    pub log: String,
    /// Rule ids and how many records hit. Empty: a benign twin.
    pub hits: BTreeMap<String, u64>,
}

/// A case file that is not written as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// `cases/iis.md`.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// In words.
    pub what: String,
}

impl Case {
    /// `httpproxy` of `httpproxy/Ecp`.
    #[must_use]
    pub fn family(&self) -> &str {
        self.source.split('/').next().unwrap_or(&self.source)
    }

    /// Nothing may hit.
    #[must_use]
    pub fn is_benign(&self) -> bool {
        self.hits.is_empty()
    }
}

/// All cases of a pack, by file and line.
#[must_use]
pub fn of_pack(files: &PackFiles) -> (Vec<Case>, Vec<Misread>) {
    let mut sorted: Vec<(&str, &[u8])> = files
        .files
        .iter()
        .filter(|(path, _)| path.starts_with("cases/") && path.ends_with(".md"))
        .map(|(path, bytes)| (path.as_str(), &**bytes))
        .collect();
    sorted.sort_unstable();
    let (mut cases, mut misread) = (Vec::new(), Vec::new());
    for (file, bytes) in sorted {
        match text(bytes) {
            Ok(text) => read(file, text, &mut cases, &mut misread),
            Err(what) => misread.push(Misread { file: file.to_owned(), line: 1, what }),
        }
    }
    (cases, misread)
}

/// A log block that waits for its hits.
struct Open {
    line: u64,
    source: String,
    log: String,
}

fn read(file: &str, text: &str, cases: &mut Vec<Case>, misread: &mut Vec<Misread>) {
    let mut complain = |line: u64, what: String| misread.push(Misread { file: file.to_owned(), line, what });
    let mut lines = (1u64..).zip(text.lines());
    let mut open: Option<Open> = None;
    let mut blocks = 0;
    while let Some((line, fence)) = lines.next() {
        let Some(kind) = fence.strip_prefix("```").map(str::trim_end).filter(|kind| !kind.is_empty()) else {
            continue;
        };
        blocks += 1;
        if blocks > BLOCKS_MAX {
            return complain(line, format!("more than {BLOCKS_MAX} blocks"));
        }
        let body: Vec<&str> =
            lines.by_ref().map(|(_, text)| text).take_while(|text| text.trim_end() != "```").collect();
        if let Some(source) = kind.strip_prefix("log ") {
            let next = Open { line, source: source.trim().to_owned(), log: body.join("\n") + "\n" };
            if let Some(before) = open.replace(next) {
                complain(before.line, "this log block has no hits block".into());
            }
        } else if kind == "hits" {
            let Some(log) = open.take() else {
                complain(line, "this hits block follows no log block".into());
                continue;
            };
            match hits(&body) {
                Ok(hits) => {
                    cases.push(Case { file: file.to_owned(), line: log.line, source: log.source, log: log.log, hits });
                }
                Err((below, what)) => complain(line + below, what),
            }
        } else if kind == "log" {
            complain(line, "a log block names its source: `log httpproxy/Ecp`".into());
        }
    }
    if let Some(last) = open {
        complain(last.line, "this log block has no hits block".into());
    }
}

/// `proxylogon/anchor-backend 1` a line; an error with the line in the block, from 1.
fn hits(body: &[&str]) -> Result<BTreeMap<String, u64>, (u64, String)> {
    let mut hits = BTreeMap::new();
    for (below, line) in (1u64..).zip(body).filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = || (below, format!("`{line}` is not a rule id and a number of records"));
        let (rule, count) = line.trim().rsplit_once(' ').ok_or_else(wrong)?;
        let count: u64 = count.parse().map_err(|_| wrong())?;
        if count == 0 || hits.insert(rule.trim().to_owned(), count).is_some() {
            return Err((below, format!("`{line}`: a rule stands here once, with the records that it hits")));
        }
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::of_pack;
    use crate::pack::PackFiles;

    fn read(text: &str) -> (Vec<super::Case>, Vec<(u64, String)>) {
        let files = vec![("cases/one.md".to_owned(), Cow::Owned(text.as_bytes().to_vec()))];
        let (cases, misread) = of_pack(&PackFiles { id: "p".into(), files });
        (cases, misread.into_iter().map(|misread| (misread.line, misread.what)).collect())
    }

    #[test]
    fn reads_blocks_with_their_lines() {
        let (cases, misread) = read(
            "# Title\n\n```log iis/W3SVC1\na\nb\n```\n```hits\np/one 2\n```\nprose\n```log file\n{}\n```\n\n```hits\n```\n",
        );
        assert_eq!(misread, []);
        assert_eq!((cases[0].line, cases[0].family(), cases[0].log.as_str()), (3, "iis", "a\nb\n"));
        assert_eq!(cases[0].hits.get("p/one"), Some(&2));
        assert!(!cases[0].is_benign() && cases[1].is_benign());
        assert_eq!((cases[1].line, cases[1].source.as_str()), (11, "file"));
    }

    #[test]
    fn other_blocks_are_prose() {
        assert_eq!(read("```yaml\nx: 1\n```\n"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn says_where_a_file_is_wrong() {
        for (text, line, what) in [
            ("```log iis\na\n```\n```log iis\nb\n```\n```hits\n```\n", 1, "no hits block"),
            ("x\n```hits\n```\n", 2, "follows no log"),
            ("```log iis\na\n```\n```hits\np/one\n```\n", 5, "number of records"),
            ("```log iis\na\n```\n```hits\np/one 1\np/one x\n```\n", 6, "number of records"),
            ("```log iis\na\n```\n```hits\np/one 1\np/one 1\n```\n", 6, "once"),
            ("```log iis\na\n```\n```hits\np/one 0\n```\n", 5, "once"),
            ("```log\na\n```\n", 1, "names its source"),
            ("```log iis\na", 1, "no hits block"),
        ] {
            let (_, misread) = read(text);
            assert_eq!((misread[0].0, misread.len()), (line, 1), "{text} {misread:?}");
            assert!(misread[0].1.contains(what), "{misread:?}");
        }
    }

    #[test]
    fn only_text_is_read() {
        let files = vec![
            ("cases/one.md".to_owned(), Cow::Owned(vec![0xff])),
            ("cases/notes.txt".to_owned(), Cow::Owned(b"```hits\n```\n".to_vec())),
        ];
        let (cases, misread) = of_pack(&PackFiles { id: "p".into(), files });
        assert_eq!((cases.len(), misread.len()), (0, 1));
    }
}
