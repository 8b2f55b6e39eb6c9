//! The `awing` command: train, evaluate and predict face landmarks. Everything it does is in the library `awing`; here
//! are the arguments, the messages and the exit codes: 0 done, 1 the work or a part of the input failed, 2 the command
//! line was wrong.

mod console;
mod data;
mod detector;
mod device;
mod failure;
mod folders;
mod interrupt;
mod model;
mod sheets;
mod verbs;

use clap::{Parser, error::ErrorKind};
use console::Console;
use failure::Failure;
use std::{io::Write, process::ExitCode};
use verbs::Verb;

/// Face alignment by heatmap regression with the Adaptive Wing loss.
///
/// New here? `awing demo` draws faces, trains on them for a minute and shows what comes out.
#[derive(Parser)]
#[command(name = "awing", version, arg_required_else_help = true)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
    /// No messages and no progress on stderr; errors are still told
    #[arg(long, global = true)]
    quiet: bool,
}

fn main() -> ExitCode {
    let result = match Command::try_parse() {
        Ok(command) => command.verb.run(&Console::new(command.quiet)),
        Err(error) if shows_help(error.kind()) => {
            // Whoever closed the pipe does not want the help.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(error) => Err(Failure::Usage(usage_line(&error.render().to_string()))),
    };
    let code = match &result {
        Ok(()) | Err(Failure::Closed) => 0,
        Err(Failure::Work(_) | Failure::Told) => 1,
        Err(Failure::Usage(_)) => 2,
    };
    if let Err(Failure::Work(message) | Failure::Usage(message)) = result {
        let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(std::io::stderr(), "awing: {line}");
    }
    ExitCode::from(code)
}

fn shows_help(kind: ErrorKind) -> bool {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    matches!(kind, DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand | DisplayVersion)
}

/// The command-line parser's message without its usage lines.
fn usage_line(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|mark| text.find(mark)).min();
    format!("{}; see --help", text[..end.unwrap_or(text.len())].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Command::command().debug_assert();
    }

    #[test]
    fn usage_is_cut_off() {
        let text =
            "error: no `--x`\n\n  tip: try `--y`\n\nUsage: awing\n\nFor more information, try '--help'.\n";
        assert_eq!(usage_line(text), "no `--x`\n\n  tip: try `--y`; see --help");
    }
}
