use super::made::{Made, Making, check_target, points_of, scheme_of};
use crate::{
    console::Console,
    data,
    failure::{Failure, OrUsage},
};
use awing_render::{FittedHead, Head, Turner};
use awing_train::dataset::{DataSource, Sample};
use clap::Args;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Turn the heads of annotated photos to the side: faces in profile, which data sets have few of.
///
/// A morphable head is fitted to the landmarks of each face and takes its colors from the photo, as does a relief of what is around it; both are
/// turned farther to the side that the face is turned to, and the landmarks with them, those of the jaw to the edge that is then seen. Faces whose
/// landmarks fit no head well, or that are small, are left out. rendered.jsonl beside the annotations is as of `awing data render`, and says
/// from which face each was made.
#[derive(Args, Debug)]
pub(crate) struct Turn {
    /// Annotated faces, FORMAT:PATH with FORMAT one of 300w, wflw, cofw, aflw, ytf, mtfl, lspet, dlib, coco, csv
    #[arg(value_name = "FORMAT:PATH")]
    data: DataSource,
    /// The morphable head: a folder with face_model.safetensors and face_model.json
    #[arg(long, value_name = "DIR")]
    head: PathBuf,
    /// What the points mean: 300w-68, wflw-98, cofw-29, or a file whose [head] names vertices of the head; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// How often each face is turned, 1 to 100
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    count: u8,
    /// Another number turns them otherwise
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    seed: u64,
    /// Farthest that the fitted head's points may be from the landmarks: root mean square in per cent of the longer side of the box around them
    #[arg(long, default_value_t = 2.5, value_name = "PERCENT")]
    misfit: f64,
    /// Smallest longer side of that box, in pixels
    #[arg(long, default_value_t = 40.0, value_name = "PIXELS")]
    least_side: f64,
    /// Where to and how: a new folder
    #[arg(long, value_name = "FORMAT:DIR")]
    to: DataSource,
    /// Print what was written as one JSON object
    #[arg(long)]
    json: bool,
}

impl Turn {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let scheme = data::scheme(self.scheme.as_deref())?;
        let dataset = data::open(&self.data, &self.images, scheme.as_ref(), console)?;
        let scheme_name = self.scheme.as_deref().unwrap_or(&dataset.scheme.name);
        let scheme = scheme_of(scheme_name)?;
        check_target(&self.to, &scheme)?;
        let head = Head::open(&self.head)?;
        let points = points_of(&scheme, &head, &self.head)?;
        let turner = Turner::new(head, points).or_usage("--scheme")?;

        let (samples, unfit) = (&dataset.samples, AtomicUsize::new(0));
        let works = samples.len();
        let to = &self.to;
        let making =
            Making { to, scheme, scheme_name, seed: self.seed, name: "turned", works, json: self.json };
        let made = making.run(console, |i| match self.fitted(&turner, &samples[i]) {
            Some(fitted) => self.turns(&turner, &samples[i], &fitted, i),
            None => {
                unfit.fetch_add(1, Ordering::Relaxed);
                Ok(Vec::new())
            }
        });
        let unfit = unfit.into_inner();
        if unfit > 0 {
            console.remark(format!(
                "{unfit} of {works} faces are left out: small, or no head fits their landmarks well"
            ));
        }
        made?;
        if dataset.problems.is_empty() { Ok(()) } else { Err(Failure::Told) }
    }

    /// The head behind a face that is large enough, where one fits well enough.
    fn fitted(&self, turner: &Turner, sample: &Sample) -> Option<FittedHead> {
        let face = sample.landmark_box()?;
        let large = face.width().max(face.height()) >= self.least_side;
        turner.fit(&sample.landmarks).ok().filter(|fitted| large && fitted.misfit <= self.misfit)
    }

    fn turns(
        &self,
        turner: &Turner,
        sample: &Sample,
        fitted: &FittedHead,
        number: usize,
    ) -> awing::Result<Vec<Made>> {
        let photo = sample.load_image()?;
        let turnable = turner.photo(&photo, &sample.landmarks, fitted)?;
        let one = |k: u64| {
            let face = turnable.turned(turner.farther(fitted, self.seed, number as u64 * 100 + k));
            Made { face, from: Some(sample.name.clone()), subsets: sample.subsets.clone() }
        };
        Ok((0..u64::from(self.count)).map(one).collect())
    }
}
