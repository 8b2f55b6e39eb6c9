use crate::{network::PoseNetwork, poses::Poses};
use awing::{Result, geometry::Point};
use awing_train::{
    Device,
    evaluation::{Normalizer, point_errors},
};
use burn::module::Module;

/// How well joints are found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// People whose torso is annotated: the others have nothing to measure by.
    pub(crate) people: usize,
    /// Per cent of the annotated joints that are found within 0.2 of the torso, left shoulder to right hip.
    pub(crate) pck: f64,
    /// Within 0.5 of it.
    pub(crate) coarse_pck: f64,
    /// The mean error in per cent of the body's size, the square root of its box's area.
    pub(crate) nme: f64,
}

/// The joints that the network finds, in pixels of the photos.
///
/// # Errors
/// When an annotation makes no sense.
pub(crate) fn find(network: &PoseNetwork, poses: &Poses) -> Result<Vec<Vec<Point>>> {
    let (network, device) = (network.valid(), Device::flex());
    let mut found = Vec::new();
    for people in poses.people.chunks(16) {
        let crops = people.iter().map(|person| poses.crop(person, None)).collect::<Result<Vec<_>>>()?;
        let maps = network.forward(poses.images(&crops, &device)).into_data();
        let maps = maps.try_to_vec::<f32>().map_err(|e| awing::Error::invalid("maps", format!("{e:?}")))?;
        let (joints, size) = (poses.scheme.len(), poses.codec.size());
        for (crop, maps) in crops.iter().zip(maps.chunks_exact(joints * size * size)) {
            let back = crop.transform.inverse();
            found.push(poses.codec.decode(maps, joints)?.iter().map(|(p, _)| back.apply(*p)).collect());
        }
    }
    Ok(found)
}

/// What one knows without looking: each joint at its mean place in the crop over `known`, for the people of `poses`.
///
/// # Errors
/// When an annotation makes no sense.
pub(crate) fn guess(known: &Poses, poses: &Poses) -> Result<Vec<Vec<Point>>> {
    let crops = known.people.iter().map(|p| known.crop(p, None)).collect::<Result<Vec<_>>>()?;
    let mean = |joint: usize| Point::mean(crops.iter().filter_map(|c| c.landmarks[joint].position()));
    let means: Vec<Point> = (0..known.scheme.len()).map(|joint| mean(joint).unwrap_or_default()).collect();
    poses
        .people
        .iter()
        .map(|person| {
            let back = poses.crop(person, None)?.transform.inverse();
            Ok(means.iter().map(|p| back.apply(*p)).collect())
        })
        .collect()
}

/// Measures joints, in pixels of the photos, for each of the people.
///
/// # Errors
/// When `found` are not as many as people and joints.
pub(crate) fn measure(found: &[Vec<Point>], poses: &Poses) -> Result<Figures> {
    let torso = Normalizer::Named("torso".to_owned());
    let (mut by_torso, mut by_body, mut people) = (Vec::new(), Vec::new(), 0);
    for (found, person) in found.iter().zip(&poses.people) {
        let Ok(torso) = torso.distance(&poses.scheme, &person.joints, None) else { continue };
        let body = Normalizer::Box.distance(&poses.scheme, &person.joints, Some(person.body))?;
        by_torso.extend(point_errors(found, &person.joints, torso)?.into_iter().flatten());
        by_body.extend(point_errors(found, &person.joints, body)?.into_iter().flatten());
        people += 1;
    }
    let count = by_torso.len().max(1) as f64;
    let within = |limit: f64| 100.0 * by_torso.iter().filter(|e| **e <= limit).count() as f64 / count;
    let nme = 100.0 * by_body.iter().sum::<f64>() / count;
    Ok(Figures { people, pck: within(0.2), coarse_pck: within(0.5), nme })
}
