//! Damage costs the damaged lines and no more: what follows is still read, and every lost line is counted with its place.

use crate::logs::{
    IIS_LOG, IIS_RULE, IisRow, PROXY_COLUMNS, PROXY_LOG, PROXY_RULE, ProxyRow, iis_header, proxy_directives,
    proxy_header,
};
use crate::program::{Assessed, assess, list, number, word};
use crate::trees::{Tree, line_count};

/// What the test expects of a damaged log.
struct Expected {
    /// Lines that cannot be read.
    rejected: u64,
    /// The line, from 1, and the offset of the first of them.
    first: Option<(u64, u64)>,
}

/// Line and offset of a place in a file.
fn place(content: &[u8], at: usize) -> (u64, u64) {
    let line = content[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    (line, at as u64)
}

/// The first place where `part` stands.
fn find(content: &[u8], part: &[u8]) -> usize {
    content.windows(part.len()).position(|window| window == part).expect("the log holds it")
}

/// Twenty ordinary records, damage, the attack, five ordinary records. The damage is a whole number of lines, or ends
/// in mid-line before the attack.
fn proxy_log(damage: &[u8], attack: &[u8]) -> Vec<u8> {
    let mut log = proxy_header(PROXY_COLUMNS).into_bytes();
    (0..20).for_each(|second| log.extend(format!("{}\r\n", ProxyRow::probe(second).line()).bytes()));
    log.extend_from_slice(damage);
    log.extend_from_slice(attack);
    log.extend_from_slice(b"\r\n");
    (40..45).for_each(|second| log.extend(format!("{}\r\n", ProxyRow::probe(second).line()).bytes()));
    log
}

fn iis_log(damage: &[u8], attack: &[u8]) -> Vec<u8> {
    let mut log = iis_header().into_bytes();
    (0..20).for_each(|second| log.extend(format!("{}\r\n", IisRow::probe(second).line()).bytes()));
    log.extend_from_slice(damage);
    log.extend_from_slice(attack);
    log.extend_from_slice(b"\r\n");
    (40..45).for_each(|second| log.extend(format!("{}\r\n", IisRow::probe(second).line()).bytes()));
    log
}

fn proxy_attack() -> Vec<u8> {
    ProxyRow::attack(30).line().into_bytes()
}

fn iis_attack() -> Vec<u8> {
    IisRow::attack(30).line().into_bytes()
}

/// Assesses one log and checks that the attack is found where it stands and that every line is accounted for.
fn check(what: &str, path: &str, content: &[u8], rule: &str, attack: &[u8], expected: &Expected) -> Assessed {
    let tree = Tree::empty();
    tree.put(path, content);
    let assessed = assess(tree.path());
    let found = assessed.findings_of(rule);
    assert_eq!(found.len(), 1, "{what}: {rule} {}", assessed.text("manifest.jsonl"));
    let record = &list(&found[0]["evidence"])[0];
    let there = (number(&record["record"]), number(&record["offset"]));
    assert_eq!(there, place(content, find(content, attack)), "{what}: where the attack stands");
    check_counts(what, &assessed, content, expected);
    assessed
}

fn check_counts(what: &str, assessed: &Assessed, content: &[u8], expected: &Expected) {
    let manifest = assessed.manifest();
    let line = &manifest[0];
    let sum: u64 = ["records", "rejected", "headers", "blanks"].iter().map(|key| number(&line[*key])).sum();
    assert_eq!(sum, number(&line["lines"]), "{what}");
    assert_eq!(sum, line_count(content), "{what}: physical lines");
    assert_eq!(number(&line["rejected"]), expected.rejected, "{what}: {line}");
    assert_eq!(assessed.json["totals"]["rejected"], expected.rejected, "{what}");
    let reasons = list(&line["reasons"]);
    assert_eq!(reasons.iter().map(|reason| number(&reason["count"])).sum::<u64>(), expected.rejected, "{what}");
    let firsts = reasons.iter().map(|reason| (number(&reason["first_record"]), number(&reason["first_offset"])));
    assert_eq!(firsts.min(), expected.first, "{what}: {line}");
    let gaps = list(&assessed.json["gaps"]);
    let said: Vec<&str> = gaps.iter().map(|gap| word(&gap["what"])).collect();
    match expected.first {
        None => assert!(said.is_empty(), "{what}: {said:?}"),
        Some((line, offset)) => {
            let place = format!("line {line}, byte {offset}");
            assert!(said.len() == 1 && said[0].contains(&place), "{what}: {said:?} do not name {place}");
            let page = assessed.text("report.html");
            assert!(page.contains(&place), "{what}: the report does not say what was lost");
        }
    }
}

/// Bytes without order, the same in every run, in lines of about a hundred.
fn garbage(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect();
    // A damaged block may look like anything but a directive or a record.
    for byte in bytes.iter_mut().filter(|byte| matches!(**byte, b'#' | b'0'..=b'9' | b'\r' | b'\n')) {
        *byte = b'~';
    }
    bytes.chunks_mut(100).for_each(|line| *line.last_mut().expect("a byte") = b'\n');
    bytes
}

/// Damage of which every line is lost.
fn lost_lines() -> Vec<(&'static str, Vec<u8>, u64)> {
    let row = ProxyRow::probe(25).line();
    let half = &row[..row.len() / 2];
    vec![
        ("a record cut off by a restart", format!("{half}\r\n{}", proxy_directives(PROXY_COLUMNS)).into_bytes(), 1),
        ("a line of NUL bytes", [&[0; 4096][..], b"\r\n"].concat(), 1),
        ("binary garbage", garbage(5_000), 50),
        ("a line without end", [&vec![b'x'; 3 << 20][..], b"\r\n"].concat(), 1),
        ("a record of three megabytes", format!("{row}{}\r\n", "y".repeat(3 << 20)).into_bytes(), 1),
        ("records with too few cells", format!("{half}\r\n{half}\r\n{half}\r\n").into_bytes(), 3),
        ("a record without time", format!("{}\r\n", row.replace("2021-03-03T04", "2021-99-99T04")).into_bytes(), 1),
    ]
}

#[test]
fn lost_lines_cost_only_themselves() {
    let attack = proxy_attack();
    for (what, damage, rejected) in lost_lines() {
        let content = proxy_log(&damage, &attack);
        let first = place(&content, find(&content, &damage[..damage.len().min(200)]));
        check(what, PROXY_LOG, &content, PROXY_RULE, &attack, &Expected { rejected, first: Some(first) });
    }
}

#[test]
fn damage_that_costs_nothing() {
    let attack = proxy_attack();
    let directives = proxy_directives(PROXY_COLUMNS);
    let header = proxy_header(PROXY_COLUMNS);
    for (what, damage) in [
        ("blank lines", b"\r\n\n\r\n".to_vec()),
        ("a restart", directives.into_bytes()),
        ("two files joined by hand", [&b"\xEF\xBB\xBF"[..], header.as_bytes()].concat()),
        ("NUL bytes in front of the record", vec![0; 4096]),
        (
            "a name in Windows-1252",
            ProxyRow::probe(25)
                .line()
                .replace("Health", "Caf\u{e9}")
                .chars()
                .map(|c| c as u8)
                .chain(*b"\r\n")
                .collect(),
        ),
    ] {
        let content = proxy_log(&damage, &attack);
        check(what, PROXY_LOG, &content, PROXY_RULE, &attack, &Expected { rejected: 0, first: None });
    }
}

#[test]
fn an_open_quote_does_not_swallow_what_follows() {
    let attack = proxy_attack();
    let row = ProxyRow { agent: "\"never closed", ..ProxyRow::probe(25) };
    let content = proxy_log(format!("{}\r\n", row.line()).as_bytes(), &attack);
    // The record itself still has its cells.
    check("an open quote", PROXY_LOG, &content, PROXY_RULE, &attack, &Expected { rejected: 0, first: None });
    let broken = ProxyRow { agent: "\"never, closed", ..ProxyRow::probe(25) }.line();
    let content = proxy_log(format!("{broken}\r\n").as_bytes(), &attack);
    let first = place(&content, find(&content, broken.as_bytes()));
    let expected = Expected { rejected: 1, first: Some(first) };
    check("an open quote and a comma", PROXY_LOG, &content, PROXY_RULE, &attack, &expected);
}

#[test]
fn a_truncated_file_loses_its_last_record() {
    let attack = proxy_attack();
    let mut content = proxy_log(b"", &attack);
    content.truncate(content.len() - 120);
    let start = content.iter().rposition(|byte| *byte == b'\n').expect("a line") + 1;
    let expected = Expected { rejected: 1, first: Some(place(&content, start)) };
    check("a truncated file", PROXY_LOG, &content, PROXY_RULE, &attack, &expected);
}

#[test]
fn a_missing_final_newline_loses_nothing() {
    let (attack, none) = (proxy_attack(), Expected { rejected: 0, first: None });
    let mut content = proxy_header(PROXY_COLUMNS).into_bytes();
    content.extend_from_slice(&attack);
    check("proxy", PROXY_LOG, &content, PROXY_RULE, &attack, &none);
    let mut content = iis_header().into_bytes();
    content.extend(iis_attack());
    check("IIS", IIS_LOG, &content, IIS_RULE, &iis_attack(), &none);
}

#[test]
fn line_feeds_alone_end_lines() {
    let (attack, none) = (proxy_attack(), Expected { rejected: 0, first: None });
    let content: Vec<u8> = proxy_log(b"", &attack).into_iter().filter(|byte| *byte != b'\r').collect();
    check("line feeds", PROXY_LOG, &content, PROXY_RULE, &attack, &none);
}

#[test]
fn columns_may_change_inside_a_file() {
    let columns = "DateTime,RequestId,ServerHostName,HttpStatus,ClientIpAddress,Protocol,UrlStem,AnchorMailbox,Method";
    let anchor = ProxyRow::attack(0).anchor;
    let attack = format!(
        "2021-03-03T04:00:30.000Z,7c7fd0a3-6f0b-4d3c-9d70-000000000030,EXC01,200,203.0.113.7,Ecp,/ecp/y.js,{anchor},POST"
    );
    let mut content = proxy_log(b"", ProxyRow::probe(29).line().as_bytes());
    content.extend(proxy_directives(columns).bytes());
    content.extend(format!("{attack}\r\n").bytes());
    let none = Expected { rejected: 0, first: None };
    let assessed = check("columns", PROXY_LOG, &content, PROXY_RULE, attack.as_bytes(), &none);
    let finding = assessed.findings_of(PROXY_RULE)[0];
    assert_eq!((&finding["client"], &finding["server"]), (&"203.0.113.7".into(), &"EXC01".into()));
}

#[test]
fn utf16_is_read() {
    let text = String::from_utf8(proxy_log(b"", &proxy_attack())).expect("UTF-8");
    let units: Vec<u16> = format!("\u{feff}{text}").encode_utf16().collect();
    let little = units.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>();
    let big = units.iter().flat_map(|unit| unit.to_be_bytes()).collect::<Vec<u8>>();
    for (what, content) in [("little end", little), ("big end", big)] {
        let tree = Tree::empty();
        tree.put(PROXY_LOG, &content);
        let assessed = assess(tree.path());
        let found = assessed.findings_of(PROXY_RULE);
        assert_eq!(found.len(), 1, "{what}");
        let record = &list(&found[0]["evidence"])[0];
        let line = text.lines().position(|line| line.contains("ServerInfo~")).expect("the attack") as u64 + 1;
        assert_eq!(number(&record["record"]), line, "{what}");
        assert_eq!(word(&record["text"]).as_bytes(), proxy_attack(), "{what}");
        let manifest = assessed.manifest();
        assert_eq!(number(&manifest[0]["lines"]), line_count(text.as_bytes()), "{what}");
        assert_eq!(number(&manifest[0]["size"]), content.len() as u64, "{what}");
    }
}

#[test]
fn a_record_that_is_not_utf8_is_kept_byte_by_byte() {
    let mut attack = ProxyRow { agent: "Mozilla/Caf~", ..ProxyRow::attack(30) }.line().into_bytes();
    let at = find(&attack, b"Caf~") + 3;
    attack[at] = 0xE9;
    let content = proxy_log(b"", &attack);
    let none = Expected { rejected: 0, first: None };
    let assessed = check("Windows-1252", PROXY_LOG, &content, PROXY_RULE, &attack, &none);
    let record = &list(&assessed.findings_of(PROXY_RULE)[0]["evidence"])[0];
    assert_eq!(record["encoding"], "latin-1");
    let bytes: Vec<u8> = word(&record["text"]).chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect();
    assert_eq!(bytes, attack);
}

#[test]
fn damaged_iis_logs() {
    let attack = iis_attack();
    let row = IisRow::probe(25).line();
    let half = &row[..row.len() / 2];
    for (what, damage, rejected) in [
        ("a record cut off by a restart", format!("{half}\r\n{}", iis_header()).into_bytes(), 1),
        ("a line of NUL bytes", [&[0; 65_536][..], b"\r\n"].concat(), 1),
        ("NUL bytes in front of the record", vec![0; 65_536], 0),
        ("binary garbage", garbage(5_000), 50),
        ("another restart", iis_header().into_bytes(), 0),
    ] {
        let content = iis_log(&damage, &attack);
        let first = place(&content, find(&content, &damage[..damage.len().min(200)]));
        let expected = Expected { rejected, first: (rejected > 0).then_some(first) };
        check(what, IIS_LOG, &content, IIS_RULE, &attack, &expected);
    }
}

#[test]
fn columns_of_iis_may_change_inside_a_file() {
    let attack = "2021-03-03 04:00:30 203.0.113.7 241 POST /ecp/y.js python-requests/2.25.1";
    let mut content = iis_log(b"", IisRow::probe(29).line().as_bytes());
    content.extend(b"#Fields: date time c-ip sc-status cs-method cs-uri-stem cs(User-Agent)\r\n");
    content.extend(format!("{attack}\r\n").bytes());
    let none = Expected { rejected: 0, first: None };
    check("columns", IIS_LOG, &content, IIS_RULE, attack.as_bytes(), &none);
}

#[test]
fn a_log_without_columns_is_no_all_clear() {
    let tree = Tree::empty();
    // The header is gone and the records are not of the usual form.
    tree.put(IIS_LOG, "2021-03-03 04:00:30 203.0.113.7 241 POST /ecp/y.js python-requests/2.25.1 - - -\r\n");
    let assessed = assess(tree.path());
    assert_eq!((assessed.verdict(), assessed.outcome.status), ("cannot-tell", 4));
    assert_eq!(assessed.json["totals"]["rejected"], 1);
    assert_eq!(list(&assessed.json["gaps"]).len(), 1);
}

#[test]
fn damaged_windows_events() {
    let attack = r#"{"SourceName":"MSExchange CmdletLogs","Level":"4","Channel":"MSExchange Management","Hostname":"EXC01.contoso.example","TimeCreated":"2021-03-03T04:41:19.250Z","@timestamp":"2021-03-03T04:41:19.250Z","EventID":1,"Message":"Cmdlet suceeded. Cmdlet Set-OabVirtualDirectory, parameters -ExternalUrl \"http://f/<script language=\"JScript\" runat=\"server\">/* inert */</script>\" -Identity \"OAB (Default Web Site)\"."}"#;
    let quiet = attack.replace("Set-OabVirtualDirectory", "Get-Mailbox").replace("script", "x");
    for (what, damage, rejected) in [
        ("half an object", quiet.as_bytes()[..quiet.len() / 2].to_vec(), 1),
        ("NUL bytes", vec![0; 1_000], 1),
        ("no object", b"Event log was cleared".to_vec(), 1),
        ("deep brackets", vec![b'['; 100_000], 1),
    ] {
        let content =
            [quiet.as_bytes(), b"\n", &damage, b"\n", attack.as_bytes(), b"\n", quiet.as_bytes(), b"\n"].concat();
        let expected = Expected { rejected, first: Some(place(&content, quiet.len() + 1)) };
        check(what, "EXC01/events.jsonl", &content, "proxylogon/cmdlet-payload", attack.as_bytes(), &expected);
    }
}

/// A copy that broke off: what comes before the break is read and judged, the file says that it is not whole, and no
/// hash of a part passes for that of the file.
#[test]
fn a_gzip_file_that_breaks_off_is_read_up_to_there() {
    let mut log = proxy_log(b"", &proxy_attack());
    (0..4_000).for_each(|second| log.extend(format!("{}\r\n", ProxyRow::probe(second % 60).line()).bytes()));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &log).expect("in memory");
    let packed = packed.finish().expect("in memory");
    let tree = Tree::empty();
    tree.put(&format!("{PROXY_LOG}.gz"), &packed[..packed.len() / 2]);
    let assessed = assess(tree.path());
    assert_eq!(assessed.findings_of(PROXY_RULE).len(), 1);
    let manifest = assessed.manifest();
    let inside = manifest.iter().find(|line| word(&line["path"]).contains('!')).expect("what is inside has its line");
    assert!(inside["outcome"]["unreadable"].is_string() && inside["sha256"].is_null(), "{inside}");
    assert!(number(&inside["records"]) > 100, "{inside}");
    let gaps = list(&assessed.json["gaps"]);
    assert!(gaps.iter().any(|gap| word(&gap["what"]).contains("could not be read to its end")), "{gaps:?}");
}
