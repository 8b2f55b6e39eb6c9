//! What a face does: plausible combinations of the head's expressions, and where the eyes look.

use super::turn::HeadTurn;
use crate::random::Chance;

/// Weights of expressions by name, and the gaze.
pub(crate) struct Expression {
    /// Name without side, weights of the right and left half (equal where the expression has no sides).
    pub moves: Vec<(&'static str, [f32; 2])>,
    /// Radians: to the viewer's right, and up.
    pub gaze: [f32; 2],
}

/// The expressions that this file uses; those with sides end in `_R` and `_L` in the head's list.
pub(crate) const SIDED: [&str; 20] = [
    "browDown",
    "browInnerUp",
    "browOuterUp",
    "cheekPuff",
    "cheekSquint",
    "eyeBlink",
    "eyeLookDown",
    "eyeLookIn",
    "eyeLookOut",
    "eyeLookUp",
    "eyeSquint",
    "eyeWide",
    "mouthDimple",
    "mouthFrown",
    "mouthLowerDown",
    "mouthPress",
    "mouthSmile",
    "mouthStretch",
    "mouthUpperUp",
    "noseSneer",
];

impl Expression {
    /// A face at rest that looks straight ahead.
    pub(crate) fn neutral() -> Self {
        Self { moves: Vec::new(), gaze: [0.0; 2] }
    }

    pub(crate) fn random(c: &mut Chance) -> Self {
        let mut e = Self::neutral();
        // The lower half, the upper half and the eyes are drawn apart: faces in photos combine them freely.
        match c.below(20) {
            0..=3 => {}
            4..=8 => {
                // Smiles, from a hint to a laugh.
                let s = c.between(0.25, 1.0);
                e.add("mouthSmile", s);
                e.add("cheekSquint", s * c.between(0.2, 0.9));
                e.add("mouthUpperUp", s * c.between(0.0, 0.5));
                e.add("mouthLowerDown", s * c.between(0.0, 0.4));
                e.add("mouthDimple", c.between(0.0, 0.4));
                if c.odds(0.55) {
                    e.add("jawOpen", s * c.between(0.02, 0.35));
                }
                e.add("eyeSquint", s * c.between(0.0, 0.7));
            }
            9..=11 => {
                // Speech.
                e.add("jawOpen", c.between(0.02, 0.3));
                e.add("mouthFunnel", c.between(0.0, 0.5));
                e.add("mouthLowerDown", c.between(0.0, 0.5));
                e.add("mouthUpperUp", c.between(0.0, 0.4));
                e.add("mouthStretch", c.between(0.0, 0.4));
            }
            12 | 13 => {
                // Surprise, shouting, yawning.
                e.add("jawOpen", c.between(0.3, 0.9));
                e.add("mouthFunnel", c.between(0.0, 0.4));
                e.add("mouthStretch", c.between(0.0, 0.5));
            }
            14 => {
                e.add("mouthPucker", c.between(0.4, 1.0));
                e.add("mouthFunnel", c.between(0.0, 0.4));
            }
            15 | 16 => {
                e.add("mouthFrown", c.between(0.2, 0.9));
                e.add("mouthPress", c.between(0.0, 0.5));
                e.add("mouthShrugLower", c.between(0.0, 0.8));
                e.add("mouthShrugUpper", c.between(0.0, 0.3));
            }
            17 => {
                // Disgust, pain.
                e.add("noseSneer", c.between(0.3, 1.0));
                e.add("mouthUpperUp", c.between(0.2, 0.8));
                e.add("jawOpen", c.between(0.0, 0.3));
            }
            18 => {
                let side = if c.odds(0.5) { "mouthLeft" } else { "mouthRight" };
                e.add(side, c.between(0.2, 0.8));
                e.add("mouthPress", c.between(0.0, 0.6));
            }
            _ => {
                e.add("mouthRollLower", c.between(0.0, 0.8));
                e.add("mouthRollUpper", c.between(0.0, 0.8));
                e.add("cheekPuff", if c.odds(0.4) { c.between(0.3, 1.0) } else { 0.0 });
            }
        }
        if c.odds(0.15) {
            e.add(if c.odds(0.5) { "jawLeft" } else { "jawRight" }, c.between(0.0, 0.5));
        }
        if c.odds(0.12) {
            e.add("jawForward", c.between(0.0, 0.6));
        }
        // No face is quite the same on both sides.
        for (name, sides) in &mut e.moves {
            if SIDED.contains(name) {
                *sides = sides.map(|w| (w * c.between(0.8, 1.2)).min(1.0));
            }
        }
        match c.below(8) {
            0 | 1 => e.add("browDown", c.between(0.2, 1.0)),
            2 => {
                e.add("browInnerUp", c.between(0.3, 1.0));
                e.add("browOuterUp", c.between(0.2, 1.0));
            }
            3 => e.add("browInnerUp", c.between(0.2, 0.9)),
            4 => {
                let raised = c.between(0.3, 1.0);
                e.moves.push(("browOuterUp", if c.odds(0.5) { [raised, 0.0] } else { [0.0, raised] }));
            }
            _ => {}
        }
        // Most people look at the camera or near it; the head's turn is taken off by whoever poses it.
        e.gaze = [c.normal_within(2.5) * 0.17, c.normal_within(2.5) * 0.09];
        match c.below(20) {
            0..=2 => {
                let b = c.between(0.85, 1.0);
                e.add("eyeBlink", b);
            }
            3 => {
                let b = c.between(0.8, 1.0);
                e.moves.push(("eyeBlink", if c.odds(0.5) { [b, 0.0] } else { [0.0, b] }));
                e.add("cheekSquint", 0.5);
            }
            4..=6 => {
                let b = c.between(0.2, 0.75);
                e.moves.push(("eyeBlink", [b, (b + c.between(-0.1, 0.1)).clamp(0.0, 1.0)]));
            }
            7..=9 => e.add("eyeSquint", c.between(0.3, 1.0)),
            10 | 11 => e.add("eyeWide", c.between(0.2, 1.0)),
            _ => {}
        }
        e
    }

    /// Turns the gaze back to the camera where the head is turned away, in most photos and by what eyes can do.
    pub(crate) fn look_back(&mut self, pose: &HeadTurn, c: &mut Chance) {
        let share = if c.odds(0.6) { c.between(0.6, 1.0) } else { c.between(-0.2, 0.4) };
        let [aside, up] = self.gaze;
        self.gaze = [
            (aside - share * pose.yaw.to_radians()).clamp(-0.6, 0.6),
            (up - share * pose.pitch.to_radians()).clamp(-0.45, 0.35),
        ];
    }

    /// Adds an expression, the same on both sides.
    fn add(&mut self, name: &'static str, weight: f32) {
        self.moves.push((name, [weight.clamp(0.0, 1.0); 2]));
    }

    /// How much of an expression there is, the greater half.
    pub(crate) fn weight(&self, name: &str) -> f32 {
        self.moves.iter().filter(|(n, _)| *n == name).map(|(_, w)| w[0].max(w[1])).fold(0.0, f32::max)
    }
}
