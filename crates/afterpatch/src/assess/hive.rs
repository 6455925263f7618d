//! Registry hives: read whole, because what stands in them is found by offsets; one at a time, so that memory stays bounded
//! however many there are.

use std::sync::{Mutex, MutexGuard, PoisonError};

use formats::registry::{self, Contents};
use model::{Reject, RejectReason};

/// Of a larger hive only so much is looked at, and that is said. A SOFTWARE hive of 100 MB is large.
pub const HIVE_BYTES_MAX: usize = 256 << 20;

/// Whoever holds it may hold a hive in memory.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a hive of which so many bytes are there in all.
pub fn read(bytes: &[u8], size: u64, on_server: &str) -> Contents {
    let mut contents = registry::read(bytes, user(on_server));
    if size > bytes.len() as u64 {
        let offset = bytes.len() as u64;
        contents.rejects.push(Reject { record: 0, offset, reason: RejectReason::TooLong });
    }
    contents
}

/// Whose hive it would be: `bob` of `c:\\users\\bob\\ntuser.dat`, else the name of the file.
fn user(on_server: &str) -> &str {
    let mut parts = on_server.rsplit('\\');
    let name = parts.next().unwrap_or_default();
    let folder = parts.next().filter(|folder| !folder.is_empty());
    if name.starts_with("ntuser") { folder.unwrap_or(name) } else { name }
}

#[cfg(test)]
mod tests {
    use model::RejectReason;

    use super::{read, user};

    #[test]
    fn whose_hive() {
        assert_eq!(user(r"c:\users\bob\ntuser.dat"), "bob");
        assert_eq!(user("ntuser.dat"), "ntuser.dat");
        assert_eq!(user(r"c:\windows\system32\config\default"), "default");
    }

    #[test]
    fn what_was_not_looked_at_is_said() {
        let reasons =
            |size| read(b"regf", size, "").rejects.into_iter().map(|reject| reject.reason).collect::<Vec<_>>();
        assert_eq!(reasons(4), [RejectReason::Truncated]);
        assert_eq!(reasons(5), [RejectReason::Truncated, RejectReason::TooLong]);
    }
}
