//! Values of a record as text, in the spelling that Windows and the known tools use.
//!
//! Value types: MS-EVEN6, section 2.2.12, and "Windows XML Event Log (EVTX) format" (libevtx).

/// A value that a record hands to its template: its type and where in the chunk it lies.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub kind: u8,
    pub start: usize,
    pub end: usize,
}

impl Slot {
    pub fn bytes<'c>(&self, chunk: &'c [u8]) -> &'c [u8] {
        chunk.get(self.start..self.end).unwrap_or_default()
    }
}

pub const NULL: u8 = 0x00;
pub const STRING: u8 = 0x01;
pub const ANSI_STRING: u8 = 0x02;
const INT8: u8 = 0x03;
const UINT8: u8 = 0x04;
const INT16: u8 = 0x05;
pub const UINT16: u8 = 0x06;
const INT32: u8 = 0x07;
const UINT32: u8 = 0x08;
const INT64: u8 = 0x09;
const UINT64: u8 = 0x0A;
const REAL32: u8 = 0x0B;
const REAL64: u8 = 0x0C;
const BOOL: u8 = 0x0D;
const BINARY: u8 = 0x0E;
const GUID: u8 = 0x0F;
const SIZE: u8 = 0x10;
pub const FILETIME: u8 = 0x11;
const SYSTEMTIME: u8 = 0x12;
const SID: u8 = 0x13;
const HEX32: u8 = 0x14;
const HEX64: u8 = 0x15;
pub const BINXML: u8 = 0x21;
/// Set on the type of a list.
pub const LIST: u8 = 0x80;
pub const STRING_LIST: u8 = STRING | LIST;

/// 100 ns ticks between 1601 and 1970.
const TICKS_TO_1970: i64 = 116_444_736_000_000_000;
const TICKS_PER_SEC: u64 = 10_000_000;
/// The last tick of the year 9999.
const TICKS_MAX: u64 = 2_650_467_743_999_999_999;

/// Is this a type that the format knows?
pub fn is_known(kind: u8) -> bool {
    matches!(kind & !LIST, NULL..=HEX64) || matches!(kind, 0x20 | BINXML | 0x23)
}

/// Is the value a number in JSON?
pub fn is_number(kind: u8) -> bool {
    matches!(kind, INT8..=UINT64 | BOOL)
}

/// How many bytes a value of that type has where it stands by itself.
pub fn fixed_size(kind: u8) -> Option<usize> {
    Some(match kind & !LIST {
        NULL => 0,
        INT8 | UINT8 => 1,
        INT16 | UINT16 => 2,
        INT32 | UINT32 | REAL32 | BOOL | HEX32 => 4,
        INT64 | UINT64 | REAL64 | FILETIME | HEX64 => 8,
        GUID | SYSTEMTIME => 16,
        _ => return None,
    })
}

/// Appends the text of a value. A value shorter than its type gives nothing; what is too long is not looked at.
pub fn write(kind: u8, bytes: &[u8], text: &mut Vec<u8>) {
    if kind & LIST != 0 {
        return write_list(kind, bytes, text);
    }
    match kind {
        STRING => write_utf16(bytes, text),
        ANSI_STRING => write_ansi(bytes, text),
        BINARY => text.extend(bytes.iter().flat_map(|byte| hex_byte(*byte, b"0123456789ABCDEF"))),
        SID => write_sid(bytes, text),
        SIZE if bytes.len() < 8 => write_fixed(HEX32, bytes, text).unwrap_or_default(),
        SIZE => write_fixed(HEX64, bytes, text).unwrap_or_default(),
        NULL | BINXML => {}
        _ => write_fixed(kind, bytes, text).unwrap_or_default(),
    }
}

fn write_fixed(kind: u8, bytes: &[u8], text: &mut Vec<u8>) -> Option<()> {
    match kind {
        INT8 => write_signed(i8::from_le_bytes(*bytes.first_chunk()?).into(), text),
        UINT8 => write_unsigned((*bytes.first()?).into(), text),
        INT16 => write_signed(i16::from_le_bytes(*bytes.first_chunk()?).into(), text),
        UINT16 => write_unsigned(u16::from_le_bytes(*bytes.first_chunk()?).into(), text),
        INT32 => write_signed(i32::from_le_bytes(*bytes.first_chunk()?).into(), text),
        UINT32 => write_unsigned(u32::from_le_bytes(*bytes.first_chunk()?).into(), text),
        INT64 => write_signed(i64::from_le_bytes(*bytes.first_chunk()?), text),
        UINT64 => write_unsigned(u64::from_le_bytes(*bytes.first_chunk()?), text),
        REAL32 => write_real(f32::from_le_bytes(*bytes.first_chunk()?).into(), Some(bytes), text),
        REAL64 => write_real(f64::from_le_bytes(*bytes.first_chunk()?), None, text),
        // Windows writes bit masks into some of them.
        BOOL => match i32::from_le_bytes(*bytes.first_chunk()?) {
            0 => text.extend_from_slice(b"false"),
            1 => text.extend_from_slice(b"true"),
            mask => write_signed(mask.into(), text),
        },
        GUID => write_guid(bytes.first_chunk()?, text),
        FILETIME => write_ticks(u64::from_le_bytes(*bytes.first_chunk()?), text),
        SYSTEMTIME => write_system_time(bytes.first_chunk()?, text),
        HEX32 => write_hex(u32::from_le_bytes(*bytes.first_chunk()?).into(), text),
        HEX64 => write_hex(u64::from_le_bytes(*bytes.first_chunk()?), text),
        _ => {}
    }
    Some(())
}

/// The items of a list, joined by commas.
fn write_list(kind: u8, bytes: &[u8], text: &mut Vec<u8>) {
    for (at, item) in items(kind, bytes).enumerate() {
        if at > 0 {
            text.push(b',');
        }
        write(kind & !LIST, item, text);
    }
}

/// The items of a list.
pub fn items(kind: u8, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (length, skipped) = match kind & !LIST {
            // Each ends with a NUL; the last one's may be missing.
            STRING => {
                let units = rest.as_chunks::<2>().0;
                (units.iter().position(|unit| *unit == [0, 0]).unwrap_or(units.len()) * 2, 2)
            }
            ANSI_STRING => (memchr::memchr(0, rest).unwrap_or(rest.len()), 1),
            SID => (8 + 4 * usize::from(*rest.get(1)?), 0),
            _ => (fixed_size(kind).filter(|size| *size > 0)?, 0),
        };
        let item = rest.get(..length)?;
        rest = rest.get(length + skipped..).unwrap_or_default();
        Some(item)
    })
}

/// A text of UTF-16 up to its first NUL. Halves of pairs become U+FFFD.
pub fn write_utf16(bytes: &[u8], text: &mut Vec<u8>) {
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    // Without branches, so that it is done for many units at once.
    let (all, has_nul) = units.clone().fold((0, 0), |(all, nul), unit| (all | unit, nul | u16::from(unit == 0)));
    if all < 0x80 && has_nul == 0 {
        return text.extend(units.map(|unit| unit as u8));
    }
    let units = units.take_while(|unit| *unit != 0);
    for character in char::decode_utf16(units) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// A text of Windows-1252, the code page that most servers have; the log does not name it. NULs are dropped.
fn write_ansi(bytes: &[u8], text: &mut Vec<u8>) {
    /// 0x80 to 0x9F; what the code page leaves open stays a control character.
    const UPPER: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
    ];
    for byte in bytes.iter().filter(|byte| **byte != 0) {
        let moved = byte.checked_sub(0x80).and_then(|at| UPPER.get(usize::from(at)));
        let character = moved.copied().unwrap_or(char::from(*byte));
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn write_signed(value: i64, text: &mut Vec<u8>) {
    if value < 0 {
        text.push(b'-');
    }
    write_unsigned(value.unsigned_abs(), text);
}

fn write_unsigned(value: u64, text: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut length) = (value, 0);
    for digit in digits.iter_mut().rev() {
        *digit = decimal(rest);
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

fn decimal(value: u64) -> u8 {
    b'0' + (value % 10) as u8
}

/// The shortest digits that read back as the same number, always with a fraction or exponent.
fn write_real(value: f64, single: Option<&[u8]>, text: &mut Vec<u8>) {
    if !value.is_finite() {
        let word = if value.is_nan() { "NaN" } else { "inf" };
        text.extend_from_slice(if value < 0.0 { b"-" } else { b"" });
        return text.extend_from_slice(word.as_bytes());
    }
    let single = single.and_then(<[u8]>::first_chunk).map(|bytes| f32::from_le_bytes(*bytes));
    let written = match single {
        Some(single) => serde_json::to_writer(&mut *text, &single),
        None => serde_json::to_writer(&mut *text, &value),
    };
    written.expect("writing a number to memory does not fail");
}

fn hex_byte(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [byte >> 4, byte & 0xF].map(|nibble| digits.get(usize::from(nibble)).copied().unwrap_or_default())
}

fn write_hex(value: u64, text: &mut Vec<u8>) {
    text.extend_from_slice(b"0x");
    let nibbles = (64 - value.leading_zeros()).div_ceil(4).max(1);
    for at in (0..nibbles).rev() {
        let nibble = (value >> (at * 4)) & 0xF;
        text.push(char::from_digit(nibble as u32, 16).map_or(b'0', |digit| digit as u8));
    }
}

fn write_guid(bytes: &[u8; 16], text: &mut Vec<u8>) {
    let [d, c, b, a, f, e, h, g, rest @ ..] = bytes;
    let mut guid = [b'-'; 38];
    // Where each byte goes, between the hyphens.
    const PLACES: [usize; 16] = [1, 3, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 29, 31, 33, 35];
    for (place, byte) in PLACES.into_iter().zip([a, b, c, d, e, f, g, h].into_iter().chain(rest)) {
        if let Some(pair) = guid.get_mut(place..place + 2) {
            pair.copy_from_slice(&hex_byte(*byte, b"0123456789abcdef"));
        }
    }
    let [first, .., last] = &mut guid;
    (*first, *last) = (b'{', b'}');
    text.extend_from_slice(&guid);
}

fn write_sid(bytes: &[u8], text: &mut Vec<u8>) {
    let [revision, count, a, b, c, d, e, f, parts @ ..] = bytes else {
        return text.extend_from_slice(if bytes.is_empty() { b"" } else { b"S-?" });
    };
    text.extend_from_slice(b"S-");
    write_unsigned((*revision).into(), text);
    text.push(b'-');
    write_unsigned(u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]), text);
    for part in parts.as_chunks().0.iter().take(usize::from(*count)) {
        text.push(b'-');
        write_unsigned(u32::from_le_bytes(*part).into(), text);
    }
}

/// The microseconds since 1970 of a FILETIME, or `None` beyond the year 9999.
pub fn micros(ticks: u64) -> Option<i64> {
    let ticks = i64::try_from(ticks).ok().filter(|_| ticks <= TICKS_MAX)?;
    Some((ticks - TICKS_TO_1970).div_euclid(10))
}

/// `2021-03-03T04:43:22.3701239Z`. As Windows does: of a year past 9999 the last four digits, zeroes for what is no time.
fn write_ticks(ticks: u64, text: &mut Vec<u8>) {
    if i64::try_from(ticks).is_err() {
        return write_time([0; 6], 0, text);
    }
    let (secs, fraction) = (ticks / TICKS_PER_SEC, ticks % TICKS_PER_SEC);
    let (days, in_day) = (secs / 86_400, secs % 86_400);
    let (year, month, day) = civil(days);
    write_time([year % 10_000, month, day, in_day / 3_600, in_day / 60 % 60, in_day % 60], fraction, text);
}

/// Year, month and day of a day counted from 1601-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    // From 0000-03-01 on, in eras of 400 years.
    let days = days + 584_694;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// A SYSTEMTIME; one that is no time is 1601-01-01, as Windows writes it.
fn write_system_time(bytes: &[u8; 16], text: &mut Vec<u8>) {
    let mut parts = bytes.as_chunks::<2>().0.iter().map(|part| u64::from(u16::from_le_bytes(*part)));
    let mut next = || parts.next().unwrap_or_default();
    let (year, month, _day_of_week, day) = (next(), next(), next(), next());
    let (hour, minute, second, millis) = (next(), next(), next(), next());
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let is_date = (1601..=30_827).contains(&year) && (1..=12).contains(&month) && (1..=days).contains(&day);
    if is_date && hour < 24 && minute < 60 && second < 60 && millis < 1_000 {
        write_time([year % 10_000, month, day, hour, minute, second], millis * 10_000, text);
    } else {
        write_time([1601, 1, 1, 0, 0, 0], 0, text);
    }
}

fn write_time(parts: [u64; 6], ticks: u64, text: &mut Vec<u8>) {
    let [year, month, day, hour, minute, second] = parts;
    let mut time = *b"0000-00-00T00:00:00.0000000Z";
    for (range, value) in
        [(0..4, year), (5..7, month), (8..10, day), (11..13, hour), (14..16, minute), (17..19, second), (20..27, ticks)]
    {
        let mut rest = value;
        for digit in time.get_mut(range).unwrap_or_default().iter_mut().rev() {
            *digit = decimal(rest);
            rest /= 10;
        }
    }
    text.extend_from_slice(&time);
}
