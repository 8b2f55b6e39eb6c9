use crate::{
    console::Console, data, device::DeviceChoice, failure::Failure, model::ModelSource, style::examples,
};
use awing_train::{
    dataset::DataSource,
    evaluation::{BoxSource, Normalizer, test_faces},
    model::save_calibration,
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Learn what a model's scores say of its errors.
///
/// Measures the model on annotated faces that it was not trained on, and writes calibration.toml into its folder. From then on each predicted
/// point comes with its expected error, and `awing eval` draws how far that can be trusted. Use validation faces, not the test's.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing calibrate --model runs/train/mine/best --data 300w:faces/val",
]))]
pub(crate) struct Calibrate {
    /// The folder of a trained model, such as runs/train/NAME/best; or `builtin` or `builtin-open`, with --out
    #[arg(long, value_name = "MODEL")]
    model: ModelSource,
    /// Annotated faces, FORMAT:PATH as for `awing train`
    #[arg(long, value_name = "FORMAT:PATH")]
    data: DataSource,
    /// What the points of the data mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// Where calibration.toml is written [default: the model's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Print one JSON object instead of the file's path
    #[arg(long)]
    json: bool,
}

impl Calibrate {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let folder = match (&self.out, &self.model) {
            (Some(out), _) => out.clone(),
            (None, ModelSource::Folder(folder)) => folder.clone(),
            (None, ModelSource::Shipped(name)) => {
                return Err(Failure::Usage(format!(
                    "--model {name}: say with --out where to write calibration.toml"
                )));
            }
        };
        if !folder.is_dir() {
            return Err(Failure::Usage(format!("{}: is no folder; give one that exists", folder.display())));
        }
        let aligner = self.model.aligner(&self.device.device()?)?;
        let scheme = aligner.scheme().clone();
        let dataset =
            data::open(&self.data, &self.images, data::scheme(self.scheme.as_deref())?.as_ref(), console)?;
        let bar = console.bar(dataset.samples.len(), "{bar:30} {pos} of {len} faces  left {eta}");
        let normalizer = Normalizer::usual(&scheme);
        let tested = test_faces(&aligner, &dataset, &BoxSource::Landmarks, &normalizer, &mut |done| {
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        let tested = tested?;
        if tested.scheme.name != scheme.name {
            return Err(Failure::Work(format!(
                "{}: has the scheme {}, the model {}; calibrate on faces with the model's own points",
                self.data, dataset.scheme.name, scheme.name
            )));
        }
        let calibration = tested.calibrate()?;
        save_calibration(&calibration, &folder)?;
        let path = folder.join("calibration.toml");
        if self.json {
            return console.print_json(&json!({
                "calibration": path,
                "normaliser": calibration.normalizer,
                "faces": tested.faces.len(),
                "left_out": dataset.problems.len(),
            }));
        }
        console.print(path.display())
    }
}
