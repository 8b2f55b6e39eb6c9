use serde::Serialize;
use std::fs;

/// What measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The processor's own name where the system tells it, else its architecture.
    pub cpu: String,
    /// The vector instructions that were found.
    pub simd: Vec<&'static str>,
    /// Threads that the system offers.
    pub cores: usize,
    /// The operating system.
    pub system: &'static str,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let named = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        Self {
            cpu: named.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            simd: simd(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: std::env::consts::OS,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn simd() -> Vec<&'static str> {
    let found = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    found.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(target_arch = "aarch64")]
fn simd() -> Vec<&'static str> {
    vec!["neon"]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn simd() -> Vec<&'static str> {
    Vec::new()
}

/// The most memory that this process held so far, in MiB; where the system tells it (Linux).
pub(super) fn peak_memory() -> Option<f64> {
    peak_of(&fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_of(status: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_a_line_of_the_status() {
        assert_eq!(peak_of("VmPeak:\t 9 kB\nVmHWM:\t    5120 kB\nVmRSS:\t 7 kB\n"), Some(5.0));
        assert_eq!(peak_of("Name: awing\n"), None);
        assert!(peak_memory().is_none_or(|peak| peak > 1.0));
    }

    #[test]
    fn this_machine_has_a_name_and_a_core() {
        let machine = Machine::this();
        assert!(!machine.cpu.is_empty() && machine.cores > 0);
    }
}
