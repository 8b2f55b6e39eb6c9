use crate::{
    console::Console,
    data,
    failure::{Failure, OrUsage},
};
use awing::{
    geometry::CropRule,
    heatmap::{Codec, CodecConfig},
};
use awing_train::{
    dataset::{DataSource, Dataset, Sample},
    report::{PreviewFace, check_picture_name, preview_sheet, save_picture, target_sheet},
};
use clap::Args;
use std::path::PathBuf;

/// Draw annotated faces with their points, lines and numbers.
///
/// The first faces, or random ones with --seed, or those of --face. With --targets also what a network is to learn: the maximum of the
/// maps of all points, and the boundary map.
#[derive(Args, Debug)]
pub(crate) struct Preview {
    /// Annotated faces, FORMAT:PATH with FORMAT one of 300w, wflw, cofw, aflw, ytf, mtfl, lspet, dlib, coco, csv
    #[arg(value_name = "FORMAT:PATH")]
    data: DataSource,
    /// What the points mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// How many faces
    #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=400))]
    count: u16,
    /// Random faces, the same for the same number
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Faces by their names, the image's path in the dataset: a/1.jpg, a/1.jpg#2 for a second face in it
    #[arg(long, num_args = 1.., value_name = "NAME", conflicts_with_all = ["seed", "count"])]
    face: Vec<String>,
    /// Also the maps that a network is to learn
    #[arg(long)]
    targets: bool,
    /// Faces in a row, without --targets
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=20))]
    columns: u16,
    /// Width of a face in pixels
    #[arg(long, default_value_t = 480, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(64..=2048))]
    tile: u32,
    /// The picture: a new .png, .jpg, .webp or .bmp
    #[arg(long, default_value = "preview.png", value_name = "FILE")]
    out: PathBuf,
}

impl Preview {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let out = self.out.display();
        check_picture_name(&self.out).or_usage("--out")?;
        if self.out.exists() {
            return Err(Failure::Work(format!(
                "{out}: is already there and is not changed; choose another --out"
            )));
        }
        let scheme = data::scheme(self.scheme.as_deref())?;
        let dataset = data::open(&self.data, &self.images, scheme.as_ref(), console)?;
        let chosen = self.chosen(&dataset)?;
        let mut broken = 0;
        let mut images = Vec::new();
        for sample in chosen {
            match sample.load_image() {
                Ok(image) => images.push((sample, image)),
                Err(problem) => {
                    broken += 1;
                    console.warn(problem);
                }
            }
        }
        let faces: Vec<PreviewFace<'_>> = images
            .iter()
            .map(|(sample, image)| PreviewFace {
                name: &sample.name,
                image,
                landmarks: &sample.landmarks,
                face_box: sample.detector_box,
            })
            .collect();
        if faces.is_empty() {
            return Err(Failure::Work("no image of the chosen faces can be read".to_owned()));
        }
        let title = format!("{}, scheme {}", self.data, dataset.scheme.name);
        let sheet = if self.targets {
            let codec = Codec::new(CodecConfig::default())?;
            target_sheet(&title, &dataset.scheme, &faces, &codec, &CropRule::default(), self.tile)?
        } else {
            preview_sheet(&title, &dataset.scheme, &faces, usize::from(self.columns), self.tile)
        };
        save_picture(&self.out, &sheet)?;
        console.print(out)?;
        if broken + dataset.problems.len() > 0 { Err(Failure::Told) } else { Ok(()) }
    }

    fn chosen<'a>(&self, dataset: &'a Dataset) -> Result<Vec<&'a Sample>, Failure> {
        let count = usize::from(self.count);
        if self.face.is_empty() {
            return Ok(match self.seed {
                Some(seed) => dataset.random_faces(count, seed),
                None => dataset.samples.iter().take(count).collect(),
            });
        }
        self.face.iter().map(|name| dataset.face(name).or_usage("--face")).collect()
    }
}
