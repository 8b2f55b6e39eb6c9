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

/// The options behind the fields of the library's errors: by the field's name the option that sets it, or in words how options mend it.
pub(crate) type Options = [(&'static str, &'static str)];

/// The message of an error, with the options that it is about.
fn told(error: &awing::Error, options: &Options) -> String {
    let of = |field: &str| options.iter().find(|(name, _)| *name == field).map(|(_, option)| option);
    let (field, problem) = match error {
        awing::Error::Invalid { field, problem } => (field.as_str(), Some(problem)),
        awing::Error::Model { field, .. } => (field.as_str(), None),
        awing::Error::Training { .. } => ("training", None),
        _ => return error.to_string(),
    };
    match (of(field), problem) {
        (Some(option), Some(problem)) => format!("{option}: {problem}"),
        (Some(option), None) => format!("{error} ({option})"),
        (None, _) => error.to_string(),
    }
}

impl Failure {
    /// Of work whose settings came by options.
    pub(crate) fn work(error: &awing::Error, options: &Options) -> Self {
        Self::Work(told(error, options))
    }

    /// Of what options said.
    pub(crate) fn usage(error: &awing::Error, options: &Options) -> Self {
        Self::Usage(told(error, options))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_library_are_told_with_their_options() {
        let options: &Options =
            &[("setting", "--set"), ("run", "--resume goes on"), ("training", "--resume")];
        let told = |error: awing::Error| told(&error, options);
        assert_eq!(
            told(awing::Error::invalid("setting", "`x` is not key=value")),
            "--set: `x` is not key=value"
        );
        assert_eq!(
            told(awing::Error::invalid("training.batch", "1 is too few")),
            "training.batch: 1 is too few"
        );
        assert_eq!(
            told(awing::Error::model("runs/a", "run", "is already there")),
            "runs/a: run: is already there (--resume goes on)"
        );
        let stopped = awing::Error::Training { step: 3, problem: "the disk is full".to_owned() };
        assert_eq!(told(stopped), "training stopped at step 3: the disk is full (--resume)");
    }
}
