//! What is in a dataset, as charts.

use super::chart::{Chart, Legend, Series, Stroke};
use crate::inspection::Figures;

/// Bars of a histogram.
const BARS: usize = 40;
/// Height of a line of the legend, as a share of the highest bar.
const LEGEND_ROW: f64 = 0.14;

/// Sizes, the distance that errors are divided by, how heads are turned, and which points are missing or hidden: those
/// that the dataset has.
pub fn dataset_charts(figures: &Figures) -> Vec<Chart> {
    let chart = |x_label: String, y_label: &str, series: Vec<Series>| {
        let top = series.iter().flat_map(|s| &s.points).map(|p| p.1).fold(0.0, f64::max);
        let named = series.iter().filter(|series| !series.name.is_empty()).count();
        Chart {
            x_label,
            y_label: y_label.to_owned(),
            series,
            legend: Legend::UpperRight,
            // The legend stands above the lines.
            y_range: (top > 0.0).then_some([0.0, top * (1.06 + LEGEND_ROW * named as f64)]),
            ..Chart::default()
        }
    };
    let histogram = |x_label: &str, y_label: &str, names: &[(&str, &'static str)]| {
        let present: Vec<(&str, &[f64])> = names
            .iter()
            .filter_map(|(label, name)| Some((*label, figures.values.get(name)?.as_slice())))
            .filter(|(_, values)| !values.is_empty())
            .collect();
        let (series, beyond) = histogram_series(&present);
        let note = if beyond > 0 { "; the outermost bars hold what lies beyond" } else { "" };
        chart(format!("{x_label}{note}"), y_label, series)
    };
    let mut charts = Vec::new();
    let sizes = [
        ("larger side of the face", "face_side"),
        ("image width", "image_width"),
        ("image height", "image_height"),
    ];
    charts.push(histogram("size in pixels", "faces, images", &sizes));
    if figures.distance.is_some() {
        let label = format!("{} distance in pixels", figures.normalizer);
        charts.push(histogram(&label, "faces", &[("", "distance")]));
    }
    if figures.roll.is_some() {
        charts.push(histogram("degrees", "faces", &[("roll", "roll"), ("yaw, estimated", "yaw")]));
    }
    if figures.missing + figures.hidden > 0 {
        let share = |count: usize| 100.0 * count as f64 / figures.faces.max(1) as f64;
        let steps = |of: fn(&crate::inspection::PointFigures) -> usize| {
            let ends = figures.points.iter().enumerate().flat_map(|(i, point)| {
                [(i as f64 - 0.5, share(of(point))), (i as f64 + 0.5, share(of(point)))]
            });
            ends.collect::<Vec<_>>()
        };
        let line = |name: &str, points| Series { name: name.to_owned(), points, stroke: Stroke::Solid };
        let mut series = Vec::new();
        if figures.missing > 0 {
            series.push(line("not annotated", steps(|p| p.missing)));
        }
        if figures.hidden > 0 {
            series.push(line("hidden", steps(|p| p.hidden)));
        }
        charts.push(chart("point".into(), "% of faces", series));
    }
    charts
}

/// Outlines of histograms with common bars, over the range that holds all but the outermost of the values, and how many lie beyond: the
/// outermost bars hold them too, since a single value far out would make all other bars one.
fn histogram_series(all: &[(&str, &[f64])]) -> (Vec<Series>, usize) {
    let finite = |values: &[f64]| values.iter().copied().filter(|v| v.is_finite()).collect::<Vec<f64>>();
    let mut values: Vec<f64> = all.iter().flat_map(|(_, values)| finite(values)).collect();
    values.sort_by(f64::total_cmp);
    let at =
        |share: f64| values.get((share * values.len().saturating_sub(1) as f64).round() as usize).copied();
    let (low, high) = (at(0.002).unwrap_or(0.0), at(0.998).unwrap_or(1.0));
    let (low, high) = if high > low { (low, high) } else { (low - 1.0, low + 1.0) };
    let width = (high - low) / BARS as f64;
    let beyond = values.iter().filter(|v| !(low..=high).contains(*v)).count();
    let series = all
        .iter()
        .map(|(name, values)| {
            let mut bars = [0_usize; BARS];
            for v in finite(values) {
                let bar = ((v - low) / width).floor().clamp(0.0, (BARS - 1) as f64);
                if let Some(count) = bars.get_mut(bar as usize) {
                    *count += 1;
                }
            }
            let mut points = vec![(low, 0.0)];
            for (i, count) in bars.iter().enumerate() {
                let left = low + i as f64 * width;
                points.extend([(left, *count as f64), (left + width, *count as f64)]);
            }
            points.push((high, 0.0));
            Series { name: (*name).to_owned(), points, stroke: Stroke::Solid }
        })
        .collect();
    (series, beyond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dataset::{Dataset, drawn_faces},
        inspection::figures,
    };
    use awing::scheme::Scheme;

    #[test]
    fn bars_hold_all_values() {
        let values: Vec<f64> = (0..80).map(|i| f64::from(i % 40)).collect();
        // Each bar is drawn by its two upper corners.
        let sum = |series: &[Series]| series[0].points.iter().map(|p| p.1).sum::<f64>();
        let (series, beyond) = histogram_series(&[("a", &values)]);
        assert_eq!((sum(&series), beyond), (2.0 * 80.0, 0));
        assert_eq!(sum(&histogram_series(&[("one", &[5.0])]).0), 2.0);
        // One of a thousand far out is counted at the end, and the others keep their bars.
        let mut values: Vec<f64> = (0..1000).map(|i| f64::from(i % 40)).collect();
        values.extend([1e9, f64::NAN]);
        let (series, beyond) = histogram_series(&[("a", &values)]);
        assert_eq!((sum(&series), beyond), (2.0 * 1001.0, 1));
        assert!(series[0].points.iter().all(|p| p.0 < 50.0));
    }

    #[test]
    fn there_is_a_chart_for_what_the_dataset_has() {
        let dataset = |samples| {
            Dataset::new("300w:drawn".parse().unwrap(), Scheme::builtin("300w-68").unwrap(), samples)
        };
        let mut samples = drawn_faces(5, 64, 1);
        assert_eq!(dataset_charts(&figures(&dataset(samples.clone()), &|_| ())).len(), 3);
        samples[0].landmarks[0] = awing::scheme::Landmark::missing();
        let charts = dataset_charts(&figures(&dataset(samples), &|_| ()));
        assert_eq!((charts.len(), charts[3].series[0].points[0]), (4, (-0.5, 20.0)));
    }
}
