use awing::tracking::TrackerConfig;
use clap::Args;

/// What is asked of videos alone.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Videos")]
pub(crate) struct VideoOptions {
    /// Give points as the network finds them in each frame, not smoothed over time
    #[arg(long)]
    pub(crate) no_smooth: bool,
    /// Look for new faces at every so many frames; in between only where no face is there or one was lost [default: 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) detect_every: Option<u32>,
}

impl VideoOptions {
    pub(crate) fn config(&self) -> TrackerConfig {
        let usual = TrackerConfig::default();
        TrackerConfig {
            detect_every: self.detect_every.map_or(usual.detect_every, |frames| frames as usize),
            smoothing: usual.smoothing.filter(|_| !self.no_smooth),
            ..usual
        }
    }
}
