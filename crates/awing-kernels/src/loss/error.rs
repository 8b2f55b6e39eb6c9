/// A constant of a loss that makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} = {value}: {problem}")]
pub struct LossError {
    /// The constant.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// What is wrong and how to mend it.
    pub problem: &'static str,
}

impl LossError {
    pub(super) fn unless(
        good: bool,
        name: &'static str,
        value: f64,
        problem: &'static str,
    ) -> Result<(), Self> {
        if good { Ok(()) } else { Err(Self { name, value, problem }) }
    }
}
