//! Hives that the demo wrote, whole, damaged, and made to mislead.

use demo::hive::{Data, Key, write};
use model::RejectReason;

use super::{Contents, read};
use crate::testing::Random;

/// 2021-03-03T05:20:00Z.
const WRITTEN: i64 = 1_614_748_800_000;

fn texts(contents: &Contents) -> Vec<String> {
    let field = |element: &model::Element, name: &str| {
        element.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let line = |element: &model::Element| {
        let time = element.time.map_or("-".to_owned(), |time| time.to_string());
        format!("{time} {} = {}", field(element, "TargetObject"), field(element, "Details"))
    };
    contents.elements.iter().map(line).collect()
}

fn system() -> Key {
    let mut root = Key::new("ROOT", 0);
    root.at("Select", 0).number("Current", 1);
    let service = root.at(r"ControlSet001\Services\Winnet", WRITTEN);
    service.set("ImagePath", Data::Path(r"C:\Windows\Temp\w.exe".into())).number("Start", 2).text("Other", "x");
    service.at("Parameters", WRITTEN).set("ServiceDll", Data::Path(r"C:\ProgramData\w.dll".into()));
    root.at(r"ControlSet002\Services\Old", WRITTEN).text("ImagePath", "old.exe");
    root.at(r"ControlSet001\Services\PortProxy\v4tov4\tcp", WRITTEN).text("0.0.0.0/8443", "10.0.0.1/3389");
    root.at(r"ControlSet001\Control\ComputerName\ComputerName", WRITTEN).text("ComputerName", "EXC01");
    let packages = Data::Texts(vec!["rassfm".into(), "scecli".into()]);
    root.at(r"ControlSet001\Control\Lsa", WRITTEN).set("Notification Packages", packages);
    root
}

#[test]
fn only_what_is_asked_for_with_its_time() {
    let contents = read(&write(&system(), "SYSTEM"), "");
    assert_eq!(contents.rejects, []);
    assert_eq!(contents.computer.as_deref(), Some("EXC01"));
    assert_eq!(
        texts(&contents),
        [
            r"2021-03-03T05:20:00Z HKLM\System\CurrentControlSet\Services\Winnet\ImagePath = C:\Windows\Temp\w.exe",
            r"2021-03-03T05:20:00Z HKLM\System\CurrentControlSet\Services\Winnet\Start = DWORD (0x00000002)",
            r"2021-03-03T05:20:00Z HKLM\System\CurrentControlSet\Services\Winnet\Parameters\ServiceDll = C:\ProgramData\w.dll",
            r"2021-03-03T05:20:00Z HKLM\System\CurrentControlSet\Services\PortProxy\v4tov4\tcp\0.0.0.0/8443 = 10.0.0.1/3389",
            r"2021-03-03T05:20:00Z HKLM\System\CurrentControlSet\Control\Lsa\Notification Packages = rassfm; scecli",
            r"2021-03-03T05:20:00Z HKLM\System\CurrentControlSet\Control\ComputerName\ComputerName\ComputerName = EXC01",
            r"2021-03-03T05:20:00Z HKLM\System\ControlSet002\Services\Old\ImagePath = old.exe",
        ]
    );
    let raw = String::from_utf8(contents.elements[0].raw.clone()).unwrap();
    assert!(raw.contains(r#""Name":"Winnet""#) && raw.contains(r#""LastWritten":"2021-03-03T05:20:00Z""#), "{raw}");
}

#[test]
fn hives_are_told_by_their_keys() {
    let run = r"Microsoft\Windows\CurrentVersion\Run";
    let mut software = Key::new("ROOT", 0);
    software.at(run, WRITTEN).text("up", "x.exe");
    let mut user = Key::new("ROOT", 0);
    user.at(&format!(r"Software\{run}"), WRITTEN).text("up", "x.exe");
    let mut other = Key::new("ROOT", 0);
    other.at(r"Policy\PolAdtEv", WRITTEN).text("", "x");
    let of = |root: &Key| texts(&read(&write(root, "odd name"), "bob"));
    assert_eq!(of(&software), [r"2021-03-03T05:20:00Z HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run\up = x.exe"]);
    assert_eq!(of(&user), [r"2021-03-03T05:20:00Z HKU\bob\Software\Microsoft\Windows\CurrentVersion\Run\up = x.exe"]);
    assert_eq!(of(&other), Vec::<String>::new());
}

/// The number of the machine, of which only the last twelve bytes are looked at.
const MACHINE: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

fn account(rid: u32, flags: u16) -> Vec<u8> {
    let mut data = vec![0; 80];
    data[48..52].copy_from_slice(&rid.to_le_bytes());
    data[56..58].copy_from_slice(&flags.to_le_bytes());
    data
}

fn sam() -> Key {
    let mut root = Key::new("ROOT", 0);
    root.at(r"SAM\Domains\Account", 0).set("V", Data::Bytes([&[0; 20][..], &MACHINE].concat()));
    for (name, rid, inside, flags) in
        [("Administrator", 500, 500, 16), ("Guest", 501, 500, 17), ("svc$", 1_002, 1_002, 16)]
    {
        let users = root.at(r"SAM\Domains\Account\Users", 0);
        users.at(&format!("{rid:08X}"), 0).set("F", Data::Bytes(account(inside, flags)));
        users.at(&format!(r"Names\{name}"), WRITTEN).set("", Data::Typed(rid));
    }
    let member = |rid: u32| {
        let start = [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
        [&start[..], &MACHINE, &rid.to_le_bytes()].concat()
    };
    let mut group = vec![0; 0x34];
    group[48] = 3;
    group.extend([1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]);
    group.extend([member(500), member(1_002)].concat());
    root.at(r"SAM\Domains\Builtin\Aliases\00000220", 0).set("C", Data::Bytes(group));
    root
}

#[test]
fn accounts_since_when_and_which_are_administrators() {
    let contents = read(&write(&sam(), "SAM"), "");
    let names = r"HKLM\SAM\SAM\Domains\Account\Users\Names";
    assert_eq!(
        texts(&contents),
        [
            format!(r"- {names}\Administrator = RID 500, enabled, local administrator"),
            format!(r"- {names}\Guest = RID 501, disabled"),
            format!(r"2021-03-03T05:20:00Z {names}\svc$ = RID 1002, enabled, local administrator"),
        ]
    );
    let taken_over: Vec<&str> = contents.elements.iter().map(|element| element.fields[7].1.as_str()).collect();
    assert_eq!(taken_over, ["same", "other", "same"], "{:?}", contents.elements[0].fields);
}

fn tasks() -> Key {
    let cache = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache";
    let mut root = Key::new("ROOT", 0);
    let wide = |text: &str| {
        let text: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [&(text.len() as u32).to_le_bytes()[..], &text].concat()
    };
    let actions =
        [&[3, 0][..], &wide("Author"), &[0x66, 0x66], &wide(""), &wide("cmd.exe"), &wide("/c x"), &wide(""), &[0, 0]]
            .concat();
    for (path, id, has_sd) in [("Shown", "{1}", true), (r"Folder\Hidden", "{2}", false)] {
        let key = root.at(&format!(r"{cache}\Tree\{path}"), WRITTEN).text("Id", id);
        if has_sd {
            key.set("SD", Data::Bytes(vec![1]));
        }
    }
    root.at(&format!(r"{cache}\Tasks\{{2}}"), WRITTEN).set("Actions", Data::Bytes(actions));
    root
}

#[test]
fn tasks_without_a_descriptor() {
    let contents = read(&write(&tasks(), "SOFTWARE"), "");
    let fields: Vec<Vec<&str>> = contents
        .elements
        .iter()
        .map(|element| element.fields.iter().skip(3).map(|(_, value)| value.as_str()).collect())
        .collect();
    assert_eq!(fields, [vec![r"\Folder\Hidden", "{2}", "cmd.exe /c x", "absent"], vec![r"\Shown", "{1}", "present"]]);
}

#[test]
fn where_no_task_has_a_descriptor_none_is_hidden() {
    let mut root = Key::new("ROOT", 0);
    root.at(r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\One", WRITTEN).text("Id", "{1}");
    let contents = read(&write(&root, "SOFTWARE"), "");
    assert_eq!(contents.elements.len(), 1);
    assert!(!contents.elements[0].fields.iter().any(|(name, _)| name == "SecurityDescriptor"));
}

#[test]
fn a_dirty_or_cut_hive_says_so() {
    let mut dirty = write(&system(), "SYSTEM");
    dirty[4] = 8;
    let contents = read(&dirty, "");
    assert_eq!(contents.elements.len(), 7);
    assert!(matches!(contents.rejects[0].reason, RejectReason::Damaged(what) if what.contains("dirty")));
    let whole = write(&system(), "SYSTEM");
    let contents = read(&whole[..5_000], "");
    assert!(contents.rejects.iter().any(|reject| reject.reason == RejectReason::Truncated), "{:?}", contents.rejects);
    assert_eq!(read(b"regf", "").rejects[0].reason, RejectReason::Truncated);
    assert_eq!(read(b"", "").rejects[0].reason, RejectReason::Truncated);
}

/// A key whose list of keys holds its own parents, wherever one looks.
#[test]
fn circles_end() {
    let mut hive = write(&system(), "SYSTEM");
    let root = 4_096 + u32::from_le_bytes(hive[36..40].try_into().unwrap()) as usize + 4;
    let list = hive[root + 28..root + 32].to_vec();
    let nodes: Vec<usize> =
        (4_096..hive.len() - 2).step_by(8).map(|at| at + 4).filter(|at| hive[*at..].starts_with(b"nk")).collect();
    for node in nodes {
        hive[node + 28..node + 32].copy_from_slice(&list);
        hive[node + 20] = 1;
    }
    let contents = read(&hive, "");
    assert!(contents.elements.len() < 100);
}

/// One list of many keys that are all the same, each with the same list: the budget ends it.
#[test]
fn fan_out_ends() {
    let mut root = Key::new("ROOT", 0);
    for number in 0..2_000 {
        root.at(&format!(r"Microsoft\K{number}"), 0);
    }
    root.at(r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\A", 0);
    let mut hive = write(&root, "SOFTWARE");
    let lists: Vec<usize> =
        (4_096..hive.len() - 2).step_by(8).map(|at| at + 4).filter(|at| hive[*at..].starts_with(b"lh")).collect();
    let long = *lists.iter().max_by_key(|at| u16::from_le_bytes([hive[**at + 2], hive[**at + 3]])).unwrap();
    let tree = hive.windows(6).position(|bytes| bytes == b"Tree\0\0").unwrap() - 76;
    let offset = (long as u32 - 4_100).to_le_bytes();
    // Every key of the long list gets the long list, and so does the folder of tasks.
    let nodes: Vec<usize> =
        (4_096..hive.len() - 2).step_by(8).map(|at| at + 4).filter(|at| hive[*at..].starts_with(b"nk")).collect();
    let nodes: Vec<usize> = nodes.into_iter().filter(|node| *node == tree || hive[node + 76] == b'K').collect();
    for node in nodes {
        hive[node + 28..node + 32].copy_from_slice(&offset);
        hive[node + 20] = 1;
    }
    let contents = read(&hive, "");
    assert!(
        contents.rejects.iter().any(|reject| reject.reason == RejectReason::TooLong),
        "{:?}",
        contents.rejects.first()
    );
}

#[test]
fn sizes_that_lie_and_flipped_bytes_are_survived() {
    let hives = [write(&system(), "SYSTEM"), write(&sam(), "SAM"), write(&tasks(), "SOFTWARE")];
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut still_told = 0;
    for _ in 0..1_500 {
        let mut hive = hives[random.below(3)].clone();
        for _ in 0..=random.below(6) {
            let at = random.below(hive.len() / 4) * 4;
            let lie = [0, 1, u32::MAX, 0x8000_0000, 0x7FFF_FFFF, random.next() as u32][random.below(6)];
            hive[at..at + 4].copy_from_slice(&lie.to_le_bytes());
        }
        if random.below(4) == 0 {
            hive.truncate(random.below(hive.len()));
        }
        still_told += usize::from(!read(&hive, "").elements.is_empty());
    }
    assert!(still_told > 400, "{still_told}");
}
