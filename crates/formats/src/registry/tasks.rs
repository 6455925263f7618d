//! Scheduled tasks as the scheduler itself remembers them, in the SOFTWARE hive: one record a task.
//!
//! `Tree` holds the names, each with the number of the task; `Tasks` holds, by number, what it runs. A task whose name
//! lacks the value `SD` is run and shown by no tool (Microsoft, "Tarrask malware uses scheduled tasks for defense evasion",
//! 2022-04-12). Actions: version, length and text of the context, then per action a magic number and texts with their
//! lengths (public descriptions of `TaskCache`).

use super::hive::{Hive, Key, u16_at, u32_at};
use super::value::{TEXT_BYTES_MAX, Value, utf16};
use super::{Gathered, SOFTWARE_PATH};

const CACHE: &str = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache";
/// Folders in folders.
const DEPTH_MAX: usize = 16;
/// Tasks that are looked at. A server has about 200.
const TASKS_MAX: usize = 10_000;

struct Task<'a> {
    path: String,
    key: Key<'a>,
    id: String,
    values: Vec<Value>,
}

/// Adds a record per task.
pub fn read<'a>(hive: &Hive<'a>, software: &Key<'a>, gathered: &mut Gathered) {
    let Some(cache) = hive.find(software, CACHE) else { return };
    let Some(tree) = hive.find(&cache, "Tree") else { return };
    let mut tasks = Vec::new();
    gather(hive, &tree, "", 0, &mut tasks);
    let numbered = hive.find(&cache, "Tasks").map(|key| hive.subkeys(&key)).unwrap_or_default();
    let has = |task: &Task<'_>, name: &str| task.values.iter().any(|value| value.name.eq_ignore_ascii_case(name));
    // Where no task has it, this Windows does not write it.
    let is_written = tasks.iter().any(|task| has(task, "SD"));
    for task in tasks {
        let actions = numbered.iter().find(|key| key.name.eq_ignore_ascii_case(&task.id));
        let command = actions.and_then(|key| hive.value_of(key, "Actions")).map(|value| command(&value.bytes));
        let mut fields = vec![("Name".to_owned(), task.path.clone()), ("Id".to_owned(), task.id.clone())];
        fields.extend(command.filter(|command| !command.is_empty()).map(|command| ("Command".to_owned(), command)));
        if is_written {
            let word = if has(&task, "SD") { "present" } else { "absent" };
            fields.push(("SecurityDescriptor".to_owned(), word.to_owned()));
        }
        let target = format!(r"{SOFTWARE_PATH}\{CACHE}\Tree{}\Id", task.path);
        gathered.add((target, task.id), (task.key.offset, task.key.written), fields);
    }
}

fn gather<'a>(hive: &Hive<'a>, folder: &Key<'a>, path: &str, depth: usize, tasks: &mut Vec<Task<'a>>) {
    if depth > DEPTH_MAX {
        return;
    }
    for key in hive.subkeys(folder) {
        if tasks.len() >= TASKS_MAX {
            return;
        }
        let path = format!(r"{path}\{}", key.name);
        let values = hive.values(&key);
        let id = values.iter().find(|value| value.name.eq_ignore_ascii_case("Id")).and_then(Value::text);
        gather(hive, &key, &path, depth + 1, tasks);
        if let Some(id) = id {
            tasks.push(Task { path, key, id, values });
        }
    }
}

/// The programs that a task runs, with their arguments, joined by `; `. What cannot be taken apart is left out.
fn command(actions: &[u8]) -> String {
    const RUNS: u16 = 0x6666;
    let mut rest = actions.get(2..).unwrap_or_default();
    if u16_at(actions, 0) >= Some(2) {
        _ = text(&mut rest);
    }
    let mut commands: Vec<String> = Vec::new();
    while u16_at(rest, 0) == Some(RUNS) && commands.len() < 32 {
        rest = rest.get(2..).unwrap_or_default();
        let mut next = || text(&mut rest);
        let (Some(_id), Some(program), Some(arguments), Some(_folder)) = (next(), next(), next(), next()) else {
            break;
        };
        commands.push(format!("{program} {arguments}").trim().to_owned());
        // Flags stand behind the texts from version 3 on.
        rest = rest.get(if u16_at(actions, 0) >= Some(3) { 2 } else { 0 }..).unwrap_or_default();
    }
    let mut commands = commands.join("; ");
    let end = (0..=TEXT_BYTES_MAX.min(commands.len())).rev().find(|end| commands.is_char_boundary(*end)).unwrap_or(0);
    commands.truncate(end);
    commands
}

/// A text behind its length in bytes.
fn text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(u32_at(rest, 0)?).ok()?;
    let (text, behind) = rest.get(4..)?.split_at_checked(length)?;
    *rest = behind;
    Some(utf16(text))
}
