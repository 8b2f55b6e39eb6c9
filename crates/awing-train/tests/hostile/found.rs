//! Attacks that are known, and inputs that broke something once: each stays small in memory and ends.

use crate::{
    memory::measured,
    pickles::{self, Weights},
    readers::promise,
    samples,
};
use awing::{
    Result,
    detection::DetectorModel,
    network::{Model, WeightType},
    photo::load_image,
    scheme::Scheme,
};
use awing_train::{
    dataset::{BoxFile, Dataset, OpenOptions},
    interchange::{ImportOptions, import_state_dict},
    training::Recipe,
};
use std::{fs, path::Path};
use tempfile::TempDir;

/// Writes the file and has it read; what came of it, within the memory that was promised.
#[track_caller]
fn read<T>(
    name: &str,
    bytes: &[u8],
    (fixed, times): (usize, usize),
    reader: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    image::RgbImage::new(4, 3).save(folder.path().join("a.png")).unwrap();
    fs::write(&path, bytes).unwrap();
    let (read, allocated) = measured(|| reader(&path));
    let most = fixed + times * bytes.len();
    assert!(allocated.peak <= most, "{name}: {allocated:?} for {} bytes, {most} promised", bytes.len());
    read
}

#[track_caller]
fn refused<T>(
    name: &str,
    bytes: &[u8],
    most: (usize, usize),
    reader: impl FnOnce(&Path) -> Result<T>,
) -> String {
    let message = read(name, bytes, most, reader).err().expect("it is refused").to_string();
    assert!(message.len() < 2000 && !message.contains('\n'), "one line: {message}");
    message
}

fn open(format: &'static str) -> impl Fn(&Path) -> Result<Dataset> {
    move |path| {
        let source = format!("{format}:{}", path.display()).parse()?;
        Dataset::open(&source, &OpenOptions { scheme: Some(samples::scheme()), ..OpenOptions::default() })
    }
}

fn import(path: &Path) -> Result<Model> {
    let options = ImportOptions { input: 64, ..ImportOptions::default() };
    import_state_dict(path, &options).map(|imported| imported.model)
}

#[test]
fn elements_lists_and_tables_a_hundred_thousand_deep() {
    let deep = |open: &str| open.repeat(100_000).into_bytes();
    refused("a.xml", &deep("<a>"), promise::TREES, open("dlib"));
    refused("a.json", &deep("["), promise::TREES, open("coco"));
    refused("a.json", &deep("{\"images\":"), promise::TREES, open("coco"));
    for open in ["a = [", "a = {a=", "[", "a.", "[a.", "[[a."] {
        let text = [open.as_bytes(), &deep(open.rsplit(' ').next().unwrap())].concat();
        refused("a.toml", &text, promise::SETTINGS, |path| Scheme::load(path));
        refused("a.toml", &text, promise::SETTINGS, |path| Recipe::layered(None, Some(path), &[]));
    }
    // Tables below each other need no brackets within brackets.
    let key = format!("[{}a]\nb = 1\n", "a.".repeat(20_000));
    refused("a.toml", key.as_bytes(), promise::SETTINGS, |path| Recipe::layered(None, Some(path), &[]));
}

#[test]
fn a_billion_laughs() {
    let mut xml = "<?xml version='1.0'?><!DOCTYPE d [<!ENTITY l0 'ha'>".to_owned();
    for i in 1..30 {
        xml +=
            &format!("<!ENTITY l{i} '&l{0};&l{0};&l{0};&l{0};&l{0};&l{0};&l{0};&l{0};&l{0};&l{0};'>", i - 1);
    }
    xml += "]><dataset><images><image file='&l29;'/></images></dataset>";
    refused("a.xml", xml.as_bytes(), promise::TREES, open("dlib"));
    let file = "<!DOCTYPE d [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><dataset><images><image file='&f;'/></images></dataset>";
    refused("a.xml", file.as_bytes(), promise::TREES, open("dlib"));
}

#[test]
fn one_line_of_sixteen_megabytes() {
    let line = |what: &str| what.repeat((16 << 20) / what.len()).into_bytes();
    for (name, format) in [
        ("list_a.txt", "wflw"),
        ("mtfl.txt", "mtfl"),
        ("a.csv", "csv"),
        ("joints.csv", "lspet"),
        ("aflw.csv", "aflw"),
    ] {
        for what in ["1", "1 ", "1,", "\"", "a\0"] {
            refused(name, &line(what), promise::ANNOTATIONS, open(format));
        }
    }
    for what in ["1", "[1,", "\"a\","] {
        refused("a.json", &line(what), promise::TREES, open("coco"));
    }
    refused("a.toml", &line("a = 1\n"), promise::SETTINGS, |path| Scheme::load(path));
}

#[test]
fn a_hundred_thousand_faces_on_one_image() {
    let faces = 100_000;
    let text = format!(
        "image,x0,y0,x1,y1,x2,y2\n{}",
        (0..faces).map(|i| format!("a.png,{i}.5,2,3,4,5,6\n")).collect::<String>()
    );
    // Each becomes a sample with a name of its own.
    let dataset = read("a.csv", text.as_bytes(), promise::ANNOTATIONS, open("csv")).unwrap();
    assert_eq!(dataset.samples.last().unwrap().name, format!("a.png#{faces}"));
    let text = format!(
        "image,x0,y0,x1,y1\n{}",
        (0..faces).map(|i| format!("{i}/a.png,1,2,3,4\n")).collect::<String>()
    );
    let boxes = read("a.csv", text.as_bytes(), promise::ANNOTATIONS, BoxFile::load).unwrap();
    // Looked up as often as there are photos: by name, not by going through all.
    let found = (0..faces).filter(|i| boxes.get(&format!("photos/{i}/a.png")).len() == 1).count();
    assert_eq!(found, faces);
}

#[test]
fn heads_that_claim_more_pixels_than_the_file_can_hold() {
    for (format, mut bytes) in samples::images().into_iter().take(11) {
        let at = match format {
            image::ImageFormat::Png => 16,
            image::ImageFormat::Bmp => 18,
            _ => continue,
        };
        for side in [100_000_u32, 16_000, u32::MAX] {
            let side = if at == 16 { side.to_be_bytes() } else { side.to_le_bytes() };
            bytes[at..at + 8].copy_from_slice(&[side, side].concat());
            if at == 16 {
                crate::mutator::mend_png(&mut bytes);
            }
            refused("a.png", &bytes, (1 << 20, 0), load_image);
        }
    }
}

#[test]
fn a_safetensors_head_longer_than_the_file() {
    let folder = tempfile::tempdir().unwrap();
    samples::save_model(folder.path(), WeightType::F32);
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap());
    let end = usize::try_from(header).unwrap() + 8;
    for length in [4 << 30, u64::MAX, 99_999_999, header + 1, header - 1] {
        let bytes = [&length.to_le_bytes()[..], &whole[8..]].concat();
        fs::write(&path, bytes).unwrap();
        let (read, allocated) = measured(|| Model::load(folder.path()));
        assert!(read.unwrap_err().to_string().contains("safetensors"));
        assert!(allocated.peak < 16 << 20, "{allocated:?}");
    }
    // A tensor that would reach beyond the end.
    let text = String::from_utf8(whole[8..end].to_vec()).unwrap();
    let text = text.replacen("\"shape\":[8", "\"shape\":[4000000000", 1);
    let bytes = [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &whole[end..]].concat();
    fs::write(&path, bytes).unwrap();
    let (read, allocated) = measured(|| Model::load(folder.path()));
    assert!(read.is_err() && allocated.peak < 16 << 20, "{allocated:?}");
}

#[test]
fn settings_that_ask_for_a_network_larger_than_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let spoil = |folder: &TempDir| {
        let path = folder.path().join("config.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("stacks = 1", "stacks = 64").replace("width = 8", "width = 4096"))
            .unwrap();
    };
    samples::save_model(folder.path(), WeightType::F32);
    spoil(&folder);
    let (read, allocated) = measured(|| Model::load(folder.path()));
    let message = read.unwrap_err().to_string();
    assert!(
        message.contains("model.safetensors: file: holds ") && allocated.peak < 16 << 20,
        "{message} {allocated:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    samples::save_detector(folder.path());
    spoil(&folder);
    let (read, allocated) = measured(|| DetectorModel::load(folder.path()));
    assert!(read.is_err() && allocated.peak < 16 << 20, "{allocated:?}");
}

#[test]
fn a_pickle_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let proof = folder.path().join("proof");
    let command = format!("touch {}", proof.display());
    let mut calls = Vec::new();
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "call"),
        ("builtins", "eval"),
        ("torch", "load"),
    ] {
        let mut pickle = b"\x80\x02}(".to_vec();
        pickles::text(&mut pickle, "conv1.weight");
        pickle.extend(format!("c{module}\n{name}\n(").bytes());
        pickles::text(&mut pickle, &command);
        pickle.extend(b"tRu.");
        calls.push(pickle);
    }
    for pickle in calls {
        refused("a.pth", &pickle, promise::WEIGHTS, import);
        let archive = pickles::zip(&[("data.pkl".to_owned(), pickle)]);
        refused("a.pth", &archive, promise::WEIGHTS, import);
    }
    assert!(!proof.exists());
}

#[test]
fn a_pytorch_file_that_unfolds() {
    let numbers = Weights { name: "conv1.weight".into(), shape: vec![2, 2], bytes: vec![0; 16] };
    assert!(refused("a.pth", &pickles::zipped(&[numbers]), promise::WEIGHTS, import).contains("l0.weight"));

    // One number, shown a billion times.
    let mut pickle = b"\x80\x02}(".to_vec();
    pickles::text(&mut pickle, "l0.weight");
    pickles::rebuilt(&mut pickle, 0, 1, &[1 << 15, 1 << 15], &[0, 0], false);
    pickle.extend(b"u.");
    let archive = pickles::zip(&[("data.pkl".into(), pickle), ("data/0".into(), vec![0; 4])]);
    let message = refused("a.pth", &archive, promise::WEIGHTS, import);
    assert!(message.contains("its tensors hold 4294967296 bytes"), "{message}");

    // An archive that claims to be compressed: a gigabyte in a few bytes.
    let archive = pickles::zip_of(&[("data.pkl", b"\x80\x02}.", 0, 4), ("data/0", &[0; 40], 8, 1 << 30)]);
    let message = refused("a.pth", &archive, promise::WEIGHTS, import);
    assert!(message.contains("is compressed"), "{message}");
    let archive = pickles::zip_of(&[("data.pkl", b"\x80\x02}.", 0, 1 << 30)]);
    refused("a.pth", &archive, promise::WEIGHTS, import);

    // Values of a hundred bytes from opcodes of one; tuples within tuples; copies of copies.
    for pickle in [
        [&b"\x80\x02"[..], &vec![b'N'; 5 << 20], b"."].concat(),
        [&b"\x80\x02)"[..], &vec![0x85; 1 << 20], b"."].concat(),
        [&b"\x80\x02"[..], &b"]q\0h\0h\0e".repeat(5000), b"."].concat(),
        [&b"\x80\x02)"[..], &b"2\x86".repeat(100), b"."].concat(),
        [&b"\x80\x02("[..], &vec![b'('; 1 << 20], b"."].concat(),
    ] {
        refused("a.pth", &pickle, promise::PICKLES, import);
        refused("a.pth", &pickles::zip(&[("data.pkl".into(), pickle)]), promise::PICKLES, import);
    }
}

/// A reader of a device or a pipe would never come back.
#[cfg(unix)]
#[test]
fn files_without_an_end() {
    let folder = tempfile::tempdir().unwrap();
    samples::save_model(folder.path(), WeightType::F32);
    for name in ["config.toml", "calibration.toml", "model.safetensors"] {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let message = Model::load(folder.path()).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
        fs::remove_file(&path).unwrap();
        fs::write(&path, whole).unwrap();
    }
    let zero = Path::new("/dev/zero");
    for refused in [
        load_image(zero).is_err(),
        BoxFile::load(zero).is_err(),
        Scheme::load(zero).is_err(),
        Recipe::load(zero).is_err(),
        import(zero).is_err(),
        open("cofw")(zero).is_err(),
        open("csv")(zero).is_err(),
    ] {
        assert!(refused);
    }
}
