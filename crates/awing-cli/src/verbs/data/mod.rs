//! One file for each action of `awing data`.

mod check;
mod convert;
mod info;
mod made;
mod preview;
mod render;
mod split;
mod turn;

use crate::{console::Console, failure::Failure, style::examples};
use awing_train::dataset::{Converted, Format, Images};
use clap::{Args, Subcommand, ValueEnum};

/// Look at annotated faces, find mistakes in them, write them in other formats, part them; render faces, turn heads.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing data info 300w:faces --out info",
    "awing data check 300w:faces --json",
    "awing data preview 300w:faces --seed 1 --targets",
    "awing data convert wflw:WFLW/list.txt --to 300w:new --to-scheme 300w-68",
    "awing data split 300w:faces --parts train=0.8,val=0.1,test=0.1 --out parts",
    "awing data render --head ICT --count 10000 --to 300w:rendered",
    "awing data turn 300w:faces --head ICT --to 300w:turned",
]))]
pub(crate) struct Data {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    Info(info::Info),
    Check(check::Check),
    Preview(preview::Preview),
    Convert(convert::Convert),
    Split(split::Split),
    Render(render::Render),
    Turn(turn::Turn),
}

impl Data {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        match self.action {
            Action::Info(action) => action.run(console),
            Action::Check(action) => action.run(console),
            Action::Preview(action) => action.run(console),
            Action::Convert(action) => action.run(console),
            Action::Split(action) => action.run(console),
            Action::Render(action) => action.run(console),
            Action::Turn(action) => action.run(console),
        }
    }
}

/// What becomes of the images.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum ImagesChoice {
    /// Copied, byte for byte
    #[default]
    Copy,
    /// Linked to
    Link,
    /// Left where they are: only annotations are written
    Leave,
}

impl From<ImagesChoice> for Images {
    fn from(choice: ImagesChoice) -> Self {
        match choice {
            ImagesChoice::Copy => Self::Copy,
            ImagesChoice::Link => Self::Link,
            ImagesChoice::Leave => Self::Leave,
        }
    }
}

/// How to read what was written, where its scheme is not the format's usual one.
fn tell_scheme(format: Format, name: &str, given: &str, console: &Console) {
    if format.usual_scheme().is_some_and(|usual| usual != name) {
        console.note(format!("read it again with --scheme {given}"));
    }
}

/// A line for each kind of loss, and for images that are not there.
fn tell_changes(written: &Converted, console: &Console) {
    for change in &written.changes {
        console.remark(change);
    }
    if written.absent > 0 {
        let (absent, images) = (written.absent, written.images);
        let at = written.annotations.display();
        console.remark(format!(
            "{at}: {absent} of {images} images are not where a reader looks for them: put them beside it, or write with --image-files copy"
        ));
    }
}
