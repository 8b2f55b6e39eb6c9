//! The texture and the two ways to draw on it: spots and strokes.

use crate::math::{Color, Vec3, mix};

/// What the texture holds at one place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Texel {
    /// How much light the skin returns, linear.
    pub color: Color,
    /// Height over the mesh in hundredths of a texel's width.
    pub height: f32,
    /// 0 dull to 1 wet.
    pub gloss: f32,
}

/// A square texture.
pub(crate) struct Canvas {
    pub size: usize,
    /// Texels of this texture to one of a texture of 512, in which widths are given.
    pub unit: f32,
    pub texels: Vec<Texel>,
}

impl Canvas {
    /// What lies at a texture coordinate (v upwards), between texels, and how much the height rises there to the right and
    /// up, for each texel.
    pub(crate) fn at(&self, uv: [f32; 2]) -> (Texel, [f32; 2]) {
        let top = self.size as f32 - 1.001;
        let (x, y) = self.place(uv);
        let (x, y) = (x.clamp(0.0, top), y.clamp(0.0, top));
        let (x0, y0) = (x as usize, y as usize);
        let (tx, ty) = (x - x0 as f32, y - y0 as f32);
        let row = y0 * self.size + x0;
        let [a, b, c, d] = [row, row + 1, row + self.size, row + self.size + 1].map(|i| &self.texels[i]);
        let weights = [(1.0 - tx) * (1.0 - ty), tx * (1.0 - ty), (1.0 - tx) * ty, tx * ty];
        let blend = |f: fn(&Texel) -> f32| {
            f(a) * weights[0] + f(b) * weights[1] + f(c) * weights[2] + f(d) * weights[3]
        };
        let texel = Texel {
            color: Vec3 { x: blend(|t| t.color.x), y: blend(|t| t.color.y), z: blend(|t| t.color.z) },
            height: blend(|t| t.height),
            gloss: blend(|t| t.gloss),
        };
        let right = mix(b.height - a.height, d.height - c.height, ty);
        let up = mix(a.height - c.height, b.height - d.height, tx);
        (texel, [right, up])
    }

    /// Where a texture coordinate lies, in texels.
    pub(crate) fn place(&self, [u, v]: [f32; 2]) -> (f32, f32) {
        let size = self.size as f32;
        (u * size - 0.5, (1.0 - v) * size - 0.5)
    }

    /// Works on all texels near a stroke from `a` to `b` (texture coordinates), `width` texels wide from edge to edge:
    /// `f` gets how much of the texel is covered, 0 to 1, and how far along it is, 0 to 1.
    pub(crate) fn stroke(&mut self, a: [f32; 2], b: [f32; 2], width: f32, f: impl Fn(&mut Texel, f32, f32)) {
        let ((ax, ay), (bx, by)) = (self.place(a), self.place(b));
        let (dx, dy) = (bx - ax, by - ay);
        let length2 = (dx * dx + dy * dy).max(1e-6);
        let width = width * self.unit;
        let reach = width / 2.0 + 0.5;
        let last = self.size as f32 - 1.0;
        let range =
            |p: f32, q: f32| ((p.min(q) - reach).clamp(0.0, last), (p.max(q) + reach).clamp(0.0, last));
        let ((x0, x1), (y0, y1)) = (range(ax, bx), range(ay, by));
        for y in y0.ceil() as usize..=y1 as usize {
            for x in x0.ceil() as usize..=x1 as usize {
                let (px, py) = (x as f32 - ax, y as f32 - ay);
                let along = ((px * dx + py * dy) / length2).clamp(0.0, 1.0);
                let (ex, ey) = (px - along * dx, py - along * dy);
                let cover = (reach - (ex * ex + ey * ey).sqrt()).min(1.0).min(width);
                if cover > 0.0 {
                    f(&mut self.texels[y * self.size + x], cover, along);
                }
            }
        }
    }

    /// Works on the texels of a soft spot of a radius in texels; `f` gets its strength, 1 in the middle.
    pub(crate) fn spot(&mut self, at: [f32; 2], radius: f32, f: impl Fn(&mut Texel, f32)) {
        let radius = (radius * self.unit).max(0.7);
        let (cx, cy) = self.place(at);
        let last = self.size as f32 - 1.0;
        let range =
            |c: f32| ((c - radius).clamp(0.0, last).ceil() as usize, (c + radius).clamp(0.0, last) as usize);
        let ((x0, x1), (y0, y1)) = (range(cx), range(cy));
        for y in y0..=y1 {
            for x in x0..=x1 {
                let (dx, dy) = (x as f32 - cx, y as f32 - cy);
                let strength = crate::math::bell((dx * dx + dy * dy) / (radius * radius));
                if strength > 0.0 {
                    f(&mut self.texels[y * self.size + x], strength);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_covers_its_line() {
        let mut canvas = Canvas { size: 8, unit: 1.0, texels: vec![Texel::default(); 64] };
        // From the middle of texel (1, 2) to that of (5, 2).
        let at = |x: f32, y: f32| [(x + 0.5) / 8.0, 1.0 - (y + 0.5) / 8.0];
        canvas.stroke(at(1.0, 2.0), at(5.0, 2.0), 1.0, |t, cover, _| t.gloss = cover);
        let row: Vec<f32> = (0..8).map(|x| canvas.texels[2 * 8 + x].gloss).collect();
        assert_eq!(row, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        assert!((canvas.at(at(3.0, 2.5)).0.gloss - 0.5).abs() < 1e-5);
    }
}
