use super::protobuf::Message;
use crate::{files::write_atomic, model::coordinates};
use awing::{
    Error, Result,
    geometry::CropRule,
    network::{Model, NetworkConfig, WeightTensor, WeightType, Weights},
};
use burn::tensor::Device;
use std::path::Path;

/// The version of the operators; that of ONNX 1.12, 2022.
const OPSET: i64 = 17;
/// The version of the file format that goes with it.
const IR_VERSION: i64 = 8;
/// Burn's and PyTorch's batch normalization adds this to variances.
const EPSILON: f32 = 1e-5;
/// Above this a cell of the boundary map gives its coordinates to the next stack.
const BOUNDARY: f32 = 0.05;
const DEPTH: usize = 4;

const FLOAT: i64 = 1;
const INT64: i64 = 7;
const FLOAT16: i64 = 10;

/// How a network is written as ONNX.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnnxOptions {
    /// Faces in a batch; `None`: any number.
    pub batch: Option<usize>,
    /// How the convolutions' weights are stored; the network computes in f32 and takes and gives f32.
    pub weights: WeightType,
}

/// Writes a model as ONNX (opset 17): input `image` [batch, 3, side, side], red green blue in [0, 1]; output `heatmaps`
/// [batch, channels, side / 4, side / 4], the last stack's, as [`crate::model::StackedHourglass::forward`] gives them. Coordinates and the
/// boundary's coordinates are inside. The metadata say how faces are cut out and what the points are: `awing.scheme` (the scheme file),
/// `awing.crop`, `awing.heatmap` (TOML), `awing.input`, `awing.normalisation`.
///
/// # Errors
/// [`Error::Io`] when the file cannot be written, [`Error::Model`] when a weight is not a finite number of the type.
pub fn write_onnx(model: &Model, path: &Path, options: &OnnxOptions) -> Result<()> {
    for (name, tensor) in model.weights.iter() {
        if options.weights.store(&tensor.values).is_none() {
            return Err(Error::model(
                path,
                name,
                "holds a number that is not finite in this type; nothing was written",
            ));
        }
    }
    let mut graph = Graph {
        tensors: model.weights.clone(),
        weights: options.weights,
        nodes: Vec::new(),
        initializers: Vec::new(),
        count: 0,
    };
    let maps = graph
        .network(&model.config.network)
        .ok_or_else(|| Error::model(path, "network", "lacks a tensor that its configuration asks for"))?;
    let (input, size) = (model.config.network.input, model.config.network.map_size());
    let channels = model.config.maps();
    let mut message = Message::default();
    for node in &graph.nodes {
        message = message.message(1, node);
    }
    message = message.bytes(2, "awing");
    for initializer in &graph.initializers {
        message = message.message(5, initializer);
    }
    let rename = Node::new("Identity", &[&maps], "heatmaps");
    let message = message
        .message(1, &rename.0)
        .message(11, &value("image", options.batch, [3, input, input]))
        .message(12, &value("heatmaps", options.batch, [channels, size, size]));
    let mut file = Message::default()
        .int(1, IR_VERSION)
        .bytes(2, "awing")
        .bytes(3, env!("CARGO_PKG_VERSION"))
        .message(7, &message)
        .message(8, &Message::default().bytes(1, "").int(2, OPSET));
    for (key, text) in metadata(model, path)? {
        file = file.message(14, &Message::default().bytes(1, key).bytes(2, text));
    }
    write_atomic(path, &file.into_bytes())
}

fn metadata(model: &Model, path: &Path) -> Result<[(&'static str, String); 5]> {
    let bad = |e: toml::ser::Error| Error::model(path, "metadata", e.to_string());
    let CropRule { margin, shift_y } = model.config.crop;
    let crop = format!(
        "# The square around a face box, which is as tight as the landmarks: its side is margin times the box's longer side, its middle lies\n\
         # shift_y of that side below the box's middle.\nmargin = {margin:?}\nshift_y = {shift_y:?}\n"
    );
    Ok([
        ("awing.scheme", model.config.scheme.to_toml()?),
        ("awing.crop", crop),
        ("awing.heatmap", toml::to_string(&model.config.heatmap).map_err(bad)?),
        ("awing.input", model.config.network.input.to_string()),
        (
            "awing.normalisation",
            "red green blue divided by 255; cell q of a heatmap is input pixel 4 q + 1.5".to_owned(),
        ),
    ])
}

/// The type and shape of an input or output.
fn value(name: &str, batch: Option<usize>, shape: [usize; 3]) -> Message {
    let first = match batch {
        Some(batch) => Message::default().int(1, batch as i64),
        None => Message::default().bytes(2, "batch"),
    };
    let shape = shape.iter().fold(Message::default().message(1, &first), |message, side| {
        message.message(1, &Message::default().int(1, *side as i64))
    });
    let tensor = Message::default().int(1, FLOAT).message(2, &shape);
    Message::default().bytes(1, name).message(2, &Message::default().message(1, &tensor))
}

/// One operation.
struct Node(Message);

impl Node {
    fn new(operation: &str, inputs: &[&str], output: &str) -> Self {
        let message = inputs.iter().fold(Message::default(), |message, input| message.bytes(1, input));
        Self(message.bytes(2, output).bytes(3, output).bytes(4, operation))
    }

    fn ints(self, name: &str, values: &[i64]) -> Self {
        Self(self.0.message(5, &Message::default().bytes(1, name).ints(8, values).int(20, 7)))
    }

    fn int(self, name: &str, value: i64) -> Self {
        Self(self.0.message(5, &Message::default().bytes(1, name).int(3, value).int(20, 2)))
    }

    fn float(self, name: &str, value: f32) -> Self {
        Self(self.0.message(5, &Message::default().bytes(1, name).float(2, value).int(20, 1)))
    }

    fn text(self, name: &str, value: &str) -> Self {
        Self(self.0.message(5, &Message::default().bytes(1, name).bytes(4, value).int(20, 3)))
    }
}

/// A graph under way. Its methods take and give names of values; `None` where a tensor is missing.
struct Graph {
    tensors: Weights,
    weights: WeightType,
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    count: usize,
}

impl Graph {
    fn name(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}_{}", self.count)
    }

    /// Adds an operation with one output.
    fn add(&mut self, operation: &str, inputs: &[&str], finish: impl FnOnce(Node) -> Node) -> String {
        let output = self.name(&operation.to_lowercase());
        self.nodes.push(finish(Node::new(operation, inputs, &output)).0);
        output
    }

    /// Numbers that belong to the graph.
    fn constant(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(name, shape, FLOAT, &bytes)
    }

    fn initializer(&mut self, name: &str, shape: &[usize], kind: i64, bytes: &[u8]) -> String {
        let dims: Vec<i64> = shape.iter().map(|side| *side as i64).collect();
        self.initializers.push(Message::default().ints(1, &dims).int(2, kind).bytes(8, name).bytes(9, bytes));
        name.to_owned()
    }

    /// A convolution's weights, of which the input channels in `part`.
    fn kernel(&mut self, name: &str, part: std::ops::Range<usize>) -> Option<(String, usize)> {
        let WeightTensor { shape, values } = self.tensors.get(name)?;
        let [outputs, inputs, height, width] = shape[..] else { return None };
        let area = height * width;
        let rows = values.chunks_exact(inputs * area);
        let values: Vec<f32> =
            rows.flat_map(|row| row[part.start * area..part.end * area].iter().copied()).collect();
        let shape = [outputs, part.len(), height, width];
        let name = if part.len() == inputs { name.to_owned() } else { format!("{name}.{}", part.start) };
        let name = if self.weights == WeightType::F16 {
            let bytes = self.weights.store(&values)?;
            let half = self.initializer(&format!("{name}.f16"), &shape, FLOAT16, &bytes);
            self.add("Cast", &[&half], |node| node.int("to", FLOAT))
        } else {
            self.constant(&name, &shape, &values)
        };
        Some((name, height))
    }

    fn inputs(&self, name: &str) -> Option<usize> {
        self.tensors.get(name)?.shape.get(1).copied()
    }

    /// A convolution of all its inputs, with the bias where it has one.
    fn convolve(&mut self, x: &str, layer: &str, stride: i64) -> Option<String> {
        let weight = format!("{layer}.weight");
        let inputs = self.inputs(&weight)?;
        self.convolve_part(x, layer, 0..inputs, stride, true)
    }

    fn convolve_part(
        &mut self,
        x: &str,
        layer: &str,
        part: std::ops::Range<usize>,
        stride: i64,
        with_bias: bool,
    ) -> Option<String> {
        let (kernel, side) = self.kernel(&format!("{layer}.weight"), part)?;
        let pad = (side / 2) as i64;
        let name = format!("{layer}.bias");
        let bias = self.tensors.get(&name).filter(|_| with_bias);
        let bias = bias.map(|WeightTensor { shape, values }| self.constant(&name, &shape, &values));
        let inputs: Vec<&str> = [x, &kernel].into_iter().chain(bias.as_deref()).collect();
        Some(self.add("Conv", &inputs, |node| {
            node.ints("kernel_shape", &[side as i64; 2]).ints("strides", &[stride; 2]).ints("pads", &[pad; 4])
        }))
    }

    /// Normalized by running statistics, then rectified.
    fn norm_relu(&mut self, x: &str, layer: &str) -> Option<String> {
        let mut inputs = vec![x.to_owned()];
        for tensor in ["gamma", "beta", "running_mean", "running_var"] {
            let name = format!("{layer}.{tensor}");
            let WeightTensor { shape, values } = self.tensors.get(&name)?.clone();
            inputs.push(self.constant(&name, &shape, &values));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let normal = self.add("BatchNormalization", &inputs, |node| node.float("epsilon", EPSILON));
        Some(self.add("Relu", &[&normal], |node| node))
    }

    fn block(&mut self, x: &str, block: &str) -> Option<String> {
        let mut outputs = Vec::new();
        let mut last = x.to_owned();
        for i in 1..=3 {
            let normal = self.norm_relu(&last, &format!("{block}.norm{i}"))?;
            last = self.convolve(&normal, &format!("{block}.conv{i}"), 1)?;
            outputs.push(last.clone());
        }
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let joined = self.add("Concat", &outputs, |node| node.int("axis", 1));
        let projection = format!("{block}.projection");
        let beside = if self.tensors.get(&format!("{projection}.conv.weight")).is_some() {
            let normal = self.norm_relu(x, &format!("{projection}.norm"))?;
            self.convolve(&normal, &format!("{projection}.conv"), 1)?
        } else {
            x.to_owned()
        };
        Some(self.add("Add", &[&joined, &beside], |node| node))
    }

    fn halve(&mut self, x: &str) -> String {
        self.add("AveragePool", &[x], |node| node.ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2]))
    }

    fn double(&mut self, x: &str) -> String {
        let scales = self.name("scales");
        let scales = self.constant(&scales, &[4], &[1.0, 1.0, 2.0, 2.0]);
        self.add("Resize", &[x, "", &scales], |node| {
            node.text("mode", "nearest")
                .text("coordinate_transformation_mode", "asymmetric")
                .text("nearest_mode", "floor")
        })
    }

    fn hourglass(&mut self, x: &str, hourglass: &str, level: usize) -> Option<String> {
        let kept = self.block(x, &format!("{hourglass}.skip.{level}"))?;
        let half = self.halve(x);
        let low = self.block(&half, &format!("{hourglass}.down.{level}"))?;
        let low = if level + 1 < DEPTH {
            self.hourglass(&low, hourglass, level + 1)?
        } else {
            self.block(&low, &format!("{hourglass}.bottom"))?
        };
        let low = self.block(&low, &format!("{hourglass}.up.{level}"))?;
        let doubled = self.double(&low);
        Some(self.add("Add", &[&kept, &doubled], |node| node))
    }

    /// A convolution that knows where it is. The coordinates are the same for every face: their part of the sum is a constant that is
    /// added, so that no batch has to carry them.
    fn coord_conv(
        &mut self,
        x: &str,
        layer: &str,
        side: usize,
        features: usize,
        stride: i64,
        boundary: Option<&str>,
    ) -> Option<String> {
        let inputs = self.inputs(&format!("{layer}.weight"))?;
        if inputs == features {
            return self.convolve(x, layer, stride);
        }
        let own = self.convolve_part(x, layer, 0..features, stride, true)?;
        let place = self.name("coordinates");
        let place = self.constant(&place, &[1, 3, side, side], &planes(side, 3));
        let place = self.convolve_part(&place, layer, features..features + 3, stride, false)?;
        let sum = self.add("Add", &[&own, &place], |node| node);
        let Some(maps) = boundary.filter(|_| inputs == features + 5) else { return Some(sum) };
        // The boundary is the last map of the stack before.
        let channels =
            self.tensors.get(&format!("{}.maps.weight", stack_before(layer)?))?.shape.first().copied()?
                as i64;
        let [first, end, axis] =
            [("from", channels - 1), ("to", channels), ("axis", 1)].map(|(what, value)| {
                let name = self.name(what);
                self.initializer(&name, &[1], INT64, &value.to_le_bytes())
            });
        let map = self.add("Slice", &[maps, &first, &end, &axis], |node| node);
        let least = self.name("least");
        let least = self.constant(&least, &[], &[BOUNDARY]);
        let above = self.add("Greater", &[&map, &least], |node| node);
        let mask = self.add("Cast", &[&above], |node| node.int("to", FLOAT));
        let ends = self.name("coordinates");
        let ends = self.constant(&ends, &[1, 2, side, side], &planes(side, 2));
        let edge = self.add("Mul", &[&mask, &ends], |node| node);
        let edge = self.convolve_part(&edge, layer, features + 3..features + 5, stride, false)?;
        Some(self.add("Add", &[&sum, &edge], |node| node))
    }

    /// All stacks; gives the last one's maps.
    fn network(&mut self, config: &NetworkConfig) -> Option<String> {
        let x = self.coord_conv("image", "stem.conv", config.input, 3, 2, None)?;
        let x = self.norm_relu(&x, "stem_norm")?;
        let x = self.block(&x, "block1")?;
        let x = self.halve(&x);
        let x = self.block(&x, "block2")?;
        let mut x = self.block(&x, "block3")?;
        let mut maps: Option<String> = None;
        for i in 0..config.stacks {
            let stack = format!("stacks.{i}");
            let size = config.map_size();
            let layer = format!("{stack}.coord.conv");
            let inner = self.coord_conv(&x, &layer, size, config.width, 1, maps.as_deref())?;
            let inner = self.hourglass(&inner, &format!("{stack}.hourglass"), 0)?;
            let inner = self.block(&inner, &format!("{stack}.top"))?;
            let inner = self.convolve(&inner, &format!("{stack}.last"), 1)?;
            let features = self.norm_relu(&inner, &format!("{stack}.last_norm"))?;
            let found = self.convolve(&features, &format!("{stack}.maps"), 1)?;
            if i + 1 < config.stacks {
                let own = self.convolve(&features, &format!("{stack}.handover.features"), 1)?;
                let theirs = self.convolve(&found, &format!("{stack}.handover.maps"), 1)?;
                let sum = self.add("Add", &[&x, &own], |node| node);
                x = self.add("Add", &[&sum, &theirs], |node| node);
            }
            maps = Some(found);
        }
        maps
    }
}

/// `stacks.1` of `stacks.2.coord.conv`.
fn stack_before(layer: &str) -> Option<String> {
    let number: usize = layer.split('.').nth(1)?.parse().ok()?;
    Some(format!("stacks.{}", number.checked_sub(1)?))
}

/// The first `count` of row, column and radius as [count, side, side].
fn planes(side: usize, count: usize) -> Vec<f32> {
    let pixels: Vec<f32> = coordinates(side, side, &Device::flex()).into_data().iter().collect();
    (0..count)
        .flat_map(|channel| pixels.iter().skip(channel).step_by(3).copied().collect::<Vec<_>>())
        .collect()
}
