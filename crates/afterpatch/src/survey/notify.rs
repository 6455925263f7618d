//! `afterpatch survey notify`: a list and a letter per constituency, in files whose names are our own words.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use ::survey::count::Met;
use ::survey::notify::{By, CONTACTS_BYTES_MAX, Contacts};
use ::survey::store::Store;
use model::survey::{Exposure, Interval, Run};
use report::survey::csv;
use report::survey::notice::{Notice, english, german};

use super::results::{cannot_write, store_failure};
use crate::cli::{NotifyBy, SurveyNotifyOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Bytes of rows held before they are written out.
const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

#[derive(Default)]
struct Constituency {
    words: String,
    open: Interval,
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
    console.result(&format!("{} lists and letters in {}\n", told.len(), options.output.display()));
    if contacts.refused > 0 {
        console.say(&format!("note: {} entries of the lists were no contact", contacts.refused));
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
    Ok(contacts.ready())
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
