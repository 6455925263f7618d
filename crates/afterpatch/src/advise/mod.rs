//! `afterpatch advise`: build numbers in, what they are open to and which update fits out.
//!
//! arguments and tables → rows → each build judged once → one output → exit status.

mod asked;
mod from;
mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;

use evidence::Inventory;
use exchange::Knowledge;
use model::advice::{Advice, BuildAdvice, Day, SCHEMA, Server, Version};
use report::advice::{Detail, Publisher};

use crate::assess::outputs;
use crate::cli::{AdviceFormat, AdviseOptions, FailOnHole};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use asked::Asked;
pub use from::assessment_in;
pub use table::content;

/// More different builds than there are of Exchange are no builds.
const BUILDS_MAX: usize = 2_000;
/// More servers than any organisation has.
const SERVERS_MAX: usize = 100_000;

/// Runs the verb.
pub fn run(options: &AdviseOptions, console: &Console) -> Result<Exit, Failure> {
    refuse_output_over_input(options)?;
    refuse_unknown_holes(options)?;
    let asked = asked::collect(options, console)?;
    let advice = judge(options, asked)?;
    let text = match options.format {
        AdviceFormat::Human => {
            let detail = if options.all { Detail::All } else { Detail::NotClosed };
            let colour = console.colour && options.output.is_none();
            report::advice::screen(&advice, detail, colour, console.width())
        }
        AdviceFormat::Json => report::advice::json(&advice),
        AdviceFormat::Csv => report::advice::csv(&advice),
        AdviceFormat::CsafVex => report::advice::csaf(&advice, &publisher(options)),
    };
    match &options.output {
        Some(path) => outputs::write_file(path, &text)?,
        None => console.result(&text),
    }
    Ok(exit(&advice, options.fail_on))
}

/// What was read is never replaced, and nothing is written into evidence.
fn refuse_output_over_input(options: &AdviseOptions) -> Result<(), Failure> {
    let Some(output) = &options.output else { return Ok(()) };
    let is_report = |path: &&PathBuf| from::assessment_in(path).is_some() && path.is_dir();
    let mut inputs: Vec<PathBuf> = options.csv.clone();
    inputs.extend(options.from.iter().filter(|path| !is_report(path)).cloned());
    inputs.extend(options.from.iter().filter_map(|path| from::assessment_in(path)));
    Inventory::refuse_output_inside(&inputs, output)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()).hint("choose another file with -o FILE"))
}

/// A number nobody knows is mistyped or newer than the data; an answer to it would look like knowledge.
fn refuse_unknown_holes(options: &AdviseOptions) -> Result<(), Failure> {
    let known = Knowledge::shipped();
    let Some(unknown) = options.cve.iter().find(|cve| !known.is_listed(cve)) else { return Ok(()) };
    let message = format!("`{}` is not a hole in the list of {}", unknown.to_ascii_uppercase(), known.state_day());
    Err(Failure::new(Exit::Usage, message)
        .hint("`afterpatch advise BUILD --all` names all that are; a newer hole needs a newer version"))
}

fn judge(options: &AdviseOptions, asked: Asked) -> Result<Advice, Failure> {
    if asked.rows.len() > SERVERS_MAX {
        return Err(Failure::new(
            Exit::Usage,
            format!("{} servers; at most {SERVERS_MAX} are judged", asked.rows.len()),
        ));
    }
    let known = Knowledge::shipped();
    let state_date = known.state_day();
    let as_of = options.as_of.map_or(state_date, Day);
    let mut builds: BTreeMap<String, BuildAdvice> = BTreeMap::new();
    let mut servers = Vec::new();
    for row in asked.rows {
        let id = row.number.id();
        if !builds.contains_key(&id) {
            if builds.len() == BUILDS_MAX {
                return Err(Failure::new(Exit::Usage, format!("more than {BUILDS_MAX} different builds"))
                    .hint("does the right column name the build?"));
            }
            builds.insert(id.clone(), known.advise(&row.number, as_of.0, &options.cve));
        }
        servers.push(Server { server: row.server, asked: row.asked, source: row.source, build: id });
    }
    let mut builds: Vec<BuildAdvice> = builds.into_values().collect();
    builds.sort_by(|a, b| (a.lowest, a.highest, &a.id).cmp(&(b.lowest, b.highest, &b.id)));
    let mut only = options.cve.clone();
    only.dedup();
    Ok(Advice {
        schema: SCHEMA,
        afterpatch: Version { version: env!("CARGO_PKG_VERSION").to_owned() },
        state_date,
        as_of,
        only,
        servers,
        builds,
        not_understood: asked.not_understood,
    })
}

fn publisher(options: &AdviseOptions) -> Publisher {
    let default = Publisher::default();
    Publisher {
        name: options.publisher_name.clone().unwrap_or(default.name),
        namespace: options.publisher_namespace.clone().unwrap_or(default.namespace),
    }
}

/// A number that does not tell is no all-clear: exploited holes that it leaves undetermined, and rows that were not
/// understood, count as found.
fn exit(advice: &Advice, fail_on: FailOnHole) -> Exit {
    let exploited = |build: &BuildAdvice| build.counts.open_exploited + build.counts.undetermined_exploited > 0;
    let met = match fail_on {
        FailOnHole::Never => false,
        _ if !advice.not_understood.is_empty() => true,
        FailOnHole::Exploited => advice.builds.iter().any(exploited),
        FailOnHole::Open => advice.builds.iter().any(|build| build.counts.open > 0 || exploited(build)),
    };
    if met { Exit::Found } else { Exit::Done }
}
