use std::io;

/// Why the command ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line was wrong; exit code 2.
    Usage(String),
    /// The work failed; exit code 1.
    Work(String),
    /// Parts of the work failed and each was told already; exit code 1.
    Told,
    /// Ctrl-C or a signal ended the work early, which was told; exit code 130.
    Stopped,
    /// Nobody reads the results any more (`awing predict … | head`); no failure at all.
    Closed,
}

impl From<awing::Error> for Failure {
    fn from(error: awing::Error) -> Self {
        Self::Work(error.to_string())
    }
}

impl Failure {
    /// Of writing results.
    pub(crate) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Work(format!("cannot write the result: {error}")),
        }
    }

    /// Of writing a file.
    pub(crate) fn file(path: &std::path::Path, error: impl std::fmt::Display) -> Self {
        Self::Work(format!("{}: cannot write: {error}", path.display()))
    }
}

/// Turns an error about an option's value into a wrong command line.
pub(crate) trait OrUsage<T> {
    /// `option` is named before the message unless the message starts with it.
    fn or_usage(self, option: &str) -> Result<T, Failure>;
}

impl<T> OrUsage<T> for awing::Result<T> {
    fn or_usage(self, option: &str) -> Result<T, Failure> {
        self.map_err(|e| {
            let message = e.to_string();
            let told = message.starts_with(option);
            Failure::Usage(if told { message } else { format!("{option}: {message}") })
        })
    }
}
