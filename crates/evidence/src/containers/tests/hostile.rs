//! Archives that attack whoever reads them.

use expect_test::{Expect, expect};
use model::file::Outcome;

use super::build::{Part, deflated, gzip, seven_zip, stored, tar, zip};
use super::{inside, with_password};
use crate::budgets::{Budgets, Opening};
use crate::walk::Inventory;
use crate::walk::tests::Folder;

/// What is said of each input: path, bytes, outcome, notes.
fn check_with(opening: &Opening, test: &str, bytes: &[u8], expected: Expect) {
    let mut text = String::new();
    for (path, came) in inside(test, "x", bytes, opening) {
        text.push_str(&format!("{path:?} {} {:?}", came.bytes.len(), came.outcome));
        came.notes.iter().for_each(|note| text.push_str(&format!("\n    {note}")));
        text.push('\n');
    }
    expected.assert_eq(&text);
}

fn check(test: &str, bytes: &[u8], expected: Expect) {
    check_with(&Opening::default(), test, bytes, expected);
}

fn with_budgets(change: impl FnOnce(&mut Budgets)) -> Opening {
    let mut opening = Opening::default();
    change(&mut opening.budgets);
    opening
}

#[test]
fn class_9_names_lead_nowhere() {
    let names = [
        "../../../etc/passwd",
        "/etc/cron.d/x",
        "C:\\Windows\\x",
        "..\\x",
        "%2e%2e/x",
        "a\0b",
        "CON",
        "x. ",
        "a!b",
        "",
    ];
    let parts: Vec<Part> = names.iter().map(|name| stored(name, b"1")).collect();
    check(
        "class_9",
        &zip(&parts),
        expect![[r#"
        "x" 928 Complete
        "x!" 1 Complete
        "x!%2E%2E/%2E%2E/%2E%2E/etc/passwd" 1 Complete
        "x!%2E%2E/x" 1 Complete
            its archive has another member whose name differs by case only: both are read
        "x!%2e%2e/x" 1 Complete
            its archive has another member whose name differs by case only: both are read
        "x!/etc/cron.d/x" 1 Complete
        "x!C:/Windows/x" 1 Complete
        "x!CON" 1 Complete
        "x!a\0b" 1 Complete
        "x!a%21b" 1 Complete
        "x!x. " 1 Complete
    "#]],
    );
}

#[test]
fn class_9_a_name_of_32_thousand_letters_is_cut() {
    let all = inside("class_9_long", "x", &zip(&[stored(&"n".repeat(32_000), b"1")]), &Opening::default());
    let (path, came) = all.iter().nth(1).unwrap();
    assert_eq!(path.len(), "x!".len() + 4_096);
    assert_eq!(came.notes, ["its name of 32000 bytes is cut to 4096"]);
}

#[test]
fn class_10_links_and_devices_are_not_followed() {
    let special = |name: &str, mode: u32| Part { mode, ..stored(name, b"/etc/passwd") };
    let parts = [
        special("link", 0o120_777),
        special("pipe", 0o010_644),
        special("device", 0o060_644),
        special("file", 0o100_644),
        Part { mode: 0o040_755, ..stored("folder/", b"") },
    ];
    check(
        "class_10",
        &zip(&parts),
        expect![[r#"
        "x" 496 Complete
        "x!device" 0 NotRegular
        "x!file" 11 Complete
        "x!link" 0 NotRegular
        "x!pipe" 0 NotRegular
    "#]],
    );
    let mut builder = tar::Builder::new(Vec::new());
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Fifo, tar::EntryType::Block] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, format!("{kind:?}"), "/etc/passwd").unwrap();
    }
    check(
        "class_10_tar",
        &builder.into_inner().unwrap(),
        expect![[r#"
        "x" 3072 Complete
        "x!Block" 0 NotRegular
        "x!Fifo" 0 NotRegular
        "x!Link" 0 NotRegular
        "x!Symlink" 0 NotRegular
    "#]],
    );
}

#[test]
fn class_11_a_small_archive_with_huge_claims_allocates_nothing() {
    let lying = Part { size: 0xFFFF_FFF0, ..stored("a", b"") };
    let bytes = zip(&[lying]);
    assert!(bytes.len() <= 112);
    check(
        "class_11_112_bytes",
        &bytes,
        expect![[r#"
        "x" 100 Complete
        "x!a" 0 LimitReached("by its header, swells more than 400 times, as a bomb does")
    "#]],
    );
    let both = Part { size: 0xFFFF_FFF0, compressed: Some(0xFFFF_FFF0), ..stored("a", b"") };
    check(
        "class_11_both",
        &zip(&[both]),
        expect![[r#"
        "x" 100 Complete
        "x!a" 0 Unreadable("its bytes are not in the archive")
    "#]],
    );
}

#[test]
fn class_11_sizes_of_64_bits_may_lie_too() {
    let claim = |value: u64| [&[1, 0, 8, 0][..], &value.to_le_bytes()].concat();
    let part = |value| Part { size: u64::from(u32::MAX), extra: claim(value), ..stored("a", b"abc") };
    check(
        "class_11_zip64",
        &zip(&[part(u64::MAX)]),
        expect![[r#"
        "x" 115 Complete
        "x!a" 0 LimitReached("by its header, more than 274877906944 bytes decompressed")
    "#]],
    );
    check(
        "class_11_zip64_right",
        &zip(&[part(3)]),
        expect![[r#"
        "x" 115 Complete
        "x!a" 3 Complete
    "#]],
    );
}

#[test]
fn class_11_more_or_less_than_declared_is_told() {
    let more = Part { size: 10, ..deflated("more", &[b'a'; 1_000]) };
    let less = Part { size: 5_000, ..deflated("less", &[b'a'; 1_000]) };
    let other = Part { crc: 7, ..deflated("other", b"abc") };
    check(
        "class_11_sizes",
        &zip(&[more, less, other]),
        expect![[r#"
            "x" 303 Complete
            "x!less" 1000 Unreadable("it holds 1000 bytes where its header declares 5000")
            "x!more" 10 Unreadable("it holds more than the 10 bytes that its header declares")
            "x!other" 3 Unreadable("its CRC-32 is not that of its bytes")
        "#]],
    );
}

#[test]
fn class_11_a_bomb_stops_at_its_ratio() {
    let opening = with_budgets(|budgets| budgets.ratio_free_bytes = 100_000);
    let zeros = vec![0; 3_000_000];
    check_with(
        &opening,
        "class_11_bomb",
        &zip(&[deflated("honest", &zeros)]),
        expect![[r#"
            "x" 3033 Complete
            "x!honest" 0 LimitReached("by its header, swells more than 400 times, as a bomb does")
        "#]],
    );
    let lying = Part { size: 0, compressed: None, ..deflated("lying", &zeros) };
    check_with(
        &opening,
        "class_11_lying",
        &zip(&[lying]),
        expect![[r#"
            "x" 3031 Complete
            "x!lying" 2688 Unreadable("it holds more than the 0 bytes that its header declares")
        "#]],
    );
    check_with(
        &opening,
        "class_11_gzip",
        &gzip(&zeros),
        expect![[r#"
            "x" 2097152 LimitReached("swells more than 400 times, as a bomb does")
        "#]],
    );
    check_with(
        &opening,
        "class_11_tar_gz",
        &gzip(&tar(&[("a", &zeros), ("b", b"b")])),
        expect![[r#"
            "x" 3019 Complete
                its members were not all listed: swells more than 400 times, as a bomb does
            "x!a" 0 LimitReached("its archive, with all in it, swells more than 400 times, as a bomb does")
        "#]],
    );
}

/// 42.zip in small: each archive holds the same archive many times.
#[test]
fn class_11_archives_in_archives_stop_at_what_all_of_them_hold() {
    let opening = with_budgets(|budgets| (budgets.ratio_free_bytes, budgets.ratio) = (10_000, 100));
    let mut inner = zip(&[deflated("0", &[0; 9_000])]);
    for _ in 0..3 {
        let parts: Vec<Part> = (0..8).map(|number| deflated(&number.to_string(), &inner)).collect();
        inner = zip(&parts);
    }
    let all = inside("class_11_42", "x", &inner, &opening);
    let read: usize = all.values().map(|came| came.bytes.len()).sum();
    assert!(read < 16 * 10_000 + inner.len() * 102, "{read}");
    let limited = |why: &str| {
        all.values().filter(|came| matches!(&came.outcome, Outcome::LimitReached(which) if which.contains(why))).count()
    };
    assert!(limited("with all in it") > 20, "{} of {}", limited("with all in it"), all.len());
}

#[test]
fn class_11_depth_has_an_end() {
    let mut bytes = zip(&[stored("core", b"1")]);
    for _ in 0..8 {
        bytes = zip(&[stored("i.zip", &bytes)]);
    }
    check(
        "class_11_depth",
        &bytes,
        expect![[r#"
        "x" 971 Complete
        "x!i.zip" 863 Complete
        "x!i.zip!i.zip" 755 Complete
        "x!i.zip!i.zip!i.zip" 647 Complete
        "x!i.zip!i.zip!i.zip!i.zip" 539 Complete
        "x!i.zip!i.zip!i.zip!i.zip!i.zip" 431 Complete
            archives stand inside each other more than 5 deep: it is not looked into
    "#]],
    );
}

#[test]
fn class_11_counts_have_an_end() {
    let parts: Vec<Part> = (0..9).map(|number| stored(&number.to_string(), b"1")).collect();
    let few = with_budgets(|budgets| budgets.members = 3);
    check_with(
        &few,
        "class_11_members",
        &zip(&parts),
        expect![[r#"
            "x" 733 Complete
                it has more than 3 members; the rest is not read
            "x!0" 1 Complete
            "x!1" 1 Complete
            "x!2" 1 Complete
        "#]],
    );
    let files: Vec<String> = (0..9).map(|number| number.to_string()).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|name| (name.as_str(), &b"1"[..])).collect();
    check_with(
        &few,
        "class_11_members_tar",
        &tar(&files),
        expect![[r#"
        "x" 10240 Complete
            it has more than 3 members; the rest is not read
        "x!0" 1 Complete
        "x!1" 1 Complete
        "x!2" 1 Complete
    "#]],
    );
    let total = with_budgets(|budgets| budgets.total_members = 2);
    check_with(
        &total,
        "class_11_members_all",
        &seven_zip(&files, None),
        expect![[r#"
        "x" 155 Complete
            all archives together have more than 2 members; the rest is not read
        "x!0" 1 Complete
        "x!1" 1 Complete
    "#]],
    );
    let bytes = with_budgets(|budgets| budgets.container_bytes = 4);
    check_with(
        &bytes,
        "class_11_bytes",
        &zip(&[stored("a", b"123"), stored("b", b"45"), stored("c", b"6")]),
        expect![[r#"
            "x" 262 Complete
            "x!a" 3 Complete
            "x!b" 0 LimitReached("its archive holds more than 4 bytes")
            "x!c" 1 Complete
        "#]],
    );
    let list = with_budgets(|budgets| budgets.directory_bytes = 100);
    check_with(
        &list,
        "class_11_list",
        &zip(&parts),
        expect![[r#"
            "x" 733 Complete
                its list of members is longer than 100 bytes; the rest is not read
            "x!0" 1 Complete
            "x!1" 1 Complete
        "#]],
    );
}

#[test]
fn class_11_bytes_belong_to_one_member() {
    let shared = Part { at: Some(0), ..stored("b", b"kernel") };
    check(
        "class_11_shared",
        &zip(&[stored("a", b"kernel"), shared]),
        expect![[r#"
        "x" 153 Complete
        "x!a" 6 Complete
        "x!b" 0 Unreadable("its bytes are those of another member, too, as in a bomb")
            its two headers differ in name; it is read as the list of members says
    "#]],
    );
    let reaching = Part { compressed: Some(40), size: 40, ..stored("a", b"short") };
    check(
        "class_11_reaching",
        &zip(&[reaching, stored("b", b"other")]),
        expect![[r#"
        "x" 188 Complete
        "x!a" 40 Unreadable("its CRC-32 is not that of its bytes")
        "x!b" 0 Unreadable("its bytes are those of another member, too, as in a bomb")
    "#]],
    );
}

#[test]
fn class_12_equal_names_are_all_read() {
    let parts = [
        stored("a.log", b"1"),
        stored("a.log", b"22"),
        stored("A.LOG", b"333"),
        stored("b/x", b"4"),
        stored("b\\x", b"5"),
    ];
    check(
        "class_12",
        &zip(&parts),
        expect![[r#"
        "x" 452 Complete
        "x!A.LOG" 3 Complete
            its archive has another member whose name differs by case only: both are read
        "x!a.log" 1 Complete
            its archive has another member of this name: both are read, and which one was meant is open
            its archive has another member whose name differs by case only: both are read
        "x!a.log#2" 2 Complete
            its archive has another member of this name: both are read, and which one was meant is open
            its archive has another member whose name differs by case only: both are read
        "x!b/x" 1 Complete
            its archive has another member of this name: both are read, and which one was meant is open
        "x!b/x#2" 1 Complete
            its archive has another member of this name: both are read, and which one was meant is open
    "#]],
    );
    check(
        "class_12_tar",
        &tar(&[("a.log", b"1"), ("a.log", b"22")]),
        expect![[r#"
        "x" 3072 Complete
        "x!a.log" 1 Complete
            its archive has another member of this name: both are read, and which one was meant is open
        "x!a.log#2" 2 Complete
            its archive has another member of this name: both are read, and which one was meant is open
    "#]],
    );
}

#[test]
fn class_12_two_headers_that_differ_are_told() {
    let other = Part { local_name: Some(b"harmless.txt".to_vec()), ..stored("shell.aspx", b"1") };
    check(
        "class_12_headers",
        &zip(&[other]),
        expect![[r#"
        "x" 121 Complete
        "x!shell.aspx" 1 Complete
            its two headers differ in name; it is read as the list of members says
    "#]],
    );
}

#[test]
fn class_12_members_left_out_of_the_list_are_suspected() {
    let hidden = Part { hidden: true, ..stored("hidden.aspx", &[b'x'; 100]) };
    check(
        "class_12_hidden",
        &zip(&[stored("a", b"1"), hidden, stored("b", b"2")]),
        expect![[r#"
        "x" 321 Complete
            141 bytes between its members belong to none of them: members may have been left out
        "x!a" 1 Complete
        "x!b" 1 Complete
    "#]],
    );
}

#[test]
fn class_12_bytes_around_an_archive_are_told() {
    let bytes = zip(&[stored("a", b"1")]);
    check(
        "class_12_front",
        &[&bytes[..], b"behind"].concat(),
        expect![[r#"
        "x" 107 Complete
            bytes that belong to no archive stand behind its end
        "x!a" 1 Complete
    "#]],
    );
    // With other bytes in front it is an archive for no reader that looks at the front; one that begins like an archive is.
    let front = [&b"PK\x03\x04 in front"[..], &bytes].concat();
    check(
        "class_12_behind",
        &front,
        expect![[r#"
        "x" 114 Complete
            13 bytes that are no part of the archive stand in front of it
        "x!a" 1 Complete
    "#]],
    );
}

#[test]
fn what_breaks_off_is_told() {
    let bytes = zip(&[deflated("a", &[b'x'; 1_000]), stored("b", &[b'y'; 1_000])]);
    check(
        "cut_zip",
        &bytes[..bytes.len() - 30],
        expect![[r#"
            "x" 1159 Complete
                its members could not all be listed: its list of members is missing: it was cut off, or never finished
        "#]],
    );
    let bytes = tar(&[("a", &[b'x'; 1_000]), ("b", &[b'y'; 1_000])]);
    check(
        "cut_tar",
        &bytes[..2_300],
        expect![[r#"
        "x" 2300 Complete
        "x!a" 1000 Complete
        "x!b" 252 Unreadable("it breaks off")
    "#]],
    );
    let noise: Vec<u8> = (0..9_000_u32).map(|number| (number.wrapping_mul(number) >> 7) as u8).collect();
    let bytes = gzip(&tar(&[("a", &noise), ("b", &noise)]));
    check(
        "cut_tar_gz",
        &bytes[..bytes.len() - 6_000],
        expect![[r#"
            "x" 2906 Complete
                its members could not all be listed: it breaks off
            "x!a" 2892 Unreadable("it breaks off")
        "#]],
    );
    let bytes = seven_zip(&[("a", &noise), ("b", &noise)], None);
    check(
        "cut_7z",
        &bytes[..bytes.len() - 20],
        expect![[r#"
            "x" 6709 Complete
                its members could not all be listed: it breaks off
        "#]],
    );
}

/// No reader stops at any damage, whatever it hits.
#[test]
fn damage_anywhere_ends_nothing() {
    let inner = zip(&[deflated("a.log", b"one\ntwo\n"), stored("b", b"22")]);
    let archives = [
        zip(&[stored("i.zip", &inner), deflated("j.zip", &inner)]),
        tar(&[("i.zip", &inner)]),
        gzip(&tar(&[("i.zip", &inner)])),
        seven_zip(&[("i.zip", &inner), ("b", b"2")], None),
    ];
    let folder = Folder::new("damage");
    for bytes in &archives {
        // Most of a tar archive is padding.
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 400) {
            let mut damaged = bytes.clone();
            damaged[at] ^= if at % 2 == 0 { 0xFF } else { 0x01 };
            folder.put("x", &damaged);
            let inventory = Inventory::walk(&[folder.path("")]).unwrap();
            super::by_units(&inventory);
        }
    }
}

#[test]
fn sizes_behind_the_data_are_taken_from_the_list() {
    let part = Part { flags: 8, ..deflated("a", b"abc") };
    check(
        "descriptor",
        &zip(&[part, stored("b", b"1")]),
        expect![[r#"
        "x" 200 Complete
        "x!a" 3 Complete
        "x!b" 1 Complete
    "#]],
    );
}

#[test]
fn encrypted_members_ask_for_their_password() {
    let parts = [
        Part { flags: 1, bytes: vec![0; 20], ..stored("old", b"12345678") },
        Part { flags: 1 | 64, ..stored("strong", b"1") },
        Part { method: 14, ..stored("lzma", b"1") },
    ];
    check(
        "encrypted",
        &zip(&parts),
        expect![[r#"
        "x" 298 Complete
        "x!lzma" 0 Unreadable("compression method 14 is not read")
        "x!old" 0 Encrypted("ZipCrypto: give its password with --password")
        "x!strong" 0 Encrypted("PKWARE's strong encryption, which is not read: decrypt it with the program that made it")
    "#]],
    );
    check_with(
        &with_password("x"),
        "encrypted_wrong",
        &zip(&parts[..1]),
        expect![[r#"
        "x" 124 Complete
        "x!old" 0 Encrypted("ZipCrypto: none of the 2 passwords given fits")
    "#]],
    );
    let locked = seven_zip(&[("a", b"1")], Some("right"));
    check(
        "encrypted_7z",
        &locked,
        expect![[r#"
        "x" 137 Complete
        "x!a" 0 Encrypted("AES-256 (7z): give its password with --password")
    "#]],
    );
    check_with(
        &with_password("wrong"),
        "encrypted_7z_wrong",
        &locked,
        expect![[r#"
            "x" 137 Complete
            "x!a" 0 Encrypted("AES-256 (7z): none of the 2 passwords given fits")
        "#]],
    );
}

#[test]
fn images_say_what_to_do() {
    check(
        "image",
        b"EVF\x09\x0D\x0A\xFF\0rest",
        expect![[r#"
        "x" 12 Complete
            it is the image of a disk, which is not looked into: mount it read-only and point at the mounted folder
    "#]],
    );
    check(
        "rar",
        &zip(&[stored("a.rar", b"Rar!\x1A\x07\x01\0")]),
        expect![[r#"
        "x" 116 Complete
        "x!a.rar" 8 Complete
            it is an archive of a kind that is not looked into: unpack it to a folder of its own and point at that
    "#]],
    );
    check(
        "empty",
        &zip(&[]),
        expect![[r#"
        "x" 22 Complete
            it is an archive and holds no files
    "#]],
    );
}
