//! Networks that go to other frameworks and come back compute the same.

#![allow(clippy::unwrap_used, reason = "a test may")]

use awing::{
    geometry::CropRule,
    heatmap::CodecConfig,
    network::{Model, ModelConfig, NetworkConfig, WeightType},
    scheme::Scheme,
};
use awing_train::{
    Device,
    interchange::{ImportOptions, OnnxOptions, import_state_dict, write_onnx, write_state_dict},
    model::{StackedHourglass, TrainableModel},
};
use burn::tensor::{Tensor, TensorData};
use std::path::Path;

fn model(stacks: usize, boundary: bool, coord_conv: bool) -> Model {
    let size = NetworkConfig { input: 64, stacks, width: 16, boundary, coord_conv };
    let scheme = Scheme::builtin("300w-68").unwrap();
    let network = StackedHourglass::new(&size, scheme.len(), 5, &Device::flex()).unwrap();
    let (crop, heatmap) = (CropRule::default(), CodecConfig::paper());
    let config = ModelConfig { network: size, crop, heatmap, scheme };
    TrainableModel { config, calibration: None, network }.to_model()
}

fn images(batch: usize) -> Vec<f32> {
    (0..batch * 3 * 64 * 64).map(|i| (i * 7919 % 1013) as f32 / 1012.0).collect()
}

fn ours(model: &Model, batch: usize) -> Vec<f32> {
    let data = TensorData::new(images(batch), [batch, 3, 64, 64]);
    let network = TrainableModel::new(model.clone(), &Device::flex()).unwrap().network;
    let maps = network.forward(Tensor::from_data(data, &Device::flex())).pop().unwrap();
    maps.into_data().iter().collect()
}

fn rten(path: &Path, batch: usize) -> Vec<f32> {
    use rten::{Model, NodeId, Value, ValueOrView};
    let model = Model::load_file(path).unwrap();
    let (input, output): (NodeId, NodeId) =
        (model.node_id("image").unwrap(), model.node_id("heatmaps").unwrap());
    let image = Value::from_shape(&[batch, 3, 64, 64], images(batch)).unwrap();
    let mut answer = model.run(vec![(input, ValueOrView::from(image))], &[output], None).unwrap();
    let (_, values) = answer.remove(0).into_shape_vec::<f32, 4>().unwrap();
    values
}

/// Largest distance as a part of the second one's range.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let (low, high) = b.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    assert!(high > low);
    a.iter().zip(b).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / (high - low)
}

#[test]
fn onnx_run_by_rten_gives_the_same_maps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for (stacks, boundary, coord_conv) in
        [(1, true, true), (3, true, true), (2, false, true), (2, true, false), (1, false, false)]
    {
        let model = model(stacks, boundary, coord_conv);
        for (weights, batch, most) in
            [(WeightType::F32, None, 1e-4), (WeightType::F32, Some(5), 1e-4), (WeightType::F16, None, 1e-2)]
        {
            write_onnx(&model, &path, &OnnxOptions { batch, weights }).unwrap();
            for count in [1, 5].into_iter().filter(|count| batch.is_none_or(|batch| batch == *count)) {
                let found = distance(&rten(&path, count), &ours(&model, count));
                assert!(found < most, "{stacks} {boundary} {coord_conv} {weights:?} {count}: {found}");
            }
        }
    }
}

#[test]
fn a_state_dict_comes_back_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for (stacks, boundary, coord_conv) in [(1, true, true), (3, true, true), (2, false, true)] {
        let model = model(stacks, boundary, coord_conv);
        write_state_dict(&model, &path, WeightType::F32).unwrap();
        let options = ImportOptions { input: 64, ..ImportOptions::default() };
        let back = import_state_dict(&path, &options).unwrap();
        assert!(back.left_over.is_empty(), "{:?}", back.left_over);
        assert_eq!(back.model.config, model.config);
        assert_eq!(ours(&back.model, 2), ours(&model, 2));
    }
}

/// As DataParallel, compiled networks, Lightning and checkpoints name tensors.
#[test]
fn what_wrappers_put_before_names_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let (model, options) = (model(1, true, true), ImportOptions { input: 64, ..ImportOptions::default() });
    write_state_dict(&model, &path, WeightType::F32).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for wrapper in [
        "module.",
        "_orig_mod.",
        "module._orig_mod.",
        "state_dict.module.",
        "model_state_dict.",
        "state_dict.model.",
        "net.",
        "a.b.c.",
    ] {
        // A second copy, as of a running average, is left over.
        let names = file.iter().flat_map(|(name, view)| {
            [(format!("{wrapper}{name}"), view.clone()), (format!("{wrapper}average.{name}"), view)]
        });
        std::fs::write(&path, safetensors::serialize(names.collect::<Vec<_>>(), None).unwrap()).unwrap();
        let back = import_state_dict(&path, &options).unwrap();
        assert!(back.model.weights == model.weights, "{wrapper}");
        assert!(back.left_over.iter().all(|name| name.starts_with("average.")), "{wrapper}");
    }
    // Side by side, neither is the one that is meant.
    let names = file
        .iter()
        .flat_map(|(name, view)| [(format!("ema.{name}"), view.clone()), (format!("model.{name}"), view)]);
    std::fs::write(&path, safetensors::serialize(names.collect::<Vec<_>>(), None).unwrap()).unwrap();
    let problem = import_state_dict(&path, &options).unwrap_err().to_string();
    assert!(problem.contains("there are several, `ema.l0.weight` and `model.l0.weight`"), "{problem}");
    let other = [("backbone.weight", file.tensor("l0.bias").unwrap())];
    std::fs::write(&path, safetensors::serialize(other, None).unwrap()).unwrap();
    let problem = import_state_dict(&path, &options).unwrap_err().to_string();
    assert!(problem.contains("is not in the file, which has `backbone.weight` and others"), "{problem}");
}

#[test]
fn what_does_not_fit_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let options = ImportOptions { input: 64, ..ImportOptions::default() };
    let import = |options: &ImportOptions| import_state_dict(&path, options);
    write_state_dict(&model(1, true, true), &path, WeightType::F16).unwrap();
    assert!(import(&options).is_ok());
    let mtfl = ImportOptions { scheme: Some(Scheme::builtin("mtfl-5").unwrap()), ..options.clone() };
    let problem = import(&mtfl).unwrap_err().to_string();
    assert!(problem.contains("scheme mtfl-5: has 5 points, the network 69"), "{problem}");

    // Three tensors less, one more, and one of another shape.
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let zeros = [0_u8; 64];
    let write = |drop: &[&str], add: &[(&str, Vec<usize>)]| {
        let kept =
            file.iter().filter(|(name, _)| !drop.contains(name)).map(|(name, view)| (name.to_owned(), view));
        let added = add.iter().map(|(name, shape)| {
            let len = 4 * shape.iter().product::<usize>();
            let view =
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), &zeros[..len]);
            ((*name).to_owned(), view.unwrap())
        });
        std::fs::write(&path, safetensors::serialize(kept.chain(added), None).unwrap()).unwrap();
    };
    write(&["bn1.num_batches_tracked"], &[("head.weight", vec![2, 3])]);
    assert_eq!(import(&options).unwrap().left_over, ["head.weight"]);
    write(&["bn1.weight", "l0.bias", "bn1.bias"], &[("bn1.bias", vec![3])]);
    let problem = import(&options).unwrap_err().to_string();
    for part in ["bn1.weight is missing", "l0.bias is missing", "bn1.bias has shape [3] instead of [4]"] {
        assert!(problem.contains(part), "{problem}");
    }
    std::fs::write(&path, "nothing of that kind").unwrap();
    assert!(import(&options).unwrap_err().to_string().contains("is not a whole safetensors file"));
    let pickle = folder.path().join("weights.pth");
    std::fs::write(&pickle, b"\x80\x02cos\nsystem\nU\x02lsq\x01tq\x02R.").unwrap();
    let problem = import_state_dict(&pickle, &options).unwrap_err().to_string();
    assert!(problem.contains("weights.pth"), "{problem}");
}
