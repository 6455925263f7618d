//! SHA-1 and MD5 of a file, for lists of indicators that name nothing better. Never for custody: that is SHA-256.

use md5::{Digest as _, Md5};
use sha1::Sha1;

/// Both, while a file is read.
#[derive(Default)]
pub struct OlderHashes {
    sha1: Sha1,
    md5: Md5,
}

impl OlderHashes {
    /// More of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha1.update(bytes);
        self.md5.update(bytes);
    }

    /// SHA-1 and MD5, lower-case hex.
    #[must_use]
    pub fn finish(self) -> (String, String) {
        (hex(&self.sha1.finalize()), hex(&self.md5.finalize()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::OlderHashes;

    #[test]
    fn of_abc() {
        // RFC 3174, RFC 1321.
        let mut hashes = OlderHashes::default();
        hashes.update(b"a");
        hashes.update(b"bc");
        let expected = ("a9993e364706816aba3e25717850c26c9cd0d89d", "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hashes.finish(), (expected.0.to_owned(), expected.1.to_owned()));
    }
}
