//! Fluent Bit at work with what is printed for it: a stand-in that behaves as it was seen to (fluent_bit.py), on the local
//! stack with IAM enforced.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::process::{Process, repository};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::Desk;
use super::programs::{desk, program, serve};
use crate::local_stack::{Server, Stack};

struct FluentBit {
    _child: Child,
    commands: ChildStdin,
    states: Lines<BufReader<ChildStdout>>,
}

/// The seconds between two looks at what waits, as the printed `upload_timeout` has it.
const TICK: u32 = 45;

impl FluentBit {
    fn start(desk: &Desk, configuration: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = tokio::process::Command::from(command(desk, configuration, variables))
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (commands, states) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { _child: child, commands, states: BufReader::new(states).lines() }
    }

    async fn tell(&mut self, command: &str) -> Value {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let state = self.states.next_line().await.unwrap().expect("it lives on");
        serde_json::from_str(&state).unwrap()
    }

    async fn log(&mut self, text: &str) {
        self.tell(&format!("log {text}")).await;
    }

    async fn tick(&mut self) -> Value {
        self.tell(&format!("tick {TICK}")).await
    }
}

fn command(desk: &Desk, configuration: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = program(desk, &PathBuf::from("python3"), variables);
    command.arg(repository().join("tests/it/setup/fluent_bit.py")).arg(desk.write("fluent-bit.conf", configuration));
    command
}

/// Variables as they are printed.
fn printed(text: &str) -> Vec<(&str, &str)> {
    text.lines().filter_map(|line| line.split_once("      Environment=")?.1.split_once('=')).collect()
}

fn state(sent: u32, waiting: u32, quarantined: u32) -> Value {
    json!({"sent": sent, "waiting": waiting, "quarantined": quarantined})
}

fn counts(state: &Value) -> Value {
    json!({"sent": state["sent"], "waiting": state["waiting"], "quarantined": state["quarantined"]})
}

#[tokio::test]
async fn fluent_bit_ships_with_what_is_printed_for_it() {
    let stack = Stack::start().await;
    let (one, server) = desk(&stack, "fluent-01", "write").await;
    by_endpoint(&stack, &one, &server).await;
    without_credentials_for_a_while(&stack, &one).await;
    by_process(&one).await;
    by_file(&one).await;
    behind_a_proxy(&one).await;
}

/// `setup fluent-bit`, and `serve` beside it as the comments say, at a free port.
async fn endpoint(desk: &Desk) -> (String, Process, String) {
    let token_file = desk.path("token").display().to_string();
    let text = desk.setup(&["fluent-bit", "--token-file", &token_file]).await;
    let beside = text.lines().find_map(|line| line.strip_prefix("#      ").filter(|line| line.contains(" serve ")));
    let (served, url) = serve(desk, beside.unwrap(), &[]).await;
    let text = text.replace("http://127.0.0.1:9911", &url);
    (text, served, url)
}

/// An outage of S3 for a quarter of an hour loses nothing; without the printed `retry_limit` it does.
async fn by_endpoint(stack: &Stack, desk: &Desk, server: &Server) {
    let (text, _served, _) = endpoint(desk).await;
    let without: Vec<&str> = text.split_inclusive('\n').filter(|line| !line.contains("retry_limit")).collect();
    let without = without.concat();
    for (configuration, lost) in [(&text, 0), (&without, 1)] {
        let mut shipper = FluentBit::start(desk, configuration, &printed(&text));
        shipper.log("before").await;
        let first = shipper.tick().await;
        assert_eq!(counts(&first), state(1, 0, 0), "{first}");
        stack.control("POST", "faults", json!({"api": "s3:PutObject", "kind": "status", "status": 503})).await;
        shipper.log("during").await;
        for _ in 0..20 {
            shipper.tick().await;
        }
        stack.control("DELETE", "faults", Value::Null).await;
        let last = shipper.tick().await;
        assert_eq!(counts(&last), state(2 - lost, 0, lost), "{last}");
    }
    let requests = stack.control("GET", "requests", Value::Null).await;
    let puts = requests["requests"].as_array().unwrap().iter().filter(|request| request["api"] == "s3:PutObject");
    let done: Vec<_> = puts.filter(|request| request["status"] == 200).collect();
    assert_eq!(done.len(), 3, "under {}: {requests}", server.text("s3_path_prefix"));
}

/// The endpoint has nothing to give for some minutes: refused each time on whatever connection it keeps, Fluent Bit must
/// find an answer each time, or it hangs.
async fn without_credentials_for_a_while(stack: &Stack, desk: &Desk) {
    stack.control("POST", "faults", json!({"api": "cognito:token", "kind": "status", "status": 503})).await;
    let identity = std::fs::read_to_string(desk.path("credvend.env")).unwrap();
    let fresh = Desk::new(&format!("{identity}export CREDVEND_CACHE_DIR='{}'\n", desk.path("fresh").display()));
    let token_file = fresh.path("token").display().to_string();
    let text = fresh.setup(&["fluent-bit", "--token-file", &token_file]).await;
    let mut serving = program(&fresh, &tests::process::binary("credvend"), &[]);
    serving.args(["--log-level", "info", "--env-file"]).arg(fresh.path("credvend.env"));
    let mut served = Process::spawn({
        serving.args(["serve", "--listen", "127.0.0.1:0", "--token-file", &token_file]);
        serving
    });
    let url = served.wait_for("listening on ").await;
    let text = text.replace("http://127.0.0.1:9911", &url);
    let mut shipper = FluentBit::start(&fresh, &text, &printed(&text));
    shipper.log("one").await;
    for _ in 0..10 {
        let state_now = shipper.tick().await;
        assert_eq!((counts(&state_now), &state_now["hung"]), (state(0, 1, 0), &Value::Bool(false)), "{state_now}");
    }
    stack.control("DELETE", "faults", Value::Null).await;
    served.wait_for("credentials valid until").await;
    let last = shipper.tick().await;
    assert_eq!(counts(&last), state(1, 0, 0), "{last}");
    drop(served);
}

async fn by_process(desk: &Desk) {
    let config = desk.write("aws-config", &desk.setup(&["aws-config"]).await);
    let text = desk.setup(&["fluent-bit", "--via", "process", "--aws-config", config.to_str().unwrap()]).await;
    let mut shipper = FluentBit::start(desk, &text, &printed(&text));
    shipper.log("one").await;
    let state_now = shipper.tick().await;
    assert_eq!(counts(&state_now), state(1, 0, 0), "{state_now}");
}

/// Keys that S3 refuses: the file is read again, at most once a minute, and nothing is lost meanwhile.
async fn by_file(desk: &Desk) {
    let folder = desk.path("aws-creds");
    std::fs::create_dir_all(&folder).unwrap();
    let old = "[default]\naws_access_key_id = ASIAXXXXXXXXXXXXXXXX\naws_secret_access_key = x\naws_session_token = x\n";
    std::fs::write(folder.join("credentials"), old).unwrap();
    let text = desk.setup(&["fluent-bit", "--via", "file", "--creds-dir", folder.to_str().unwrap()]).await;
    let mut shipper = FluentBit::start(desk, &text, &printed(&text));
    shipper.log("one").await;
    let refused = shipper.tick().await;
    assert_eq!(counts(&refused), state(0, 1, 0), "{refused}");
    let beside =
        text.lines().find_map(|line| line.strip_prefix("#      ").filter(|line| line.contains("credential-daemon")));
    let mut words = beside.unwrap().split_whitespace();
    let mut daemon = program(desk, &PathBuf::from(words.next().unwrap()), &[]);
    daemon.args(words).arg("--once");
    assert_eq!(crate::machine::run(daemon).await.code(), Some(0));
    let soon = shipper.tell("tick 10").await;
    assert_eq!(counts(&soon), state(0, 1, 0), "not yet read again: {soon}");
    // Past the minute it is refused once more, and reads then.
    shipper.tick().await;
    shipper.tick().await;
    let last = shipper.tick().await;
    assert_eq!(counts(&last), state(1, 0, 0), "{last}");
}

/// It starts with what the comment asks for, and with nothing less.
async fn behind_a_proxy(desk: &Desk) {
    let text = desk.setup(&["fluent-bit"]).await;
    let asked_for =
        text.lines().find_map(|line| line.split_once("NO_PROXY needs ")?.1.split_whitespace().next()).unwrap();
    for (no_proxy, starts) in
        [("", false), ("127.0.0.1", false), ("127.0.0.1,localhost", false), (asked_for, true), ("*", true)]
    {
        let variables = [("HTTP_PROXY", "http://127.0.0.1:1"), ("NO_PROXY", no_proxy)];
        let mut command = command(desk, &text, &variables);
        command.stdin(Stdio::null());
        assert_eq!(crate::machine::run(command).await.code(), Some(i32::from(!starts)), "{no_proxy}");
    }
}
