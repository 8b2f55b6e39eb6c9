use crate::{loss::LossConfig, training::Recipe};

/// One row of the study: what it changes in the recipe that all rows share.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Short, unique, fit for a folder: "aw-map".
    pub name: String,
    /// What the tables call it: "Adaptive Wing + weight map".
    pub label: String,
    /// What is minimised.
    pub loss: LossConfig,
    /// Whether foreground and hard background weigh more.
    pub weight_map: bool,
    /// Whether the network predicts the boundary too.
    pub boundary: bool,
    /// Whether the network knows where its pixels are.
    pub coord_conv: bool,
    /// The share of training points that are moved to random places in their faces, in per cent.
    pub moved_points: u32,
}

impl Variant {
    fn new(name: &str, label: &str, loss: LossConfig) -> Self {
        let (name, label) = (name.to_owned(), label.to_owned());
        Self { name, label, loss, weight_map: false, boundary: false, coord_conv: false, moved_points: 0 }
    }

    /// The rows of Wang et al. 2019: the losses alone, then the parts of the method one by one, then all of them. The other losses
    /// with the weight map, which are not theirs, tell what the map does without Adaptive Wing.
    pub fn of_the_paper() -> Vec<Self> {
        let aw = LossConfig::default();
        let wing = LossConfig::Wing { omega: 10.0, epsilon: 2.0 };
        let map = |row: Self| Self { weight_map: true, ..row };
        let with_map = |name: &str, label: &str| map(Self::new(name, label, aw));
        vec![
            Self::new("mse", "MSE", LossConfig::Mse {}),
            Self::new("l1", "L1", LossConfig::L1 {}),
            Self::new("wing", "Wing", wing),
            Self::new("aw", "Adaptive Wing", aw),
            map(Self::new("mse-map", "MSE + weight map", LossConfig::Mse {})),
            map(Self::new("l1-map", "L1 + weight map", LossConfig::L1 {})),
            map(Self::new("wing-map", "Wing + weight map", wing)),
            with_map("aw-map", "Adaptive Wing + weight map"),
            Self { boundary: true, ..with_map("aw-map-boundary", "Adaptive Wing + weight map + boundary") },
            Self { coord_conv: true, ..with_map("aw-map-coord", "Adaptive Wing + weight map + CoordConv") },
            Self { boundary: true, coord_conv: true, ..with_map("all", "everything") },
        ]
    }

    /// Robustness against wrong annotations: MSE and Adaptive Wing, without and with the weight map, with 5, 10 and 20 per cent of
    /// all points moved.
    pub fn of_robustness() -> Vec<Self> {
        let methods = Self::of_the_paper().into_iter();
        let methods = methods.filter(|row| ["mse", "aw", "mse-map", "aw-map"].contains(&row.name.as_str()));
        let moved = |row: Self| {
            [5, 10, 20].map(|share| Self {
                name: format!("{}-moved-{share}", row.name),
                label: format!("{}, {share} % moved", row.label),
                moved_points: share,
                ..row.clone()
            })
        };
        methods.flat_map(moved).collect()
    }

    /// The shared recipe with what this row changes.
    pub fn recipe(&self, base: &Recipe, seed: u64) -> Recipe {
        let mut recipe = base.clone();
        recipe.loss = self.loss;
        recipe.heatmap.weight_map.enabled = self.weight_map;
        recipe.network.boundary = self.boundary;
        recipe.network.coord_conv = self.coord_conv;
        recipe.training.seed = seed;
        recipe
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn rows_differ_by_name_and_recipe() {
        let rows: Vec<Variant> =
            Variant::of_the_paper().into_iter().chain(Variant::of_robustness()).collect();
        let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!((rows.len(), names.len()), (23, 23));
        let base = Recipe::preset("nano").unwrap();
        for (i, row) in rows.iter().enumerate() {
            let recipe = row.recipe(&base, 7);
            recipe.validate().unwrap();
            assert_eq!(recipe.training.seed, 7);
            for other in &rows[..i] {
                let same = other.recipe(&base, 7) == row.recipe(&base, 7);
                let only_points = Variant { moved_points: row.moved_points, ..other.clone() };
                let named = Variant { name: row.name.clone(), label: row.label.clone(), ..only_points };
                assert_eq!(same, named == *row, "{} and {}", other.name, row.name);
            }
        }
        assert_eq!(rows[10].recipe(&base, base.training.seed), base, "everything is the method itself");
    }
}
