//! Noise that is worked out once, in tiles that repeat without a seam.

use crate::random::Chance;

/// Cells a side of a tile; a power of two.
pub(crate) const TILE: usize = 256;

/// Tiles of noise, all about -1 to 1 with mean 0.
pub(crate) struct Noise {
    /// Large and small clouds together.
    pub cloud: Vec<f32>,
    /// Grain of three cells and less.
    pub grain: Vec<f32>,
    /// Small pits, as pores.
    pub pits: Vec<f32>,
    /// Long streaks down the tile, thin across, as hair.
    pub streaks: Vec<f32>,
}

impl Noise {
    pub(crate) fn new() -> Self {
        let mut c = Chance::new(0x6e6f_6973, 0);
        let mut cloud = vec![0.0; TILE * TILE];
        for (cells, strength) in [(4, 0.8), (8, 0.6), (16, 0.4), (32, 0.25), (64, 0.15)] {
            octave(&mut cloud, &mut c, [cells, cells], strength);
        }
        let mut grain = vec![0.0; TILE * TILE];
        octave(&mut grain, &mut c, [128, 128], 0.7);
        octave(&mut grain, &mut c, [256, 256], 0.5);
        let mut streaks = vec![0.0; TILE * TILE];
        for (across, along, strength) in [(16, 2, 0.35), (64, 3, 0.5), (128, 4, 0.6), (256, 6, 0.5)] {
            octave(&mut streaks, &mut c, [across, along], strength);
        }
        Self { pits: pits(&mut c), cloud, grain, streaks }
    }

    /// Clouds at a texture coordinate.
    pub(crate) fn cloud_at(&self, [u, v]: [f32; 2]) -> f32 {
        Self::at(&self.cloud, u, v)
    }

    /// The nearest cell, at any place from -64 tiles on; repeats.
    pub(crate) fn near(tile: &[f32], u: f32, v: f32) -> f32 {
        let cell = |t: f32| ((t + 64.0) * TILE as f32) as usize % TILE;
        tile[cell(v) * TILE + cell(u)]
    }

    /// Between cells, at any place from -64 tiles on; repeats.
    pub(crate) fn at(tile: &[f32], u: f32, v: f32) -> f32 {
        // Far enough up that nothing is negative, where cutting off is rounding down.
        const FAR: f32 = 64.0;
        let (x, y) = ((u + FAR) * TILE as f32, (v + FAR) * TILE as f32);
        let (x0, y0) = (x as usize, y as usize);
        let (tx, ty) = (x - x0 as f32, y - y0 as f32);
        let (x0, y0) = (x0 % TILE, y0 % TILE);
        let (x1, y1) = ((x0 + 1) % TILE, (y0 + 1) % TILE);
        let cell = |x: usize, y: usize| tile[y * TILE + x];
        let top = cell(x0, y0) + (cell(x1, y0) - cell(x0, y0)) * tx;
        let bottom = cell(x0, y1) + (cell(x1, y1) - cell(x0, y1)) * tx;
        top + (bottom - top) * ty
    }
}

/// Adds smooth noise with some cells across and down the tile.
fn octave(tile: &mut [f32], c: &mut Chance, cells: [usize; 2], strength: f32) {
    let values: Vec<f32> = (0..cells[0] * cells[1]).map(|_| c.between(-1.0, 1.0)).collect();
    let step = |i: usize, n: usize| {
        let at = i as f32 * n as f32 / TILE as f32;
        let low = at as usize;
        let t = at - low as f32;
        (low % n, (low + 1) % n, t * t * (3.0 - 2.0 * t))
    };
    for y in 0..TILE {
        let (y0, y1, ty) = step(y, cells[1]);
        for x in 0..TILE {
            let (x0, x1, tx) = step(x, cells[0]);
            let value = |x: usize, y: usize| values[y * cells[0] + x];
            let top = value(x0, y0) + (value(x1, y0) - value(x0, y0)) * tx;
            let bottom = value(x0, y1) + (value(x1, y1) - value(x0, y1)) * tx;
            tile[y * TILE + x] += strength * (top + (bottom - top) * ty);
        }
    }
}

/// A pit in each cell of an uneven grid.
fn pits(c: &mut Chance) -> Vec<f32> {
    const CELLS: usize = 64;
    let size = TILE / CELLS;
    let mut tile = vec![0.25; TILE * TILE];
    for i in 0..CELLS * CELLS {
        let (x, y) = ((i % CELLS * size + c.below(size)) as i64, (i / CELLS * size + c.below(size)) as i64);
        let depth = c.between(0.3, 1.0);
        for (dx, dy, k) in [(0, 0, 1.2), (1, 0, 0.5), (-1, 0, 0.5), (0, 1, 0.5), (0, -1, 0.5)] {
            let wrap = |v: i64| v.rem_euclid(TILE as i64) as usize;
            tile[wrap(y + dy) * TILE + wrap(x + dx)] -= depth * k;
        }
    }
    tile
}
