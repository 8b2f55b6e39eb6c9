//! A predicted map and the cells around its peak.

/// A square map whose highest cell is known.
pub(super) struct Map<'a> {
    cells: &'a [f32],
    pub(super) size: usize,
    /// x and y of the highest cell.
    pub(super) highest: (usize, usize),
}

impl<'a> Map<'a> {
    /// `None` when no cell is higher than another.
    pub(super) fn new(cells: &'a [f32], size: usize) -> Option<Self> {
        let (mut best, mut highest, mut lowest) = (None, f32::NEG_INFINITY, f32::INFINITY);
        for (i, &value) in cells.iter().enumerate() {
            let value = if value.is_nan() { f32::NEG_INFINITY } else { value };
            lowest = lowest.min(value);
            if value > highest {
                (best, highest) = (Some(i), value);
            }
        }
        let i = best.filter(|_| lowest < highest)?;
        Some(Self { cells, size, highest: (i % size, i / size) })
    }

    /// The value of a cell in the map.
    pub(super) fn at(&self, x: usize, y: usize) -> f32 {
        self.cells.get(y * self.size + x).copied().unwrap_or(f32::NEG_INFINITY)
    }

    /// The cells at most `radius` from the highest in x and y, as offsets from it and positive values relative to it;
    /// cut at the border. `None` when the highest value is not a positive number.
    pub(super) fn around_peak(&self, radius: usize) -> Option<Neighbourhood> {
        let (x, y) = self.highest;
        let peak = f64::from(self.at(x, y));
        if !(peak > 0.0 && peak.is_finite()) {
            return None;
        }
        let range = |c: usize| c.saturating_sub(radius)..(c + radius + 1).min(self.size);
        let (columns, rows) = (range(x), range(y));
        let mut cells = Vec::with_capacity(columns.len() * rows.len());
        for v in rows.clone() {
            for u in columns.clone() {
                // `max` takes the 0 when the cell is NaN.
                let value = f64::from(self.at(u, v)).max(0.0) / peak;
                cells.push((u as f64 - x as f64, v as f64 - y as f64, value));
            }
        }
        let ends =
            |r: std::ops::Range<usize>, c: usize| (r.start as f64 - c as f64, r.end as f64 - 1.0 - c as f64);
        Some(Neighbourhood { cells, columns: ends(columns, x), rows: ends(rows, y) })
    }
}

/// A rectangle of cells around the highest one.
pub(super) struct Neighbourhood {
    /// Offset from the highest cell in x and y, and the value relative to it, 0 or more.
    pub(super) cells: Vec<(f64, f64, f64)>,
    /// First and last offset in x.
    pub(super) columns: (f64, f64),
    /// First and last offset in y.
    pub(super) rows: (f64, f64),
}
