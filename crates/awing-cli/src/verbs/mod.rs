//! One file for each verb.

mod ablate;
mod answers;
mod bench;
mod calibrate;
mod completions;
mod data;
mod demo;
mod detect;
mod doctor;
mod eval;
mod eval_video;
mod export;
mod import;
mod loss;
mod man;
mod models;
mod predict;
mod predict_video;
mod progress;
mod run;
mod train;
mod train_detector;
mod video_options;

use crate::{console::Console, failure::Failure};
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Verb {
    Demo(demo::Demo),
    Train(train::Train),
    Eval(eval::Eval),
    EvalVideo(eval_video::EvalVideo),
    Predict(predict::Predict),
    Models(models::Models),
    Detect(detect::Detect),
    TrainDetector(train_detector::TrainDetector),
    Calibrate(calibrate::Calibrate),
    Data(data::Data),
    Export(export::Export),
    Import(import::Import),
    Ablate(ablate::Ablate),
    Loss(loss::Loss),
    Bench(bench::Bench),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Verb {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        match self {
            Self::Demo(verb) => verb.run(console),
            Self::Train(verb) => verb.run(console),
            Self::Eval(verb) => verb.run(console),
            Self::EvalVideo(verb) => verb.run(console),
            Self::Predict(verb) => verb.run(console),
            Self::Models(verb) => verb.run(console),
            Self::Detect(verb) => verb.run(console),
            Self::TrainDetector(verb) => verb.run(console),
            Self::Calibrate(verb) => verb.run(console),
            Self::Data(verb) => verb.run(console),
            Self::Export(verb) => verb.run(console),
            Self::Import(verb) => verb.run(console),
            Self::Ablate(verb) => verb.run(console),
            Self::Loss(verb) => verb.run(console),
            Self::Bench(verb) => verb.run(console),
            Self::Doctor(verb) => verb.run(console),
            Self::Completions(verb) => verb.run(console),
            Self::Man(verb) => verb.run(console),
        }
    }
}
