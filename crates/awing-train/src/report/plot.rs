//! The charts of this field: cumulative error distribution and progress of training.

use super::{
    chart::{Chart, Legend, Series, Stroke},
    text,
};
use crate::{
    evaluation::{Evaluation, Reliability},
    loss::PixelLoss,
};

/// Above this many rows the loss is drawn as its running mean, the raw values in gray behind it.
const SMOOTH_FROM: usize = 60;

/// Progress at one optimizer step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingRow {
    /// Optimizer steps done.
    pub step: usize,
    /// Training loss.
    pub loss: f64,
    /// The figure on the validation set, at the steps where it was measured.
    pub measured: Option<f64>,
}

/// The CED curve of each subset (of all faces, where there is none) up to an NME of `limit` per cent.
pub fn ced_chart(evaluation: &Evaluation, limit: f64) -> Chart {
    let mut subsets: Vec<Option<String>> = evaluation.subsets().into_iter().map(Some).collect();
    if subsets.last() != Some(&Some("full".to_owned())) {
        subsets.insert(0, None);
    }
    let series = subsets.into_iter().map(|subset| {
        let nmes = evaluation.nmes(subset.as_deref());
        let auc = crate::evaluation::auc(&nmes, limit / 100.0);
        let measured: Vec<f64> = nmes.into_iter().filter(|nme| nme.is_finite()).collect();
        let nme = match measured.len() {
            0 => "–".to_owned(),
            count => format!("{:.2} %", 100.0 * measured.iter().sum::<f64>() / count as f64),
        };
        // A long name must not push the legend over the curves.
        let label = text::shorten(subset.as_deref().unwrap_or("all"), 14.0, 130.0);
        Series {
            name: format!("{label}: NME {nme}, AUC@{limit} {auc:.3}"),
            points: evaluation.ced(subset.as_deref(), limit),
            stroke: Stroke::Line,
        }
    });
    Chart {
        x_label: format!("NME, % of the {}", evaluation.normalizer().quantity()),
        y_label: "share of images".to_owned(),
        series: series.collect(),
        x_range: Some([0.0, limit]),
        y_range: Some([0.0, 1.0]),
        legend: Legend::LowerRight,
        ..Chart::default()
    }
}

/// Measured over expected errors of groups of points, beside the line on which they are equal.
pub fn reliability_chart(reliability: &Reliability, quantity: &str) -> Chart {
    let points: Vec<(f64, f64)> =
        reliability.groups.iter().map(|[expected, measured]| (*expected, *measured)).collect();
    let most = points.iter().fold(0.0_f64, |most, p| most.max(p.0).max(p.1));
    let end = if most > 0.0 { 1.05 * most } else { 1.0 };
    let series = |name: &str, points: Vec<(f64, f64)>, stroke: Stroke| Series {
        name: name.to_owned(),
        points,
        stroke,
    };
    Chart {
        x_label: format!("expected error, % of the {quantity}"),
        y_label: "measured error, %".to_owned(),
        series: vec![
            series("ten groups of points", points.clone(), Stroke::Line),
            series("expected = measured", vec![(0.0, 0.0), (end, end)], Stroke::Faint),
        ],
        x_range: Some([0.0, end]),
        y_range: Some([0.0, end]),
        legend: Legend::LowerRight,
        ..Chart::default()
    }
}

/// The loss over the steps and, where something was measured, the validation figure below it: what it is called, its unit, and whether the
/// smallest is the best. The loss has a logarithmic axis when it falls by more than ten times.
pub fn training_charts(rows: &[TrainingRow], name: &str, unit: &str, smallest: bool) -> Vec<Chart> {
    let raw: Vec<(f64, f64)> = rows.iter().map(|row| (row.step as f64, row.loss)).collect();
    let raw: Vec<(f64, f64)> = raw.into_iter().filter(|p| p.1.is_finite()).collect();
    let measured: Vec<(f64, f64)> = rows
        .iter()
        .filter_map(|row| Some((row.step as f64, row.measured.filter(|v| v.is_finite())?)))
        .collect();
    let last = rows.iter().map(|row| row.step).max().unwrap_or(0).max(1) as f64;

    let (low, high) = raw.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), p| (l.min(p.1), h.max(p.1)));
    let line = |name: &str, points| Series { name: name.to_owned(), points, stroke: Stroke::Solid };
    let series = if raw.len() > SMOOTH_FROM {
        let smooth = running_mean(&raw, raw.len() / 60);
        vec![
            Series { points: raw, stroke: Stroke::Faint, ..Series::default() },
            line("training loss, running mean", smooth),
        ]
    } else {
        vec![line("training loss", raw)]
    };
    let chart = Chart { x_label: "step".to_owned(), x_range: Some([0.0, last]), ..Chart::default() };
    let loss =
        Chart { y_label: "loss".to_owned(), series, log_y: low > 0.0 && high > 10.0 * low, ..chart.clone() };
    let better = |a: &(f64, f64), b: &(f64, f64)| {
        let order = a.1.total_cmp(&b.1);
        if smallest { order } else { order.reverse() }
    };
    let Some((step, value)) = measured.iter().copied().min_by(better) else { return vec![loss] };
    let (label, unit) = match unit {
        "" => (name.to_owned(), String::new()),
        unit => (format!("{name}, {unit}"), format!(" {unit}")),
    };
    let name = format!("validation {name}, best {value:.2}{unit} at step {step}");
    vec![loss, Chart { y_label: label, series: vec![line(&name, measured)], ..chart }]
}

/// Errors of a loss chart, from 0 to 1.
const LOSS_POINTS: usize = 400;

/// Losses and, below them, their gradients over the error |prediction - target| from 0 to 1. A loss that adapts to the target has
/// a curve for each of `targets`; the others have one.
pub fn loss_charts(losses: &[(&str, PixelLoss)], targets: &[f64]) -> [Chart; 2] {
    let errors = || (0..=LOSS_POINTS).map(|i| i as f64 / LOSS_POINTS as f64);
    let curves = losses.iter().flat_map(|(name, loss)| match loss {
        PixelLoss::AdaptiveWing(_) => {
            targets.iter().map(|&y| (format!("{name}, target {y}"), loss, y)).collect::<Vec<_>>()
        }
        _ => vec![((*name).to_owned(), loss, 0.0)],
    });
    let curves: Vec<_> = curves.collect();
    let chart = |y_label: &str, of: fn((f64, f64)) -> f64| Chart {
        x_label: "error, |prediction - target|".to_owned(),
        y_label: y_label.to_owned(),
        series: (curves.iter())
            .map(|(name, loss, y)| Series {
                name: name.clone(),
                points: errors().map(|d| (d, of(loss.value_and_gradient(*y, y + d)))).collect(),
                stroke: Stroke::Line,
            })
            .collect(),
        x_range: Some([0.0, 1.0]),
        legend: Legend::UpperLeft,
        ..Chart::default()
    };
    let mut gradients = chart("gradient", |(_, gradient)| gradient);
    // The same lines as above: a second legend would only hide them.
    gradients.series.iter_mut().for_each(|series| series.name.clear());
    [chart("loss", |(value, _)| value), gradients]
}

/// The mean over `reach` points before and after each. Near the beginning, where a loss falls steeply, it reaches as far
/// ahead as back; at the end only back.
fn running_mean(points: &[(f64, f64)], reach: usize) -> Vec<(f64, f64)> {
    let mut sums = vec![0.0];
    for p in points {
        sums.push(sums.last().copied().unwrap_or(0.0) + p.1);
    }
    let mean = |i: usize| {
        let back = reach.min(i);
        let (from, to) = (i - back, (i + back + 1).min(points.len()));
        Some((sums.get(to)? - sums.get(from)?) / (to - from) as f64)
    };
    points.iter().enumerate().filter_map(|(i, p)| Some((p.0, mean(i)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::{FaceResult, Normalizer};

    #[test]
    fn a_loss_that_adapts_has_a_curve_for_each_target() {
        let losses = [("AW", PixelLoss::from(crate::loss::AdaptiveWing::default())), ("MSE", PixelLoss::Mse)];
        let [values, gradients] = loss_charts(&losses, &[0.0, 1.0]);
        let names: Vec<&str> = values.series.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["AW, target 0", "AW, target 1", "MSE"]);
        // MSE at an error of 0.5: 0.25, and its gradient 1.
        assert_eq!(
            (values.series[2].points[200], gradients.series[2].points[200]),
            ((0.5, 0.25), (0.5, 1.0))
        );
        // The golden value of Adaptive Wing at target 1 and error 0.3.
        assert!((values.series[1].points[120].1 - 3.301745698).abs() < 1e-6);
    }

    #[test]
    fn each_subset_has_its_curve() {
        let face = |subset: &str, nme: f64| FaceResult {
            name: String::new(),
            subsets: vec![subset.to_owned()],
            errors: Ok(vec![Some(nme)]),
        };
        let faces = vec![face("common", 0.03), face("challenging", 0.06)];
        let chart = ced_chart(&Evaluation::new(faces, "gt", Normalizer::InterOcular).unwrap(), 10.0);
        let names: Vec<&str> = chart.series.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "common: NME 3.00 %, AUC@10 0.700",
                "challenging: NME 6.00 %, AUC@10 0.400",
                "full: NME 4.50 %, AUC@10 0.550"
            ]
        );
        assert_eq!(chart.x_label, "NME, % of the inter-ocular distance");
        assert_eq!(chart.series[2].points.last(), Some(&(10.0, 1.0)));
    }

    #[test]
    fn training_without_validation_has_one_chart() {
        let row = |step, loss, measured| TrainingRow { step, loss, measured };
        let training_charts = |rows: &[TrainingRow]| training_charts(rows, "NME", "%", true);
        assert_eq!(training_charts(&[row(1, 20.0, None)]).len(), 1);
        let charts =
            training_charts(&[row(1, 20.0, Some(9.0)), row(5, 1.0, Some(4.5)), row(9, 3.0, Some(5.0))]);
        assert!(charts[0].log_y);
        assert_eq!(charts[1].series[0].name, "validation NME, best 4.50 % at step 5");
        assert_eq!(charts[1].y_label, "NME, %");
        assert!(training_charts(&[])[0].series[0].points.is_empty());
        let rising =
            super::training_charts(&[row(1, 2.0, Some(0.5)), row(5, 1.0, Some(0.75))], "AP", "", false);
        assert_eq!(rising[1].series[0].name, "validation AP, best 0.75 at step 5");
        assert_eq!(rising[1].y_label, "AP");
    }

    #[test]
    fn the_running_mean_is_short_at_the_ends() {
        let points = [(0.0, 0.0), (1.0, 3.0), (2.0, 6.0), (3.0, 0.0)];
        assert_eq!(running_mean(&points, 1), [(0.0, 0.0), (1.0, 3.0), (2.0, 3.0), (3.0, 3.0)]);
    }
}
