//! All shapes, odd lines, cuts, damage, and a public capture.

use std::io::Read as _;

use model::{Reject, RejectReason, Row, Sink, WindowsEvent};

use super::{Header, OBJECT_BYTES_MAX, is_export, read, read_on};
use crate::block::{Block, Lines};
use crate::testing::{
    Seen, check_golden, each_cut_reads_the_same, each_cut_reads_the_same_with, evidence, fixture, flips_are_survived,
};

#[test]
fn golden() {
    check_golden("src/jsonl/fixtures", read);
}

#[test]
fn cut_anywhere_and_damaged_anywhere() {
    for name in ["winlogbeat", "flat", "system", "odd"] {
        let file = fixture(&format!("src/jsonl/fixtures/{name}.in"));
        each_cut_reads_the_same(&file, read);
        flips_are_survived(&file, read);
    }
}

/// Reads a block as the program does: after running ahead over what stands before it.
fn read_behind(front: &[u8], back: &Block<'_>, sink: &mut dyn Sink) -> Lines {
    let mut header = Header::default();
    header.advance(front);
    read_on(back, &mut header, sink)
}

#[test]
fn objects_over_many_lines_are_read_however_they_are_cut() {
    for name in ["pretty", "pretty_odd"] {
        let file = fixture(&format!("src/jsonl/fixtures/{name}.in"));
        let with_crlf = String::from_utf8(file.clone()).unwrap().replace('\n', "\r\n").into_bytes();
        for file in [file, with_crlf] {
            each_cut_reads_the_same_with(&file, read, read_behind);
            flips_are_survived(&file, read);
        }
    }
}

#[test]
fn an_object_is_found_again_whole_over_many_blocks() {
    let file = fixture("src/jsonl/fixtures/pretty.in");
    let (mut in_order, mut ahead, mut seen) = (Header::default(), Header::default(), Seen::default());
    let (mut count, mut offset) = (Lines::default(), 0);
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let block = Block { bytes: line, offset, first_line: 1 + count.total() };
        count += read_on(&block, &mut in_order, &mut seen);
        ahead.advance(line);
        assert_eq!(ahead, in_order);
        offset += line.len() as u64;
    }
    let (whole, whole_count) = Seen::of(&file, read);
    assert_eq!((seen.text, count), (whole.text, whole_count));
}

#[test]
fn what_is_shown_of_an_object_is_what_stands_at_its_offset() {
    struct Shown(Vec<u8>);
    impl Sink for Shown {
        fn row(&mut self, _: &Row<'_>) {}
        fn event(&mut self, event: &WindowsEvent<'_>) {
            let at = usize::try_from(event.offset).unwrap();
            let raw = event.raw.bytes();
            assert!(self.0[at..].starts_with(&raw));
            assert!(raw.trim_ascii().starts_with(b"{") && raw.ends_with(b"}") | raw.ends_with(b"},"));
        }
        fn reject(&mut self, reject: Reject) {
            panic!("{reject:?}");
        }
    }
    let file = fixture("src/jsonl/fixtures/pretty.in");
    let mut shown = Shown(file.clone());
    for cut in (1..=file.len()).filter(|at| file[at - 1] == b'\n') {
        let (front, back) = file.split_at(cut);
        let first_line = 1 + read(&Block::whole(front), &mut shown).total();
        read_behind(front, &Block { bytes: back, offset: cut as u64, first_line }, &mut shown);
    }
}

#[test]
fn too_long_an_object_costs_itself_alone() {
    let line = format!("  \"{}\": 1,\n", "x".repeat(2_000));
    let exactly = OBJECT_BYTES_MAX - "{\n  \"EventID\":1,\"Channel\":\"c\",\"\":0\n}".len();
    let events = ["y".repeat(exactly), "y".repeat(exactly + 1)]
        .map(|name| format!("{{\n  \"EventID\":1,\"Channel\":\"c\",\"{name}\":0\n}}\n"));
    let long = format!("{{\n{}}}\n", line.repeat(OBJECT_BYTES_MAX / line.len() + 1));
    let file = format!("{long}{}{}", events[0], events[1]);
    let (whole, count) = Seen::of(file.as_bytes(), read);
    assert_eq!((count.events, count.rejected), (1, 2));
    assert!(whole.rejects.iter().all(|reject| reject.reason == RejectReason::TooLong));
    for cut in [long.len() / 2, long.len() - 1, long.len() + 10, file.len() - 10] {
        let cut = file[..cut].rfind('\n').unwrap() + 1;
        let (front, back) = file.as_bytes().split_at(cut);
        let mut seen = Seen::default();
        let mut counts = read(&Block::whole(front), &mut seen);
        let block = Block { bytes: back, offset: cut as u64, first_line: 1 + counts.total() };
        counts += read_behind(front, &block, &mut seen);
        assert_eq!((counts, seen.text.as_str()), (count, whole.text.as_str()), "cut at {cut}");
    }
}

#[test]
fn a_file_that_ends_inside_an_object_can_be_told() {
    for (file, inside) in [("[\n  {\n    \"EventID\": 1,\n", true), ("[\n  {\n    \"EventID\": 1\n  },\n", false)] {
        let mut header = Header::default();
        header.advance(file.as_bytes());
        assert_eq!(header.is_inside_object(), inside);
    }
}

#[test]
fn tells_events_from_other_json() {
    assert!(is_export(b"[\n  {\"EventID\":1,\"Channel\":\"System\"},"));
    assert!(is_export(br#"{"Channel":"System","Hostname":"h","EventID":1,"Message":"cut he"#));
    assert!(is_export(br#"{"Id":4624,"Version":2,"LogName":"Security","Message":"cut he"#));
    assert!(!is_export(b"[\n  {\n    \"name\": \"x\"\n  }\n]"));
    for name in ["winlogbeat", "flat", "system", "pretty"] {
        let file = fixture(&format!("src/jsonl/fixtures/{name}.in"));
        assert!(is_export(&file) && is_export(&file[..256]), "{name}");
    }
    assert!(!is_export(br#"{"name":"x","version":1}"#));
    assert!(!is_export(br#"{"name":"x","Channel":"EventID"#));
    assert!(!is_export(b""));
}

#[test]
fn nested_names_cannot_multiply_a_line() {
    let key = "k".repeat(2_000);
    let leaves = (0..2_000).map(|at| format!("\"{at}\":1")).collect::<Vec<_>>().join(",");
    let line = format!(r#"{{"EventID":1,"Channel":"c","{key}":{{"{key}":{{{leaves}}}}}}}"#);
    let (seen, count) = Seen::of(line.as_bytes(), read);
    assert_eq!(count.events, 1);
    assert!(seen.text.len() < line.len() * 4);
}

/// Counts what a whole capture holds.
#[derive(Default)]
struct Capture {
    shifts: Vec<i64>,
    cmdlets: Vec<(u64, String)>,
    sysmon: u64,
}

impl Sink for Capture {
    fn row(&mut self, _: &Row<'_>) {}
    fn event(&mut self, event: &WindowsEvent<'_>) {
        assert!(event.time.is_some() && event.level.is_some());
        assert_eq!(event.computer, "MXS01.azsentinel.local");
        self.sysmon += u64::from(event.provider == "Microsoft-Windows-Sysmon");
        self.shifts.extend(event.clock_shift_secs);
        if let Some(cmdlet) = event.field("Cmdlet") {
            assert!(event.field("Parameters").is_some_and(|parameters| parameters.starts_with('-')));
            self.cmdlets.push((event.record, cmdlet.to_owned()));
        }
    }
    fn reject(&mut self, reject: Reject) {
        panic!("{reject:?}");
    }
}

#[test]
fn a_public_capture_reads_whole_and_shows_its_clock() {
    let Some(files) = evidence("otrf") else { return };
    let (_, packed) = files.iter().find(|(name, _)| name.ends_with(".jsonl.gz")).expect("the capture");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    let mut seen = Capture::default();
    let count = read(&Block::whole(&bytes), &mut seen);
    assert_eq!((count.events, count.total()), (10_487, 10_487));
    assert_eq!((seen.sysmon, seen.shifts.len()), (4_679, 4_679));
    assert!(seen.shifts.iter().all(|shift| *shift == -5 * 3_600));
    let named: Vec<_> = seen.cmdlets.iter().map(|(line, cmdlet)| (*line, cmdlet.as_str())).collect();
    let expected = [
        (10_485, "Set-OabVirtualDirectory"),
        (10_486, "Remove-OabVirtualDirectory"),
        (10_487, "New-OabVirtualDirectory"),
    ];
    assert_eq!(named, expected);
}
