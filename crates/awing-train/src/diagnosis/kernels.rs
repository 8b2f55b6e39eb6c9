use super::Finding;
use crate::{
    loss::{AdaptiveWing, PixelLoss, heatmap_loss},
    model::StackedHourglass,
};
use awing::{Error, Result, network::NetworkConfig};
use awing_ops::by_definition;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How far the kernels' maps and gradients may be from the definition's. Their sums are in another order, and where that moves a number across the
/// zero of a ReLU the gradient jumps; a kernel that is wrong is off by its whole size.
const TOLERANCE: [f64; 2] = [1e-3, 1e-2];
const REMEDY: &str = "do not trust results of this machine: please report the line above with `awing doctor --json`; \
                      it may be a faulty processor or memory, too";

/// A small network and its gradient by the processor's kernels, against the same by the portable definition of every operation.
pub fn check_kernels() -> Finding {
    let device = Device::flex();
    let compared = run(&device).and_then(|fast| Ok((fast, by_definition(|| run(&device))?)));
    judge("kernels", compared, "as the definition")
}

/// The same small network on another device, against the processor's.
pub fn check_device(name: &'static str, device: &Device) -> Finding {
    let compared = run(device).and_then(|other| Ok((other, run(&Device::flex())?)));
    judge(name, compared, "as the processor")
}

type Maps = (Vec<f32>, Vec<f32>);

fn judge(name: &'static str, compared: Result<(Maps, Maps)>, as_what: &str) -> Finding {
    match compared {
        Ok((found, expected)) => {
            let [maps, gradient] =
                [(&found.0, &expected.0), (&found.1, &expected.1)].map(|(a, b)| distance(a, b));
            // Never so for NaN.
            if maps <= TOLERANCE[0] && gradient <= TOLERANCE[1] {
                let text = format!("maps and gradients {as_what}, to {:.0e}", maps.max(gradient));
                return Finding::ok(name, text);
            }
            let text = format!("maps are {maps:.0e}, gradients {gradient:.0e} from what they should be");
            Finding::failed(name, text, REMEDY)
        }
        Err(problem) => Finding::failed(name, problem.to_string(), REMEDY),
    }
}

/// The maps of the last stack and the gradient of the Adaptive Wing loss by the image.
fn run(device: &Device) -> Result<Maps> {
    let config = NetworkConfig { input: 128, stacks: 1, width: 24, boundary: true, coord_conv: true };
    let network = StackedHourglass::new(&config, 3, 7, &device.clone().autodiff())?;
    let device = device.clone().autodiff();
    let random = &mut ChaCha8Rng::seed_from_u64(7);
    let mut drawn = |shape: [usize; 4]| {
        let values: Vec<f32> =
            (0..shape.iter().product::<usize>()).map(|_| random.random_range(0.0..1.0)).collect();
        Tensor::<4>::from_data(TensorData::new(values, shape), &device)
    };
    // Large enough that even the smallest maps have cells to normalize over: a variance of two numbers would blow up every rounding.
    let images = drawn([4, 3, 128, 128]).require_grad();
    let target = drawn([4, 4, 32, 32]);
    let maps = network.forward(images.clone()).pop();
    let maps = maps.ok_or_else(|| Error::invalid("network", "has no stack"))?;
    let loss = heatmap_loss(maps.clone(), target, None, &PixelLoss::from(AdaptiveWing::default()));
    let gradient = images.grad(&loss.backward());
    let gradient = gradient.ok_or_else(|| Error::invalid("gradient", "does not reach the image"))?;
    Ok((numbers(maps.into_data())?, numbers(gradient.into_data())?))
}

fn numbers(data: TensorData) -> Result<Vec<f32>> {
    data.try_to_vec().map_err(|e| Error::invalid("tensor", format!("{e:?}")))
}

/// The root of the summed squares of the differences, relative to that of `expected`: a single ReLU that falls on the other side of zero
/// counts for nothing. NaN where there is one, or where the lengths differ.
fn distance(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::NAN;
    }
    let (mut difference, mut size) = (0.0, 0.0);
    for (a, b) in found.iter().zip(expected) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        difference += (a - b) * (a - b);
        size += b * b;
    }
    (difference / f64::max(size, 1e-24)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn the_kernels_of_this_machine_are_right() {
        let finding = check_kernels();
        assert_eq!(finding.state, State::Ok, "{finding:?}");
    }

    #[test]
    fn what_is_wrong_fails() {
        let maps = |value: f32| (vec![value, 1.0], vec![1.0]);
        assert_eq!(judge("kernels", Ok((maps(0.5), maps(0.5))), "").state, State::Ok);
        for wrong in [maps(0.4), maps(f32::NAN), (vec![0.5], vec![1.0]), (vec![0.5, 1.0], vec![-1.0])] {
            let finding = judge("kernels", Ok((wrong, maps(0.5))), "");
            assert!(finding.state == State::Failed && finding.remedy.is_some(), "{finding:?}");
        }
    }
}
