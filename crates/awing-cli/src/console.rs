use crate::{
    failure::Failure,
    style::{ERROR, WARNING, painted},
};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    fmt::Display,
    io::{IsTerminal, Write},
};

/// How many lines of one kind of trouble are told before they are only counted.
const MOST_LINES: usize = 10;

/// Results go to stdout; messages and progress go to stderr. None of them minds a closed pipe.
pub(crate) struct Console {
    quiet: bool,
    terminal: bool,
    bars: MultiProgress,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let terminal = std::io::stderr().is_terminal();
        Self { quiet, terminal, bars: MultiProgress::with_draw_target(target) }
    }

    /// Whether progress is told in lines, because no bar can be seen.
    pub(crate) fn tells_lines(&self) -> bool {
        !self.quiet && !self.terminal
    }

    /// A progress bar; hidden where there is no terminal. `template` is indicatif's.
    pub(crate) fn bar(&self, length: usize, template: &str) -> ProgressBar {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(length as u64).with_style(style);
        self.bars.add(bar)
    }

    /// A message that `--quiet` silences.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            let text = harmless(&text.to_string());
            self.bars.suspend(|| {
                let _ = writeln!(std::io::stderr(), "{text}");
            });
        }
    }

    /// Why the command failed, in one line.
    pub(crate) fn error(text: &str) {
        let parts = text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty());
        let line = parts.collect::<Vec<_>>().join(" ");
        let _ = writeln!(anstream::stderr(), "{} {line}", painted("awing:", ERROR));
    }

    /// A line about trouble.
    pub(crate) fn warn(&self, text: impl Display) {
        let text = text.to_string().replace(char::is_control, " ");
        self.bars.suspend(|| {
            let _ = writeln!(anstream::stderr(), "{} {text}", painted("awing:", WARNING));
        });
    }

    /// A line that looks like trouble and is none for the exit code: `--quiet` silences it.
    pub(crate) fn remark(&self, text: impl Display) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// A line for each of the first troubles, and how many more there are.
    pub(crate) fn warn_all<T: Display>(&self, troubles: impl ExactSizeIterator<Item = T>) {
        let more = troubles.len().saturating_sub(MOST_LINES);
        troubles.take(MOST_LINES).for_each(|trouble| self.warn(trouble));
        if more > 0 {
            self.warn(format!("and {more} more"));
        }
    }

    /// A result. Other programs get it as it is, a terminal without what would move its cursor.
    pub(crate) fn print(&self, text: impl Display) -> Result<(), Failure> {
        let out = std::io::stdout().lock();
        if out.is_terminal() { self.write(out, harmless(&text.to_string())) } else { self.write(out, text) }
    }

    /// A result with colors, for terminals.
    pub(crate) fn print_styled(&self, text: impl Display) -> Result<(), Failure> {
        self.write(anstream::stdout().lock(), text)
    }

    fn write(&self, mut out: impl Write, text: impl Display) -> Result<(), Failure> {
        self.bars
            .suspend(|| writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|e| Failure::output(&e)))
    }

    /// A result as one line of JSON.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        self.print(serde_json::to_string(value).map_err(|e| Failure::Work(format!("JSON: {e}")))?)
    }
}

/// Lines of results for whoever reads them. Who has enough of them, as `head` has, ends the work, unless it also writes files: these are wanted
/// all the same.
pub(crate) struct Lines<'a> {
    console: &'a Console,
    /// Whether files are written too.
    files: bool,
    /// Whether somebody reads.
    heard: bool,
}

impl<'a> Lines<'a> {
    /// Nobody reads where they are `silent`.
    pub(crate) fn new(console: &'a Console, files: bool, silent: bool) -> Self {
        Self { console, files, heard: !silent }
    }

    pub(crate) fn print(&mut self, line: impl Display) -> Result<(), Failure> {
        if !self.heard {
            return Ok(());
        }
        match self.console.print(line) {
            Err(Failure::Closed) if self.files => {
                self.heard = false;
                Ok(())
            }
            printed => printed,
        }
    }
}

/// The text without what moves a terminal's cursor: the name of a file may hold anything.
fn harmless(text: &str) -> String {
    text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_elsewhere_on_the_screen() {
        assert_eq!(harmless("a\u{1b}[2J\u{7}\u{9b}b\r\n\tc"), "a [2J  b \n\tc");
    }
}
