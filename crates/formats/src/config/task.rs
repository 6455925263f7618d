//! Scheduled tasks as Windows keeps and exports them: XML of the task scheduler's schema.
//!
//! One record per action, with everything that a rule needs beside it: what starts it, in whose name it runs, who made
//! it and when. `RegistrationInfo/Date` is the local time of an unknown place unless it names its zone; only then a time
//! in UTC is told (`registered_utc`). Anybody who writes the file can write any date.
//!
//! <https://learn.microsoft.com/en-us/windows/win32/taskschd/task-scheduler-schema>

use model::{Element, Reject, Utc};

/// The namespace of the schema. What has it and is no task is not told apart by it alone.
pub const NAMESPACE: &str = "http://schemas.microsoft.com/windows/2004/02/mit/task";
/// The scheduler takes 32 actions.
const ACTIONS_MAX: usize = 64;
/// The scheduler takes 48 triggers.
const TRIGGERS_MAX: usize = 64;
/// Bytes of an action that are shown.
const RAW_BYTES_MAX: usize = 8_192;

/// What of a task is told beside its actions: the element, the end of its section, the field.
const SETTINGS: [(&str, &str, &str); 12] = [
    ("URI", "RegistrationInfo", "uri"),
    ("Author", "RegistrationInfo", "author"),
    ("Source", "RegistrationInfo", "source"),
    ("Description", "RegistrationInfo", "description"),
    ("Date", "RegistrationInfo", "registered"),
    ("UserId", "Principal", "user"),
    ("GroupId", "Principal", "user"),
    ("LogonType", "Principal", "logon_type"),
    ("RunLevel", "Principal", "run_level"),
    ("Hidden", "Settings", "hidden"),
    ("Enabled", "Settings", "enabled"),
    ("Interval", "Repetition", "interval"),
];

/// What of an action is told.
const PARTS: [(&str, &str); 5] = [
    ("Command", "command"),
    ("Arguments", "arguments"),
    ("WorkingDirectory", "working_directory"),
    ("ClassId", "class_id"),
    ("Data", "data"),
];

/// The actions of all tasks in the text, and what could not be read.
#[must_use]
pub fn read(text: &[u8]) -> (Vec<Element>, Vec<Reject>) {
    let (elements, rejects) = super::read(text);
    let text = String::from_utf8_lossy(text);
    let mut actions = Vec::new();
    let mut task = Task::default();
    for element in &elements {
        match task.take(element) {
            Step::Within => {}
            Step::Ended => actions.extend(std::mem::take(&mut task).actions(&text)),
        }
    }
    (actions, rejects)
}

enum Step {
    Within,
    Ended,
}

#[derive(Default)]
struct Task {
    settings: Vec<(&'static str, String)>,
    triggers: Vec<String>,
    /// Parts of the action that has not ended yet.
    parts: Vec<(&'static str, String)>,
    actions: Vec<Action>,
}

struct Action {
    kind: String,
    line: u64,
    offset: u64,
    parts: Vec<(&'static str, String)>,
}

impl Task {
    /// Takes in an element that has ended.
    fn take(&mut self, element: &Element) -> Step {
        let of = |wanted: &str| {
            let found = element.fields.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let (name, section, text) = (of("element"), of("section"), of("text"));
        let enclosing = section.rsplit('/').next().unwrap_or_default();
        if let Some((_, _, field)) = SETTINGS.iter().find(|(known, within, _)| *known == name && *within == enclosing)
            && !text.is_empty()
        {
            self.set(field, text);
        }
        match enclosing {
            "Triggers" if self.triggers.len() < TRIGGERS_MAX => self.triggers.push(name.to_owned()),
            "Exec" | "ComHandler" => {
                let part = PARTS.iter().find(|(known, _)| *known == name);
                self.parts.extend(part.filter(|_| !text.is_empty()).map(|(_, field)| (*field, text.to_owned())));
            }
            "Actions" => {
                let parts = std::mem::take(&mut self.parts);
                if self.actions.len() < ACTIONS_MAX {
                    self.actions.push(Action {
                        kind: name.to_owned(),
                        line: element.line,
                        offset: element.offset,
                        parts,
                    });
                }
            }
            _ => {}
        }
        if name == "Task" { Step::Ended } else { Step::Within }
    }

    /// The first of several stands.
    fn set(&mut self, field: &'static str, text: &str) {
        if !self.settings.iter().any(|(known, _)| *known == field) {
            self.settings.push((field, text.to_owned()));
        }
    }

    fn actions(mut self, text: &str) -> Vec<Element> {
        let registered = self.settings.iter().find(|(field, _)| *field == "registered").map(|(_, date)| date.clone());
        let registered = registered.filter(|date| names_its_zone(date)).and_then(|date| Utc::parse(date.as_bytes()));
        self.settings.extend(registered.map(|time| ("registered_utc", time.to_string())));
        if !self.triggers.is_empty() {
            self.settings.push(("trigger", self.triggers.join(", ")));
        }
        let settings = self.settings;
        let record = |action: Action| {
            let own = [("element", "task".to_owned()), ("section", "task".to_owned()), ("action", action.kind.clone())];
            let fields = own.into_iter().chain(action.parts).chain(settings.iter().cloned());
            Element {
                line: action.line,
                offset: action.offset,
                time: None,
                fields: fields.map(|(name, value)| (name.to_owned(), value)).collect(),
                raw: raw(text, action.offset, &action.kind).as_bytes().to_vec(),
            }
        };
        self.actions.into_iter().map(record).collect()
    }
}

/// `…Z`, `…+02:00`. Without either it is local time.
fn names_its_zone(date: &str) -> bool {
    let time = date.trim().get(19..).unwrap_or_default();
    time.ends_with(['Z', 'z']) || time.contains('+') || time.contains('-')
}

/// The action as it is written.
fn raw<'t>(text: &'t str, offset: u64, kind: &str) -> &'t str {
    let rest = usize::try_from(offset).ok().and_then(|offset| text.get(offset..)).unwrap_or_default();
    let end = format!("</{kind}>");
    let mut until = rest.find(&end).map_or(rest.len(), |at| at + end.len()).min(RAW_BYTES_MAX);
    while !rest.is_char_boundary(until) {
        until -= 1;
    }
    rest.get(..until).unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::read;

    const TASK: &str = r#"<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Date>2021-03-03T05:01:02</Date><Author>CORP\adm</Author><URI>\Upkeep</URI></RegistrationInfo>
  <Triggers><CalendarTrigger><Repetition><Interval>PT45M</Interval></Repetition><Enabled>true</Enabled></CalendarTrigger><BootTrigger/></Triggers>
  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
  <Settings><Hidden>true</Hidden><Enabled>false</Enabled></Settings>
  <Actions Context="Author">
    <Exec><Command>powershell</Command><Arguments>-c &quot;a &amp; b&quot; &#60;x</Arguments></Exec>
    <ComHandler><ClassId>{0}</ClassId></ComHandler>
  </Actions>
</Task>"#;

    fn lines(text: &str) -> Vec<String> {
        let (elements, rejects) = read(text.as_bytes());
        let fields = |element: &model::Element| {
            element.fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        let elements = elements.iter().map(|element| format!("{} {}", element.line, fields(element)));
        elements.chain(rejects.iter().map(|reject| format!("{} {:?}", reject.record, reject.reason))).collect()
    }

    #[test]
    fn one_record_per_action_with_all_beside_it() {
        let around = "registered=2021-03-03T05:01:02 author=CORP\\adm uri=\\Upkeep interval=PT45M user=S-1-5-18 \
                      run_level=HighestAvailable hidden=true enabled=false trigger=CalendarTrigger, BootTrigger";
        let start = "element=task section=task";
        assert_eq!(
            lines(TASK),
            [
                format!("8 {start} action=Exec command=powershell arguments=-c \"a & b\" <x {around}"),
                format!("9 {start} action=ComHandler class_id={{0}} {around}")
            ]
        );
        let raw = String::from_utf8(read(TASK.as_bytes()).0[0].raw.clone()).unwrap();
        assert!(raw.starts_with("<Exec><Command>") && raw.ends_with("</Exec>"), "{raw}");
    }

    #[test]
    fn a_time_is_told_only_with_its_zone() {
        let with = |date: &str| lines(&TASK.replace("2021-03-03T05:01:02", date))[0].clone();
        assert!(with("2021-03-03T05:01:02Z").contains("registered_utc=2021-03-03T05:01:02Z"));
        assert!(with("2021-03-03T05:01:02.5+02:00").contains("registered_utc=2021-03-03T03:01:02"));
        assert!(!with("2021-03-03T05:01:02").contains("registered_utc"));
        assert!(!with("yesterday, Z").contains("registered_utc"));
    }

    #[test]
    fn several_tasks_of_one_export_stay_apart() {
        let one = |name: &str| {
            format!(
                "<Task><RegistrationInfo><URI>{name}</URI></RegistrationInfo><Actions><Exec><Command>{name}.exe</Command></Exec></Actions></Task>"
            )
        };
        let both = lines(&format!("<Tasks>{}{}</Tasks>", one("a"), one("b")));
        assert_eq!(both.len(), 2);
        assert!(both[0].contains("command=a.exe uri=a") && both[1].contains("command=b.exe uri=b"), "{both:?}");
    }

    #[test]
    fn any_cut_is_read_as_far_as_it_goes() {
        for end in 0..TASK.len() {
            assert!(read(&TASK.as_bytes()[..end]).0.len() <= 2);
        }
        let many = format!("<Task><Actions>{}</Actions></Task>", "<Exec><Command>a</Command></Exec>".repeat(5_000));
        assert_eq!(read(many.as_bytes()).0.len(), super::ACTIONS_MAX);
    }
}
