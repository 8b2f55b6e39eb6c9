//! The names of the author's network in PyTorch (METHOD.md 2.5) for the tensors of ours.

/// Levels of an hourglass: the author counts from the innermost, 1, to the outermost, 4; we from the outermost, 0.
const DEPTH: usize = 4;

/// The author's name for a tensor of ours; `coordinates` tells whether the network has coordinates: without, the first layer is a plain
/// convolution, as in FAN.
pub(super) fn pytorch_name(ours: &str, coordinates: bool) -> Option<String> {
    let (module, tensor) = ours.rsplit_once('.')?;
    let parts: Vec<&str> = module.split('.').collect();
    let name = match parts[..] {
        ["stem", "conv"] if coordinates => format!("conv1.conv.{tensor}"),
        ["stem", "conv"] => format!("conv1.{tensor}"),
        ["stem_norm"] => format!("bn1.{}", norm(tensor)?),
        ["block1", ref inner @ ..] => format!("conv2.{}", block(inner, tensor)?),
        ["block2", ref inner @ ..] => format!("conv3.{}", block(inner, tensor)?),
        ["block3", ref inner @ ..] => format!("conv4.{}", block(inner, tensor)?),
        ["stacks", stack, ref inner @ ..] => {
            let i: usize = stack.parse().ok()?;
            match *inner {
                ["coord", "conv"] => format!("m{i}.coordconv.conv.{tensor}"),
                ["hourglass", "bottom", ref inner @ ..] => {
                    format!("m{i}.b2_plus_1.{}", block(inner, tensor)?)
                }
                ["hourglass", branch, level, ref inner @ ..] => {
                    let level = DEPTH.checked_sub(level.parse().ok()?)?;
                    let branch = match branch {
                        "skip" => 1,
                        "down" => 2,
                        "up" => 3,
                        _ => return None,
                    };
                    format!("m{i}.b{branch}_{level}.{}", block(inner, tensor)?)
                }
                ["top", ref inner @ ..] => format!("top_m_{i}.{}", block(inner, tensor)?),
                ["last"] => format!("conv_last{i}.{tensor}"),
                ["last_norm"] => format!("bn_end{i}.{}", norm(tensor)?),
                ["maps"] => format!("l{i}.{tensor}"),
                ["handover", "features"] => format!("bl{i}.{tensor}"),
                ["handover", "maps"] => format!("al{i}.{tensor}"),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(name)
}

/// A tensor within a residual block.
fn block(inner: &[&str], tensor: &str) -> Option<String> {
    match *inner {
        ["projection", "norm"] => Some(format!("downsample.0.{}", norm(tensor)?)),
        ["projection", "conv"] => Some(format!("downsample.2.{tensor}")),
        [layer] => match (layer.strip_prefix("norm"), layer.strip_prefix("conv")) {
            (Some(number), _) => Some(format!("bn{number}.{}", norm(tensor)?)),
            (_, Some(number)) => Some(format!("conv{number}.{tensor}")),
            _ => None,
        },
        _ => None,
    }
}

/// A tensor of a batch normalization.
fn norm(tensor: &str) -> Option<&str> {
    match tensor {
        "gamma" => Some("weight"),
        "beta" => Some("bias"),
        "running_mean" | "running_var" => Some(tensor),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Device,
        model::{StackedHourglass, weights_of},
    };
    use awing::network::NetworkConfig;
    use std::collections::BTreeSet;

    #[test]
    fn names_of_each_kind() {
        for (ours, theirs) in [
            ("stem.conv.bias", "conv1.conv.bias"),
            ("stem_norm.gamma", "bn1.weight"),
            ("block1.projection.norm.running_var", "conv2.downsample.0.running_var"),
            ("block3.projection.conv.weight", "conv4.downsample.2.weight"),
            ("block2.norm3.beta", "conv3.bn3.bias"),
            ("stacks.2.coord.conv.weight", "m2.coordconv.conv.weight"),
            ("stacks.0.hourglass.skip.0.conv1.weight", "m0.b1_4.conv1.weight"),
            ("stacks.1.hourglass.down.3.norm2.gamma", "m1.b2_1.bn2.weight"),
            ("stacks.1.hourglass.bottom.conv3.weight", "m1.b2_plus_1.conv3.weight"),
            ("stacks.1.hourglass.up.1.conv3.weight", "m1.b3_3.conv3.weight"),
            ("stacks.3.top.conv1.weight", "top_m_3.conv1.weight"),
            ("stacks.3.last.bias", "conv_last3.bias"),
            ("stacks.3.last_norm.running_mean", "bn_end3.running_mean"),
            ("stacks.3.maps.weight", "l3.weight"),
            ("stacks.0.handover.features.weight", "bl0.weight"),
            ("stacks.0.handover.maps.bias", "al0.bias"),
        ] {
            assert_eq!(pytorch_name(ours, true).as_deref(), Some(theirs));
        }
        assert_eq!(pytorch_name("stem.conv.weight", false).as_deref(), Some("conv1.weight"));
        assert_eq!(pytorch_name("stacks.0.other.weight", true), None);
    }

    /// METHOD.md 2.5: 585 parameters and 552 buffers, of which 184 are `num_batches_tracked`.
    #[test]
    fn the_papers_network_has_all_names_but_the_counters() {
        let config = NetworkConfig { width: 16, input: 64, ..NetworkConfig::preset("paper").unwrap() };
        let network = StackedHourglass::new(&config, 98, 1, &Device::flex()).unwrap();
        let tensors: Vec<String> = weights_of(&network, "").into_iter().map(|(name, _)| name).collect();
        let names: BTreeSet<String> = tensors.iter().map(|ours| pytorch_name(ours, true).unwrap()).collect();
        assert_eq!((tensors.len(), names.len()), (1137 - 184, 1137 - 184));
    }
}
