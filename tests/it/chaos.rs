//! Rounds of misfortune: `serve`, `credential-daemon` and `get-credentials` share one cache, and one thing after another
//! happens to them. `CHAOS_ROUNDS` sets how many (default 30), `CHAOS_SEED` repeats a run.
//!
//! At any moment: what is handed out is whole and has not expired, files parse, no secret is in any output. After each
//! stretch of peace, everything is fresh again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::Value;
use tests::process::{Process, binary};
use tests::upstream::{Fault, Lifetimes, SECRET_ACCESS_KEY, SESSION_TOKEN, Service as Upstream};

use crate::machine::{Machine, faketime_library};
use crate::secrets::leak;
use crate::service::token;

const LIFETIMES: Lifetimes = Lifetimes { credentials: Duration::from_secs(12), token: Duration::from_secs(5) };
const OLD_SECRET: &str = "CANARY-client/secret+old";
const NEW_SECRET: &str = "CANARY-client/secret+new";
/// No more requests a call, as documented; a command that runs on makes no more than one call a second.
const REQUESTS_A_CALL: usize = 12;

/// What can happen.
#[derive(Debug, Clone, Copy)]
enum Misfortune {
    KillServe,
    KillDaemon,
    DiskFull,
    ClockJump(i64),
    Suspend,
    SecretRotated,
    TooManyRequests,
    HalfAnswers(Upstream),
    Down(Upstream),
    Garbage(Upstream),
    CacheCorrupted,
}

const MISFORTUNES: [Misfortune; 15] = [
    Misfortune::KillServe,
    Misfortune::KillDaemon,
    Misfortune::DiskFull,
    Misfortune::ClockJump(3600),
    Misfortune::ClockJump(-3600),
    Misfortune::Suspend,
    Misfortune::SecretRotated,
    Misfortune::TooManyRequests,
    Misfortune::HalfAnswers(Upstream::Token),
    Misfortune::HalfAnswers(Upstream::Sts),
    Misfortune::Down(Upstream::Token),
    Misfortune::Down(Upstream::Sts),
    Misfortune::Garbage(Upstream::Token),
    Misfortune::Garbage(Upstream::Sts),
    Misfortune::CacheCorrupted,
];

/// The machine under test.
struct World {
    machine: Machine,
    serve: Process,
    serve_url: String,
    daemon: Process,
    is_new_secret: bool,
    output: String,
    calls: usize,
}

#[tokio::test]
async fn misfortunes_one_after_another() {
    let rounds: usize = std::env::var("CHAOS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(30);
    let seed = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(tests::token::now);
    println!("CHAOS_SEED={seed}");
    let mut random = seed;
    let mut world = World::start().await;
    let began = Instant::now();
    world.peace("the start").await;
    for round in 1..=rounds {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = usize::try_from(random >> 33).expect("31 bits");
        // Each kind in turn, so that few rounds see all of them; the order of what follows on what is random.
        let misfortune = MISFORTUNES[if round <= MISFORTUNES.len() { round - 1 } else { number % MISFORTUNES.len() }];
        // Two at a time, most often; a machine that is struck without end never gets up.
        if number % 3 == 0 {
            world.mend();
        }
        world.strike(misfortune).await;
        for _ in 0..=number % 3 {
            world.look(&format!("round {round}, {misfortune:?}")).await;
            tokio::time::sleep(Duration::from_millis((number % 200) as u64)).await;
        }
        if round % 10 == 0 {
            world.peace(&format!("round {round}")).await;
        }
    }
    world.peace("the end").await;
    world.end(began.elapsed()).await;
}

impl World {
    async fn start() -> Self {
        let machine = Machine::start().await;
        machine.service.upstream.set_lifetimes(LIFETIMES);
        machine.service.upstream.set_token(&token());
        machine.service.upstream.accept_secrets(&[OLD_SECRET]);
        write(&machine.home.path().join("secret"), OLD_SECRET);
        write(&machine.home.path().join("clock"), "+0");
        let (serve, serve_url) = start_serve(&machine).await;
        let daemon = start_daemon(&machine);
        let (is_new_secret, output, calls) = (false, String::new(), 2);
        Self { machine, serve, serve_url, daemon, is_new_secret, output, calls }
    }

    async fn strike(&mut self, misfortune: Misfortune) {
        let upstream = &self.machine.service.upstream;
        match misfortune {
            Misfortune::KillServe => {
                self.serve.signal(Signal::KILL);
                self.serve.exit_code().await;
                self.output += &self.serve.output();
                (self.serve, self.serve_url) = start_serve(&self.machine).await;
                self.calls += 1;
            }
            Misfortune::KillDaemon => {
                self.daemon.signal(Signal::KILL);
                self.daemon.exit_code().await;
                self.output += &self.daemon.output();
                self.daemon = start_daemon(&self.machine);
                self.calls += 1;
            }
            Misfortune::DiskFull => self.limit_files(Some(0)),
            Misfortune::ClockJump(seconds) => {
                write(&self.machine.home.path().join("clock"), &format!("{seconds:+}s"));
            }
            Misfortune::Suspend => {
                for process in [&self.serve, &self.daemon] {
                    process.signal(Signal::STOP);
                }
                tokio::time::sleep(Duration::from_millis(1500)).await;
                for process in [&self.serve, &self.daemon] {
                    process.signal(Signal::CONT);
                }
            }
            Misfortune::SecretRotated => {
                self.is_new_secret = !self.is_new_secret;
                let secret = if self.is_new_secret { NEW_SECRET } else { OLD_SECRET };
                upstream.accept_secrets(&[secret]);
                write(&self.machine.home.path().join("secret"), secret);
            }
            Misfortune::TooManyRequests => upstream.break_service(Upstream::Token, Fault::TooMany(1)),
            Misfortune::HalfAnswers(service) => upstream.break_service(service, Fault::CutOff),
            Misfortune::Down(service) => upstream.break_service(service, Fault::Status(503, "{}".to_owned())),
            Misfortune::Garbage(service) => upstream.break_service(service, Fault::Garbage),
            Misfortune::CacheCorrupted => {
                for (path, text, _) in self.machine.cache_files() {
                    if path.extension().is_some_and(|extension| extension == "json") {
                        let _ = fs::write(path, &text[..text.len() / 2]);
                    }
                }
            }
        }
    }

    /// What this machine's users see at this moment.
    async fn look(&mut self, when: &str) {
        if let Some(expiration) = self.ask_serve(when).await {
            assert_alive(&expiration, when, "serve");
        }
        if let Some(expiration) = self.run_get_credentials(when).await {
            assert_alive(&expiration, when, "get-credentials");
        }
        self.files(when);
    }

    /// `None`: it has none at the moment, and says so.
    async fn ask_serve(&mut self, when: &str) -> Option<String> {
        let token = fs::read_to_string(self.machine.home.path().join("token")).expect("serve has written it");
        let request = crate::service::client().get(format!("{}/credentials", self.serve_url));
        let answer =
            request.header("authorization", token).send().await.unwrap_or_else(|error| panic!("{when}: {error}"));
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap_or_else(|error| panic!("{when}: half an answer: {error}"));
        let body: Value = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{when}: no JSON: {error}"));
        match status {
            200 => Some(expiration(&body, when)),
            503 => {
                self.output += &body.to_string();
                None
            }
            other => panic!("{when}: {other} {body}"),
        }
    }

    async fn run_get_credentials(&mut self, when: &str) -> Option<String> {
        self.calls += 1;
        // Who loses patience kills it: one more misfortune.
        let mut command = Command::new("timeout");
        let inner = self::command(&self.machine, &["get-credentials"]);
        command.args(["--signal=KILL", "2"]).arg(inner.get_program()).args(inner.get_args()).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = crate::machine::run(command).await;
        self.output += &ran.stderr();
        match ran.code() {
            Some(0) => Some(expiration(&ran.credentials(), when)),
            None | Some(137) => None,
            Some(3 | 4) => {
                assert!(ran.stdout().is_empty(), "{when}: half an answer: {}", ran.stdout().len());
                None
            }
            other => panic!("{when}: {other:?} {}", ran.stderr()),
        }
    }

    /// Each is there and whole; returns whether all have some life left.
    fn files(&self, when: &str) -> bool {
        let read = |name: &str| {
            let path = self.folder().join(name);
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{when}: {}: {error}", path.display()))
        };
        let json: Value = serde_json::from_str(&read("aws-credentials.json")).unwrap_or_else(|e| panic!("{when}: {e}"));
        let ini = read("credentials");
        for part in ["[default]", "aws_access_key_id", "aws_secret_access_key", "aws_session_token"] {
            assert!(ini.contains(part), "{when}: `credentials` lacks {part}");
        }
        assert_eq!(read("aws-credentials.env").matches("AWS_SESSION_TOKEN").count(), 1, "{when}");
        assert!(read("logstash.yml").contains(":session_token:"), "{when}");
        seconds_left(&expiration(&json, when)) > 0
    }

    fn folder(&self) -> PathBuf {
        self.machine.home.path().join("creds")
    }

    /// Everything works again: soon everything is fresh.
    async fn peace(&mut self, when: &str) {
        self.mend();
        // A pause after many failures lasts up to 30 s.
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let served = self.ask_serve(when).await.is_some_and(|expiration| seconds_left(&expiration) > 0);
            if served && self.folder().join("logstash.yml").exists() && self.files(when) {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{when}: no recovery\n{}\n{}",
                self.serve.output(),
                self.daemon.output()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let Some(expiration) = self.run_get_credentials(when).await else { panic!("{when}: {}", self.output) };
        assert_alive(&expiration, when, "get-credentials");
    }

    fn mend(&self) {
        self.machine.service.upstream.mend();
        write(&self.machine.home.path().join("clock"), "+0");
        self.limit_files(None);
    }

    /// Writing fails from now on, as on a full disk.
    fn limit_files(&self, limit: Option<u64>) {
        for process in [&self.serve, &self.daemon] {
            let rlimit = Rlimit { current: limit, maximum: None };
            prlimit(Some(Pid::from_child(&process.child)), Resource::Fsize, rlimit)
                .expect("ours, and below its maximum");
        }
    }

    async fn end(mut self, took: Duration) {
        for process in [&mut self.serve, &mut self.daemon] {
            self.output += &process.stop().await;
        }
        let secrets = [OLD_SECRET, NEW_SECRET, SECRET_ACCESS_KEY, SESSION_TOKEN, &token()];
        assert_eq!(leak(&self.output, &secrets), None);
        let requests = self.machine.service.upstream.received(Upstream::Token).len();
        let seconds = usize::try_from(took.as_secs()).expect("no test lasts that long");
        let bound = REQUESTS_A_CALL * (self.calls + 2 * seconds);
        println!("{requests} token requests of {} calls in {seconds} s", self.calls);
        assert!(requests <= bound, "{requests} requests to the identity provider, documented are at most {bound}");
    }
}

/// With a clock that can be moved, and without the signal that would end it where a file may not grow.
fn command(machine: &Machine, arguments: &[&str]) -> Command {
    let home = machine.home.path();
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]).arg(binary("credvend")).args(arguments);
    command.env_clear().envs(machine.environment()).env_remove("COGNITO_CLIENT_SECRET");
    command.env("COGNITO_CLIENT_SECRET_FILE", home.join("secret"));
    command.env("LD_PRELOAD", faketime_library()).env("FAKETIME_TIMESTAMP_FILE", home.join("clock"));
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command
}

async fn start_serve(machine: &Machine) -> (Process, String) {
    let token_file = machine.home.path().join("token");
    let token_file = token_file.to_str().expect("a plain path");
    let arguments = ["--log-level", "info", "serve", "--listen", "127.0.0.1:0", "--token-file", token_file];
    let mut process = Process::spawn(command(machine, &arguments));
    let url = process.wait_for("listening on ").await;
    (process, url.split_whitespace().next().expect("a URL").to_owned())
}

fn start_daemon(machine: &Machine) -> Process {
    let folder = machine.home.path().join("creds");
    Process::spawn(command(machine, &["credential-daemon", "--creds-dir", folder.to_str().expect("a plain path")]))
}

/// Whole or not at all: the programs read it at any moment.
fn write(path: &Path, text: &str) {
    let temporary = path.with_extension("new");
    fs::write(&temporary, text).expect("a writable folder");
    fs::set_permissions(&temporary, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
    fs::rename(&temporary, path).expect("the same folder");
}

fn expiration(credentials: &Value, when: &str) -> String {
    credentials["Expiration"].as_str().unwrap_or_else(|| panic!("{when}: no Expiration")).to_owned()
}

fn seconds_left(expiration: &str) -> i64 {
    let at = time::OffsetDateTime::parse(expiration, &time::format_description::well_known::Rfc3339);
    at.expect("RFC 3339").unix_timestamp() - tests::token::now().cast_signed()
}

fn assert_alive(expiration: &str, when: &str, who: &str) {
    // Dates are cut to whole seconds, and looking takes a moment.
    assert!(seconds_left(expiration) >= -1, "{when}: {who} handed out credentials that ended at {expiration}");
}
