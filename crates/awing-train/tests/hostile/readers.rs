//! Every reader of the library, with valid files for it and the memory that it promises to keep to.

use crate::{pickles, samples};
use awing::{
    detection::DetectorModel,
    network::{Model, NetworkConfig, WeightType},
    photo::{MAX_SIDE, load_image},
    scheme::{Scheme, SharedScheme},
};
use awing_train::{
    Device,
    dataset::{BoxFile, BoxedPhotos, Dataset, OpenOptions, Sample, drawn_faces},
    interchange::{ImportOptions, import_state_dict},
    training::{DetectorRecipe, Landmarks, Quiet, Recipe, Session, TrainingSet, train},
};
use image::ImageFormat;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

/// Reads the file at the path; whether it was accepted. Panics where what came out of it is no good.
type Read = Box<dyn Fn(&Path) -> bool>;

/// A reader and what it is tried with.
pub(crate) struct Reader {
    pub(crate) name: &'static str,
    /// Where the damaged file is put.
    pub(crate) file: PathBuf,
    /// Valid files.
    pub(crate) valid: Vec<Vec<u8>>,
    /// Whether its damage is that of text.
    pub(crate) text: bool,
    /// Inputs in a million.
    pub(crate) share: usize,
    /// What it may hold at once: this many bytes, and so many times the file's.
    pub(crate) most: (usize, usize),
    pub(crate) read: Read,
}

const MIB: usize = 1 << 20;

/// The promises of docs/RELIABILITY.md.
pub(crate) mod promise {
    use super::MIB;
    /// Annotations and boxes as text: a line of one letter becomes an error that says what is wrong with it.
    pub(crate) const ANNOTATIONS: (usize, usize) = (MIB, 400);
    /// Trees of values: an object of seven bytes becomes a node with room for eleven.
    pub(crate) const TREES: (usize, usize) = (MIB, 200);
    /// Settings, at most 1 MiB of them.
    pub(crate) const SETTINGS: (usize, usize) = (MIB, 400);
    /// MATLAB files: 2^22 numbers.
    pub(crate) const MAT: (usize, usize) = (96 * MIB, 16);
    /// Models and checkpoints, whose weights must be in the file.
    pub(crate) const WEIGHTS: (usize, usize) = (16 * MIB, 24);
    /// A model's folder, of which one file is damaged: settings if `text`, weights otherwise.
    pub(crate) fn of_folder(text: bool) -> (usize, usize) {
        (WEIGHTS.0, if text { SETTINGS.1 } else { WEIGHTS.1 })
    }
    /// Pickles, of which 4 MiB are read: an opcode of one byte becomes a value of a hundred.
    pub(crate) const PICKLES: (usize, usize) = (256 * MIB, 256);
    /// Images: a byte of a PNG is 8256 pixels at best.
    pub(crate) const IMAGES: (usize, usize) = (4 * MIB, 8 * 8256);
}

/// All readers, with what they need below `base`.
pub(crate) fn all(base: &Path) -> Vec<Reader> {
    let mut all = annotations(base);
    all.extend(boxes(base));
    all.extend(settings(base));
    all.extend(images(base));
    all.extend(models(base));
    all.extend(checkpoints(base));
    all
}

fn folder(base: &Path, name: &str) -> PathBuf {
    let folder = base.join(name.replace(' ', "-"));
    fs::create_dir_all(&folder).unwrap();
    image::RgbImage::new(4, 3).save(folder.join("a.png")).unwrap();
    folder
}

fn text(file: &str) -> Vec<Vec<u8>> {
    vec![file.as_bytes().to_vec()]
}

/// What later stages rely on.
pub(crate) fn assert_usable(samples: &[Sample], points: usize) {
    let mut names = std::collections::HashSet::new();
    for sample in samples {
        assert_eq!(sample.landmarks.len(), points, "{}", sample.name);
        let mut annotated = sample.landmarks.iter().filter_map(|l| l.position()).peekable();
        assert!(annotated.peek().is_some(), "{}: a point is annotated", sample.name);
        assert!(annotated.all(|p| p.x.abs() <= 1e5 && p.y.abs() <= 1e5), "{}: points in reach", sample.name);
        let mut boxes = [sample.detector_box, sample.own_box].into_iter().flatten();
        assert!(boxes.all(|b| b.is_usable(1.0)), "{}: a box with room", sample.name);
        assert!(names.insert(&sample.name), "{}: names are unique", sample.name);
        let parts: Vec<&str> = sample.name.split('/').collect();
        assert!(!parts.contains(&"..") && !parts.contains(&""), "{}: stays inside", sample.name);
    }
}

fn source(format: &str, path: &Path) -> awing_train::dataset::DataSource {
    awing_train::dataset::DataSource { format: format.parse().unwrap(), path: path.to_path_buf() }
}

fn opened(format: &str, path: &Path, scheme: &SharedScheme) -> bool {
    let source = source(format, path);
    match Dataset::open(&source, &OpenOptions { scheme: Some(scheme.clone()), ..OpenOptions::default() }) {
        Ok(dataset) => {
            assert_usable(&dataset.samples, scheme.len());
            if format == "cofw" {
                let _ = dataset.samples.iter().take(3).map(Sample::load_image).filter(Result::is_ok).count();
            }
            true
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n') && message.len() < 2000, "one line: {message}");
            false
        }
    }
}

fn annotations(base: &Path) -> Vec<Reader> {
    let scheme = samples::scheme();
    let of = |name: &'static str, format: &'static str, file: &str, valid: Vec<Vec<u8>>, share| {
        let folder = folder(base, name);
        let file = folder.join(file);
        let scheme = scheme.clone();
        let read: Read = Box::new(move |path: &Path| {
            let whole = if format == "300w" { path.parent().unwrap() } else { path };
            opened(format, whole, &scheme)
        });
        Reader { name, file, valid, text: true, share, most: promise::ANNOTATIONS, read }
    };
    let pts = "version: 1\nn_points:  3\n{\n10.5 11\n3.5 -2.25\n7 8\n}\n";
    let wflw =
        "1.5 2 3 -4 5 6 10 20 30 40 1 0 0 1 0 1 a.png\n1 2 3 4 5 6 a.png\n9 2 3 4 5 6 1 2 30 40 ./a.png\n";
    let aflw = "image_name,scale,box_size,center_w,center_h,original_0_x,original_0_y,a,b,c,d\n\
                a.png,1.2,240,100,110,10,11,12.5,13,-1,-1\na.png,1,200,50,60,1,2,3,4,5,6\n";
    let ytf = ",0,1,2,3,4,5\na.png,10.0,11.0,12.0,13.5,14.0,15.0\nsub/../a.png,1,2,3,4,5,6\n";
    let mtfl = "a.png 10 20.5 30 11 12 13 1 2 1 3\n.\\a.png 1 2 3 4 5 6\n";
    let lspet = "image,a_x,a_y,a_visible,b_x,b_y,b_visible,c_x,c_y,c_visible\na.png,1.5,2,1,3,4,0,5,6,1\n";
    let own = "image,box_x0,box_y0,box_x1,box_y1,own_x0,own_y0,own_x1,own_y1,x0,y0,v0,x1,y1,v1,x2,y2,v2\n\
               a.png,1,2,30,40,3,4,50,60,10,11,2,12,13,1,14,15,0\n\"a.png\",,,,,,,,,3,4,2,5,6,2,7,8.25,2\n";
    let xml = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<dataset><name>x</name><images>\n\
               <image file='a.png' width='4' height='3'>\n\
               <box top='10' left='20' width='30' height='40'>\n\
               <part name='0' x='25' y='15'/><part name='1' x='30' y='20'/><part name='2' x='35' y='18'/>\n\
               </box><box top='1' left='2' width='3' height='4' ignore='1'/></image>\n</images></dataset>\n";
    let coco = "{\"images\": [{\"id\": 1, \"file_name\": \"a.png\", \"width\": 4, \"height\": 3}],\n\
                \"annotations\": [{\"id\": 7, \"image_id\": 1, \"category_id\": 1, \"iscrowd\": 0,\n\
                \"bbox\": [1, 2, 30.5, 40], \"keypoints\": [10, 11, 2, 12.5, 13, 1, 0, 0, 0]}],\n\
                \"categories\": [{\"id\": 1, \"name\": \"face\", \"keypoints\": [\"a\", \"b\", \"c\"]}]}\n";
    let mut all = vec![
        of("300-W pts", "300w", "a.pts", text(pts), 80_000),
        of("WFLW list", "wflw", "list_98pt.txt", text(wflw), 70_000),
        of("AFLW CSV", "aflw", "aflw.csv", text(aflw), 60_000),
        of("YTF CSV", "ytf", "training_frames_keypoints.csv", text(ytf), 60_000),
        of("MTFL list", "mtfl", "mtfl.txt", text(mtfl), 60_000),
        of("LSPET CSV", "lspet", "joints.csv", text(lspet), 60_000),
        of("own CSV", "csv", "faces.csv", text(own), 70_000),
        of("dlib XML", "dlib", "faces.xml", text(xml), 80_000),
        of("COCO JSON", "coco", "faces.json", text(coco), 80_000),
        of("COFW mat", "cofw", "COFW.mat", vec![samples::mat(), samples::chunked_mat()], 40_000),
    ];
    let named = |all: &mut Vec<Reader>, name: &str, change: &dyn Fn(&mut Reader)| {
        all.iter_mut().filter(|reader| reader.name == name).for_each(change);
    };
    named(&mut all, "dlib XML", &|reader| reader.most = promise::TREES);
    named(&mut all, "COCO JSON", &|reader| reader.most = promise::TREES);
    named(&mut all, "COFW mat", &|reader| (reader.text, reader.most) = (false, promise::MAT));
    all
}

fn boxes(base: &Path) -> Vec<Reader> {
    let detector = folder(base, "detector boxes");
    fs::write(detector.join("a.pts"), "{\n10 11\n12 13\n14 15\n}\n").unwrap();
    let scheme = samples::scheme();
    vec![
        Reader {
            name: "detector_boxes.csv",
            file: detector.join("detector_boxes.csv"),
            valid: text("image,x_min,y_min,x_max,y_max\na.png,1,2,30,40\nb.png,3.5,4,50,60\n"),
            text: true,
            share: 40_000,
            most: promise::ANNOTATIONS,
            read: Box::new(move |path| opened("300w", path.parent().unwrap(), &scheme)),
        },
        Reader {
            name: "box CSV",
            file: folder(base, "box CSV").join("boxes.csv"),
            valid: text(
                "image,x0,y0,x1,y1,score\na.png,1,2,30,40,0.5\ns/b.png,3.5,4,50,60,1\na.png,5,6,17,18,0.25\n",
            ),
            text: true,
            share: 50_000,
            most: promise::ANNOTATIONS,
            read: Box::new(|path| {
                let read = BoxFile::load(path);
                read.is_ok_and(|boxes| {
                    assert!(boxes.get("a.png").iter().all(|b| b.is_usable(1.0)));
                    true
                })
            }),
        },
        Reader {
            name: "WIDER list",
            file: folder(base, "WIDER list").join("val_bbx_gt.txt"),
            valid: text(
                "a/1.jpg\n2\n10 20 30 40\n1.5 2 3 4 0 0 0 1 0 0\na/2.jpg\n0\n0 0 0 0 0 0 0 0 0 0\nb.jpg\n1\n0 0 8 9\n",
            ),
            text: true,
            share: 60_000,
            most: promise::ANNOTATIONS,
            read: Box::new(|path| {
                BoxedPhotos::open(&source("wider", path), &OpenOptions::default()).is_ok_and(|read| {
                    let images = path.parent().unwrap().join("images");
                    for photo in read.photos {
                        let inside =
                            photo.path.strip_prefix(&images).expect("it stays in the folder of images");
                        let mut parts = inside.components();
                        assert!(
                            parts.all(|part| matches!(part, std::path::Component::Normal(_))),
                            "{inside:?}"
                        );
                        assert!(photo.faces.iter().all(|face| face.is_usable(1.0)));
                    }
                    true
                })
            }),
        },
    ]
}

fn settings(base: &Path) -> Vec<Reader> {
    let of = |name: &'static str, valid: Vec<Vec<u8>>, share, read: Read| {
        let file = folder(base, name).join("file.toml");
        Reader { name, file, valid, text: true, share, most: promise::SETTINGS, read }
    };
    let scheme = samples::scheme().to_toml().unwrap();
    let recipe = Recipe::preset("nano").unwrap().to_toml().unwrap();
    let part = "preset = 'nano'\n[training]\nbatch = 4\nseed = 9\n[loss]\nkind = 'mse'\n";
    let detector = "[network]\ninput = 64\nstacks = 1\nwidth = 8\nboundary = false\ncoord_conv = false\n[training]\nsteps = 5\n";
    vec![
        of(
            "scheme",
            text(&scheme),
            50_000,
            Box::new(|path| {
                Scheme::load(path).is_ok_and(|scheme| {
                    scheme.check("again").unwrap();
                    true
                })
            }),
        ),
        of(
            "recipe",
            text(&recipe),
            20_000,
            Box::new(|path| {
                Recipe::load(path).is_ok_and(|recipe| {
                    recipe.validate().unwrap();
                    true
                })
            }),
        ),
        of(
            "recipe part",
            vec![part.into(), recipe.into()],
            20_000,
            Box::new(|path| Recipe::layered(None, Some(path), &[]).is_ok()),
        ),
        of(
            "detector recipe",
            text(detector),
            20_000,
            Box::new(|path| DetectorRecipe::layered(Some(path), &[]).is_ok()),
        ),
    ]
}

fn images(base: &Path) -> Vec<Reader> {
    let all = samples::images();
    let of = |name: &'static str, format: ImageFormat, share| {
        let valid = all.iter().filter(|(kind, _)| *kind == format).map(|(_, bytes)| bytes.clone()).collect();
        let file = folder(base, name).join("image.bin");
        let read: Read = Box::new(move |path: &Path| {
            load_image(path).is_ok_and(|image| {
                assert!((1..=MAX_SIDE).contains(&image.width()) && (1..=MAX_SIDE).contains(&image.height()));
                true
            })
        });
        // A claim of many pixels needs as many bytes as these can hold in their kind of file.
        let most = match format {
            ImageFormat::WebP => (3 << 30, 0),
            _ => promise::IMAGES,
        };
        Reader { name, file, valid, text: false, share, most, read }
    };
    vec![
        of("JPEG", ImageFormat::Jpeg, 40_000),
        of("PNG", ImageFormat::Png, 40_000),
        of("WebP", ImageFormat::WebP, 40_000),
        of("BMP", ImageFormat::Bmp, 30_000),
    ]
}

fn models(base: &Path) -> Vec<Reader> {
    let model = |name: &'static str, file: &str, text: bool, share| {
        let folder = folder(base, name);
        samples::save_model(&folder, WeightType::F32);
        let file = folder.join(file);
        let valid = vec![fs::read(&file).unwrap()];
        let most = promise::of_folder(text);
        let read: Read = Box::new(|path| Model::load(path.parent().unwrap()).is_ok());
        Reader { name, file, valid, text, share, most, read }
    };
    let detector = |name: &'static str, file: &str, text: bool, share| {
        let folder = folder(base, name);
        samples::save_detector(&folder);
        let file = folder.join(file);
        let valid = vec![fs::read(&file).unwrap()];
        let most = promise::of_folder(text);
        let read: Read = Box::new(|path| DetectorModel::load(path.parent().unwrap()).is_ok());
        Reader { name, file, valid, text, share, most, read }
    };
    let (tensors, safetensors) = samples::state_dict(base);
    let import = |name: &'static str, ending: &str, valid: Vec<u8>, share| {
        let read: Read = Box::new(move |path| {
            import_state_dict(path, &ImportOptions { input: 64, ..ImportOptions::default() }).is_ok()
        });
        let file = folder(base, name).join("weights").with_extension(ending);
        Reader { name, file, valid: vec![valid], text: false, share, most: promise::PICKLES, read }
    };
    let mut half = model("model weights", "model.safetensors", false, 15_000);
    samples::save_model(half.file.parent().unwrap(), WeightType::F16);
    half.valid.push(fs::read(&half.file).unwrap());
    vec![
        model("model config", "config.toml", true, 15_000),
        model("calibration", "calibration.toml", true, 15_000),
        half,
        detector("detector config", "config.toml", true, 10_000),
        detector("detector weights", "model.safetensors", false, 10_000),
        import("PyTorch zip", "pth", pickles::zipped(&tensors), 20_000),
        import("PyTorch legacy", "pth", pickles::legacy(&tensors), 20_000),
        import("PyTorch safetensors", "safetensors", safetensors, 10_000),
    ]
}

/// A run that is gone on with.
fn checkpoints(base: &Path) -> Vec<Reader> {
    let mut recipe = Recipe::preset("nano").unwrap();
    recipe.network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: true, coord_conv: true };
    (recipe.training.batch, recipe.training.epochs) = (4, 1);
    let run = base.join("run");
    resume(&run, &recipe, false).unwrap();
    let of = |name: &'static str, file: &'static str, text: bool, share| {
        let (folder, run, recipe) = (base.join(name.replace(' ', "-")), run.clone(), recipe.clone());
        copy(&run, &folder);
        let path = folder.join(file);
        let valid = vec![fs::read(&path).unwrap()];
        let read: Read = Box::new(move |path| {
            let damaged = fs::read(path).unwrap();
            // What the input before left is not gone on from.
            fs::remove_dir_all(&folder).unwrap();
            copy(&run, &folder);
            fs::write(path, &damaged).unwrap();
            seal(&folder.join("last"));
            let going_on = resume(&folder, &recipe, true).is_ok();
            fs::write(path, damaged).unwrap();
            going_on
        });
        Reader { name, file: path, valid, text, share, most: (32 * MIB, 100), read }
    };
    vec![
        of("checkpoint network", "last/network.bpk", false, 2_000),
        of("checkpoint optimizer", "last/optimiser.bpk", false, 2_000),
        of("checkpoint progress", "last/progress.toml", true, 1_500),
        of("checkpoint recipe", "last/recipe.toml", true, 1_500),
        of("checkpoint checksums", "last/checksums.toml", true, 1_500),
        of("checkpoint metrics", "metrics.csv", true, 1_500),
    ]
}

/// Makes the checksums of a checkpoint right, so that damage comes through to what reads the files; of damaged checksums, their own.
fn seal(folder: &Path) {
    const OWN: &str = "# crc32 of the above: ";
    let path = folder.join("checksums.toml");
    let crc = |bytes: &[u8]| format!("{:08x}", crc32fast::hash(bytes));
    let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
    let head = text.rsplit_once(OWN).map_or(text.as_str(), |(head, _)| head);
    let mut sums: toml::Table = toml::from_str(head).unwrap_or_default();
    for (name, sum) in &mut sums {
        // Names that a damaged file makes up are left to the reader.
        if let (Ok(bytes), Some(sum)) = (fs::read(folder.join(name)), sum.as_table_mut()) {
            sum.insert("bytes".into(), (bytes.len() as i64).into());
            sum.insert("crc32".into(), crc(&bytes).into());
        }
    }
    let head = if sums.is_empty() { head.to_owned() } else { toml::to_string(&sums).unwrap() };
    fs::write(&path, format!("{head}{OWN}{}\n", crc(head.as_bytes()))).unwrap();
}

/// Starts a run of one step, or goes on with it and stops at once.
fn resume(folder: &Path, recipe: &Recipe, resume: bool) -> awing::Result<()> {
    let faces = TrainingSet::from_samples(Scheme::builtin("300w-68")?, drawn_faces(4, 64, 7))?;
    let stop = AtomicBool::new(resume);
    let session = Session {
        task: Landmarks::new(recipe.clone(), faces, None)?,
        folder: folder.to_path_buf(),
        start: None,
        resume,
        device: Device::flex(),
        stop: &stop,
        card: String::new(),
    };
    train(session, &mut Quiet).map(|_| ())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
