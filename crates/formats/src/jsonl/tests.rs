//! All shapes, odd lines, cuts, damage, and a public capture.

use std::io::Read as _;

use model::{Reject, Row, Sink, WindowsEvent};

use super::{is_export, read};
use crate::block::Block;
use crate::testing::{Seen, check_golden, each_cut_reads_the_same, evidence, fixture, flips_are_survived};

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

#[test]
fn tells_events_from_other_json() {
    assert!(is_export(b"[\n  {\"EventID\":1,\"Channel\":\"System\"},"));
    assert!(is_export(br#"{"Channel":"System","Hostname":"h","EventID":1,"Message":"cut he"#));
    for name in ["winlogbeat", "flat", "system"] {
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
