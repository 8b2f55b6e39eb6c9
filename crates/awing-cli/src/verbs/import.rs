use crate::{console::Console, failure::Failure, folders, style::examples};
use awing::{network::WeightType, scheme::Scheme};
use awing_train::{
    interchange::{ImportOptions, Imported, import_state_dict},
    model::save_model,
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Make a model folder of a PyTorch state dict.
///
/// Reads what torch.save(network.state_dict(), FILE) wrote, or a .safetensors file, of the author's network or of FAN's without coordinates;
/// nothing in the file is executed. Stacks, width and points follow from it. The model cuts faces out by awing's rule and reads maps as the
/// paper's code does; [crop] and [heatmap] in its config.toml change that.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing import WFLW_4HG.pth --out wflw",
    "awing import network.safetensors --out cats --scheme cats.toml --input 128",
]))]
pub(crate) struct Import {
    /// The state dict: .pth, .pt, .tar or .safetensors
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A new folder for the model
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What the points mean: the name of a built-in scheme or a file [default: the built-in one of 98, 68, 29 or 19 points]
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    /// Side of the network's input in pixels
    #[arg(long, default_value_t = 256, value_name = "PIXELS")]
    input: usize,
    /// Print one JSON object instead of the folder
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let scheme = self.scheme.as_deref().map(Scheme::find).transpose();
        let scheme = scheme.map_err(|e| Failure::Usage(format!("--scheme: {e}")))?;
        let options = ImportOptions { scheme, input: self.input };
        let Imported { model, left_over } = import_state_dict(&self.file, &options)?;
        if !left_over.is_empty() {
            console.remark(format!(
                "{} tensors have no place in the network: {}",
                left_over.len(),
                left_over.join(", ")
            ));
        }
        let (network, scheme) = (&model.config.network, &model.config.scheme);
        let card = format!(
            "# A landmark model from PyTorch\n\n{} points (scheme {}), imported by awing {} from {}.\n\n\
             - Network: {} stacks, {} wide, {} px input, {} parameters\n\n\
             Whoever trained the weights knows the terms of the images; weights made from research-only images (300-W, WFLW, COFW, AFLW and \
             others) must not be used in a commercial product.\n",
            scheme.len(),
            scheme.name,
            env!("CARGO_PKG_VERSION"),
            self.file.file_name().unwrap_or_default().to_string_lossy(),
            network.stacks,
            network.width,
            network.input,
            model.weights.parameters(),
        );
        let folder = folders::named(&self.out, "choose another --out")?;
        save_model(&model, &folder, &card, WeightType::F32)?;
        console.note(format!(
            "{} stacks, {} wide, {} points ({})",
            network.stacks,
            network.width,
            scheme.len(),
            scheme.name
        ));
        if self.json {
            return console.print_json(&json!({
                "folder": folder,
                "stacks": network.stacks,
                "width": network.width,
                "input": network.input,
                "parameters": model.weights.parameters(),
                "points": scheme.len(),
                "scheme": scheme.name,
                "left_over": left_over,
            }));
        }
        console.print(folder.display())
    }
}
