use crate::{
    console::Console,
    failure::Failure,
    folders, limited,
    model::{ModelSource, shipped},
    style::examples,
};
use awing::{
    detection::DetectorModel,
    network::{ModelFiles, WeightType},
};
use awing_train::{
    interchange::{OnnxOptions, write_onnx, write_state_dict},
    model::write_model,
};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write a model or a detector for others to use.
///
/// As a folder with config.toml, model.safetensors and the card README.md, for awing; as one file for ONNX Runtime and others, with the scheme
/// and the crop in its metadata; or as safetensors under the names of the author's PyTorch network.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing export --model runs/train/mine/best --out model.onnx --format onnx",
    "awing export --model builtin --out mine --weights f16",
    "awing export --model runs/train/mine/best --out model.safetensors --format safetensors",
]))]
pub(crate) struct Export {
    /// `builtin`, `builtin-open`, or the folder of a trained model or detector, such as runs/train/NAME/best
    #[arg(long, value_name = "MODEL")]
    model: ModelSource,
    /// What is written
    #[arg(long, value_enum, default_value_t)]
    format: ExportFormat,
    /// A new folder, or a new file
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Faces in a batch of the ONNX network [default: any number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: Option<u16>,
    /// How weights are stored: f16 takes half the room
    #[arg(long, value_enum, default_value_t)]
    weights: Weights,
    /// The text of the card, a Markdown file [default: the model's own]
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Print one JSON object instead of the path
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// A model folder
    #[default]
    Folder,
    /// One .onnx file, opset 17: `image` [batch, 3, side, side] in, `heatmaps` [batch, maps, side / 4, side / 4] out
    Onnx,
    /// One .safetensors file with PyTorch's names
    Safetensors,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Weights {
    /// 32 bits
    #[default]
    F32,
    /// 16 bits
    F16,
}

/// Whether a folder holds a detector rather than a model of landmarks.
fn is_detector(folder: &Path) -> bool {
    ModelFiles::read(folder).is_ok_and(|files| files.is_detector())
}

/// What the command line calls it.
fn value_name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl Export {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let weights = match self.weights {
            Weights::F32 => WeightType::F32,
            Weights::F16 => WeightType::F16,
        };
        if self.batch.is_some() && self.format != ExportFormat::Onnx {
            return Err(Failure::Usage("--batch: only an ONNX network has a fixed batch".to_owned()));
        }
        if self.format != ExportFormat::Folder {
            return self.file(weights, console);
        }
        let folder = || folders::named(&self.out, "choose another --out");
        let folder = match &self.model {
            ModelSource::Folder(source) if is_detector(source) => {
                let files = DetectorModel::load(source)?.to_files(&self.out, weights)?;
                let card = self.card()?;
                let folder = folder()?;
                write_model(&files, &folder, &card)?;
                folder
            }
            source => {
                let files = source.load()?.to_files(&self.out, weights)?;
                let card = self.card()?;
                let folder = folder()?;
                write_model(&files, &folder, &card)?;
                folder
            }
        };
        self.told(&folder, console)
    }

    /// Says where it is.
    fn told(&self, path: &Path, console: &Console) -> Result<(), Failure> {
        if !self.json {
            return console.print(path.display());
        }
        let [format, weights] = [value_name(&self.format), value_name(&self.weights)];
        console.print_json(&json!({ "path": path, "format": format, "weights": weights }))
    }

    /// One file.
    fn file(&self, weights: WeightType, console: &Console) -> Result<(), Failure> {
        if self.card.is_some() {
            return Err(Failure::Usage("--card: only a folder has a card".to_owned()));
        }
        if self.out.exists() {
            return Err(Failure::Usage(format!(
                "--out: {} is already there; choose another name",
                self.out.display()
            )));
        }
        let model = match &self.model {
            ModelSource::Folder(source) if is_detector(source) => {
                let problem = "--format: a detector is written as a folder only";
                return Err(Failure::Usage(problem.to_owned()));
            }
            source => source.load()?,
        };
        match self.format {
            ExportFormat::Onnx => {
                write_onnx(&model, &self.out, &OnnxOptions { batch: self.batch.map(usize::from), weights })?;
            }
            _ => write_state_dict(&model, &self.out, weights)?,
        }
        self.told(&self.out, console)
    }

    fn card(&self) -> Result<String, Failure> {
        let path = match (&self.card, &self.model) {
            (Some(path), _) => path.clone(),
            (None, ModelSource::Folder(folder)) => folder.join("README.md"),
            (None, ModelSource::Shipped(name)) => return Ok(shipped("--model", name)?.card().to_owned()),
        };
        // Whoever made the folder must not have another file told to those whom the model is given to.
        let odd = path.symlink_metadata().is_ok_and(|meta| !meta.is_file());
        let text = match odd && self.card.is_none() {
            true => Err("is not a plain file".to_owned()),
            false => limited::text(&path),
        };
        text.map_err(|problem| {
            Failure::Work(format!("{}: the model's card: {problem}; give one with --card", path.display()))
        })
    }
}
