//! `credvend get-credentials` as a program calls it: a whole process, from spawn to the last byte and its exit.

use std::io::{PipeReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::http_server::{HttpServer, Reply};
use tests::process::{binary, repository};
use tests::token::{SigningKey, cognito_claims};

use crate::machine;
use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples};
use crate::tls::{Authority, TlsFront};

const CACHED_RUNS: usize = 500;
const CACHED_RUNS_PYTHON: usize = 20;
const UNCACHED_RUNS: usize = 100;
const UNCACHED_RUNS_PYTHON: usize = 30;
const MEMORY_RUNS: usize = 5;

/// The token endpoint and the vending API, on two ports as they are two hosts, and a folder for the client's cache.
struct Bench {
    authority: Authority,
    token_endpoint: TlsFront,
    api: TlsFront,
    _servers: [HttpServer; 2],
    token: String,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let token = SigningKey::generate("key-1").token(&cognito_claims("https://issuer.example", "client-1"));
        let token_answer = json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"});
        let vended = json!({
            "credentials": {
                "access_key_id": "ASIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "session_token": "x".repeat(900), "expiration": "2099-01-01T00:00:00Z",
            },
            "s3_bucket": "example-bucket", "s3_path_prefix": "logs/server-01/", "aws_region": "eu-west-1",
            "role_arn": "arn:aws:iam::123456789012:role/credvend-server-01", "session_name": "server-01-client-1",
            "source_identity": "client-1", "request_id": "00000000-0000-4000-8000-000000000000",
        });
        let servers = [canned(&token_answer).await, canned(&vended).await];
        Ok(Self {
            token_endpoint: TlsFront::start(&authority, servers[0].address).await?,
            api: TlsFront::start(&authority, servers[1].address).await?,
            _servers: servers,
            authority,
            token,
        })
    }

    fn cache(&self, name: &str) -> PathBuf {
        self.authority.folder().join(name)
    }

    /// What both clients read. `cache` is used by ours alone.
    fn with_environment(&self, mut command: Command, cache: &Path) -> Command {
        command
            .env_clear()
            .env("IDP_TYPE", "cognito")
            .env("AWS_REGION", "eu-west-1")
            .env("COGNITO_TOKEN_ENDPOINT", format!("{}/oauth2/token", self.token_endpoint.url))
            .env("COGNITO_CREDENTIAL_API_URL", format!("{}/credentials", self.api.url))
            .env("COGNITO_CLIENT_ID", "client-1")
            .env("COGNITO_CLIENT_SECRET", "an-example-secret")
            .env("SSL_CERT_FILE", self.authority.file())
            .env("REQUESTS_CA_BUNDLE", self.authority.file())
            .env("CREDVEND_CACHE_DIR", cache);
        command
    }

    fn credvend(&self, cache: &Path) -> Command {
        let mut command = Command::new(binary("credvend"));
        command.arg("get-credentials");
        self.with_environment(command, cache)
    }

    fn python(&self) -> Command {
        let mut command = Command::new(machine::python());
        command.arg(repository().join("tests/bench/python_client.py"));
        self.with_environment(command, self.authority.folder())
    }

    /// The two requests of an uncached call, one after the other in a process each.
    fn curls(&self) -> [Command; 2] {
        let curl = |arguments: &[&str]| {
            let mut command = Command::new("curl");
            command.env_clear().args(["--silent", "--fail", "--cacert"]).arg(self.authority.file()).args(arguments);
            command
        };
        let token_endpoint = format!("{}/oauth2/token", self.token_endpoint.url);
        let body = json!({"access_token": self.token}).to_string();
        [
            curl(&["--user", "client-1:an-example-secret", "--data", "grant_type=client_credentials", &token_endpoint]),
            curl(&["--json", &body, &format!("{}/credentials", self.api.url)]),
        ]
    }
}

/// The same answer to every request.
async fn canned(answer: &Value) -> HttpServer {
    let answer = answer.to_string();
    HttpServer::start(move |_| std::future::ready(Reply::json(200, answer.clone()))).await
}

pub async fn get_credentials() -> anyhow::Result<Part> {
    let bench = Bench::start().await?;
    // The servers keep answering on this thread while another one starts processes and waits for them.
    let (measured, bench) = tokio::task::spawn_blocking(move || (measure(&bench), bench)).await?;
    drop(bench);
    measured
}

fn measure(bench: &Bench) -> anyhow::Result<Part> {
    let kept = bench.cache("kept");
    let answer = output(&mut bench.credvend(&kept))?;
    let answer: Value = serde_json::from_slice(&answer).context("get-credentials prints JSON")?;
    anyhow::ensure!(answer["AccessKeyId"] == "ASIAIOSFODNN7EXAMPLE", "get-credentials printed something else");
    output(&mut bench.python())?;

    let (mut cached, mut nothing, mut python_again) = (Samples::default(), Samples::default(), Samples::default());
    for run in 0..CACHED_RUNS {
        cached.push(wall(&mut [bench.credvend(&kept)])?);
        nothing.push(wall(&mut [Command::new("/bin/true")])?);
        if run % (CACHED_RUNS / CACHED_RUNS_PYTHON) == 0 {
            // It has no cache: each call is a fetch.
            python_again.push(wall(&mut [bench.python()])?);
        }
    }
    let (mut uncached, mut python, mut curls) = (Samples::default(), Samples::default(), Samples::default());
    for run in 0..UNCACHED_RUNS {
        uncached.push(wall(&mut [bench.credvend(&bench.cache(&format!("fresh-{run}")))])?);
        curls.push(wall(&mut bench.curls())?);
        if run < UNCACHED_RUNS_PYTHON {
            python.push(wall(&mut [bench.python()])?);
        }
    }
    let memory = median_memory(|| bench.credvend(&kept), Duration::from_millis(100))?;
    let fetching = bench.cache("fetching");
    let memory_uncached = median_memory(
        || {
            // Nothing to remove the first time.
            let _ = std::fs::remove_dir_all(&fetching);
            bench.credvend(&fetching)
        },
        Duration::from_millis(300),
    )?;
    let memory_python = median_memory(|| bench.python(), Duration::from_secs(1))?;

    let details = format!(
        "Wall time from just before `spawn` until the process has ended and all it wrote is read. `cached` interleaved with \
         `/bin/true`; `uncached` starts with an empty cache folder: TLS 1.3 to a token endpoint and to an API on loopback, \
         two connections, then the cache is written (two files, each with fsync). Python: `requests` and `boto3` imported, \
         no cache, so each call is a fetch. curl: one process a request.\n\n{ROW_HEAD}\n{}\n{}\n{}\n{}\n{}\n\n\
         Peak memory is `VmHWM` of a process stopped in its last `write` (its stdout is a full pipe): `ru_maxrss` would \
         count the parent's memory before `exec`. Uncached it is {:.1} MiB.\n",
        cached.row("`get-credentials`, cached"),
        nothing.row("/bin/true"),
        uncached.row("`get-credentials`, uncached"),
        curls.row("two curls"),
        python.row("Python"),
        mebibytes(memory_uncached),
    );
    let figure = |what, ours, reach, peers| Figure { what, part: "client", ours, reach, peers };
    let time = |samples: &Samples| Quantity::Time(samples.median());
    Ok(Part {
        title: "Client: `credvend get-credentials`",
        figures: vec![
            figure(
                "`get-credentials`, cached: wall",
                time(&cached),
                Quantity::Time(Duration::from_micros(1_500)),
                vec![("/bin/true", time(&nothing)), ("Python", time(&python_again))],
            ),
            figure(
                "`get-credentials`, cached: peak memory",
                Quantity::Memory(memory),
                Quantity::Memory(6 * 1024 * 1024),
                vec![("Python", Quantity::Memory(memory_python))],
            ),
            figure(
                "`get-credentials`, uncached, two TLS requests",
                time(&uncached),
                Quantity::Time(Duration::from_millis(10)),
                vec![("Python", time(&python)), ("two curls", time(&curls))],
            ),
            figure(
                "client binary",
                Quantity::Size(machine::size(&binary("credvend"))),
                Quantity::Size(6_000_000),
                Vec::new(),
            ),
        ],
        details,
    })
}

fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let program = command.get_program().display();
    anyhow::ensure!(
        output.status.success(),
        "{program} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}

/// The whole of these commands, one after the other.
fn wall(commands: &mut [Command]) -> anyhow::Result<Duration> {
    let started = Instant::now();
    for command in commands {
        output(command)?;
    }
    Ok(started.elapsed())
}

fn median_memory(command: impl Fn() -> Command, patience: Duration) -> anyhow::Result<u64> {
    let mut peaks = Vec::new();
    for _ in 0..MEMORY_RUNS {
        peaks.push(peak_memory(command(), patience)?);
    }
    peaks.sort_unstable();
    Ok(peaks[MEMORY_RUNS / 2])
}

/// Lets the process run into a full pipe where it writes its answer, and looks at it there.
fn peak_memory(mut command: Command, patience: Duration) -> anyhow::Result<u64> {
    let (mut reader, mut writer) = std::io::pipe()?;
    let capacity = rustix::pipe::fcntl_getpipe_size(&writer)?;
    writer.write_all(&vec![b'\n'; capacity])?;
    let mut child = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).spawn()?;
    drop(command);
    std::thread::sleep(patience);
    anyhow::ensure!(child.try_wait()?.is_none(), "the process ended without writing its answer");
    let peak = machine::process_memory(child.id(), "VmHWM");
    let answer = drain(&mut reader, capacity)?;
    anyhow::ensure!(child.wait()?.success() && !answer.is_empty(), "the process was not at its end after {patience:?}");
    Ok(peak)
}

fn drain(reader: &mut PipeReader, filler: usize) -> anyhow::Result<Vec<u8>> {
    let mut all = Vec::new();
    reader.read_to_end(&mut all)?;
    Ok(all.split_off(filler))
}

#[allow(clippy::cast_precision_loss)] // Far below 2^52 bytes.
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
