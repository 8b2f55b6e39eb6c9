use super::{
    measure::{MetricsRow, Table},
    recipe::Plan,
    samples::Batches,
};
use crate::model::StackedHourglass;
use awing::Result;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Something that a stacked hourglass learns: all that a [`Session`](super::Session) has to know of it. The loss is that of the
/// [`Plan`], between the maps of all stacks and the targets of a [`Batch`](super::Batch).
pub trait Task {
    /// What a run writes: the averaged network with all it takes to use it.
    type Model;

    /// How `metrics.csv` is laid out, and what a validation measures.
    const TABLE: &'static Table;

    /// What of the recipe may differ where a run goes on, in words.
    const MAY_DIFFER: &'static str;

    /// What the loop takes from the recipe.
    fn plan(&self) -> Plan;

    /// The recipe as TOML.
    ///
    /// # Errors
    /// [`Error::Invalid`](awing::Error::Invalid) when a number does not fit TOML.
    fn recipe(&self) -> Result<String>;

    /// Whether the recipe is that of a file but for what may differ.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn continues(&self, recipe: &Path) -> Result<bool>;

    /// Points of a sample: maps of the network, but for the boundary map.
    fn points(&self) -> usize;

    /// Faces that the run learns from.
    fn faces(&self) -> usize;

    /// What it learns from and chooses by.
    ///
    /// # Errors
    /// When a scheme cannot be written as TOML.
    fn data(&self) -> Result<Data>;

    /// What its batches are made from.
    ///
    /// # Errors
    /// [`Error::Invalid`](awing::Error::Invalid) naming a setting that is out of range.
    fn batches(&self) -> Result<Box<dyn Batches + '_>>;

    /// Whether there is something to measure models on. Otherwise the last one counts as the best.
    fn validates(&self) -> bool;

    /// A model that nobody has measured.
    ///
    /// # Errors
    /// When the settings do not go together.
    fn model(&self, network: StackedHourglass) -> Result<Self::Model>;

    /// Measures a model: the figures of [`Table::measures`] in their order; `None` where the samples say nothing of one. What the
    /// measurement shows of how the model is best used goes into the model.
    ///
    /// # Errors
    /// When nothing could be measured; it is told, and the run goes on.
    fn validate(&self, model: Self::Model) -> Result<(Self::Model, Vec<Option<f64>>)>;

    /// The model card, in Markdown: of a model of `parameters`, measured as `row` says, with what the session's `note` adds.
    fn card(&self, row: &MetricsRow, parameters: usize, note: &str) -> String;

    /// Writes a model with its card.
    ///
    /// # Errors
    /// When the folder cannot be written, or a weight is not finite.
    fn save(&self, model: &Self::Model, folder: &Path, card: &str) -> Result<()>;

    /// Reads a model.
    ///
    /// # Errors
    /// When the folder holds none, or a damaged one.
    fn load(folder: &Path, device: &Device) -> Result<Self::Model>;

    /// The network of a model.
    fn network(model: &Self::Model) -> &StackedHourglass;

    /// Whether the run in `folder`, whose model is `old`, can go on with this task.
    ///
    /// # Errors
    /// [`Error::Model`](awing::Error::Model) naming what differs.
    fn accepts(&self, _old: &Self::Model, _folder: &Path) -> Result<()> {
        Ok(())
    }
}

/// What a run learns from and chooses its best by, as fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Of the samples to learn from.
    pub training: String,
    /// Of those that choose the best, where there are some.
    pub validation: Option<String>,
}
