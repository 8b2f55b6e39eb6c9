use awing::Error;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// One thing whose speed is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A photo's file to its pixels.
    Decode,
    /// A training sample of a decoded photo, on one thread: crop, variation, targets, boundary map, weights, and the crop as
    /// numbers for the network.
    Sample,
    /// A batch of training samples from files, on all threads.
    Batch,
    /// As many bytes as the loss reads and writes, copied: the limit that memory sets to it.
    Copy,
    /// The recipe's loss of one stack on a batch, its value and its gradient.
    Loss,
    /// A training step on a batch that is there: forward, loss, gradients, their norm, optimizer, moving average.
    TrainStep,
    /// The same with its batch, as in a run: batches are made beside it.
    Train,
    /// Crops of faces to their landmarks.
    Predict,
    /// A process from its start to the landmarks of one photo in a given box.
    Startup,
}

impl Work {
    /// All of them, in the order of the street.
    pub const ALL: [Self; 9] = [
        Self::Decode,
        Self::Sample,
        Self::Batch,
        Self::Copy,
        Self::Loss,
        Self::TrainStep,
        Self::Train,
        Self::Predict,
        Self::Startup,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Sample => "sample",
            Self::Batch => "batch",
            Self::Copy => "copy",
            Self::Loss => "loss",
            Self::TrainStep => "train-step",
            Self::Train => "train",
            Self::Predict => "predict",
            Self::Startup => "startup",
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Work {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|work| work.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::invalid("work", format!("`{text}` is unknown; choose from {names}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_everywhere() {
        for work in Work::ALL {
            assert_eq!(work.name().parse::<Work>().unwrap(), work);
            assert_eq!(serde_json::to_string(&work).unwrap(), format!("\"{work}\""));
        }
        let error = "steps".parse::<Work>().unwrap_err().to_string();
        assert!(error.starts_with("work: `steps` is unknown; choose from decode, sample"), "{error}");
    }
}
