//! Tables are written by `demo`, which shares no code with the reader, and then damaged.

use demo::file_table::{Entry, FileTable};
use model::listing::TableRecord;
use model::{Reject, RejectReason, Row, Sink, WindowsEvent};

use super::{read, record_bytes};
use crate::block::{Block, Lines};

const HOUR: i64 = 3_600_000;
/// 2021-03-03T05:00:00Z
const WRITTEN: i64 = 1_614_747_600_000;

#[derive(Default, Debug, PartialEq)]
struct Rejects(Vec<Reject>);

impl Sink for Rejects {
    fn row(&mut self, _: &Row<'_>) {}
    fn event(&mut self, _: &WindowsEvent<'_>) {}
    fn reject(&mut self, reject: Reject) {
        self.0.push(reject);
    }
}

fn is_page(name: &str) -> bool {
    name.ends_with(".aspx")
}

fn read_at(bytes: &[u8], offset: u64) -> (Vec<TableRecord>, Lines, Vec<Reject>) {
    let (mut found, mut rejects) = (Vec::new(), Rejects::default());
    let block = Block { bytes, offset, first_line: 0 };
    let lines = read(&block, record_bytes(bytes), &is_page, &mut |record| found.push(record), &mut rejects);
    assert_eq!(lines.rejected, rejects.0.len() as u64, "every reject is handed on");
    assert_eq!(lines.total(), bytes.len().div_ceil(1_024) as u64, "every record is counted");
    (found, lines, rejects.0)
}

fn table() -> FileTable {
    let mut table = FileTable::new();
    let parent = table.folder(r"inetpub\wwwroot\aspnet_client", WRITTEN - 9_000 * HOUR);
    let page = Entry {
        parent,
        name: "Supp0rt.aspx".to_owned(),
        short_name: Some("SUPP0R~1.ASP".to_owned()),
        deleted: true,
        created: WRITTEN - 7_000 * HOUR,
        named: Some(WRITTEN),
        content: b"<%-- inert --%>".to_vec(),
        ..Entry::default()
    };
    table.add(page);
    let stream = ("y.aspx".to_owned(), b"<%-- beside --%>".to_vec());
    let text =
        Entry { parent, name: "page.txt".to_owned(), stream: Some(stream), created: WRITTEN, ..Entry::default() };
    table.add(text);
    table.add(Entry { parent, name: "x.png".to_owned(), created: WRITTEN, ..Entry::default() });
    let large =
        Entry { parent, name: "z.aspx".to_owned(), created: WRITTEN, content: vec![b'x'; 5_000], ..Entry::default() };
    table.add(large);
    table
}

#[test]
fn a_deleted_page_is_read_with_times_and_content() {
    let bytes = table().bytes();
    let (found, lines, rejects) = read_at(&bytes, 0);
    assert_eq!(rejects, []);
    assert_eq!((lines.events, lines.headers, lines.rejected), (10, 0, 0));
    let page = found.iter().find(|one| one.content.as_deref() == Some(b"<%-- inert --%>")).unwrap();
    assert!(!page.in_use && !page.is_folder && page.base.is_none());
    assert_eq!(page.size, Some(15));
    assert_eq!(page.names.len(), 1, "the short name of a file that has a long one says nothing");
    let name = &page.names[0];
    assert_eq!(&*name.name, "Supp0rt.aspx");
    assert_eq!(name.created.unwrap().to_string(), "2021-03-03T05:00:00Z");
    assert_eq!(page.times[0].unwrap().to_string(), "2020-05-15T13:00:00Z");
    let folder = found.iter().find(|one| one.number == name.parent).unwrap();
    assert!(folder.is_folder && &*folder.names[0].name == "aspnet_client");
    let stream = found.iter().find(|one| !one.streams.is_empty()).unwrap();
    assert_eq!((&*stream.streams[0].name, stream.streams[0].size), ("y.aspx", 16));
    let large = found.iter().find(|one| one.size == Some(5_000)).unwrap();
    assert_eq!(large.content, None);
    assert!(found.iter().all(|one| one.names.iter().all(|name| &*name.name != "x.png")));
}

/// A table cut between any two records reads as in one piece.
#[test]
fn in_pieces_a_table_reads_as_whole() {
    let bytes = table().bytes();
    let whole = read_at(&bytes, 0);
    for cut in (1_024..bytes.len()).step_by(1_024) {
        let (mut found, mut lines, mut rejects) = read_at(&bytes[..cut], 0);
        let (more, added, refused) = read_at(&bytes[cut..], cut as u64);
        found.extend(more);
        rejects.extend(refused);
        lines += added;
        assert_eq!((found, lines, rejects), whole, "cut at {cut}");
    }
}

#[test]
fn a_damaged_record_is_one_reject() {
    let whole = table().bytes();
    let at = whole.len() - 1_024;
    let check = |change: &dyn Fn(&mut [u8]), reason: RejectReason| {
        let mut bytes = whole.clone();
        change(&mut bytes[at..]);
        let (_, lines, rejects) = read_at(&bytes, 0);
        assert_eq!(lines.rejected, 1);
        assert_eq!(rejects, [Reject { record: at as u64 / 1_024, offset: at as u64, reason }]);
    };
    check(
        &|record| record[..4].copy_from_slice(b"BAAD"),
        RejectReason::Damaged("a record that the file system itself marked as bad"),
    );
    check(&|record| record[..4].copy_from_slice(b"\x7fELF"), RejectReason::Damaged("no record of a file table"));
    check(&|record| record[510] ^= 1, RejectReason::Damaged("a record that was not written whole"));
    check(&|record| record[6] = 200, RejectReason::Damaged("the checks of a record of the file table"));
    let attributes = || RejectReason::Damaged("the attributes of a record of the file table");
    check(&|record| record[0x3C..0x40].fill(0), attributes());
    check(&|record| record[0x3C..0x40].fill(0xF0), attributes());
    check(&|record| record[0x48..0x4C].fill(0xFF), attributes());
    let (_, lines, rejects) = read_at(&whole[..whole.len() - 24], 0);
    assert_eq!((lines.rejected, &rejects[0].reason), (1, &RejectReason::Truncated));
}

/// Whatever single byte is changed, the reader comes back and counts every record.
#[test]
fn any_changed_byte_is_survived() {
    let bytes = table().bytes();
    for at in (bytes.len() - 5 * 1_024..bytes.len()).step_by(11) {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = read_at(&changed, 0);
        }
    }
}

/// As in a table that was copied while the system wrote.
#[test]
fn a_record_that_was_not_written_whole_still_tells() {
    let mut bytes = table().bytes();
    let page = bytes.windows(15).position(|window| window == b"<%-- inert --%>").unwrap() / 1_024 * 1_024;
    bytes[page + 1_022] ^= 1;
    let (found, _, rejects) = read_at(&bytes, 0);
    assert_eq!(rejects.len(), 1);
    assert!(found.iter().any(|one| one.content.as_deref() == Some(b"<%-- inert --%>")));
}

#[test]
fn what_was_read_before_the_damage_is_kept() {
    let mut bytes = table().bytes();
    let page = bytes.windows(15).position(|window| window == b"<%-- inert --%>").unwrap();
    // The end mark behind the content.
    let end = (page + 15).next_multiple_of(8);
    bytes[end..end + 4].copy_from_slice(&[0x80, 0, 0, 0]);
    let (found, _, rejects) = read_at(&bytes, 0);
    assert_eq!(rejects.len(), 1);
    assert!(found.iter().any(|one| one.content.as_deref() == Some(b"<%-- inert --%>")));
}
