//! Archives made by hand, honest or not.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

/// One member as it is to be written.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) name: Vec<u8>,
    pub(crate) local_name: Option<Vec<u8>>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) size: u64,
    pub(crate) compressed: Option<u64>,
    pub(crate) crc: u32,
    pub(crate) mode: u32,
    pub(crate) extra: Vec<u8>,
    /// Its entry in the list points at the header of another.
    pub(crate) at: Option<u32>,
    /// It is left out of the list.
    pub(crate) hidden: bool,
}

/// A member that is stored.
pub(crate) fn stored(name: &str, content: &[u8]) -> Part {
    Part {
        name: name.as_bytes().to_vec(),
        local_name: None,
        bytes: content.to_vec(),
        method: 0,
        flags: 0,
        size: content.len() as u64,
        compressed: None,
        crc: crc32fast::hash(content),
        mode: 0,
        extra: Vec::new(),
        at: None,
        hidden: false,
    }
}

/// A member that is deflated.
pub(crate) fn deflated(name: &str, content: &[u8]) -> Part {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    Part { bytes: encoder.finish().unwrap(), method: 8, ..stored(name, content) }
}

/// An archive of these members.
pub(crate) fn zip(parts: &[Part]) -> Vec<u8> {
    let (mut all, mut list, mut listed) = (Vec::new(), Vec::new(), 0_u16);
    for part in parts {
        let offset = part.at.unwrap_or(all.len() as u32);
        let has_descriptor = part.flags & 8 != 0;
        let compressed = part.compressed.unwrap_or(part.bytes.len() as u64) as u32;
        let sizes = |known: bool| {
            let [crc, compressed, size] = if known { [part.crc, compressed, part.size as u32] } else { [0; 3] };
            [crc.to_le_bytes(), compressed.to_le_bytes(), size.to_le_bytes()].concat()
        };
        let times = [0_u8; 4];
        let common = |known: bool| {
            [&[20, 0][..], &part.flags.to_le_bytes(), &part.method.to_le_bytes(), &times, &sizes(known)].concat()
        };
        if part.at.is_none() {
            let name = part.local_name.as_ref().unwrap_or(&part.name);
            all.extend([&b"PK\x03\x04"[..], &common(!has_descriptor), &(name.len() as u16).to_le_bytes()].concat());
            all.extend([&[0, 0][..], name, &part.bytes].concat());
            if has_descriptor {
                all.extend([&b"PK\x07\x08"[..], &sizes(true)].concat());
            }
        }
        if !part.hidden {
            listed += 1;
            let lengths = [part.name.len() as u16, part.extra.len() as u16].map(u16::to_le_bytes).concat();
            list.extend([&b"PK\x01\x02\x14\x03"[..], &common(true), &lengths, &[0; 6]].concat());
            list.extend(
                [&(part.mode << 16).to_le_bytes()[..], &offset.to_le_bytes(), &part.name, &part.extra].concat(),
            );
        }
    }
    let start = all.len() as u32;
    all.extend_from_slice(&list);
    let counts = [listed, listed].map(u16::to_le_bytes).concat();
    let places = [list.len() as u32, start].map(u32::to_le_bytes).concat();
    all.extend([&b"PK\x05\x06\0\0\0\0"[..], &counts, &places, &[0, 0]].concat());
    all
}

/// A tar archive.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// One gzip stream.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A 7z archive, all of it in one block, with a password or without.
pub(crate) fn seven_zip(files: &[(&str, &[u8])], password: Option<&str>) -> Vec<u8> {
    use sevenz_rust2::encoder_options::{AesEncoderOptions, Lzma2Options};
    use sevenz_rust2::{ArchiveEntry, ArchiveWriter, SourceReader};
    let mut writer = ArchiveWriter::new(std::io::Cursor::new(Vec::new())).unwrap();
    let aes = password.map(|password| AesEncoderOptions::new(password.into()).into());
    let methods = aes.into_iter().chain([Lzma2Options::from_level(1).into()]).collect();
    writer.set_content_methods(methods);
    writer.set_encrypt_header(false);
    let entries = files.iter().map(|(name, _)| ArchiveEntry::new_file(name)).collect();
    let readers = files.iter().map(|(_, content)| SourceReader::new(*content)).collect();
    writer.push_archive_entries(entries, readers).unwrap();
    writer.finish().unwrap().into_inner()
}
