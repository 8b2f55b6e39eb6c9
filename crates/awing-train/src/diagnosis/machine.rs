use super::Finding;
use crate::benchmark::Machine;
use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
};

/// Less free memory than this is little: training the `small` preset holds more. In MiB.
const LITTLE: u64 = 1024;

/// The processor, its threads, and the vectors that the kernels choose.
pub fn check_processor() -> Finding {
    let Machine { cpu, cores, .. } = Machine::this();
    let (threads, vectors) = (rayon::current_num_threads(), awing_ops::instruction_set());
    let found = format!("{cpu}, {cores} threads, {threads} of them used; kernels for {vectors}");
    if threads < cores {
        return Finding::note("processor", found, "unset RAYON_NUM_THREADS to use all threads");
    }
    Finding::ok("processor", found)
}

/// Memory that is free, where the system tells it (Linux).
pub fn check_memory() -> Finding {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let limit = read("/sys/fs/cgroup/memory.max");
    let used = read("/sys/fs/cgroup/memory.current");
    memory_of(&read("/proc/meminfo"), &limit, &used)
}

/// From the texts of /proc/meminfo and of a container's limit and use, in bytes.
fn memory_of(info: &str, limit: &str, used: &str) -> Finding {
    let field = |name: &str| -> Option<u64> {
        let value = info.lines().find_map(|line| line.strip_prefix(name))?;
        Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
    };
    let (Some(mut total), Some(mut free)) = (field("MemTotal:"), field("MemAvailable:")) else {
        return Finding::ok("memory", "the system does not tell");
    };
    let bytes = |text: &str| text.trim().parse::<u64>().ok().map(|bytes| bytes >> 20);
    if let (Some(limit), Some(used)) = (bytes(limit), bytes(used)) {
        total = total.min(limit);
        free = free.min(limit.saturating_sub(used));
    }
    let gib = |mib: u64| mib as f64 / 1024.0;
    let found = format!("{:.1} of {:.1} GiB free", gib(free), gib(total));
    if free < LITTLE {
        let remedy = "end other programs, or train the preset nano with a smaller training.batch";
        return Finding::note("memory", found, remedy);
    }
    Finding::ok("memory", found)
}

/// A program that can be done without: whether it starts, and the first words of what it says of its version. `remedy` tells what it is
/// for and how to get it.
pub fn check_program(name: &'static str, remedy: &str) -> Finding {
    let answer = Command::new(name).arg("-version").stdin(Stdio::null()).output();
    match answer {
        Ok(answer) if answer.status.success() => {
            let text = String::from_utf8_lossy(&answer.stdout);
            let words: Vec<&str> = text.split_whitespace().take(3).collect();
            Finding::ok(name, words.join(" "))
        }
        Ok(answer) => Finding::note(name, format!("ends with {}", answer.status), remedy),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Finding::note(name, "not found", remedy),
        Err(e) => Finding::note(name, format!("cannot be started: {e}"), remedy),
    }
}

/// Whether files can be written where results go: into `folder`, or into the nearest folder above that there is. Nothing is left there.
pub fn check_folder(folder: &Path) -> Finding {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let there = absolute.ancestors().find(|path| path.exists()).unwrap_or(&absolute);
    let tried = tempfile::tempfile_in(there).and_then(|mut file| file.write_all(&[0; 4096]));
    let shown = folder.display();
    match tried {
        Ok(()) if there == absolute => Finding::ok("disk", format!("{shown} can be written")),
        Ok(()) => Finding::ok("disk", format!("{shown} can be made in {}", there.display())),
        Err(e) => {
            let found = format!("{shown} cannot be written: {}: {e}", there.display());
            let remedy = "free some room, or choose a folder of your own for runs and answers";
            Finding::failed("disk", found, remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn memory_is_what_a_container_leaves_of_it() {
        let info = "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n";
        assert_eq!(memory_of(info, "max\n", "5\n").found, "8.0 of 16.0 GiB free");
        let finding = memory_of(info, "2147483648\n", "1610612736\n");
        assert_eq!((finding.state, finding.found.as_str()), (State::Note, "0.5 of 2.0 GiB free"));
        assert!(finding.remedy.is_some());
        assert_eq!(memory_of("", "", "").state, State::Ok);
    }

    #[test]
    fn a_program_that_is_not_there_is_no_failure() {
        let finding = check_program("no-such-program-of-awing", "install it");
        assert_eq!(finding, Finding::note("no-such-program-of-awing", "not found", "install it"));
    }

    #[test]
    fn a_folder_below_a_file_cannot_be_written() {
        let base = tempfile::tempdir().unwrap();
        assert_eq!(check_folder(&base.path().join("a/b")).state, State::Ok);
        assert!(fs::read_dir(base.path()).unwrap().next().is_none(), "nothing is left");
        fs::write(base.path().join("file"), "").unwrap();
        let finding = check_folder(&base.path().join("file/runs"));
        assert!(finding.state == State::Failed && finding.remedy.is_some(), "{finding:?}");
    }
}
