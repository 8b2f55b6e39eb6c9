use crate::{console::Console, failure::Failure, folders, model::ModelSource};
use awing::{Device, model::WeightType};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Write a model for others to use: a folder with config.toml, model.safetensors and the card README.md.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// `builtin`, or the folder of a trained model, such as runs/train/NAME/best
    #[arg(long, value_name = "MODEL")]
    model: ModelSource,
    /// A new folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How weights are stored: f16 takes half the room
    #[arg(long, value_enum, default_value_t)]
    weights: Weights,
    /// The text of the card, a Markdown file [default: the model's own]
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Weights {
    #[default]
    F32,
    F16,
}

impl Export {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let model = self.model.load(&Device::flex())?;
        let card = self.card()?;
        let folder = folders::named(&self.out, "choose another --out")?;
        let weights = match self.weights {
            Weights::F32 => WeightType::F32,
            Weights::F16 => WeightType::F16,
        };
        model.save(&folder, &card, weights)?;
        console.print(folder.display())
    }

    fn card(&self) -> Result<String, Failure> {
        let path = match (&self.card, &self.model) {
            (Some(path), _) => path.clone(),
            (None, ModelSource::Folder(folder)) => folder.join("README.md"),
            #[cfg(feature = "builtin-model")]
            (None, ModelSource::Builtin) => return Ok(awing::model::Model::BUILTIN_CARD.to_owned()),
            #[cfg(not(feature = "builtin-model"))]
            (None, ModelSource::Builtin) => return Ok(String::new()),
        };
        std::fs::read_to_string(&path).map_err(|e| {
            Failure::Work(format!("{}: cannot read the card: {e}; give one with --card", path.display()))
        })
    }
}
