use super::made::{Made, Making, Told, check_folder, check_target, each, ended, points_of, scheme_of};
use crate::{
    console::Console,
    failure::{Failure, OrUsage},
    folders, interrupt,
    photo_list::expand_sources,
};
use awing::{photo::load_image, scheme::Scheme};
use awing_render::{Head, Renderer};
use awing_train::{dataset::DataSource, report::save_picture};
use clap::Args;
use image::{RgbImage, imageops};
use rayon::prelude::*;
use std::{ffi::OsString, path::PathBuf, time::Instant};

/// Longer side of a background in memory, in pixels, and how many are kept: together at most a gigabyte.
const BACKGROUND_SIDE: u32 = 640;
const MOST_BACKGROUNDS: usize = 1000;

/// Render annotated faces from a morphable head: training data without photos of people.
///
/// Every face is another person, expression, pose, light and surroundings, by the seed. The annotations mark the points as people do, those of the
/// jaw on the edge that is seen; what hides a point makes it a hidden one. rendered.jsonl beside them has what no format can say: the pose of the
/// head, closed eyes, and of each point what hides it and where its vertex is.
///
/// With --to none:DIR, photos without any face for `awing train-detector --backgrounds`: things that lie on each other, heads from behind.
#[derive(Args, Debug)]
pub(crate) struct Render {
    /// The morphable head: a folder with face_model.safetensors and face_model.json
    #[arg(long, value_name = "DIR")]
    head: PathBuf,
    /// Which points: the name of a built-in scheme (300w-68, wflw-98, cofw-29), or a file whose [head] names vertices of the head
    #[arg(long, default_value = "300w-68", value_name = "NAME|FILE")]
    scheme: String,
    /// How many faces, up to a million
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Another number gives other faces
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    seed: u64,
    /// Width and height of a photo in pixels, 32 to 2048
    #[arg(long, default_value_t = 256, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(32..=2048))]
    size: u16,
    /// Photos without faces, or folders of them, to put behind most heads; otherwise all backgrounds are drawn
    #[arg(long, num_args = 1.., value_name = "SOURCE")]
    backgrounds: Vec<OsString>,
    /// Where to and how: a new folder
    #[arg(long, value_name = "FORMAT:DIR")]
    to: DataSource,
    /// Print what was written as one JSON object
    #[arg(long)]
    json: bool,
}

impl Render {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let scheme = scheme_of(&self.scheme)?;
        let empty = self.to.format.name() == "none";
        if empty {
            check_folder(&self.to)?
        } else {
            check_target(&self.to, &scheme)?
        }
        let renderer = self.renderer(&scheme, console)?;
        if empty {
            return self.sceneries(&renderer, console);
        }
        let works = self.count as usize;
        let (to, scheme_name) = (&self.to, self.scheme.as_str());
        let making =
            Making { to, scheme, scheme_name, seed: self.seed, name: "face", works, json: self.json };
        making.run(console, |i| {
            let face = renderer.face(self.seed, i as u64, usize::from(self.size));
            Ok(vec![Made { face, from: None, subsets: Vec::new() }])
        })
    }

    fn renderer(&self, scheme: &Scheme, console: &Console) -> Result<Renderer, Failure> {
        let head = Head::open(&self.head)?;
        let points = points_of(scheme, &head, &self.head)?;
        let renderer = Renderer::new(head).with_points(points).or_usage("--scheme")?;
        Ok(renderer.with_backgrounds(self.photos(console)?))
    }

    /// The backgrounds, small enough to keep them.
    fn photos(&self, console: &Console) -> Result<Vec<RgbImage>, Failure> {
        let sources = expand_sources(&self.backgrounds);
        sources.notes().iter().for_each(|note| console.note(note));
        if let Some(problem) = sources.problems.into_iter().next() {
            return Err(problem.into());
        }
        let mut photos = sources.photos;
        if photos.len() > MOST_BACKGROUNDS {
            console.remark(format!("--backgrounds: {MOST_BACKGROUNDS} of {} photos are used", photos.len()));
            // Spread over all of them.
            let every = photos.len() as f64 / MOST_BACKGROUNDS as f64;
            photos = (0..MOST_BACKGROUNDS).map(|i| photos[(i as f64 * every) as usize].clone()).collect();
        }
        let small = |path: &PathBuf| {
            let photo = load_image(path)?;
            let share = f64::from(BACKGROUND_SIDE) / f64::from(photo.width().max(photo.height()));
            let side = |n: u32| ((f64::from(n) * share).round() as u32).max(1);
            Ok(match share < 1.0 {
                true => imageops::thumbnail(&photo, side(photo.width()), side(photo.height())),
                false => photo,
            })
        };
        photos.par_iter().map(small).collect()
    }

    /// Photos without a face, which need no annotations.
    fn sceneries(&self, renderer: &Renderer, console: &Console) -> Result<(), Failure> {
        let folder = folders::named(&self.to.path, "choose another folder for --to")?;
        let (begun, works, mut done) = (Instant::now(), self.count as usize, 0);
        let photo = |i: usize| {
            let photo = renderer.scenery(self.seed, i as u64, usize::from(self.size));
            save_picture(&folder.join(format!("scenery_{i:06}.jpg")), &photo)
        };
        let early = interrupt::stoppable(console, "with those that are done", |stop| {
            each(works, stop, console, photo, |()| {
                done += 1;
                Ok(())
            })
        });
        folders::release(&folder);
        early?;
        let told = Told {
            annotations: folder.display().to_string(),
            details: None,
            format: self.to.format.name(),
            scheme: None,
            faces: 0,
            images: done,
            seed: self.seed,
            images_per_second: done as f64 / begun.elapsed().as_secs_f64(),
            interrupted: done < works,
            changes: Vec::new(),
        };
        told.print(self.json, console)?;
        ended(done, works, console)
    }
}
