use super::{Peaks, PixelKind, PixelShares, RunRecord, Variant, welch::Difference};
use crate::{
    files::write_atomic,
    loss::LossConfig,
    report::{Chart, Legend, Series, Stroke, save_charts},
};
use awing::Result;
use std::{collections::BTreeSet, fmt::Write, path::Path};

/// Rows that the charts show; boundary and CoordConv alone would only cover each other's lines.
const CHARTED: [&str; 9] = ["mse", "l1", "wing", "aw", "mse-map", "l1-map", "wing-map", "aw-map", "all"];
/// Below this height, on maps whose targets reach 1, a network predicts nothing: its largest cell is noise.
const EMPTY: f64 = 0.1;
/// What the comparisons of rows are.
const COMPARISON: &str = "\
Rows compared by the mean over seeds of the NME on all test faces. The interval of a difference is Welch's: it lets spreads differ, takes \
NME to be spread normally over seeds, and is wide where seeds are few. Each stands for its own comparison, not for the whole list, and for \
other seeds, not for other faces.

";

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct StudyReport<'a> {
    /// The rows of the study, in the order of the table.
    pub variants: &'a [Variant],
    /// All finished runs.
    pub records: &'a [RunRecord],
    /// What was compared and how, in Markdown: data, network, length, command, machine.
    pub setting: &'a str,
}

/// Writes the report as Markdown, and its charts beside it: `STEM-curves`, `-peaks`, `-shares` and `-robustness`, each .svg and
/// .png, where STEM is the file's name in small letters without its ending.
///
/// # Errors
/// [`awing::Error::Io`] when a file cannot be written.
pub fn write_report(report: &StudyReport<'_>, path: &Path) -> Result<()> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let folder = path.parent().unwrap_or(Path::new(""));
    let chart = |name: &str, charts: &[Chart]| save_charts(charts, &folder.join(format!("{stem}-{name}")));
    chart("curves", &[report.curves()])?;
    chart("peaks", &[report.profiles()])?;
    chart("shares", &report.share_charts())?;
    let robust = report.variants.iter().any(|v| v.moved_points > 0 && !report.runs(v).is_empty());
    if robust {
        chart("robustness", &[report.robustness()])?;
    }
    write_atomic(path, report.text(&stem, robust).as_bytes())
}

/// Mean and standard deviation over seeds; no deviation of one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    mean: f64,
    deviation: Option<f64>,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        (!values.is_empty()).then_some(Self { mean, deviation })
    }

    fn text(self, decimals: usize) -> String {
        match self.deviation {
            Some(deviation) => format!("{:.decimals$} ± {deviation:.decimals$}", self.mean),
            None => format!("{:.decimals$}", self.mean),
        }
    }
}

fn cell(spread: Option<Spread>, decimals: usize) -> String {
    spread.map_or("-".to_owned(), |spread| spread.text(decimals))
}

impl StudyReport<'_> {
    fn runs(&self, variant: &Variant) -> Vec<&RunRecord> {
        self.records.iter().filter(|record| record.variant == variant.name).collect()
    }

    /// A number of each run of a row, over its seeds.
    fn numbers(&self, variant: &Variant, number: impl Fn(&RunRecord) -> Option<f64>) -> Vec<f64> {
        self.runs(variant).into_iter().filter_map(number).collect()
    }

    fn spread(&self, variant: &Variant, number: impl Fn(&RunRecord) -> Option<f64>) -> Option<Spread> {
        Spread::of(&self.numbers(variant, number))
    }

    fn nme(&self, variant: &Variant, subset: &str) -> Option<Spread> {
        self.spread(variant, |run| run.figures(subset).map(|f| f.nme))
    }

    fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|v| v.name == name && !self.runs(v).is_empty())
    }

    /// Rows with runs and with all points in their places.
    fn rows(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(|v| v.moved_points == 0 && !self.runs(v).is_empty())
    }

    /// The rows of the charts; all there are, where it is none of the usual ones.
    fn charted(&self) -> impl Iterator<Item = &Variant> {
        let usual: Vec<&Variant> = CHARTED.iter().filter_map(|name| self.variant(name)).collect();
        let rows = if usual.is_empty() { self.rows().collect() } else { usual };
        rows.into_iter()
    }

    /// The mean over a row's runs of what they measured along training; only where all of them did.
    fn mean_curve(
        &self,
        variant: &Variant,
        curve: impl Fn(&RunRecord) -> Vec<(f64, f64)>,
    ) -> Vec<(f64, f64)> {
        let curves: Vec<Vec<(f64, f64)>> = self.runs(variant).into_iter().map(curve).collect();
        let Some((first, others)) = curves.split_first() else { return Vec::new() };
        let mean = |&(epoch, value): &(f64, f64)| {
            let at = |curve: &Vec<(f64, f64)>| curve.iter().find(|p| p.0 == epoch).map(|p| p.1);
            let sum: f64 = others.iter().map(at).sum::<Option<f64>>()?;
            Some((epoch, (value + sum) / curves.len() as f64))
        };
        first.iter().filter_map(mean).collect()
    }

    fn text(&self, stem: &str, robust: bool) -> String {
        let mut text = format!("# Ablation\n\n{}\n\n## Error\n\n{}", self.setting.trim(), self.table());
        let figure = |name: &str, alt: &str| {
            format!("\n![{alt}]({stem}-{name}.png)\n\n([the same as SVG]({stem}-{name}.svg))\n")
        };
        let _ = write!(text, "\n{}\n{}", self.verdict(), figure("curves", "Learning curves"));
        let _ = write!(
            text,
            "\n## Peaks of the predicted maps\n\nOver all points of all test faces: the largest cell of a map, and the diameter in \
             cells of a disc as large as the area that reaches half of it.\n\n{}{}",
            self.peak_table(),
            figure("peaks", "Mean map around its peak")
        );
        let _ = write!(
            text,
            "\n## Where loss and gradient fall\n\nOn validation faces, the maps of the points. Foreground: the target reaches 0.2. \
             Hard background: a neighbour's does. Per cent on foreground / hard background / background.\n\n{}{}",
            self.share_table(),
            figure("shares", "Shares of the gradient along training")
        );
        if robust {
            let _ = write!(
                text,
                "\n## Wrong annotations\n\nA share of all training points stands at a random place in its face's box; the boxes, the \
                 validation and the test faces are untouched. NME on all test faces in per cent.\n\n{}{}",
                self.robustness_table(),
                figure("robustness", "Error by share of moved points")
            );
        }
        text
    }

    /// NME by subset, failure rate and AUC.
    fn table(&self) -> String {
        let first = self.records.first().map(|run| &run.test[..]).unwrap_or_default();
        let subsets: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
        let mut text = "| trained with | seeds |".to_owned();
        for subset in &subsets {
            let _ = write!(text, " NME % {subset} |");
        }
        text += " FR@8 % | AUC@8 |\n|---|---|";
        text += &"---|".repeat(subsets.len() + 2);
        for variant in self.rows() {
            let _ = write!(text, "\n| {} | {} |", variant.label, self.runs(variant).len());
            for subset in &subsets {
                let _ = write!(text, " {} |", cell(self.nme(variant, subset), 2));
            }
            let all = |number: fn(super::Figures) -> f64| {
                self.spread(variant, |run| run.figures("all").map(number))
            };
            let _ = write!(text, " {} | {} |", cell(all(|f| f.fr8), 2), cell(all(|f| f.auc8), 3));
        }
        text + "\n"
    }

    /// How far apart rows are that differ in a part of the method, and what the seeds leave open of it, in words.
    fn verdict(&self) -> String {
        let empty = |v: &&Variant| self.height(v).is_some_and(|height| height.mean < EMPTY);
        let hollow = self.rows().filter(empty).map(|v| {
            format!(
                "- {} has not learnt to predict within this training: its maps are nearly empty, the largest cell {} high.\n",
                v.label,
                cell(self.height(v), 2)
            )
        });
        let pairs = [
            ("mse", "aw"),
            ("mse", "aw-map"),
            ("mse-map", "aw-map"),
            ("wing", "aw"),
            ("wing-map", "aw-map"),
            ("l1", "aw"),
            ("l1-map", "aw-map"),
            ("aw", "aw-map"),
            ("aw-map", "all"),
        ];
        let sentences = pairs.iter().filter_map(|(a, b)| {
            let (a, b) = (self.variant(a).filter(|a| !empty(a))?, self.variant(b)?);
            let nme = |variant: &Variant| self.numbers(variant, |run| run.figures("all").map(|f| f.nme));
            let (from, to) = (nme(a), nme(b));
            let gain = Difference::of(&from, &to)?;
            let (side, apart) = if gain.mean > 0.0 { ("below", gain) } else { ("above", gain.turned()) };
            Some(format!(
                "- {} is {:.2} points {side} {}: 95 % interval {:.2} to {:.2}{} ({} and {} seeds).\n",
                b.label,
                apart.mean,
                a.label,
                apart.low,
                apart.high,
                if apart.holds_zero() { ", which holds 0: seeds alone may make it" } else { "" },
                to.len(),
                from.len(),
            ))
        });
        let sentences: String = sentences.collect();
        let heading = if sentences.is_empty() { "" } else { COMPARISON };
        format!("{heading}{sentences}{}", hollow.collect::<String>())
    }

    /// Of the predicted peaks.
    fn height(&self, variant: &Variant) -> Option<Spread> {
        self.spread(variant, |run| Some(run.peaks.height))
    }

    fn peak_table(&self) -> String {
        let mut text = "| trained with | height | width, cells |\n|---|---|---|".to_owned();
        for variant in self.rows() {
            let height = self.height(variant);
            let width = self.spread(variant, |run| Some(run.peaks.width));
            let _ = write!(text, "\n| {} | {} | {} |", variant.label, cell(height, 2), cell(width, 2));
        }
        if let Some(Peaks { height, width, .. }) = self.records.first().map(|run| &run.true_peaks) {
            let _ = write!(text, "\n| *the targets themselves* | {height:.2} | {width:.2} |");
        }
        text + "\n"
    }

    /// The shares of the first and the last measurement, over seeds.
    fn share_table(&self) -> String {
        let kinds = |shares: Option<[f64; 3]>| {
            shares.map_or("-".to_owned(), |s| {
                let [a, b, c] = s.map(|share| format!("{:.0}", 100.0 * share));
                format!("{a} / {b} / {c}")
            })
        };
        let mut text = String::new();
        if let Some(pixels) = self.records.first().and_then(|run| run.shares.first()).map(|s| s.pixels) {
            let [a, b, c] = pixels.map(|share| format!("{:.1}", 100.0 * share));
            let _ = writeln!(text, "Of the pixels {a} / {b} / {c}.\n");
        }
        text += "| trained with | loss, early | loss, at the end | gradient, early | gradient, at the end |\n|---|---|---|---|---|";
        for variant in self.rows() {
            let mean = |at: fn(&[PixelShares]) -> Option<&PixelShares>, of: fn(&PixelShares) -> [f64; 3]| {
                let shares: Vec<[f64; 3]> =
                    self.runs(variant).iter().filter_map(|run| at(&run.shares)).map(of).collect();
                mean_of(&shares)
            };
            let _ = write!(text, "\n| {} |", variant.label);
            for shares in [
                mean(<[_]>::first, |s| s.loss),
                mean(<[_]>::last, |s| s.loss),
                mean(<[_]>::first, |s| s.gradient),
                mean(<[_]>::last, |s| s.gradient),
            ] {
                let _ = write!(text, " {} |", kinds(shares));
            }
        }
        text + "\n"
    }

    /// Losses by the share of points that they learnt from wrongly.
    fn robustness_table(&self) -> String {
        let shares: BTreeSet<u32> = self.variants.iter().map(|v| v.moved_points).collect();
        let mut text = "| trained with |".to_owned();
        for share in &shares {
            let _ = write!(text, " {share} % moved |");
        }
        let _ = write!(text, "\n|---|{}", "---|".repeat(shares.len()));
        for family in self.robust_families() {
            let _ = write!(text, "\n| {} |", family.label);
            for share in &shares {
                let same = self.variants.iter().find(|v| v.moved_points == *share && same_method(v, family));
                let _ = write!(text, " {} |", cell(same.and_then(|v| self.nme(v, "all")), 2));
            }
        }
        text + "\n"
    }

    /// Rows without moved points that have siblings with some that were trained.
    fn robust_families(&self) -> impl Iterator<Item = &Variant> {
        let trained = |v: &&Variant| v.moved_points > 0 && !self.runs(v).is_empty();
        let moved = move |row: &&Variant| self.variants.iter().filter(trained).any(|v| same_method(v, row));
        self.variants.iter().filter(|row| row.moved_points == 0).filter(moved)
    }

    fn curves(&self) -> Chart {
        let series = self.charted().map(|variant| {
            let points = self.mean_curve(variant, |run| run.validation.clone());
            Series { name: variant.label.clone(), points, stroke: stroke(variant) }
        });
        Chart {
            x_label: "epochs".to_owned(),
            y_label: "validation NME, %".to_owned(),
            series: series.collect(),
            log_y: true,
            legend: Legend::Beside,
            ..Chart::default()
        }
    }

    fn profiles(&self) -> Chart {
        let line = |profile: Vec<f64>| -> Vec<(f64, f64)> { (0..).map(f64::from).zip(profile).collect() };
        let truth = self.records.first().map(|run| run.true_peaks.profile.clone()).unwrap_or_default();
        let truth = Series {
            name: "the targets".to_owned(),
            points: line(truth),
            stroke: Stroke::Numbered { color: 4, dashed: false },
        };
        let series = self.charted().map(|variant| {
            let profiles: Vec<&[f64]> =
                self.runs(variant).iter().map(|run| run.peaks.profile.as_slice()).collect();
            let entries = profiles.iter().map(|p| p.len()).min().unwrap_or(0);
            let mean = |i: usize| profiles.iter().map(|p| p[i]).sum::<f64>() / profiles.len() as f64;
            let points = line((0..entries).map(mean).collect());
            Series { name: variant.label.clone(), points, stroke: stroke(variant) }
        });
        Chart {
            title: "A predicted map around its peak, mean over points and faces".to_owned(),
            x_label: "cells from the peak".to_owned(),
            y_label: "height".to_owned(),
            series: std::iter::once(truth).chain(series).collect(),
            x_range: Some([0.0, 8.0]),
            legend: Legend::Beside,
            ..Chart::default()
        }
    }

    fn share_charts(&self) -> Vec<Chart> {
        let chart = |kind: PixelKind| {
            let series = self.charted().map(|variant| {
                let points = self.mean_curve(variant, |run| {
                    run.shares.iter().map(|s| (s.epoch, 100.0 * s.gradient[kind as usize])).collect()
                });
                Series { name: variant.label.clone(), points, stroke: stroke(variant) }
            });
            Chart {
                title: format!("Share of the gradient on the {}", kind.name()),
                x_label: "epochs".to_owned(),
                y_label: "%".to_owned(),
                series: series.collect(),
                y_range: Some([0.0, 100.0]),
                legend: Legend::Beside,
                ..Chart::default()
            }
        };
        [PixelKind::Foreground, PixelKind::Background].map(chart).to_vec()
    }

    fn robustness(&self) -> Chart {
        let series = self.robust_families().map(|family| {
            let siblings = self.variants.iter().filter(|v| same_method(v, family));
            let points = siblings.filter_map(|v| Some((f64::from(v.moved_points), self.nme(v, "all")?.mean)));
            Series { name: family.label.clone(), points: points.collect(), stroke: stroke(family) }
        });
        Chart {
            x_label: "training points that were moved at random, %".to_owned(),
            y_label: "NME on all test faces, %".to_owned(),
            series: series.collect(),
            legend: Legend::Beside,
            ..Chart::default()
        }
    }
}

/// A color for each loss, dashed without the weight map and solid with it; the whole method is black.
fn stroke(variant: &Variant) -> Stroke {
    let color = match variant.loss {
        _ if variant.boundary || variant.coord_conv => 2,
        LossConfig::Mse {} => 0,
        LossConfig::L1 {} => 5,
        LossConfig::Wing { .. } => 3,
        _ => 1,
    };
    Stroke::Numbered { color, dashed: !variant.weight_map }
}

fn same_method(a: &Variant, b: &Variant) -> bool {
    (a.loss, a.weight_map, a.boundary, a.coord_conv) == (b.loss, b.weight_map, b.boundary, b.coord_conv)
}

fn mean_of(shares: &[[f64; 3]]) -> Option<[f64; 3]> {
    let sum = |kind: usize| shares.iter().map(|s| s[kind]).sum::<f64>();
    (!shares.is_empty()).then(|| [0, 1, 2].map(|kind| sum(kind) / shares.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::super::Figures;
    use super::*;

    fn record(variant: &str, seed: u64, nme: f64) -> RunRecord {
        let peaks = Peaks { height: 0.9, width: 3.5, profile: vec![0.9; 9] };
        RunRecord {
            variant: variant.to_owned(),
            seed,
            steps: 10,
            seconds: 1.0,
            validation: vec![(1.0, 9.0), (2.0, nme)],
            test: vec![("all".to_owned(), Figures { nme, fr8: 1.5, auc8: 0.5 })],
            peaks: Peaks { height: 0.4 + nme / 100.0, width: 4.0, profile: vec![0.4; 9] },
            true_peaks: peaks,
            shares: vec![PixelShares {
                epoch: 1.0,
                step: 5,
                pixels: [0.02, 0.01, 0.97],
                loss: [0.5, 0.3, 0.2],
                gradient: [0.6, 0.3, 0.1],
            }],
        }
    }

    #[test]
    fn the_report_has_means_spreads_and_a_verdict() {
        let variants: Vec<Variant> =
            Variant::of_the_paper().into_iter().chain(Variant::of_robustness()).collect();
        // Means 6 and 5; deviations 0.2 and 0.1.
        let mut records = vec![record("mse", 1, 5.8), record("mse", 2, 6.0), record("mse", 3, 6.2)];
        records.extend([record("aw", 1, 4.9), record("aw", 2, 5.0), record("aw", 3, 5.1)]);
        records.extend([record("mse-moved-20", 1, 7.25), record("aw-moved-20", 1, 6.5)]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ABLATION.md");
        write_report(&StudyReport { variants: &variants, records: &records, setting: "How." }, &path)
            .unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for expected in [
            "# Ablation\n\nHow.\n",
            "| MSE | 3 | 6.00 ± 0.20 | 1.50 ± 0.00 | 0.500 ± 0.000 |",
            "| Adaptive Wing | 3 | 5.00 ± 0.10 |",
            "Welch's",
            // Worked out where the interval is.
            "\n- Adaptive Wing is 1.00 points below MSE: 95 % interval 0.58 to 1.42 (3 and 3 seeds).\n",
            "| MSE | 0.46 ± 0.00 | 4.00 ± 0.00 |",
            "| *the targets themselves* | 0.90 | 3.50 |",
            "| MSE | 50 / 30 / 20 | 50 / 30 / 20 | 60 / 30 / 10 | 60 / 30 / 10 |",
            "| trained with | 0 % moved | 5 % moved | 10 % moved | 20 % moved |",
            "| MSE | 6.00 ± 0.20 | - | - | 7.25 |",
            "(ablation-robustness.png)",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(!text.contains("| L1"), "rows without runs are left out");
        for name in ["curves.svg", "peaks.png", "shares.svg", "robustness.png"] {
            assert!(folder.path().join(format!("ablation-{name}")).exists(), "{name}");
        }
    }

    /// 5.15 less 5.20; variances 0.005 and 0.08 over two seeds each: deviation sqrt(0.0425), degrees 0.0425^2 / (0.0025^2 + 0.04^2) = 1.1245, so
    /// the interval reaches 9.82 * 0.2062 = 2.024 to both sides.
    #[test]
    fn a_difference_that_seeds_may_make_is_called_so() {
        let variants = Variant::of_the_paper();
        let records = [
            record("mse", 1, 5.0),
            record("mse", 2, 5.4),
            record("aw-map", 1, 5.1),
            record("aw-map", 2, 5.2),
        ];
        let report = StudyReport { variants: &variants, records: &records, setting: "" };
        let line = "- Adaptive Wing + weight map is 0.05 points below MSE: 95 % interval -1.97 to 2.07, which holds 0: seeds alone may make it (2 and 2 seeds).\n";
        assert_eq!(report.verdict(), format!("{COMPARISON}{line}"));
        // One seed each says nothing of other seeds.
        let report = StudyReport { records: &records[1..3], ..report };
        assert_eq!(report.verdict(), "");
    }

    #[test]
    fn a_row_that_is_worse_is_above() {
        let variants = Variant::of_the_paper();
        let nme = [("mse", [4.9, 5.0, 5.1]), ("aw", [5.8, 6.0, 6.2])];
        let records: Vec<RunRecord> = nme
            .iter()
            .flat_map(|(row, nme)| (1..).zip(nme).map(move |(seed, nme)| record(row, seed, *nme)))
            .collect();
        let report = StudyReport { variants: &variants, records: &records, setting: "" };
        let line = "- Adaptive Wing is 1.00 points above MSE: 95 % interval 0.58 to 1.42 (3 and 3 seeds).\n";
        assert_eq!(report.verdict(), format!("{COMPARISON}{line}"));
    }
}
