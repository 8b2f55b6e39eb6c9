use crate::{
    console::Console,
    failure::{Failure, OrUsage},
    style::{HEADING, examples, painted},
};
use awing_train::{
    loss::{AdaptiveWing, LossConfig},
    report::{loss_charts, save_charts},
};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Show the Adaptive Wing loss and its gradient beside MSE, L1 and Wing.
///
/// A table for each target: the loss and its derivative by the prediction, at errors prediction - target. With --out also a
/// chart of both, as SVG and PNG.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing loss",
    "awing loss --target 0 1 --error -0.2 0.2 --omega 10 --out curves",
]))]
pub(crate) struct Loss {
    /// Values of the target heatmap's pixel, 0 (background) to 1 (a landmark)
    #[arg(long, num_args = 1.., default_values_t = [0.0, 0.2, 0.5, 0.8, 1.0], value_name = "Y", value_parser = target)]
    target: Vec<f64>,
    /// Errors, prediction - target
    #[arg(long, num_args = 1.., default_values_t = [0.01, 0.05, 0.1, 0.2, 0.5, 1.0], value_name = "D", value_parser = number, allow_negative_numbers = true)]
    error: Vec<f64>,
    /// Adaptive Wing: its exponent on background, above 2 for a gradient that is smooth at zero
    #[arg(long, default_value_t = AdaptiveWing::default().alpha, value_name = "ALPHA")]
    alpha: f64,
    /// Adaptive Wing: its height
    #[arg(long, default_value_t = AdaptiveWing::default().omega, value_name = "OMEGA")]
    omega: f64,
    /// Adaptive Wing: the width of its curved part
    #[arg(long, default_value_t = AdaptiveWing::default().epsilon, value_name = "EPSILON")]
    epsilon: f64,
    /// Adaptive Wing: the error from which on it is linear
    #[arg(long, default_value_t = AdaptiveWing::default().theta, value_name = "THETA")]
    theta: f64,
    /// Wing: the error from which on it is linear
    #[arg(long, default_value_t = 10.0, value_name = "OMEGA")]
    wing_omega: f64,
    /// Wing: the width of its curved part
    #[arg(long, default_value_t = 2.0, value_name = "EPSILON")]
    wing_epsilon: f64,
    /// Write DIR/loss.svg and DIR/loss.png
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object instead of the tables
    #[arg(long)]
    json: bool,
}

/// One line of a table.
#[derive(Serialize)]
struct Row {
    loss: String,
    target: f64,
    error: f64,
    value: f64,
    gradient: f64,
}

impl Loss {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let losses = self.losses();
        let mut rows = Vec::new();
        for (name, config) in &losses {
            let loss = config.pixel_loss().or_usage("awing loss")?;
            for &target in &self.target {
                for &error in &self.error {
                    let (value, gradient) = loss.value_and_gradient(target, target + error);
                    rows.push(Row { loss: (*name).to_owned(), target, error, value, gradient });
                }
            }
        }
        if self.json {
            console.print_json(&serde_json::json!({ "rows": rows }))?;
        } else {
            console.print_styled(self.tables(&losses, &rows))?;
        }
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder).map_err(|e| Failure::file(folder, e))?;
            let stem = folder.join("loss");
            let mut curves = Vec::new();
            for (name, config) in &losses {
                curves.push((*name, config.pixel_loss()?));
            }
            save_charts(&loss_charts(&curves, &self.target), &stem)?;
            console.note(format!("written to {}.svg and .png", stem.display()));
        }
        Ok(())
    }

    /// Adaptive Wing first.
    fn losses(&self) -> [(&'static str, LossConfig); 4] {
        let Self { alpha, omega, epsilon, theta, .. } = *self;
        [
            ("Adaptive Wing", LossConfig::AdaptiveWing { alpha, omega, epsilon, theta }),
            ("MSE", LossConfig::Mse {}),
            ("L1", LossConfig::L1 {}),
            ("Wing", LossConfig::Wing { omega: self.wing_omega, epsilon: self.wing_epsilon }),
        ]
    }

    fn tables(&self, losses: &[(&str, LossConfig)], rows: &[Row]) -> String {
        let [adaptive, .., wing] = losses else { return String::new() };
        let mut text = format!("{}\n{}\n", adaptive.1.describe(), wing.1.describe());
        for &target in &self.target {
            text += &format!("\n{}\n{:>8}", painted(format_args!("target {target}"), HEADING), "error");
            for (name, _) in losses {
                text += &format!("{name:>18}{:>10}", "d/dp");
            }
            text += "\n";
            for &error in &self.error {
                text += &format!("{error:>8}");
                for row in rows.iter().filter(|r| r.target == target && r.error == error) {
                    text += &format!("{:>18.6}{:>10.4}", row.value, row.gradient);
                }
                text += "\n";
            }
        }
        text.trim_end().to_owned()
    }
}

fn target(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("give a number from 0 to 1".to_owned()),
    }
}

fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err("give a number".to_owned()),
    }
}
