//! Valid files, small, of every format.

use crate::pickles::Weights;
use awing::{
    detection::DetectorModel,
    geometry::CropRule,
    heatmap::CodecConfig,
    network::{Calibration, Model, ModelConfig, NetworkConfig, WeightType},
    scheme::{Line, Scheme, SharedScheme},
};
use awing_train::{
    Device,
    interchange::write_state_dict,
    model::{StackedHourglass, TrainableModel, weights_of, write_model},
};
use hdf5_pure::FileBuilder;
use image::{DynamicImage, ImageFormat, RgbImage};
use std::{io::Cursor, path::Path, sync::Arc};

/// Two eyes and a nose.
pub(crate) fn scheme() -> SharedScheme {
    Arc::new(Scheme {
        name: "three".into(),
        points: ["left eye", "right eye", "nose"].map(String::from).to_vec(),
        mirror: vec![1, 0, 2],
        lines: vec![Line { name: "face".into(), points: vec![0, 2, 1], color: [143, 184, 222] }],
        normalizers: vec![("inter-ocular".into(), [vec![0], vec![1]])],
        solid: vec![],
        head: None,
    })
}

/// The smallest network there is.
pub(crate) fn model(seed: u64) -> Model {
    let size = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: true, coord_conv: true };
    let scheme = scheme();
    let network = StackedHourglass::new(&size, scheme.len(), seed, &Device::flex()).unwrap();
    let seen: Vec<Vec<(f32, f64)>> = (0..3)
        .map(|p| {
            (0..60_u8).map(|i| (f32::from(i) / 60.0, 9.0 - f64::from(i) / 10.0 + f64::from(p))).collect()
        })
        .collect();
    let calibration = Some(Calibration::fit("inter-ocular", &seen).unwrap());
    let (crop, heatmap) = (CropRule::default(), CodecConfig::default());
    let config = ModelConfig { network: size, crop, heatmap, scheme };
    TrainableModel { config, calibration, network }.to_model()
}

pub(crate) fn save_model(folder: &Path, weights: WeightType) {
    awing_train::model::save_model(&model(3), folder, "# A card\n", weights).unwrap();
}

pub(crate) fn save_detector(folder: &Path) {
    let network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: false, coord_conv: false };
    let module = StackedHourglass::new(&network, DetectorModel::MAPS, 3, &Device::flex()).unwrap();
    let detector = DetectorModel { network, least_score: 0.5, weights: weights_of(&module, folder) };
    write_model(&detector.to_files(folder, WeightType::F32).unwrap(), folder, "# A card\n").unwrap();
}

/// The model's tensors under PyTorch's names, and the safetensors file of them.
pub(crate) fn state_dict(folder: &Path) -> (Vec<Weights>, Vec<u8>) {
    let path = folder.join("state.safetensors");
    let mut model = model(3);
    model.config.scheme = Scheme::builtin("aflw-19").unwrap();
    let module = StackedHourglass::new(&model.config.network, 19, 3, &Device::flex()).unwrap();
    model.weights = weights_of(&module, folder);
    write_state_dict(&model, &path, WeightType::F32).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file
        .iter()
        .filter(|(_, view)| view.dtype() == safetensors::Dtype::F32)
        .map(|(name, view)| Weights {
            name: name.to_owned(),
            shape: view.shape().to_vec(),
            bytes: view.data().to_vec(),
        })
        .collect();
    (tensors, bytes)
}

/// COFW's file with two faces of three points; the first image gray, the second in color.
pub(crate) fn mat() -> Vec<u8> {
    let mut file = FileBuilder::new();
    file.with_userblock(512).with_userblock_content(b"MATLAB 7.3 MAT-file");
    let mut refs = file.create_group("#refs#");
    refs.create_dataset("a").with_u8_data(&[10, 40, 20, 50, 30, 60]).with_shape(&[3, 2]);
    let color: Vec<u8> = (0..18).collect();
    refs.create_dataset("b").with_u8_data(&color).with_shape(&[3, 3, 2]);
    file.add_group(refs.finish());
    file.create_dataset("IsTr").with_path_references(&["#refs#/a", "#refs#/b"]).with_shape(&[1, 2]);
    let phis: Vec<f64> = (0..12).map(|i| 10.0 + f64::from(i)).chain([0.0, 1.0, 1.0, 0.0, 0.0, 0.0]).collect();
    file.create_dataset("phisTr").with_f64_data(&phis).with_shape(&[9, 2]);
    let boxes = [1.0, 6.0, 2.0, 7.0, 30.0, 40.0, 50.0, 60.0];
    file.create_dataset("bboxesTr").with_f64_data(&boxes).with_shape(&[4, 2]);
    file.finish().unwrap()
}

/// The same, in chunks that are compressed, as MATLAB writes it.
pub(crate) fn chunked_mat() -> Vec<u8> {
    let mut file = FileBuilder::new();
    file.with_userblock(512).with_userblock_content(b"MATLAB 7.3 MAT-file");
    let mut refs = file.create_group("#refs#");
    refs.create_dataset("a")
        .with_u8_data(&[7; 600])
        .with_shape(&[30, 20])
        .with_chunks(&[10, 10])
        .with_deflate(6);
    file.add_group(refs.finish());
    file.create_dataset("IsTr").with_path_references(&["#refs#/a"]).with_shape(&[1, 1]);
    let phis = [10.0, 20.0, 30.0, 10.0, 20.0, 30.0, 0.0, 1.0, 0.0];
    file.create_dataset("phisTr")
        .with_f64_data(&phis)
        .with_shape(&[9, 1])
        .with_chunks(&[3, 1])
        .with_deflate(6);
    file.finish().unwrap()
}

/// 17 x 9 pixels in every kind that is written here, and kinds that are not, as another program wrote them.
pub(crate) fn images() -> Vec<(ImageFormat, Vec<u8>)> {
    let photo = RgbImage::from_fn(17, 9, |x, y| {
        let [x, y] = [x, y].map(|v| u8::try_from(v).unwrap());
        image::Rgb([x.wrapping_mul(13), y * 7, x ^ y])
    });
    let photo = DynamicImage::from(photo);
    let encoded = |image: &DynamicImage, format| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        (format, bytes.into_inner())
    };
    let jpeg = |samples: &[u8], color| {
        let mut bytes = Vec::new();
        jpeg_encoder::Encoder::new(&mut bytes, 75).encode(samples, 17, 9, color).unwrap();
        (ImageFormat::Jpeg, bytes)
    };
    use ImageFormat::{Bmp, Jpeg, Png, WebP};
    let mut all = vec![
        jpeg(photo.as_bytes(), jpeg_encoder::ColorType::Rgb),
        jpeg(&photo.to_luma8(), jpeg_encoder::ColorType::Luma),
        encoded(&photo, Png),
        encoded(&photo.to_luma8().into(), Png),
        encoded(&photo.to_rgba8().into(), Png),
        encoded(&photo.to_rgb16().into(), Png),
        encoded(&photo, WebP),
        encoded(&photo.to_rgba8().into(), WebP),
        encoded(&photo, Bmp),
        encoded(&photo.to_luma8().into(), Bmp),
    ];
    all.push((Jpeg, oriented(&all[0].1)));
    let foreign = [
        (Jpeg, PROGRESSIVE_JPEG),
        (Jpeg, CMYK_JPEG),
        (WebP, LOSSY_WEBP),
        (WebP, ALPHA_WEBP),
        (Png, PALETTE_PNG),
        (Png, BIT_PNG),
    ];
    all.extend(foreign.map(|(format, text)| (format, unhexed(text))));
    all
}

/// The JPEG with an EXIF segment that turns it by a quarter.
fn oriented(jpeg: &[u8]) -> Vec<u8> {
    let tiff = [b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1, 0, 34]);
    bytes.extend(b"Exif\0\0");
    bytes.extend(tiff);
    bytes.extend(&jpeg[2..]);
    bytes
}

fn unhexed(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

const PROGRESSIVE_JPEG: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb004300281c1e231e19282321232d2b28303c64413c37373c7b585d4964918099968f808c8aa0b4e6c3a0aada\
    ad8a8cc8ffcbdaeef5ffffff9bc1fffffffaffe6fdfff8ffdb0043012b2d2d3c353c76414176f8a58ca5f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8\
    f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8ffc20011080009001103012200021101031101ffc400160001010100000000000000000000000000\
    030004ffc400160101010100000000000000000000000000030102ffda000c03010002100310000001ccc6db4a2a1fffc40016100101010000000000000000000000\
    0000010010ffda00080101000105022308cfffc400161101010100000000000000000000000000000213ffda0008010301013f01968fffc400171101010101000000\
    00000000000000000001000213ffda0008010201013f01725ccbffc40014100100000000000000000000000000000020ffda0008010100063f025fffc40018100002\
    03000000000000000000000000000001202151ffda0008010100013f21410ad503ffda000c03010002000300000010a8ff00ffc40017110100030000000000000000\
    000000000000011151ffda0008010301013f1082f8ffc40014110100000000000000000000000000000010ffda0008010201013f1031ffc400171000030100000000\
    000000000000000000101120e1ffda0008010100013f100af641ffd9";
const CMYK_JPEG: &str = "\
    ffd8ffee000e41646f626500640000000000ffdb00430050373c463c32504641465a55505f78c882786e6e78f5afb991c8ffffffffffffffffffffffffffffffffff\
    ffffffffffffffffffffffffffffffffffffffffffffc000140800090011044311004d11005911004b1100ffc4001800000301010000000000000000000000000003\
    040205ffc4001c1001000202030100000000000000000000000203146101135392ffda000e0443004d0059004b00003f004d714912f1f4b55d7132231f41aecabd21\
    f5c3431f412d64c55857599101cb6807ffd9";
const LOSSY_WEBP: &str = "\
    524946465600000057454250565038204a000000d003009d012a110009003f7176d765bfa4ae289803f02e096a009d328478182036c01d45222bf000fed94d533837\
    099ecf429f80f4ea3508f67ec6ef2b4d439a4c4ad8c041fb08e19000";
const PALETTE_PNG: &str = "\
    89504e470d0a1a0a0000000d4948445200000011000000090203000000a9862f9f0000000c504c5445d545779c32605d20563008641b5959630000000274524e53ff\
    00e5b7304a0000002e49444154789c05c1b111c030080430f9f7df241e827dd2d0873b229d7df6be6154e8158c502d5689f908ada28b1f154611bf7c8f4de0000000\
    0049454e44ae426082";
const BIT_PNG: &str = "\
    89504e470d0a1a0a0000000d4948445200000011000000090100000000fc93faa10000002c49444154789c6360e0646061f4d46360e16260f9eba1c7247c838181d1\
    958151852d8c8133948149d28101004eba0478078429950000000049454e44ae426082";
const ALPHA_WEBP: &str = "\
    524946469000000057454250565038580a00000010000000100000080000414c5048240000000550d0b691f3b3e64fe7f14d08113107858080980f7111d8dcff212e\
    e2e2feb760ede2025650382046000000d003009d012a110009003f99c6d660bfb42b25b00803f033096a009d32800288b2bcb04482cc0000feb9dd37646e1399995f\
    185a3b38e9beb32da1e071da944f18cedf795000";
