//! Cases from real logs and from what attackers and crashes do to them.

use expect_test::{Expect, expect};
use model::{Reject, RejectReason, Row, Sink, WindowsEvent};

use super::{Header, read};
use crate::block::{Block, Lines};

#[derive(Default)]
struct Seen {
    rows: Vec<String>,
    rejects: Vec<Reject>,
}

impl Sink for Seen {
    fn row(&mut self, row: &Row<'_>) {
        let cells: Vec<String> = (0..row.schema.names.len())
            .filter(|column| !row.raw(*column).is_empty() && row.raw(*column) != b"-")
            .map(|column| format!("{}={}", row.schema.names[column], String::from_utf8_lossy(&row.text(column))))
            .collect();
        let time = row.time.map_or("-".into(), |time| time.to_string());
        self.rows.push(format!("{} {:?} {time} {}", row.number, row.schema.family, cells.join(" | ")));
    }
    fn event(&mut self, _: &WindowsEvent<'_>) {}
    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

fn run(bytes: &[u8]) -> (Seen, Lines) {
    let mut seen = Seen::default();
    let count = read(&Block::whole(bytes), &mut Header::default(), &mut seen);
    (seen, count)
}

fn check(input: &[u8], expected: &Expect) {
    let (seen, count) = run(input);
    assert_eq!(count.rejected, seen.rejects.len() as u64);
    let mut text = seen.rows.join("\n");
    for reject in seen.rejects {
        text += &format!("\nreject {}@{} {:?}", reject.record, reject.offset, reject.reason);
    }
    text += &format!("\n{} events, {} headers, {} blanks\n", count.events, count.headers, count.blanks);
    expected.assert_eq(&text);
}

const IIS: &str = "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2021-03-03 00:00:01\r\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\r\n";

#[test]
fn blank_inside_the_query_and_empty_value_as_two_blanks() {
    let lines = "2021-03-03 00:00:02 10.0.0.1 POST /rpc x=1 Mbx:a b 443 - 192.0.2.1 UA - 200 0 0 12\r\n\
                 2021-03-03 00:00:03 ::1 POST /powershell q 444  dom\\user ::1 UA - 200 0 0 15\r\n";
    check(
        format!("{IIS}{lines}").as_bytes(),
        &expect![[r#"
            5 Iis 2021-03-03T00:00:02Z date=2021-03-03 | time=00:00:02 | s-ip=10.0.0.1 | cs-method=POST | cs-uri-stem=/rpc | cs-uri-query=x=1 Mbx:a b | s-port=443 | c-ip=192.0.2.1 | cs(User-Agent)=UA | sc-status=200 | sc-substatus=0 | sc-win32-status=0 | time-taken=12
            6 Iis 2021-03-03T00:00:03Z date=2021-03-03 | time=00:00:03 | s-ip=::1 | cs-method=POST | cs-uri-stem=/powershell | cs-uri-query=q | s-port=444 | cs-username=dom\user | c-ip=::1 | cs(User-Agent)=UA | sc-status=200 | sc-substatus=0 | sc-win32-status=0 | time-taken=15
            2 events, 4 headers, 0 blanks
        "#]],
    );
}

#[test]
fn bad_lines_hide_nothing_behind_them() {
    let mut bytes = IIS.as_bytes().to_vec();
    for _ in 0..100 {
        bytes.extend_from_slice(b"garbage \xff\xfe line\r\n");
    }
    bytes.extend_from_slice(b"\0\0\0\0\r\n#stable sqlmap\r\n#Fields: nothing known here\r\n");
    bytes.extend_from_slice(b"\0\0\0\x002021-03-03 00:00:02 10.0.0.1 GET /caf\xe9 - 443 - 192.0.2.1 UA - 200 0 0 12");
    let (seen, count) = run(&bytes);
    assert_eq!((count.events, count.rejected, count.headers), (1, 102, 5));
    assert_eq!(count.total(), 108);
    assert!(seen.rows[0].starts_with("108 Iis 2021-03-03T00:00:02Z"));
}

#[test]
fn columns_change_inside_a_file() {
    let more = "#Fields: time c-ip cs-method cs-uri-stem sc-status\r\n00:10:00 192.0.2.7 GET /a 200\r\n";
    check(
        format!("{IIS}{more}").as_bytes(),
        &expect![[r#"
            6 Iis 2021-03-03T00:10:00Z time=00:10:00 | c-ip=192.0.2.7 | cs-method=GET | cs-uri-stem=/a | sc-status=200
            1 events, 5 headers, 0 blanks
        "#]],
    );
}

#[test]
fn header_row_block_quotes_and_doubled_quotes() {
    let log = "DateTime,RequestId,UrlStem,AnchorMailbox,BackEndStatus\r\n#Software: Microsoft Exchange Server\r\n\
               #Version: 15.01.2106.002\r\n#Log-type: HttpProxy Logs\r\n#Date: 2021-03-03T00:00:00.000Z\r\n\
               #Fields: DateTime,RequestId,UrlStem,AnchorMailbox,BackEndStatus\r\n\
               2021-03-03T04:23:22.370Z,1,/ecp/y.js,\"a,\"\"b\"\"\",200\r\n\
               2021-03-03T04:23:23.000Z,2,/ecp/y.js,un\"quoted,200\r\n\
               ,3,,,\r\n\
               2021-03-03T04:23:24.000Z,4,\"never closed,x,200\r\n\
               2021-03-03T04:2";
    check(
        log.as_bytes(),
        &expect![[r#"
            7 HttpProxy 2021-03-03T04:23:22.370Z DateTime=2021-03-03T04:23:22.370Z | RequestId=1 | UrlStem=/ecp/y.js | AnchorMailbox=a,"b" | BackEndStatus=200
            8 HttpProxy 2021-03-03T04:23:23Z DateTime=2021-03-03T04:23:23.000Z | RequestId=2 | UrlStem=/ecp/y.js | AnchorMailbox=un"quoted | BackEndStatus=200
            9 HttpProxy - RequestId=3
            10 HttpProxy 2021-03-03T04:23:24Z DateTime=2021-03-03T04:23:24.000Z | RequestId=4 | UrlStem="never closed | AnchorMailbox=x | BackEndStatus=200
            reject 11@404 Truncated
            4 events, 6 headers, 0 blanks
        "#]],
    );
}

#[test]
fn repeated_or_empty_names_are_told_by_the_number_of_cells() {
    let log = "#Log-type: HttpProxy Logs\n#Fields: DateTime,UrlStem,,BackEndStatus,UrlStem,BackEndStatus\n2021-03-03T04:23:22Z,/a,200\n2021-03-03T04:23:22Z,/a,,200,/a,200\n";
    let (seen, count) = run(log.as_bytes());
    assert_eq!(count.events, 2);
    assert!(seen.rows[0].ends_with("UrlStem=/a | BackEndStatus=200"));
}

#[test]
fn records_before_any_columns_are_rejects() {
    let (seen, count) = run(b"2021-03-03 00:00:02 10.0.0.1 GET / - 443\n\n");
    assert_eq!((count.rejected, count.blanks), (1, 1));
    assert_eq!(seen.rejects[0].reason, RejectReason::NoColumns);
}

/// Everything that the invariants promise, over nasty files cut at every line end.
#[test]
fn a_file_cut_anywhere_reads_the_same() {
    let httpproxy = "DateTime,RequestId,UrlStem,AnchorMailbox,BackEndStatus\r\n#Log-type: HttpProxy Logs\r\n\
        2021-03-03T04:23:22.370Z,1,/ecp/y.js,a,200\r\n#Version: 2\r\n#Fields: DateTime,UrlStem,BackEndStatus\r\n\
        2021-03-03T04:23:22.370Z,/b,200\r\nDateTime,RequestId,UrlStem,AnchorMailbox,BackEndStatus\r\n\
        2021-03-03T04:23:22.370Z,1,/ecp/y.js,a,200\r\n";
    let rows = "TimeStamp,Cmdlet,ProcessName\r\n2021-03-03T04:23:22Z,a,b\r\ntimestamp,x\r\n2021-03-03T04:23:23Z,c\r\n\
        \"date-time\",event-id\r\n2021-03-03T04:23:24Z,d\r\ndateTime,one,two,three\r\n2021-03-03T04:23:25Z,1,2,3\r\n\
        2021-03-03T04:23:26Z,e,f\r\n\0\0\u{feff}Date,y,z\r\n2021-03-03,g,h\r\nTime passes\r\n";
    for file in [
        format!(
            "{IIS}2021-03-03 00:00:02 10.0.0.1 GET / - 443 - 192.0.2.1 UA - 200 0 0 12\r\n#Fields: date c-ip cs-uri-stem\r\n\0\0#Date: 2020-01-01\r\n2021-03-03 1.2.3.4 /x\r\nbad\r\n"
        ),
        httpproxy.to_owned(),
        rows.to_owned(),
        behind_a_forged_header(IIS, IIS_RECORD),
        behind_a_forged_header(HTTPPROXY, HTTPPROXY_RECORD),
    ] {
        reads_the_same_cut_anywhere(file.as_bytes());
    }
    let (seen, count) = run(rows.as_bytes());
    assert_eq!((count.events, count.headers, count.rejected), (6, 5, 1), "{:?}", seen.rows);
    assert!(seen.rows[2].ends_with("date-time=2021-03-03T04:23:24Z | event-id=d"), "{:?}", seen.rows);
}

fn reads_the_same_cut_anywhere(bytes: &[u8]) {
    let (whole, whole_count) = run(bytes);
    for cut in (0..bytes.len()).filter(|at| *at == 0 || bytes[at - 1] == b'\n') {
        let (front, back) = bytes.split_at(cut);
        let (mut seen, mut header) = (Seen::default(), Header::default());
        let mut count = read(&Block::whole(front), &mut header, &mut seen);
        let mut ahead = Header::default();
        ahead.advance(front);
        assert_eq!(ahead, header, "the header after byte {cut}");
        let second = Block { bytes: back, offset: cut as u64, first_line: 1 + count.total() };
        count += read(&second, &mut ahead, &mut seen);
        assert_eq!((seen.rows, seen.rejects, count), (whole.rows.clone(), whole.rejects.clone(), whole_count));
    }
}

const IIS_RECORD: &str = "2021-03-03 00:00:02 10.0.0.1 GET /owa/ a=1 b 443 - 192.0.2.1 UA - 200 0 0 12";
const HTTPPROXY: &str =
    "#Log-type: HttpProxy Logs\r\n#Fields: DateTime,RequestId,UrlStem,AnchorMailbox,BackEndStatus\r\n";
const HTTPPROXY_RECORD: &str = "2021-03-03T04:23:22.370Z,1,/ecp/y.js,a,200";

/// Header and record, then every forged header with the record behind it.
fn behind_a_forged_header(header: &str, record: &str) -> String {
    let forged = ["date x", "date cs-uri-query", "DateTime,x", "date,c-ip,x,time,y,z", "date x", "c-ip"];
    let behind: String = forged.iter().map(|names| format!("#Fields: {names}\r\n{record}\r\n")).collect();
    format!("{header}{record}\r\n{behind}")
}

#[test]
fn records_behind_a_forged_header_are_what_they_were() {
    for (header, record) in [(IIS, IIS_RECORD), (HTTPPROXY, HTTPPROXY_RECORD)] {
        let file = behind_a_forged_header(header, record);
        let (seen, count) = run(file.as_bytes());
        let told = |row: &String| row.split_once(' ').map(|(_, row)| row.to_owned());
        assert!(seen.rows.iter().all(|row| told(row) == told(&seen.rows[0])), "{:#?}", seen.rows);
        assert_eq!((count.events, count.rejected), (7, 0));
    }
}

#[test]
fn what_fits_no_columns_stays_a_reject() {
    let file = format!(
        "{IIS}{IIS_RECORD}\r\n#Fields: date x\r\n2021-03-03 00:00:02 a b c d e f g h i j k l m\r\n2021-03-03 cut\r\n2021-03-03 00:00:02 10.0.0.1"
    );
    let (seen, count) = run(file.as_bytes());
    let reasons: Vec<_> = seen.rejects.iter().map(|reject| reject.reason.clone()).collect();
    assert_eq!(reasons, [RejectReason::FieldCount { expected: 2, found: 15 }, RejectReason::Truncated]);
    assert_eq!(count.events, 2);
}

#[test]
fn a_repeated_header_binds_nothing_anew() {
    let mut header = Header::default();
    header.advance(IIS.as_bytes());
    let schema = std::sync::Arc::clone(header.schema().unwrap());
    header.advance(format!("{IIS}#Fields:  {}\r\n", IIS.split_once("#Fields: ").unwrap().1.trim()).as_bytes());
    assert!(std::sync::Arc::ptr_eq(&schema, header.schema().unwrap()));
    header.advance(IIS.replace("#Version: 1.0", "#Version: 2.0").as_bytes());
    assert_eq!(header.schema().unwrap().version.as_deref(), Some("2.0"));
    assert!(header.earlier.is_empty());
}

#[test]
fn empty_cells_stand_where_they_are_written() {
    let log = "#Fields: DateTime,a,b,c,d\n,,,,\n2021-03-03T04:23:22Z,,x,,\n,,\"\",\"y\",\n,,,\n";
    check(
        log.as_bytes(),
        &expect![[r#"
            2 OtherExchange - 
            3 OtherExchange 2021-03-03T04:23:22Z DateTime=2021-03-03T04:23:22Z | b=x
            4 OtherExchange - c=y
            reject 5@67 FieldCount { expected: 5, found: 4 }
            3 events, 1 headers, 0 blanks
        "#]],
    );
}

#[test]
fn a_log_without_its_beginning() {
    let line = b"2016-08-16 19:46:59 10.207.7.100 POST /Microsoft-Server-ActiveSync/default.eas Cmd=Search 443 user 10.207.7.213 Python - 200 0 0 390\r\n";
    let mut seen = Seen::default();
    let count = read(&Block::whole(line), &mut Header::for_file("u_ex160816.log", line), &mut seen);
    assert_eq!(count.events, 1);
    let other =
        b"2016-08-16 19:46:59 some other log with just as many words as there are columns in the default set\r\n";
    let count = read(&Block::whole(other), &mut Header::for_file("x.log", other), &mut seen);
    assert_eq!(count.rejected, 1);
}

#[test]
fn a_log_without_a_date_column_has_the_day_of_its_name() {
    let log = b"#Fields: time c-ip cs-method cs-uri-stem sc-status\n00:10:00 192.0.2.7 GET /a 200\n";
    let mut seen = Seen::default();
    read(&Block::whole(log), &mut Header::for_file(r"c:\x\ex130730.log", log), &mut seen);
    assert!(seen.rows[0].contains("2013-07-30T00:10:00Z"));
}

/// Lines of all kinds, joined without sense: records, headers, and what attackers and crashes make of them.
fn log_of_pieces(seed: u32, spaces: bool) -> Vec<u8> {
    const OF_SPACES: [&[u8]; 12] = [
        b"2021-03-03 00:00:02 /a x=1 192.0.2.1 200\r\n",
        b"2021-03-03 00:00:02 /a x=1 192.0.2.1 200\n",
        b"2021-03-03 00:00:02 /a x=1 y=2 192.0.2.1 200\r\n",
        b"2021-03-03 00:00:02 /a  192.0.2.1 200\n",
        b"2021-03-03 00:00:02 /a x=1 192.0.2.1 200 \n",
        b"2021-03-03 00:00 /a x=1 192.0.2.1 200\n",
        b"#Fields: date time cs-uri-stem cs-uri-query c-ip sc-status\r\n",
        b"#Fields: date time c-ip sc-status\n",
        b"2021-03-03 00:00:02 192.0.2.1 200\n",
        b"#Fields: nothing known\n",
        b"\xEF\xBB\xBF2021-03-03 00:00:02 /a x=\"1 192.0.2.1 200\n",
        b"2021-03-03 00:00:02 /a x=1 192.0.2.1 ",
    ];
    const OF_COMMAS: [&[u8]; 12] = [
        b"2021-03-03T04:23:22.370Z,1,/ecp/y.js,200\r\n",
        b"2021-03-03T04:23:22.370Z,1,/ecp/y.js,200\n",
        b"2021-03-03T04:23:22.370Z,1,\"/ecp/y,js\",200\n",
        b"2021-03-03T04:23:22.370Z,\"1,/ecp/y.js,200\n",
        b"2021-03-03T04:23:22.370Z,,,\r\n",
        b",1,/ecp/y.js,200\n",
        b"2021-03-03T04:23:22.370Z,1,/ecp/y.js,200,new,newer\n",
        b"2021-03-03T04:23:22.370Z,1\n",
        b"DateTime,RequestId,UrlStem,HttpStatus\r\n",
        b"#Fields: DateTime,RequestId,,UrlStem,HttpStatus\n",
        b"#Log-type: HttpProxy Logs\n",
        b"2021-03-03T04:23:22.370Z,1,,/ecp/y.js,2\"00\n",
    ];
    const OF_BOTH: [&[u8]; 6] = [b"\n", b"\r\n", b"\0\0\0", b"\0\0\n", b"\r", b"2021-03-03"];
    let mut state = seed;
    let mut any = |length: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % length
    };
    let pieces = if spaces { OF_SPACES } else { OF_COMMAS };
    let mut log = if spaces { pieces[6].to_vec() } else { pieces[8].to_vec() };
    for _ in 0..40 {
        // Records in their right form come in runs.
        let piece = if any(5) == 0 { OF_BOTH[any(6)] } else { pieces[any(12)] };
        (0..=any(3)).for_each(|_| log.extend_from_slice(piece));
        if any(12) == 0 {
            let at = any(log.len());
            log[at] = b" ,\"\r\n\0#x\xff"[any(9)];
        }
    }
    log
}

#[test]
fn the_swift_way_and_the_plain_one_read_the_same() {
    for seed in 0..3_000 {
        let log = log_of_pieces(seed, seed % 2 == 0);
        let (mut swift, mut plain) = (Seen::default(), Seen::default());
        let (mut ahead, mut header) = (Header::default(), Header::default());
        let count = read(&Block::whole(&log), &mut ahead, &mut swift);
        let expected = super::read_plainly(&Block::whole(&log), &mut header, &mut plain);
        let shown = String::from_utf8_lossy(&log);
        assert_eq!((count, &swift.rows), (expected, &plain.rows), "{seed}: {shown}");
        assert_eq!((swift.rejects, ahead), (plain.rejects, header), "{seed}: {shown}");
    }
}
