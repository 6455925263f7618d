//! `afterpatch survey notify`: a list and a letter per constituency, in files whose names are our own words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use ::survey::count::Met;
use ::survey::notify::{ANSWER_BYTES_MAX, By, CONTACTS_BYTES_MAX, Contact, Contacts};
use ::survey::store::Store;
use model::survey::{Exposure, Interval, Run};
use report::count;
use report::hostile::ForCsv;
use report::survey::csv;
use report::survey::notice::{Notice, english, german};

use super::results::{cannot_write, store_failure};
use crate::cli::{NotifyBy, SurveyNotifyOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Bytes of rows held before they are written out.
const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Files of one folder of contacts that are read.
const ANSWERS_MAX: usize = 200_000;
/// Contacts of one constituency that are named.
const CONTACTS_NAMED_MAX: usize = 100;

#[derive(Default)]
struct Constituency {
    words: String,
    open: Interval,
    contacts: BTreeSet<Contact>,
    rows: String,
    begun: bool,
}

/// Runs the verb.
pub fn run(options: &SurveyNotifyOptions, console: &Console) -> Result<Exit, Failure> {
    let store = Store::open_existing(&options.store).map_err(|error| store_failure(&error))?;
    let run = match options.run {
        Some(id) => store.run(id).map_err(|error| store_failure(&error))?,
        None => super::report::last(&store, None)?,
    };
    let contacts = contacts(options)?;
    let by = match options.by {
        NotifyBy::Asn => By::Asn,
        NotifyBy::Country => By::Country,
        NotifyBy::Contact => By::Contact,
        NotifyBy::List => By::List,
    };
    fs::create_dir_all(&options.output).map_err(|error| cannot_write(&options.output, &error))?;
    let mut told: BTreeMap<String, Constituency> = BTreeMap::new();
    let (mut held, mut wrong) = (0, None);
    let read = store.each_server(run.id, |targets| {
        let met = Met::of(targets, None);
        if met.is_server() && met.exposure != Exposure::Closed {
            let (slug, words) = contacts.constituency(by, &targets[0]);
            let one = told.entry(slug).or_default();
            one.words = words;
            one.open.add(met.exposure);
            for target in targets {
                let line = csv::notice_line(target);
                held += line.len();
                one.rows.push_str(&line);
                if one.contacts.len() < CONTACTS_NAMED_MAX {
                    one.contacts.extend(contacts.of(target));
                }
            }
        }
        if held > HELD_BYTES_MAX {
            held = 0;
            wrong = wrong.take().or_else(|| write_out(&options.output, &run, &mut told).err());
        }
    });
    read.map_err(|error| store_failure(&error))?;
    wrong.map_or(Ok(()), Err)?;
    write_out(&options.output, &run, &mut told)?;
    letters(&options.output, &run, &told)?;
    index(&options.output, &run, &told)?;
    let lists = count(told.len() as u64, "list with letters", "lists with letters");
    console.result(&format!("{lists} in {}\n", options.output.display()));
    if contacts.refused > 0 {
        let entries = count(contacts.refused, "entry of the lists is", "entries of the lists are");
        console.say(&format!("note: {entries} no contact"));
    }
    let without = told.values().filter(|one| one.contacts.is_empty()).count() as u64;
    if without > 0 {
        console.say(&format!("note: nobody is known to send {} to", count(without, "list", "lists")));
    }
    Ok(if told.is_empty() { Exit::Nothing } else { Exit::Done })
}

fn contacts(options: &SurveyNotifyOptions) -> Result<Contacts, Failure> {
    let mut contacts = Contacts::default();
    if let Some(path) = &options.contacts {
        contacts.add_list(&read(path)?);
    }
    if let Some(path) = &options.constituencies {
        contacts.add_constituencies(&read(path)?);
    }
    if let Some(folder) = &options.security_txt_dir {
        answers(folder, &mut |name, bytes| {
            let host = name.strip_suffix(".txt").unwrap_or(name);
            contacts.add_security_txt(host, &String::from_utf8_lossy(bytes));
        })?;
    }
    if let Some(folder) = &options.rdap {
        answers(folder, &mut |_, bytes| match serde_json::from_slice(bytes) {
            Ok(answer) => contacts.add_rdap(&answer),
            Err(_) => contacts.refused += 1,
        })?;
    }
    Ok(contacts.ready())
}

/// The files of a folder in the order of their names.
#[expect(clippy::disallowed_methods, reason = "a folder that the user names is no evidence")]
fn answers(folder: &Path, take: &mut dyn FnMut(&str, &[u8])) -> Result<(), Failure> {
    let cannot = |error| Failure::new(Exit::Usage, format!("cannot read `{}`: {error}", folder.display()));
    let entries = fs::read_dir(folder).map_err(cannot)?.take(ANSWERS_MAX);
    let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.is_file()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)).map_err(cannot)?;
        take(&name, &bytes);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a list that the user names is no evidence")]
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot = |error| Failure::new(Exit::Usage, format!("cannot read `{}`: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(CONTACTS_BYTES_MAX).read_to_end(&mut bytes)).map_err(cannot)?;
    Ok(bytes)
}

/// `2026-11-20-scan_exchange-as64500`: readers of Shadowserver's reports know the kind by the name.
fn name(run: &Run, slug: &str) -> String {
    let day: String = run.last.map(|day| day.to_string().chars().take(10).collect()).unwrap_or_default();
    format!("{day}-scan_exchange-{slug}")
}

fn write_out(folder: &Path, run: &Run, told: &mut BTreeMap<String, Constituency>) -> Result<(), Failure> {
    for (slug, one) in told.iter_mut().filter(|(_, one)| !one.rows.is_empty()) {
        let path = folder.join(format!("{}.csv", name(run, slug)));
        let mut open = OpenOptions::new();
        let mut file = open.create(true).write(true).append(one.begun).truncate(!one.begun).open(&path);
        let written = file.as_mut().map_err(|error| cannot_write(&path, error))?;
        let heading = if one.begun { String::new() } else { csv::notice_heading() };
        written
            .write_all(heading.as_bytes())
            .and_then(|()| written.write_all(one.rows.as_bytes()))
            .map_err(|error| cannot_write(&path, &error))?;
        one.begun = true;
        one.rows.clear();
    }
    Ok(())
}

fn letters(folder: &Path, run: &Run, told: &BTreeMap<String, Constituency>) -> Result<(), Failure> {
    for (slug, one) in told {
        let name = name(run, slug);
        let file = format!("{name}.csv");
        let notice =
            Notice { constituency: &one.words, file: &file, open: one.open, day: run.last, data: run.data_date };
        for (language, text) in [("en", english(&notice)), ("de", german(&notice))] {
            let path = folder.join(format!("{name}.{language}.txt"));
            fs::write(&path, text).map_err(|error| cannot_write(&path, &error))?;
        }
    }
    Ok(())
}

/// `contacts.csv`: which file goes to whom, and where that is from. A file without a contact has a row too.
fn index(folder: &Path, run: &Run, told: &BTreeMap<String, Constituency>) -> Result<(), Failure> {
    let mut rows = String::from("\"file\",\"constituency\",\"contact\",\"source\"\n");
    for (slug, one) in told {
        let file = format!("{}.csv", name(run, slug));
        let start = format!("{},{}", ForCsv(&file), ForCsv(&one.words));
        if one.contacts.is_empty() {
            rows.push_str(&format!("{start},,\n"));
        }
        for contact in &one.contacts {
            rows.push_str(&format!("{start},{},{}\n", ForCsv(&contact.mail), ForCsv(contact.source.words())));
        }
    }
    let path = folder.join("contacts.csv");
    fs::write(&path, rows).map_err(|error| cannot_write(&path, &error))
}
