//! Line charts, as SVG and as a picture. Charts given together stand below each other.

use super::{
    canvas::{Canvas, FINE},
    save_picture,
    text::FONT_FILE,
};
use crate::files::write_atomic;
use awing::{Error, Result};
use image::RgbImage;
use plotters::{
    coord::{
        Shift,
        ranged1d::{DefaultFormatting, KeyPointHint},
    },
    element::DashedPathElement,
    prelude::*,
    style::{
        RGBColor, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};
use std::{ops::Range, path::Path};

const WIDTH: u32 = 900;
const HEIGHT: u32 = 560;
/// Left free for a legend beside the axes.
const LEGEND_WIDTH: u32 = 290;
/// Of each chart when there are several.
const LOWER: u32 = 380;

/// Okabe and Ito's colors, which differ also for the color-blind, from dark to light for print.
const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 0, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
];
/// Dash and gap in pixels, so that lines differ without color too; (0, 0) is solid.
const DASHES: [(u32, u32); 4] = [(0, 0), (12, 5), (3, 4), (20, 4)];

/// A chart of lines over one pair of axes.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// Above the chart; may be empty.
    pub title: String,
    /// Below the x axis.
    pub x_label: String,
    /// Beside the y axis.
    pub y_label: String,
    /// The lines.
    pub series: Vec<Series>,
    /// Ends of the x axis; `None`: as the data ask.
    pub x_range: Option<[f64; 2]>,
    /// Ends of the y axis; `None`: as the data ask.
    pub y_range: Option<[f64; 2]>,
    /// Logarithmic y axis; values of zero and below are then left out.
    pub log_y: bool,
    /// Where the lines are explained.
    pub legend: Legend,
}

/// Where the legend stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legend {
    /// Upper right.
    #[default]
    UpperRight,
    /// Upper left.
    UpperLeft,
    /// Lower right.
    LowerRight,
    /// Beside the axes, for charts whose lines leave no corner free.
    Beside,
}

/// One line of a chart.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// What the legend says; empty: not in the legend.
    pub name: String,
    /// (x, y); points that are not finite or lie outside the axes are left out.
    pub points: Vec<(f64, f64)>,
    /// How it is drawn.
    pub stroke: Stroke,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stroke {
    /// In the next color and dash pattern.
    #[default]
    Line,
    /// Solid, in the next color.
    Solid,
    /// In the color of this number, solid or dashed: what appears in several charts looks alike in all of them.
    Numbered {
        /// From 0; there are six colors, then they repeat. The third, 2, is black.
        color: usize,
        /// Dashed instead of solid.
        dashed: bool,
    },
    /// A pale gray line in the background: raw values below their running mean.
    Faint,
}

/// Writes `stem`.svg and `stem`.png.
///
/// # Errors
/// [`Error::Io`] when a file cannot be written.
pub fn save_charts(charts: &[Chart], stem: &Path) -> Result<()> {
    let file = |ending: &str| {
        let mut name = stem.as_os_str().to_owned();
        name.push(ending);
        std::path::PathBuf::from(name)
    };
    write_atomic(&file(".svg"), chart_svg(charts)?.as_bytes())?;
    save_picture(&file(".png"), &chart_picture(charts)?)
}

/// The charts as an image, 900 px wide.
///
/// # Errors
/// [`Error::Invalid`] when an axis range is empty.
pub fn chart_picture(charts: &[Chart]) -> Result<RgbImage> {
    let (width, height) = size(charts);
    let mut image = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    draw(&Canvas(&mut image).into_drawing_area(), charts)?;
    Ok(image)
}

/// The charts as SVG text. Letters are set in the reader's own sans-serif font.
///
/// # Errors
/// [`Error::Invalid`] when an axis range is empty.
pub fn chart_svg(charts: &[Chart]) -> Result<String> {
    let (width, height) = size(charts);
    let (fine_width, fine_height) = (width * FINE, height * FINE);
    let mut svg = String::new();
    draw(&SVGBackend::with_string(&mut svg, (fine_width, fine_height)).into_drawing_area(), charts)?;
    let fine = format!("width=\"{fine_width}\" height=\"{fine_height}\"");
    Ok(svg.replacen(&fine, &format!("width=\"{width}\" height=\"{height}\""), 1))
}

fn size(charts: &[Chart]) -> (u32, u32) {
    (WIDTH, if charts.len() > 1 { LOWER * charts.len() as u32 } else { HEIGHT })
}

fn draw<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, charts: &[Chart]) -> Result<()> {
    // Plotters measures text in a font registered under this name; in an SVG it is also the name of the font.
    register_font("sans-serif", FontStyle::Normal, FONT_FILE)
        .map_err(|_| Error::invalid("chart", "the built-in font cannot be read"))?;
    let failed = |e: &dyn std::fmt::Display| Error::invalid("chart", e.to_string());
    area.fill(&WHITE).map_err(|e| failed(&e))?;
    for (part, chart) in area.split_evenly((charts.len().max(1), 1)).iter().zip(charts) {
        let axes = chart.axes()?;
        chart.draw(part, &axes).map_err(|e| failed(&e))?;
    }
    area.present().map_err(|e| failed(&e))
}

/// An axis: its ends and the values that have a tick, in the units it is drawn in (the exponent, if logarithmic).
#[derive(Clone)]
struct Axis {
    ends: [f64; 2],
    ticks: Vec<f64>,
}

impl Axis {
    fn holds(&self, v: f64) -> bool {
        // A hair's breadth of rounding must not cut the end of a curve off.
        let slack = 1e-9 * (self.ends[1] - self.ends[0]);
        v >= self.ends[0] - slack && v <= self.ends[1] + slack
    }
}

/// Plotters' own axes choose their ticks by rules of their own.
impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.ends[0]) / (self.ends[1] - self.ends[0]);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { vec![] } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.ends[0]..self.ends[1]
    }
}

impl Chart {
    /// What is drawn for a y value: itself, or its exponent of ten.
    fn scaled(&self, y: f64) -> f64 {
        if self.log_y { y.log10() } else { y }
    }

    fn axes(&self) -> Result<[Axis; 2]> {
        let points = || self.series.iter().flat_map(|s| &s.points).map(|&(x, y)| (x, self.scaled(y)));
        let points = || points().filter(|(x, y)| x.is_finite() && y.is_finite());
        let y_range = self.y_range.map(|ends| ends.map(|y| self.scaled(y)));
        let x = ends("x_range", self.x_range, points().map(|p| p.0), 0.0)?;
        let y = ends("y_range", y_range, points().map(|p| p.1), 0.06)?;
        let y_ticks = if self.log_y { log_ticks(y) } else { ticks(y, 6) };
        Ok([Axis { ends: x, ticks: ticks(x, 10) }, Axis { ends: y, ticks: y_ticks }])
    }

    fn draw<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        [x, y]: &[Axis; 2],
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        // Sizes are the em in pixels times plotters' 1.24.
        let font = |em: f64| ("sans-serif", em * 1.24 * f64::from(FINE)).into_font();
        let gray = RGBColor(90, 90, 90);
        let beside = self.legend == Legend::Beside;
        let legend_width = if beside { LEGEND_WIDTH * FINE } else { 0 };
        let (area, legend_area) = area.split_horizontally(area.dim_in_pixel().0 - legend_width);
        let mut builder = ChartBuilder::on(&area);
        builder
            .margin(14 * FINE)
            .margin_right(24 * FINE)
            .x_label_area_size(52 * FINE)
            .y_label_area_size(70 * FINE);
        if !self.title.is_empty() {
            builder.caption(&self.title, font(18.0));
        }
        let mut chart = builder.build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .axis_desc_style(font(16.0))
            .label_style(font(14.0))
            .bold_line_style(RGBColor(222, 222, 222).stroke_width(FINE))
            .light_line_style(TRANSPARENT)
            .axis_style(gray.stroke_width(FINE))
            .set_all_tick_mark_size(4 * FINE)
            .x_label_formatter(&|&v| number(v, largest(x)))
            .y_label_formatter(&|&v| match self.log_y {
                true => number(10_f64.powf(v), 10_f64.powf(y.ends[1])),
                false => number(v, largest(y)),
            })
            .draw()?;

        let mut row = 60 * FINE as i32; // of the legend beside the axes
        let mut colors = COLORS.iter().cycle();
        let mut dashes = DASHES.iter().cycle();
        for series in &self.series {
            let points = series.points.iter().map(|&(x, y)| (x, self.scaled(y)));
            let points: Vec<(f64, f64)> = points.filter(|p| x.holds(p.0) && y.holds(p.1)).collect();
            let (color, width) = match series.stroke {
                Stroke::Faint => (RGBColor(190, 200, 210), 1.0),
                Stroke::Numbered { color, .. } => (COLORS[color % COLORS.len()], 2.2),
                _ => (*colors.next().unwrap_or(&BLACK), 2.2),
            };
            let (dash, gap) = match series.stroke {
                Stroke::Line => *dashes.next().unwrap_or(&(0, 0)),
                Stroke::Numbered { dashed: true, .. } => DASHES[1],
                _ => (0, 0),
            };
            let style = color.stroke_width((width * f64::from(FINE)) as u32);
            let (dash, gap) = (dash * FINE, gap * FINE);
            let drawn = if let [point] = points.as_slice() {
                chart.draw_series([Circle::new(*point, 3 * FINE, color.filled())])?
            } else if dash == 0 {
                chart.draw_series(LineSeries::new(points, style))?
            } else {
                chart.draw_series(DashedLineSeries::new(points, dash, gap, style))?
            };
            let swatch = move |(x, y)| {
                let ends = [(x, y), (x + 34 * FINE as i32, y)].into_iter();
                match dash {
                    0 => PathElement::new(ends.collect::<Vec<_>>(), style).into_dyn(),
                    _ => DashedPathElement::new(ends, dash, gap, style).into_dyn(),
                }
            };
            if beside && !series.name.is_empty() {
                legend_area.draw(&swatch((0, row)))?;
                let middle = Pos::new(HPos::Left, VPos::Center);
                let text = font(14.0).into_text_style(&legend_area).pos(middle);
                legend_area.draw(&Text::new(series.name.clone(), (44 * FINE as i32, row), text))?;
                row += 24 * FINE as i32;
            } else if !series.name.is_empty() {
                drawn.label(&series.name).legend(swatch);
            }
        }
        if !beside && self.series.iter().any(|series| !series.name.is_empty()) {
            let corner = match self.legend {
                Legend::UpperLeft => SeriesLabelPosition::UpperLeft,
                Legend::LowerRight => SeriesLabelPosition::LowerRight,
                Legend::UpperRight | Legend::Beside => SeriesLabelPosition::UpperRight,
            };
            chart
                .configure_series_labels()
                .position(corner)
                .margin(10 * FINE)
                .legend_area_size(42 * FINE)
                .label_font(font(14.0))
                .background_style(WHITE.mix(0.9))
                .border_style(RGBColor(200, 200, 200).stroke_width(FINE))
                .draw()?;
        }
        Ok(())
    }
}

/// The ends of an axis: those asked for, or those of the data with a margin on both sides.
fn ends(
    field: &str,
    asked: Option<[f64; 2]>,
    values: impl Iterator<Item = f64>,
    margin: f64,
) -> Result<[f64; 2]> {
    if let Some([low, high]) = asked {
        if low.is_finite() && high.is_finite() && low < high {
            return Ok([low, high]);
        }
        return Err(Error::invalid(field, format!("{low} to {high} is not a range")));
    }
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    Ok(match high - low {
        span if span > 0.0 => [low - margin * span, high + margin * span],
        0.0 => [low - 0.5 * low.abs().max(1.0), low + 0.5 * low.abs().max(1.0)],
        _ => [0.0, 1.0], // no data yet
    })
}

/// Round values (1, 2 or 5 times a power of ten apart) between the ends, at most about `most`.
fn ticks([low, high]: [f64; 2], most: usize) -> Vec<f64> {
    let rough = (high - low) / most as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|&s| s >= rough * 0.999).unwrap_or(rough);
    let first = (low / step - 1e-6).ceil() as i64;
    let last = (high / step + 1e-6).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Exponents of the values 1, 2 and 5 times a power of ten; of the powers alone over more than three of them.
fn log_ticks([low, high]: [f64; 2]) -> Vec<f64> {
    let digits: &[f64] = if high - low > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = low.floor() as i32..=high.ceil() as i32;
    let all = powers.flat_map(|power| digits.iter().map(move |digit| f64::from(power) + digit.log10()));
    all.filter(|&v| v >= low && v <= high).collect()
}

fn largest(axis: &Axis) -> f64 {
    axis.ends.iter().fold(0.0, |most, v| v.abs().max(most))
}

/// A number without noise, in the unit that suits the largest of the axis: "0.3", "12", "4k".
fn number(v: f64, largest: f64) -> String {
    let (unit, name) = match largest {
        2e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    let text = format!("{:.6}", v / unit);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if matches!(text, "0" | "-0") { "0".to_owned() } else { format!("{text}{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks([0.0, 10.0], 10), (0..=10).map(f64::from).collect::<Vec<_>>());
        assert_eq!(ticks([-0.3, 1.1], 6), [0.0, 0.5, 1.0]);
        assert_eq!(ticks([0.0, 37_000.0], 10), [0.0, 5e3, 1e4, 1.5e4, 2e4, 2.5e4, 3e4, 3.5e4]);
        let values: Vec<String> =
            log_ticks([0.2, 1.8]).into_iter().map(|v| number(10_f64.powf(v), 60.0)).collect();
        assert_eq!(values, ["2", "5", "10", "20", "50"]);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.30000000000000004, 0.0, -0.0, 12.0, 100.0].map(|v| number(v, 100.0));
        assert_eq!(texts, ["0.3", "0", "0", "12", "100"]);
        assert_eq!([0.0, 500.0, 15_000.0].map(|v| number(v, 2e4)), ["0", "0.5k", "15k"]);
    }

    #[test]
    fn an_axis_takes_what_the_data_ask() {
        let axis = |values: &[f64]| ends("y", None, values.iter().copied(), 0.1).unwrap();
        assert_eq!(axis(&[1.0, 3.0, 2.0]), [0.8, 3.2]);
        assert_eq!(axis(&[4.0]), [2.0, 6.0]);
        assert_eq!(axis(&[]), [0.0, 1.0]);
        assert!(ends("y", Some([1.0, 1.0]), [].into_iter(), 0.1).is_err());
    }

    #[test]
    fn a_chart_is_drawn_with_and_without_data() {
        let points = vec![(0.0, 1.0), (5.0, f64::NAN), (10.0, 100.0)];
        let series = [Stroke::Line, Stroke::Line, Stroke::Faint].map(|stroke| Series {
            name: "a < b".to_owned(),
            points: points.clone(),
            stroke,
        });
        let chart = Chart { series: series.to_vec(), log_y: true, ..Chart::default() };
        let picture = chart_picture(&[chart.clone(), Chart::default()]).unwrap();
        assert_eq!(picture.dimensions(), (WIDTH, 2 * LOWER));
        let svg = chart_svg(&[chart]).unwrap();
        assert!(
            svg.starts_with("<svg width=\"900\" height=\"560\" viewBox=\"0 0 3600 2240\""),
            "{}",
            &svg[..99]
        );
        assert!(svg.contains("a &lt; b") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"));
    }
}
