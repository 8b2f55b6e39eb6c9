use crate::{console::Console, failure::Failure, style::examples};
use clap::{Args, Command, CommandFactory};
use clap_mangen::roff::{Roff, roman};
use std::{fs, path::PathBuf};

/// Print a manual page, or write all of them.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing man train | man -l -",
    "awing man --out ~/.local/share/man/man1      # then: man awing, man awing-train",
]))]
pub(crate) struct Man {
    /// The verb whose page is printed, such as train or data-info [default: the page of the command itself]
    #[arg(value_name = "VERB")]
    verb: Option<String>,
    /// Write awing.1 and a page for each verb into a folder; older ones of awing are replaced
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    out: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let mut command = crate::Command::command();
        // Gives verbs the options that all share, and their names for pages: awing-train.
        command.build();
        if let Some(folder) = &self.out {
            fs::create_dir_all(folder).map_err(|e| Failure::file(folder, e))?;
            for command in std::iter::once(&command).chain(verbs(&command)) {
                let path = folder.join(format!("{}.1", name(command)));
                fs::write(&path, page(command)?).map_err(|e| Failure::file(&path, e))?;
            }
            return console.print(folder.display());
        }
        let asked = match &self.verb {
            None => &command,
            Some(verb) => verbs(&command).into_iter().find(|c| short(c) == verb).ok_or_else(|| {
                let known: Vec<&str> = verbs(&command).into_iter().map(short).collect();
                Failure::Usage(format!("`{verb}` is no verb; there are {}", known.join(", ")))
            })?,
        };
        console.print(String::from_utf8_lossy(&page(asked)?).trim_end())
    }
}

/// Verbs that are no secret, and what they have below them; help has no page of its own.
fn verbs(command: &Command) -> Vec<&Command> {
    let own = command.get_subcommands().filter(|verb| !verb.is_hide_set() && !is_help(verb));
    own.flat_map(|verb| std::iter::once(verb).chain(verbs(verb))).collect()
}

fn is_help(command: &Command) -> bool {
    command.get_name() == "help"
}

fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// Without the name of the whole: "data-info".
fn short(command: &Command) -> &str {
    name(command).trim_start_matches("awing-")
}

/// The page in roff.
fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    // Examples get a section of their own, a line a line.
    let shown = command.clone().after_long_help(None::<&str>);
    let shown = shown.mut_subcommands(|verb| if is_help(&verb) { verb.hide(true) } else { verb });
    let page = clap_mangen::Man::new(shown)
        .title(name(command))
        .source(concat!("awing ", env!("CARGO_PKG_VERSION")))
        .manual("awing");
    let mut text = Vec::new();
    let mut end = Roff::new();
    if let Some(examples) = command.get_after_long_help().map(ToString::to_string) {
        end.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.lines().skip(1) {
            end.text([roman(line.trim_start())]);
        }
        end.control("fi", []);
    }
    let written = page.render(&mut text).and_then(|()| end.to_writer(&mut text));
    written.map_err(|e| Failure::Work(format!("manual page: {e}")))?;
    Ok(text)
}
