//! What a file is: by its content first, by its path second.

use model::file::Kind;

use crate::containers::is_tar;

/// Bytes of a file that are looked at to tell what it is.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Magic numbers of archives, images and compressed files.
const CONTAINERS: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"7z\xBC\xAF\x27\x1C",
    b"Rar!\x1A\x07",
    b"\x28\xB5\x2F\xFD",
    b"\xFD7zXZ\0",
    b"MSCF",
    b"vhdxfile",
    b"EVF\x09\x0D\x0A\xFF\0",
    b"BZh",
    b"\x1F\x8B\x08",
    b"conectix",
    b"QFI\xFB",
    b"KDMV",
];

/// Bytes from the root element on within which a task names its schema.
const NAMESPACE_WITHIN: usize = 4 * 1024;

/// Extensions that ASP.NET or classic ASP executes, and scripts of logon pages.
const WEB_EXTENSIONS: &[&str] = &[
    "aspx", "ashx", "asmx", "asax", "ascx", "asp", "asa", "cer", "cshtml", "master", "svc", "soap", "js", "php", "jsp",
];

/// Tells what a file is from its first bytes (decoded to UTF-8 by the caller where it is UTF-16) and its path on the
/// server.
#[must_use]
pub fn kind(head: &[u8], on_server: &str) -> Kind {
    let name = on_server.rsplit('\\').next().unwrap_or(on_server);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if head.starts_with(b"ElfFile\0") || head.starts_with(b"ElfChnk\0") || extension == "evtx" {
        return Kind::Evtx;
    }
    if is_file_table(head) {
        return Kind::FileTable;
    }
    if is_hive(head) {
        return Kind::RegistryHive;
    }
    if CONTAINERS.iter().any(|magic| head.starts_with(magic)) || is_tar(head) || is_raw_image(head) {
        return Kind::Container;
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    if is_antivirus_log(text, name) {
        return Kind::AntivirusLog;
    }
    log_kind(text).or_else(|| log_by_place(on_server)).unwrap_or_else(|| match extension {
        "compiled" if contains(text, b"<preserve") => Kind::CompiledPage,
        "config" if contains(text, b"<") => Kind::Configuration,
        _ if WEB_EXTENSIONS.contains(&extension) => Kind::WebFile,
        "wer" => Kind::ErrorReport,
        _ if head.starts_with(b"MZ") => Kind::Executable,
        _ if is_scheduled_task(text) => Kind::ScheduledTask,
        _ if is_directory_export(text) => Kind::DirectoryExport,
        _ => Kind::Other,
    })
}

/// A disk or an NTFS volume, byte for byte: its first sector.
fn is_raw_image(head: &[u8]) -> bool {
    let boots = head.get(510..512) == Some(&[0x55, 0xAA]);
    let is_volume = head.get(3..11) == Some(b"NTFS    ");
    boots && (is_volume || head.get(512..520) == Some(b"EFI PART"))
}

/// What to do with an archive or image that is not looked into; `None` where it is none, or is looked into.
#[must_use]
pub fn not_looked_into(head: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let is_image =
        [&b"vhdxfile"[..], b"EVF\x09\x0D\x0A\xFF\0", b"conectix", b"QFI\xFB", b"KDMV"].into_iter().any(starts);
    if is_image || is_raw_image(head) {
        return Some(
            "it is the image of a disk, which is not looked into: mount it read-only and point at the mounted folder",
        );
    }
    if starts(b"Rar!\x1A\x07") || starts(b"MSCF") {
        return Some(
            "it is an archive of a kind that is not looked into: unpack it to a folder of its own and point at that",
        );
    }
    None
}

/// A registry hive by its magic number. Its transaction logs have the same, and another type.
#[must_use]
pub fn is_hive(head: &[u8]) -> bool {
    head.starts_with(b"regf") && head.get(28..32) == Some(&[0; 4])
}

/// Logs of Defender by name or by what they say of detections; runs of the tools by their first line.
fn is_antivirus_log(text: &[u8], name: &str) -> bool {
    let of_defender = (name.contains("mplog-") || name.contains("mpdetection-")) && name.ends_with(".log");
    let of_tool = matches!(name, "msert.log" | "msert.old.log" | "mrt.log" | "eomtsummary.txt");
    let begins: [&[u8]; 3] = [
        b"Microsoft Safety Scanner v",
        b"Microsoft Windows Malicious Software Removal Tool v",
        b"Microsoft Safety Scanner and CVE-2021-26855 mitigation summary",
    ];
    let tells: [&[u8]; 3] = [b"Z DETECTIONEVENT MPSOURCE_", b"Z DETECTION_ADD", b"Z DETECTION_CLEANEVENT MPSOURCE_"];
    let start = || first_lines(text).into_iter().take(50);
    of_defender
        || of_tool
        || start().any(|line| begins.iter().any(|begin| line.starts_with(begin)))
        || start().any(|line| line.starts_with(b"2") && tells.iter().any(|mark| contains(line, mark)))
}

/// The first record of a table of files, which describes the table itself: `FILE`, where its checks stand, in use, not
/// the part of another, of a size that records have.
fn is_file_table(head: &[u8]) -> bool {
    let number = |at: usize| head.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let checks = matches!(head.get(4..6), Some([0x2A | 0x30, 0]));
    let in_use = head.get(0x16).is_some_and(|flags| flags & 1 == 1);
    let is_whole = matches!(number(0x1C), Some(1_024 | 4_096)) && number(0x20) == Some(0);
    head.starts_with(b"FILE") && checks && in_use && is_whole
}

/// What a collector wrote down of the files it copied: KAPE's copy log, Velociraptor's lists of uploads and metadata.
fn is_file_list(first: &[u8]) -> bool {
    let is_row = first.starts_with(b"CopiedTimestamp,") || first.starts_with(b"\"CopiedTimestamp\",");
    let is_object = first.starts_with(b"{\"") && contains(first, b"\"Modified\"");
    let is_of_acquire = first.starts_with(b"path,") && contains(first, b",file-size,");
    let has_hashes = || [&b"md5"[..], b"sha1", b"sha256"].iter().any(|hash| contains(first, hash));
    ((is_row || is_object) && contains(first, b"SourceFile")) || (is_of_acquire && has_hashes())
}

/// What lies where only logs lie is a log, however damaged: it is read, and what cannot be read is counted.
fn log_by_place(on_server: &str) -> Option<Kind> {
    if !on_server.ends_with(".log") {
        return None;
    }
    let name = on_server.rsplit('\\').next().unwrap_or(on_server);
    if name == "exchangesetup.log" {
        return Some(Kind::ExchangeSetup);
    }
    let folders = [
        r"\w3svc",
        r"\httperr\",
        r"httpproxy\",
        r"\ecp\server\",
        r"\oabgeneratorlog\",
        r"cmdletinfra\",
        r"logging\ews\",
        r"\mapihttp\",
        r"\messagetracking\",
        r"\protocollog\",
    ];
    folders.iter().any(|folder| on_server.contains(folder)).then_some(Kind::DelimitedLog)
}

/// Logs are told by their content alone: they come with any name.
fn log_kind(text: &[u8]) -> Option<Kind> {
    let start: Vec<&[u8]> = first_lines(text);
    let first =
        start.iter().find(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#TYPE"))?.trim_ascii_start();
    let starts = |prefix: &[u8]| first.get(..prefix.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(prefix));
    let any = |wanted: &[u8]| {
        start.iter().any(|line| line.get(..wanted.len()).is_some_and(|b| b.eq_ignore_ascii_case(wanted)))
    };
    if any(b"#Software: Microsoft Internet Connection Firewall") || any(b"#Software: Microsoft Windows Firewall") {
        return None;
    }
    if is_test_proxylogon_row(first) && !any(b"#Fields:") {
        return Some(Kind::TestProxyLogon);
    }
    let directive = [&b"#Fields:"[..], b"#Software:", b"#Log-type:", b"#Version:", b"#Date:"].into_iter().any(any);
    let header_row = [&b"DateTime,"[..], b"TimeStamp,", b"date-time,", b"\"DateTime\","].into_iter().any(any);
    // Garbage may stand in front: any line of the head can show what the file is.
    let one = |test: fn(&[u8]) -> bool| start.iter().any(|line| test(line));
    if directive || header_row || one(is_w3c_record) || one(is_exchange_record) {
        return Some(Kind::DelimitedLog);
    }
    if is_file_list(first) {
        return Some(Kind::FileList);
    }
    if one(is_setup_record) {
        return Some(Kind::ExchangeSetup);
    }
    let is_json = |line: &[u8]| matches!(line.trim_ascii_start().first(), Some(b'{' | b'['));
    if one(is_json) && is_windows_event(text) {
        return Some(Kind::WindowsEventsJson);
    }
    if one(is_iis_native) {
        return Some(Kind::IisNative);
    }
    (starts(b"Version=1") && any(b"EventType=")).then_some(Kind::ErrorReport)
}

/// The first few lines: enough for preambles and for garbage in front of them.
fn first_lines(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'\n')
        .map(|line| {
            let padding = line.iter().take_while(|byte| **byte == 0).count();
            let line = line.get(padding..).unwrap_or_default();
            line.strip_suffix(b"\r").unwrap_or(line)
        })
        .filter(|line| !line.is_empty())
        .take(400)
        .collect()
}

/// `2021-03-03 00:00:02 10.0.0.1 POST …`: a W3C log whose beginning is missing.
fn is_w3c_record(line: &[u8]) -> bool {
    let cells: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let shaped = |cell: Option<&&[u8]>, shape: &[u8]| {
        cell.is_some_and(|cell| {
            cell.len() == shape.len()
                && cell
                    .iter()
                    .zip(shape)
                    .all(|(byte, wanted)| if *wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted })
        })
    };
    cells.len() >= 8 && shaped(cells.first(), b"0000-00-00") && shaped(cells.get(1), b"00:00:00")
}

/// `2021-03-03T04:23:22.370Z,…` with many cells: an Exchange log whose beginning is missing.
fn is_exchange_record(line: &[u8]) -> bool {
    let shaped = line.get(..11).is_some_and(|start| {
        start
            .iter()
            .zip(b"0000-00-00T")
            .all(|(byte, wanted)| if *wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted })
    });
    shaped && line.iter().filter(|byte| **byte == b',').count() >= 3
}

/// `[03/09/2021 01:19:06.0304] [0] …`
fn is_setup_record(line: &[u8]) -> bool {
    matches!(line, [b'[', a, b, b'/', c, d, b'/', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()))
        && line.get(25..29).is_some_and(|bytes| bytes.starts_with(b"] ["))
}

/// `192.168.114.201, -, 03/20/01, 7:55:20, W3SVC2, …`
fn is_iis_native(line: &[u8]) -> bool {
    let cells: Vec<&[u8]> = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).collect();
    let text = |at: usize| cells.get(at).and_then(|cell| std::str::from_utf8(cell).ok()).unwrap_or_default();
    cells.len() >= 15
        && text(0).parse::<std::net::IpAddr>().is_ok()
        && text(2).matches('/').count() == 2
        && text(3).matches(':').count() == 2
}

/// The header row of what Test-ProxyLogon found in HttpProxy logs, with or without quotes, as the script or a
/// spreadsheet wrote it. It chose a few columns; a header row with many, or with one that it never chose, is that of an
/// HttpProxy log itself.
fn is_test_proxylogon_row(line: &[u8]) -> bool {
    const COLUMNS_MAX: usize = 40;
    let Some(separator) = line.iter().find(|byte| matches!(byte, b',' | b';')) else {
        return false;
    };
    let names = || {
        line.split(|byte| byte == separator).map(|name| {
            let name = name.trim_ascii();
            name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name)
        })
    };
    let has = |wanted: &[u8]| names().any(|name| name == wanted);
    has(b"AnchorMailbox") && has(b"DateTime") && !has(b"BackEndStatus") && names().count() <= COLUMNS_MAX
}

fn is_windows_event(text: &[u8]) -> bool {
    let start = text.get(..16 * 1024).unwrap_or(text);
    let any = |keys: &[&[u8]]| keys.iter().any(|key| contains(start, key));
    let id = any(&[b"\"EventID\"", b"\"event_id\"", b"\"EventId\"", b"winlog.event_id"]);
    let channel = any(&[b"\"Channel\"", b"\"channel\"", b"winlog.channel", b"\"log_name\""]);
    // `Get-WinEvent | ConvertTo-Json`: "Id" alone stands in any JSON.
    (id && channel) || (any(&[b"\"Id\""]) && any(&[b"\"LogName\"", b"\"ProviderName\""]))
}

/// A root element `Task`, or `Tasks` around several, of the task scheduler's schema.
fn is_scheduled_task(text: &[u8]) -> bool {
    const NAMESPACE: &[u8] = b"http://schemas.microsoft.com/windows/2004/02/mit/task";
    let opens = |(at, byte): (usize, &u8)| {
        let next = text.get(at + 1).copied().unwrap_or_default();
        (*byte == b'<' && !matches!(next, b'?' | b'!')).then_some(at)
    };
    let root = text.iter().enumerate().find_map(opens).and_then(|at| text.get(at..)).unwrap_or_default();
    root.starts_with(b"<Task") && contains(root.get(..NAMESPACE_WITHIN).unwrap_or(root), NAMESPACE)
}

/// Virtual directories in LDIF, CSV, a list, JSON or CLIXML.
fn is_directory_export(text: &[u8]) -> bool {
    let marks = [&b"msExchExternalHostName"[..], b"msExchInternalHostName", b"msExchOABVirtualDirectory"];
    marks.into_iter().any(|mark| contains(text, mark))
        || (contains(text, b"InternalUrl") && contains(text, b"ExternalUrl") && contains(text, b"VirtualDirectory"))
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(text, wanted).is_some()
}

#[cfg(test)]
mod tests {
    use super::{Kind, kind};

    #[test]
    fn tells_logs_by_content_whatever_their_name() {
        let cases: &[(&[u8], Kind)] = &[
            (b"#Software: Microsoft Internet Information Services 10.0\r\n", Kind::DelimitedLog),
            (b"garbage\r\n\xff\xfe\r\n#Fields: date time c-ip\r\n", Kind::DelimitedLog),
            (b"\xEF\xBB\xBF#Software: Microsoft Exchange Server\r\n", Kind::DelimitedLog),
            (b"DateTime,RequestId,MajorVersion\r\n", Kind::DelimitedLog),
            (b"2021-03-03 00:00:02 10.0.0.1 POST /ecp/y.js - 443 - 1.2.3.4 UA - 200 0 0 12\n", Kind::DelimitedLog),
            (b"#TYPE Selected.X\r\n\"DateTime\",\"AnchorMailbox\"\r\n", Kind::TestProxyLogon),
            (b"DateTime,AnchorMailbox\n2021-03-03T07:52:05.000Z,x\n", Kind::TestProxyLogon),
            (b"DateTime;RequestId;UrlStem;AnchorMailbox;HttpStatus\r\n", Kind::TestProxyLogon),
            (b"#TYPE Selected.X\r\nDateTime, AnchorMailbox\r\n", Kind::TestProxyLogon),
            (b"DateTime,AnchorMailbox\r\n#Fields: DateTime,AnchorMailbox\r\n", Kind::DelimitedLog),
            (b"\"DateTime\",\"RequestId\",\"AnchorMailbox\",\"BackEndStatus\"\r\n", Kind::DelimitedLog),
            (b"DateTime,AnchorMailboxes\n", Kind::DelimitedLog),
            (b"[03/09/2021 01:19:06.0304] [0] ****\r\n", Kind::ExchangeSetup),
            (b"{\"Channel\":\"Security\",\"EventID\":4688}\n", Kind::WindowsEventsJson),
            (b"{\"Id\":4624,\"Version\":2,\"LogName\":\"Security\"}\n", Kind::WindowsEventsJson),
            (b"[\r\n    {\r\n        \"Id\":  1,\r\n        \"LogName\":  \"System\"\r\n    }\r\n]", Kind::WindowsEventsJson),
            (b"{\"Id\":4624,\"Name\":\"x\"}\n", Kind::Other),
            (b"192.168.114.201, -, 03/20/01, 7:55:20, W3SVC2, SERVER, 172.21.13.45, 4502, 163, 3223, 200, 0, GET, /a.gif, -,\n", Kind::IisNative),
            (b"ElfFile\0rest", Kind::Evtx),
            (b"PK\x03\x04rest", Kind::Container),
            (b"\x89PNG\r\n\x1a\n", Kind::Other),
            (b"#Verson: 1.0\n#Software: Microsoft Internet Connection Firewall\n#Fields: date time\n", Kind::Other),
            (b"", Kind::Other),
            (b"garbage\n2021-03-03T04:23:22.370Z,a,b,c,d\n", Kind::DelimitedLog),
            (b"ElfChnk\0rest", Kind::Evtx),
            (b"regf\x07\0\0\0\x07\0\0\0aaaabbbb\x01\0\0\0\x05\0\0\0\0\0\0\0\x01\0\0\0", Kind::RegistryHive),
            (b"regf\x07\0\0\0\x07\0\0\0aaaabbbb\x01\0\0\0\x05\0\0\0\x06\0\0\0\x01\0\0\0", Kind::Other),
            (b"\n----\nMicrosoft Safety Scanner v1.331, (build 1.331.2471.0)\n", Kind::AntivirusLog),
            (b"2021-03-03T04:41:32.087Z DETECTION_ADD#1 X file:C:\\a,b,c,d.aspx\n", Kind::AntivirusLog),
            (b"CopiedTimestamp,SourceFile,DestinationFile,FileSize\r\n2021-03-10 08:00:00,C:\\x,E:\\x,1\r\n", Kind::FileList),
            (b"{\"SourceFile\":\"C:\\\\x\",\"Created\":\"2021-03-03T05:00:00Z\",\"Modified\":\"2021-03-03T05:00:00Z\"}\n", Kind::FileList),
            (b"{\"SourceFile\":\"C:\\\\x\"}\n", Kind::Other),
            (b"path,file-size,md5,sha1,sha256\n/sysvol/x,1,,,\n", Kind::FileList),
            (b"path,file-size\n/sysvol/x,1\n", Kind::Other),
            (b"FILE0\0\x03\0", Kind::Other),
        ];
        for (head, expected) in cases {
            assert_eq!(kind(head, "strange.bin"), *expected, "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn a_header_row_with_many_columns_is_that_of_a_log() {
        let row = |count: usize| format!("DateTime,AnchorMailbox{}\n", ",x".repeat(count - 2));
        assert_eq!(kind(row(40).as_bytes(), "a.csv"), Kind::TestProxyLogon);
        assert_eq!(kind(row(41).as_bytes(), "a.csv"), Kind::DelimitedLog);
    }

    #[test]
    fn what_lies_where_logs_lie_is_a_log() {
        let damaged = [0; 100];
        assert_eq!(kind(&damaged, r"c:\v15\logging\httpproxy\ecp\httpproxy_1.log"), Kind::DelimitedLog);
        assert_eq!(kind(&damaged, r"c:\inetpub\logs\logfiles\w3svc1\u_ex1.log"), Kind::DelimitedLog);
        assert_eq!(kind(&damaged, r"c:\windows\system32\winevt\logs\security.evtx"), Kind::Evtx);
        assert_eq!(kind(&damaged, r"c:\windows\debug\msert.log"), Kind::AntivirusLog);
        assert_eq!(kind(&damaged, r"c:\temp\x.log"), Kind::Other);
    }

    #[test]
    fn tells_scheduled_tasks_by_their_schema() {
        let task = b"<?xml version=\"1.0\"?>\n<!-- x --><Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\"><Actions/></Task>";
        assert_eq!(kind(task, r"c:\windows\system32\tasks\winnet"), Kind::ScheduledTask);
        assert_eq!(kind(b"<Task><Actions/></Task>", r"c:\windows\system32\tasks\x"), Kind::Other);
        assert_eq!(
            kind(b"<Report>http://schemas.microsoft.com/windows/2004/02/mit/task</Report>", "x.xml"),
            Kind::Other
        );
    }

    #[test]
    fn tells_a_table_of_files_by_its_first_record() {
        let mut record = [0; 1_024];
        record[..8].copy_from_slice(b"FILE0\0\x03\0");
        record[0x16] = 1;
        record[0x1C..0x20].copy_from_slice(&1_024_u32.to_le_bytes());
        for name in [r"c:\$mft", r"c:\%24mft", r"c:\x.bin"] {
            assert_eq!(kind(&record, name), Kind::FileTable, "{name}");
        }
        record[0x16] = 0;
        assert_eq!(kind(&record, r"c:\$mft"), Kind::Other);
    }

    #[test]
    fn tells_pages_and_configuration_by_name() {
        assert_eq!(kind(b"<%@ Page %>", r"c:\inetpub\wwwroot\a.aspx"), Kind::WebFile);
        assert_eq!(kind(b"<configuration/>", r"c:\x\web.config"), Kind::Configuration);
        assert_eq!(kind(b"<preserve resultType=\"3\"", r"c:\t\a.aspx.1.compiled"), Kind::CompiledPage);
        assert_eq!(kind(b"MZ\x90", r"c:\v15\bin\exsetup.exe"), Kind::Executable);
    }
}
