use super::ModelFiles;

/// The models that ship inside this build, each with a detector of its own. They differ in what their weights were learnt from, and so in
/// what they may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Builtin {
    /// Learnt from photos that are for research only: not for commercial products.
    #[cfg(feature = "builtin-model")]
    Research,
    /// Learnt from rendered faces alone: for any use.
    #[cfg(feature = "builtin-open")]
    Open,
}

impl Builtin {
    /// Those of this build, the default first.
    pub const ALL: &[Self] = &[
        #[cfg(feature = "builtin-model")]
        Self::Research,
        #[cfg(feature = "builtin-open")]
        Self::Open,
    ];

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|builtin| builtin.name() == name)
    }

    /// What it is called: "builtin", "builtin-open".
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "builtin-model")]
            Self::Research => "builtin",
            #[cfg(feature = "builtin-open")]
            Self::Open => "builtin-open",
        }
    }

    /// What model and detector may be used for, in a line.
    pub fn terms(self) -> &'static str {
        match self {
            #[cfg(feature = "builtin-model")]
            Self::Research => {
                "for research only, not for commercial products: learnt from photos of 300-W and others"
            }
            #[cfg(feature = "builtin-open")]
            Self::Open => "for any use, MIT or Apache-2.0: learnt from rendered faces alone",
        }
    }

    /// The card of its landmarks: what data made it, what it may be used for, how well it does.
    pub fn card(self) -> &'static str {
        self.parts()[0].card
    }

    /// The card of its detector.
    pub fn detector_card(self) -> &'static str {
        self.parts()[1].card
    }

    /// The files of its landmarks.
    pub(crate) fn landmarks(self) -> ModelFiles {
        self.parts()[0].files(self.name())
    }

    /// The files of its detector.
    pub(crate) fn detector(self) -> ModelFiles {
        self.parts()[1].files(&format!("{}/detector", self.name()))
    }

    /// Landmarks and detector.
    fn parts(self) -> [Part; 2] {
        match self {
            #[cfg(feature = "builtin-model")]
            Self::Research => {
                use awing_models_research::{DETECTOR, Files, LANDMARKS};
                let part = |Files { config, weights, calibration, card, .. }| Part {
                    config,
                    weights,
                    calibration,
                    card,
                };
                [LANDMARKS, DETECTOR].map(part)
            }
            #[cfg(feature = "builtin-open")]
            Self::Open => {
                use awing_models_open::{DETECTOR, Files, LANDMARKS};
                let part = |Files { config, weights, calibration, card, .. }| Part {
                    config,
                    weights,
                    calibration,
                    card,
                };
                [LANDMARKS, DETECTOR].map(part)
            }
        }
    }

    /// How its detector is verified: the least peak that is looked at, and the least mean score of the face's points there. Of the photos without
    /// people to train and choose on none comes to both of the research model's; of 100 rendered ones 2 come to both of the open one's.
    pub(crate) fn bars(self) -> [f32; 2] {
        match self {
            #[cfg(feature = "builtin-model")]
            Self::Research => [0.4, 0.66],
            #[cfg(feature = "builtin-open")]
            Self::Open => [0.3, 0.7],
        }
    }
}

/// What a crate of weights holds of a model, whatever the crate.
struct Part {
    config: &'static str,
    weights: &'static [u8],
    calibration: Option<&'static str>,
    card: &'static str,
}

impl Part {
    fn files(&self, folder: &str) -> ModelFiles {
        ModelFiles::embedded(folder, self.config, self.weights, self.calibration)
    }
}

#[cfg(test)]
#[cfg(any(feature = "builtin-model", feature = "builtin-open"))]
mod tests {
    use super::*;
    use crate::{detection::DetectorModel, network::Model, scheme::Scheme};

    #[test]
    fn each_is_small_finds_68_points_and_its_cards_say_what_it_may_be_used_for() {
        for builtin in Builtin::ALL.iter().copied() {
            assert_eq!(Builtin::named(builtin.name()), Some(builtin));
            let model = Model::builtin(builtin).unwrap();
            let points = Scheme::builtin("300w-68").unwrap().landmarks_only();
            assert_eq!(model.config.scheme.landmarks_only(), points);
            let numbers: usize = model.weights.iter().map(|(_, tensor)| tensor.values.len()).sum();
            let bytes = builtin.landmarks().weights.len();
            assert!(bytes <= 8_000_000 && bytes >= 2 * numbers, "{bytes}");
            DetectorModel::builtin(builtin).unwrap();
            assert!(builtin.card().contains("NME"));
            for card in [builtin.card(), builtin.detector_card()] {
                let may = match builtin {
                    #[cfg(feature = "builtin-model")]
                    Builtin::Research => ["300-W", "research", "be used in a commercial product"],
                    #[cfg(feature = "builtin-open")]
                    Builtin::Open => ["rendered", "ICT-FaceKit", "may be used"],
                };
                // A line of a card may break anywhere.
                let words = card.split_whitespace().collect::<Vec<_>>().join(" ");
                for text in may.iter().chain(&["train"]) {
                    assert!(words.contains(text), "{}: {text}", builtin.name());
                }
            }
        }
    }
}
