//! What the run took place on, and what the kernel knows about a process and a file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Machine, system and date in a sentence.
pub fn describe() -> String {
    let cpu = line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown CPU".to_owned());
    let memory = line_of("/proc/meminfo", "MemTotal").and_then(|line| line.strip_suffix(" kB")?.parse::<u64>().ok());
    let memory = memory.map_or(0, |kilobytes| kilobytes / 1024 / 1024);
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = said(Command::new("uname").arg("-sr"));
    let rustc = said(Command::new("rustc").arg("--version"));
    let python = said(Command::new(python()).arg("--version"));
    let date = said(Command::new("date").args(["-u", "+%F %H:%M UTC"]));
    format!("{date} · {cpu}, {threads} threads, {memory} GiB · {kernel} · {rustc} · {python}")
}

/// The interpreter of the peers.
pub fn python() -> std::path::PathBuf {
    tests::process::repository().join(".tools/venv/bin/python")
}

/// The interpreter of the peers that need more than the tests do.
pub fn python_of_peers() -> std::path::PathBuf {
    tests::process::repository().join(".tools/bench/bin/python")
}

/// A field of `/proc/PID/status`, in bytes.
pub fn process_memory(pid: u32, field: &str) -> u64 {
    let status = line_of(&format!("/proc/{pid}/status"), field).expect("the process runs and has this field");
    let kilobytes: u64 = status.trim_end_matches(" kB").parse().expect("a number of kB");
    kilobytes * 1024
}

/// The last peak that was seen before the process ended.
pub fn watch_memory(pid: u32) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status"))
            && let Some(field) = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))
        {
            peak = field.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024;
            std::thread::sleep(Duration::from_millis(3));
        }
        peak
    })
}

/// Size of a file in bytes.
pub fn size(file: &Path) -> u64 {
    fs::metadata(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())).len()
}

/// Size of a zip that holds the file as Lambda wants it, with the best compression that zip has.
pub fn zipped_size(file: &Path) -> u64 {
    const ZIP: &str = "import sys, zipfile, io\n\
        out = io.BytesIO()\n\
        with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as z: z.write(sys.argv[1], 'bootstrap')\n\
        print(out.tell())";
    said(Command::new(python()).arg("-c").arg(ZIP).arg(file)).parse().expect("python prints a number")
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
