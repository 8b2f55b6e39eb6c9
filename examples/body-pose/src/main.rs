//! Joints of bodies, found with the Adaptive Wing loss, its weight map, CoordConv and the hourglass in a plain Burn training loop: what a
//! project of your own may take from awing without its faces, recipes and folders.
//!
//! ```console
//! $ cargo run --release -p body-pose -- lspet/train lspet/test
//! ```
//!
//! The folders hold `joints.csv` and `images/` of Leeds Sports Pose (extended); another set needs another reader, no more.

mod measure;
mod network;
mod poses;
#[cfg(test)]
mod stick_figures;
mod training;

use awing::{Error, Result};
use awing_ops::{AdaptiveWing, PixelLoss};
use awing_train::{
    dataset::{DataSource, Dataset, OpenOptions},
    report::{Overlay, Tile, contact_sheet, save_picture},
};
use clap::{Parser, ValueEnum};
use measure::{Figures, find, guess, measure};
use poses::Poses;
use std::{
    io::{Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};
use training::{Settings, train};

/// Train a pose network on Leeds Sports Pose (extended) and measure it.
#[derive(Parser)]
struct Arguments {
    /// Folder to learn from: joints.csv and images/
    train: PathBuf,
    /// Folder to measure on
    test: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    loss: Loss,
    /// Every pixel of a map weighs the same
    #[arg(long)]
    no_weight_map: bool,
    #[arg(long, default_value_t = 100, value_name = "N")]
    epochs: usize,
    /// Side of the crops in pixels, a multiple of 64
    #[arg(long, default_value_t = 128, value_name = "PIXELS")]
    side: usize,
    /// Channels of the network, divisible by 8
    #[arg(long, default_value_t = 48, value_name = "N")]
    width: usize,
    #[arg(long, default_value_t = 2e-3, value_name = "RATE")]
    learning_rate: f64,
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Write a picture of some test photos with the joints that were found
    #[arg(long, value_name = "FILE.png")]
    sheet: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Loss {
    #[default]
    AdaptiveWing,
    Mse,
}

impl Loss {
    fn of_pixels(self) -> PixelLoss {
        match self {
            Self::AdaptiveWing => AdaptiveWing::default().into(),
            Self::Mse => PixelLoss::Mse,
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "body-pose: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { side, no_weight_map, epochs, seed, .. } = *arguments;
    let [known, test] = [&arguments.train, &arguments.test].map(|folder| {
        let dataset = open(folder)?;
        Poses::of(&dataset, side, !no_weight_map)
    });
    let (known, test) = (known?, test?);
    say(&format!("{} people to learn from, {} to measure on", known.people.len(), test.people.len()))?;
    tell("mean places", &measure(&guess(&known, &test)?, &test)?)?;
    let settings = Settings {
        loss: arguments.loss.of_pixels(),
        epochs,
        batch: 16,
        width: arguments.width,
        learning_rate: arguments.learning_rate,
        seed,
    };
    let begun = Instant::now();
    let network = train(&known, &settings, |epoch, loss| {
        if epoch % 10 == 0 {
            let minutes = begun.elapsed().as_secs_f64() / 60.0;
            // Progress may be lost.
            let _ =
                writeln!(std::io::stderr(), "epoch {epoch} of {epochs}  loss {loss:.4}  {minutes:.1} min");
        }
    })?;
    tell("on what it learnt from", &measure(&find(&network, &known)?, &known)?)?;
    let found = find(&network, &test)?;
    tell("test", &measure(&found, &test)?)?;
    if let Some(path) = &arguments.sheet {
        let tiles = test.people.iter().zip(&found).take(24).map(|(person, found)| Tile {
            image: &person.photo,
            overlay: Overlay::new(&test.scheme, found),
            name: person.name.clone(),
            value: String::new(),
        });
        save_picture(path, &contact_sheet(&[("test photos".to_owned(), tiles.collect())], 6, 192))?;
    }
    Ok(())
}

/// The people of a folder.
fn open(folder: &Path) -> Result<Dataset> {
    if !folder.join("joints.csv").is_file() {
        let problem = "is not there; give a folder of Leeds Sports Pose (extended) with joints.csv, a line a photo: image, then x, y, \
                       visible of 14 joints; and images/";
        return Err(Error::format(folder, None, "joints.csv", problem));
    }
    let source = DataSource { format: "lspet".parse()?, path: folder.to_path_buf() };
    Dataset::open(&source, &OpenOptions::default())
}

fn tell(what: &str, figures: &Figures) -> Result<()> {
    let Figures { people, pck, coarse_pck, nme } = figures;
    say(&format!(
        "{what}: PCK@0.2 {pck:.1} %, PCK@0.5 {coarse_pck:.1} %, NME {nme:.1} % of the body ({people} people with a torso)"
    ))
}

fn say(text: &str) -> Result<()> {
    writeln!(stdout(), "{text}").map_err(Error::io("the answer", "write"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::scheme::Scheme;

    #[test]
    fn it_learns_stick_figures_that_it_has_not_seen() {
        let scheme = Scheme::builtin("body-14").unwrap();
        let [known, test] = [(96, 1), (24, 2)].map(|(count, seed)| {
            Poses::new(scheme.clone(), &stick_figures::draw(count, 64, seed), 64, true).unwrap()
        });
        let settings = Settings {
            loss: AdaptiveWing::default().into(),
            epochs: 20,
            batch: 8,
            width: 16,
            learning_rate: 1e-2,
            seed: 1,
        };
        let mut losses = Vec::new();
        let network = train(&known, &settings, |_, loss| losses.push(loss)).unwrap();
        let learnt = measure(&find(&network, &test).unwrap(), &test).unwrap();
        let guessed = measure(&guess(&known, &test).unwrap(), &test).unwrap();
        assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
        assert!(learnt.people == 24 && learnt.pck > guessed.pck + 10.0, "{learnt:?} {guessed:?}");
        assert!(learnt.nme < guessed.nme, "{learnt:?} {guessed:?}");
    }

    #[test]
    fn a_folder_without_joints_is_told_with_what_to_do() {
        let error = open(Path::new("nowhere")).unwrap_err().to_string();
        assert!(error.starts_with("nowhere: joints.csv: is not there; give a folder"), "{error}");
    }
}
