//! The `awing` command: train, evaluate and predict face landmarks. Everything it does is in the library `awing`; here
//! are the arguments, the messages and the exit codes: 0 done, 1 the work or a part of the input failed, 2 the command
//! line was wrong, 130 stopped by Ctrl-C or a signal.

mod box_file;
mod console;
mod data;
mod detector;
mod device;
mod failure;
mod folders;
mod interrupt;
mod limited;
mod model;
mod photo_list;
mod sheets;
mod sources;
mod style;
mod verbs;

use awing_train::start_threads;
use clap::{Parser, error::ErrorKind};
use console::Console;
use failure::Failure;
use std::process::ExitCode;
use verbs::Verb;

/// Face alignment by heatmap regression with the Adaptive Wing loss.
///
/// New here? `awing demo` draws faces, trains on them for a minute and shows what comes out. `awing VERB --help` ends with examples.
#[derive(Parser)]
#[command(name = "awing", version, arg_required_else_help = true, styles = style::HELP, after_long_help = style::examples(&[
    "awing predict photo.jpg --draw",
    "awing demo",
    "awing train --data 300w:faces/train --val 300w:faces/val --preset nano --minutes 30 --name mine",
    "awing eval --model runs/train/mine/best --data 300w:faces/test",
]))]
struct Command {
    #[command(subcommand)]
    verb: Verb,
    /// No messages and no progress on stderr; errors are still told
    #[arg(long, global = true)]
    quiet: bool,
}

fn main() -> ExitCode {
    // Before anything asks for them: fewer, where the system allows no more.
    start_threads();
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
        Err(Failure::Stopped) => 130,
    };
    if let Err(Failure::Work(message) | Failure::Usage(message)) = result {
        Console::error(&message);
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

    /// The words of an example as a shell gives them; what follows a pipe, a redirection or a # is not the command's.
    fn words(line: &str) -> Vec<&str> {
        line.split_whitespace()
            .take_while(|word| !["|", ">"].contains(word) && !word.starts_with('#'))
            .map(|word| word.trim_matches('\''))
            .collect()
    }

    #[test]
    fn every_verb_ends_its_help_with_examples_that_are_right() {
        let command = Command::command();
        for verb in std::iter::once(&command).chain(command.get_subcommands()) {
            let text = verb.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            let mut lines = text.lines();
            assert_eq!(lines.next(), Some("Examples:"), "{}", verb.get_name());
            for line in lines {
                let words = words(line);
                let named = words.get(usize::from(verb.get_name() != "awing"));
                assert_eq!(named, Some(&verb.get_name()), "{line}");
                if let Err(problem) = Command::try_parse_from(&words) {
                    panic!("{line}: {problem}");
                }
            }
        }
    }

    #[test]
    fn every_argument_and_value_is_explained() {
        let command = Command::command();
        for verb in command.get_subcommands() {
            for argument in verb.get_arguments().filter(|a| !a.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{} {}", verb.get_name(), argument.get_id());
            }
        }
    }

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
