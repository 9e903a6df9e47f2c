//! Our binaries as child processes, with an environment of their own and nothing inherited.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Path of a binary of this workspace, in the profile that the tests themselves were built in, or in `BIN_DIR`.
pub fn binary(name: &str) -> PathBuf {
    let folder = std::env::var_os("BIN_DIR").map_or_else(
        || {
            let this = std::env::current_exe().expect("a running program has a path");
            this.ancestors().nth(2).expect("…/target/PROFILE/deps/it").to_owned()
        },
        PathBuf::from,
    );
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace --bins`, as scripts/test does", path.display());
    path
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// A running process. Killed when dropped; its output is kept.
pub struct Process {
    pub child: Child,
    output: Arc<Mutex<String>>,
    collectors: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a binary with exactly this environment.
    pub fn start(name: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(binary(name));
        command.env_clear().envs(environment.iter().copied());
        Self::spawn(command)
    }

    pub fn spawn(command: Command) -> Self {
        let mut process = Self::spawn_with_stdout(command, Stdio::piped());
        let stdout = process.child.stdout.take().expect("piped");
        process.collectors.push(collect(stdout, Arc::clone(&process.output)));
        process
    }

    /// Standard output goes where the test says, and only standard error is kept.
    pub fn spawn_with_stdout(mut command: Command, stdout: Stdio) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let output = Arc::new(Mutex::new(String::new()));
        let collectors = vec![collect(child.stderr.take().expect("piped"), Arc::clone(&output))];
        Self { child, output, collectors }
    }

    /// All that was written so far, to both streams.
    pub fn output(&self) -> String {
        self.output.lock().expect("the collectors do not panic").clone()
    }

    /// The rest of the first line that holds `marker`.
    pub async fn wait_for(&mut self, marker: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(line) = self.output().lines().find(|line| line.contains(marker)) {
                let (_, rest) = line.split_once(marker).expect("it holds the marker");
                return rest.to_owned();
            }
            if let Some(ended) = self.child.try_wait().expect("a child can be waited for") {
                self.read_to_the_end();
                assert!(
                    self.output().contains(marker),
                    "ended with {ended:?} before it said {marker:?}:\n{}",
                    self.output()
                );
                continue;
            }
            assert!(Instant::now() < deadline, "never said {marker:?}:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// What an ended process wrote last may still lie in the pipe.
    fn read_to_the_end(&mut self) {
        for collector in self.collectors.drain(..) {
            collector.join().expect("the collectors do not panic");
        }
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("a running child can be signalled");
    }

    /// Stops it as an operator does, and returns all that it ever wrote. [`Self::output`] of a running process may
    /// lack the line that was written a moment ago: only the end says that nothing more comes.
    pub async fn stop(&mut self) -> String {
        self.signal(rustix::process::Signal::TERM);
        self.exit_code().await;
        self.output()
    }

    /// Waits for the end and returns the exit code.
    pub async fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                self.read_to_the_end();
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("did not end:\n{}", self.output());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: impl std::io::Read + Send + 'static, output: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            output.lock().expect("the collectors do not panic").push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
