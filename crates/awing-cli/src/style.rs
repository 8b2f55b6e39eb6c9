//! Colors. They are seen on terminals alone, unless NO_COLOR forbids or CLICOLOR_FORCE asks for them: whatever is written through
//! `anstream` loses them elsewhere.

use clap::builder::styling::{AnsiColor, Style, Styles};
use std::fmt::Display;

/// What stands above results and help.
pub(crate) const HEADING: Style = AnsiColor::Green.on_default().bold();
/// Why the command failed.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What went wrong with a part of the work.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What works.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();

/// Of help.
pub(crate) const HELP: Styles = Styles::styled()
    .header(HEADING)
    .usage(HEADING)
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

pub(crate) fn painted(text: impl Display, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// A table whose first line is a heading.
pub(crate) fn headed(table: &str) -> String {
    let (heading, rest) = table.split_at(table.find('\n').unwrap_or(table.len()));
    format!("{}{rest}", painted(heading, HEADING))
}

/// The end of a verb's long help: commands that show what it is for.
pub(crate) fn examples(commands: &[&str]) -> String {
    let lines: Vec<String> = commands.iter().map(|command| format!("\n  {command}")).collect();
    format!("{}{}", painted("Examples:", HEADING), lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_heading() {
        let green = "\u{1b}[1m\u{1b}[32m";
        assert_eq!(headed("a  b\n1  2"), format!("{green}a  b\u{1b}[0m\n1  2"));
        assert_eq!(headed("a"), format!("{green}a\u{1b}[0m"));
        assert_eq!(examples(&["awing demo"]), format!("{green}Examples:\u{1b}[0m\n  awing demo"));
    }
}
