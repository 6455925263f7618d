//! `afterpatch collect`: what to collect from a server, as a recipe.
//!
//! arguments (and the open questions of an assessment) → rows of the table of sources → one recipe. Of an assessment only
//! rows, times and names of a checked form get any further: what stands in it was written by others, and a recipe is run
//! as administrator.

mod asked;

use evidence::Inventory;
use model::collecting::{Maker, Recipe, Row, Since};

use crate::assess::outputs;
use crate::cli::{CollectOptions, RecipeFormat};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Runs the verb.
pub fn run(options: &CollectOptions, console: &Console) -> Result<Exit, Failure> {
    if let (Some(assessment), Some(output)) = (&options.assessment, &options.output) {
        Inventory::refuse_output_inside(&asked::files(assessment), output)
            .map_err(|error| Failure::new(Exit::Usage, error.to_string()).hint("choose another file with -o FILE"))?;
    }
    let recipe = recipe(options)?;
    let text = match options.format {
        RecipeFormat::List => report::collect::list(&recipe, console.width()),
        RecipeFormat::Json => report::collect::json(&recipe),
        RecipeFormat::Kape => report::collect::kape(&recipe),
        RecipeFormat::Velociraptor => report::collect::velociraptor(&recipe),
        RecipeFormat::Powershell => report::collect::powershell(&recipe),
        RecipeFormat::Robocopy => report::collect::robocopy(&recipe),
        RecipeFormat::Tar => report::collect::tar(&recipe),
    };
    match &options.output {
        Some(path) => outputs::write_file(path, &text)?,
        None => console.result(&text),
    }
    Ok(Exit::Done)
}

fn recipe(options: &CollectOptions) -> Result<Recipe, Failure> {
    let (servers, rows) = match &options.assessment {
        None => (Vec::new(), everything(since(options))),
        Some(assessment) => asked::rows(assessment, options.server.as_deref())?,
    };
    Ok(Recipe {
        schema: Recipe::SCHEMA,
        afterpatch: Maker { version: env!("CARGO_PKG_VERSION").to_owned() },
        exchange_path: options.exchange_path.clone(),
        iis_logs: options.iis_logs.clone(),
        servers,
        rows,
    })
}

fn since(options: &CollectOptions) -> Since {
    match (options.days, options.from) {
        (Some(days), _) => Since::Days(days),
        (None, Some(from)) => Since::From(from),
        (None, None) => Since::Ever,
    }
}

fn everything(since: Since) -> Vec<Row> {
    exchange::sources().iter().map(|source| source.row(since)).collect()
}
