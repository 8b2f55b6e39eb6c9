use crate::{
    console::Console,
    failure::Failure,
    model::shipped,
    style::{examples, headed},
};
use awing::network::{Builtin, Model};
use awing_train::evaluation::align;
use clap::Args;
use serde::Serialize;
use serde_json::json;

/// Tell which models ship inside, and what each may be used for.
///
/// With NAME: the cards of that model and of its detector, which say what they were learnt from, how, and how well they do.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing models",
    "awing models builtin-open",
]))]
pub(crate) struct Models {
    /// The model whose cards are printed
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print one JSON object instead of the table
    #[arg(long, conflicts_with = "name")]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    points: usize,
    input: usize,
    parameters: usize,
    terms: &'static str,
}

impl Models {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        if let Some(name) = &self.name {
            let builtin = shipped("NAME", name)?;
            return console.print(format!("{}\n{}", builtin.card(), builtin.detector_card().trim_end()));
        }
        let rows = Builtin::ALL.iter().copied().map(row).collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() && !self.json {
            return console.print("this build has no model inside");
        }
        if self.json {
            return console.print_json(&json!({ "models": rows }));
        }
        // The table's columns end alike; a text reads better where it begins alike.
        let longest = rows.iter().map(|row| row.terms.len()).max().unwrap_or(0);
        let text = |terms: &str| format!("{terms:longest$}");
        let heading = ["model", "points", "input, px", "parameters"].map(String::from);
        let mut lines = vec![heading.into_iter().chain([text("may be used")]).collect::<Vec<_>>()];
        lines.extend(rows.iter().map(|row| {
            let numbers = [row.points, row.input, row.parameters].map(|n| n.to_string());
            [row.name.to_owned()].into_iter().chain(numbers).chain([text(row.terms)]).collect()
        }));
        console.print_styled(headed(align(&lines).trim_end()))
    }
}

fn row(builtin: Builtin) -> Result<Row, Failure> {
    let model = Model::builtin(builtin)?;
    Ok(Row {
        name: builtin.name(),
        points: model.config.scheme.len(),
        input: model.config.network.input,
        parameters: model.weights.iter().map(|(_, tensor)| tensor.values.len()).sum(),
        terms: builtin.terms(),
    })
}
