use crate::{console::Console, failure::Failure, style::examples};
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

/// Print the script by which a shell completes verbs and options.
///
/// Write it where your shell looks for such scripts, and open a new shell.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing completions bash > ~/.local/share/bash-completion/completions/awing",
    "awing completions zsh > ~/.zfunc/_awing      # with fpath+=~/.zfunc before compinit in ~/.zshrc",
    "awing completions fish > ~/.config/fish/completions/awing.fish",
]))]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut crate::Command::command(), "awing", &mut script);
        console.print(String::from_utf8_lossy(&script).trim_end())
    }
}
