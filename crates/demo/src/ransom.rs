//! What ransomware leaves: files that were encrypted, and notes beside them. All of it is inert.

use std::io;

use crate::plan::Plan;
use crate::server::Server;
use crate::time::{SECOND, Time};
use crate::windows;

/// A run of such a program.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// The program.
    pub(crate) image: &'static str,
    /// Behind the names of files: `.CRYPT`.
    pub(crate) suffix: &'static str,
    /// What its files begin with.
    pub(crate) head: &'static [u8],
    /// Name of the note.
    pub(crate) note: &'static str,
    /// How the note begins.
    pub(crate) heading: &'static str,
}

/// Files of the house, below `C:`.
const FILES: [&str; 6] = [
    "Users/Public/Documents/budget-2021.xlsx",
    "Users/Public/Documents/contract-harbour.docx",
    "Users/Public/Documents/floor-plan.pdf",
    "Users/it.admin/Desktop/servers.txt",
    "Users/it.admin/Documents/handover.docx",
    "ProgramData/Fabrikam/licences.csv",
];
/// Where a note is left.
const FOLDERS: [&str; 3] = ["Users/Public/Desktop/", "Users/Public/Documents/", "Users/it.admin/Desktop/"];

/// Encrypts, a file a second, and leaves its notes.
pub(crate) fn encrypts(plan: &mut Plan, at: Time, run: Run) {
    for (number, file) in FILES.into_iter().enumerate() {
        let path = format!("{file}{}", run.suffix);
        plan.plant(&format!("C/{path}"), encrypted(run.head));
        plan.step(at.plus(number as i64 * SECOND), move |server, at| created(server, at, run.image, &path));
    }
    for (number, folder) in FOLDERS.into_iter().enumerate() {
        let path = format!("{folder}{}", run.note);
        let text = format!("{}inert sample: here stands what is demanded\r\n", run.heading);
        plan.plant(&format!("C/{path}"), text.into_bytes());
        let wait = (FILES.len() + number) as i64 * SECOND;
        plan.step(at.plus(wait), move |server, at| created(server, at, run.image, &path));
    }
    plan.tell(at, format!("{} encrypts files and leaves {}", run.image, run.note));
}

fn created(server: &mut Server, at: Time, image: &str, path: &str) -> io::Result<()> {
    windows::file_created(server, at, image, &format!("C:\\{}", path.replace('/', "\\")))
}

/// The mark, then bytes without meaning.
fn encrypted(head: &[u8]) -> Vec<u8> {
    let mut content = head.to_vec();
    content.extend((0..512_u32).map(|number| (number.wrapping_mul(167) >> 2) as u8));
    content
}
