use crate::{
    console::Console,
    device::DeviceChoice,
    failure::Failure,
    style::{ERROR, GOOD, WARNING, examples, painted},
};
use awing_train::diagnosis::{
    Finding, State, check_detectors, check_device, check_folder, check_kernels, check_memory, check_models,
    check_processor, check_program,
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

const VIDEO: &str = "only videos need it: apt-get install ffmpeg, brew install ffmpeg, winget install ffmpeg";

/// See whether everything works on this machine.
///
/// Looks at the processor, the memory, the graphics card, ffmpeg and the disk; finds a face that ships inside, and its landmarks, with each model and detector that does; and holds the
/// processor's fast kernels against the plain definition. Each line that is not ok says what to do. Exits with 1 when something that awing
/// needs fails.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&["awing doctor", "awing doctor --json > report.json"]))]
pub(crate) struct Doctor {
    /// Folder that results shall go to
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    /// Print one JSON object: version, ok, and checks with name, state (ok, note, failed), found and remedy
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let checks: [&dyn Fn() -> Vec<Finding>; 9] = [
            &|| vec![check_processor()],
            &|| vec![check_memory()],
            &|| vec![graphics()],
            &|| vec![check_kernels()],
            &check_models,
            &check_detectors,
            &|| vec![check_program("ffmpeg", VIDEO)],
            &|| vec![check_program("ffprobe", VIDEO)],
            &|| vec![check_folder(&self.runs)],
        ];
        let mut findings = Vec::new();
        for check in checks {
            for finding in check() {
                if !self.json {
                    console.print_styled(line(&finding))?;
                }
                findings.push(finding);
            }
        }
        let failed = findings.iter().filter(|f| f.state == State::Failed).count();
        if self.json {
            let version = env!("CARGO_PKG_VERSION");
            console.print_json(&json!({ "version": version, "ok": failed == 0, "checks": findings }))?;
        }
        match failed {
            0 => Ok(()),
            _ if self.json => Err(Failure::Told),
            1 => {
                Err(Failure::Work("something that awing needs does not work; see the line above".to_owned()))
            }
            _ => Err(Failure::Work(format!(
                "{failed} things that awing needs do not work; see the lines above"
            ))),
        }
    }
}

/// The graphics card, in a build that can use one.
fn graphics() -> Finding {
    if cfg!(not(feature = "wgpu")) {
        let remedy = "build with --features wgpu to use one; the processor does all that it would";
        return Finding::note("graphics", "this build uses no graphics card", remedy);
    }
    match DeviceChoice::Wgpu.device() {
        Ok(device) => check_device("graphics", &device),
        Err(_) => {
            let remedy =
                "--device wgpu needs a driver for Vulkan, Metal or DirectX 12; --device cpu needs none";
            Finding::note("graphics", "no graphics card answers", remedy)
        }
    }
}

fn line(finding: &Finding) -> String {
    let (word, style) = match finding.state {
        State::Ok => ("ok", GOOD),
        State::Note => ("note", WARNING),
        State::Failed => ("failed", ERROR),
    };
    let remedy = finding.remedy.as_ref().map_or_else(String::new, |text| format!("\n{:20}{text}", ""));
    format!("{}  {:10}  {}{remedy}", painted(format_args!("{word:6}"), style), finding.name, finding.found)
}
