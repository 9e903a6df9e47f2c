//! `credvend exec`: what the program sees, its signals and its exit code.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::process::{Process, binary};
use tests::upstream::{Fault, Lifetimes, SECRET_ACCESS_KEY, Service as Upstream};

use crate::machine::{CLIENT_SECRET, Machine};

/// What would win over the endpoint, and what is none of the program's business.
const UNWANTED: [(&str, &str); 13] = [
    ("AWS_ACCESS_KEY_ID", "AKIAOLD"),
    ("AWS_SECRET_ACCESS_KEY", "old"),
    ("AWS_SESSION_TOKEN", "old"),
    ("AWS_SECURITY_TOKEN", "old"),
    ("AWS_ACCESS_KEY", "AKIAOLD"),
    ("AWS_SECRET_KEY", "old"),
    ("AWS_PROFILE", "old"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/old"),
    ("AWS_ROLE_ARN", "arn:old"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/old"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/old"),
    ("AUTH0_CLIENT_SECRET", "old"),
    ("AUTH0_PRIVATE_KEY", "old"),
];

#[tokio::test]
async fn the_program_finds_an_endpoint_and_nothing_else() {
    let machine = Machine::start().await;
    let script = "env; curl -s -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \
                  \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"";
    let ran = machine.run(&["exec", "--", "sh", "-c", script], &UNWANTED).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let stdout = ran.stdout();
    assert!(stdout.contains(&format!("\"SecretAccessKey\":\"{SECRET_ACCESS_KEY}\"")), "{stdout}");
    for (name, _) in UNWANTED {
        assert!(!stdout.contains(&format!("{name}=")), "{name}");
    }
    assert!(!stdout.contains(CLIENT_SECRET));
    for line in [
        "AWS_EC2_METADATA_DISABLED=true",
        "AWS_REGION=eu-west-1",
        "AWS_DEFAULT_REGION=eu-west-1",
        "AWS_CONFIG_FILE=/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
    ] {
        assert!(stdout.lines().any(|found| found == line), "{line} is not in {stdout}");
    }
    let ran =
        machine.run(&["exec", "--", "sh", "-c", "echo $AWS_DEFAULT_REGION"], &[("AWS_DEFAULT_REGION", "x")]).await;
    assert_eq!(ran.stdout(), "x\n", "what the user has set stays");
}

#[tokio::test]
async fn static_credentials() {
    let machine = Machine::start().await;
    let ran = machine.run(&["exec", "--static", "--", "env"], &UNWANTED).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let stdout = ran.stdout();
    assert!(stdout.contains(&format!("AWS_SECRET_ACCESS_KEY={SECRET_ACCESS_KEY}\n")), "{stdout}");
    assert!(stdout.contains("AWS_CREDENTIAL_EXPIRATION=20") && !stdout.contains("AKIAOLD"), "{stdout}");
    assert!(!stdout.contains("AWS_CONTAINER_") && !stdout.contains("=old\n"), "{stdout}");
}

#[tokio::test]
async fn exit_codes() {
    let machine = Machine::start().await;
    for mode in [&["exec"][..], &["exec", "--static"]] {
        for (command, code) in [
            (&["true"][..], 0),
            (&["sh", "-c", "exit 42"], 42),
            (&["sh", "-c", "kill -TERM $$"], 143),
            (&["sh", "-c", "kill -KILL $$"], 137),
            (&["no-such-program"], 127),
            (&["/"], 126),
        ] {
            let ran = machine.run(&[mode, &["--"], command].concat(), &[]).await;
            let signalled = std::os::unix::process::ExitStatusExt::signal(&ran.0.status).map(|signal| 128 + signal);
            assert_eq!(ran.code().or(signalled), Some(code), "{mode:?} {command:?}: {}", ran.stderr());
        }
    }
    assert_eq!(machine.run(&["exec"], &[]).await.code(), Some(2));
    let ran = machine.run(&["exec", "sh", "-c", "echo \"$@\"", "sh", "--log-level", "-x"], &[]).await;
    assert_eq!(ran.stdout(), "--log-level -x\n", "all that follows the program is its own");
    machine.service.upstream.break_service(Upstream::Token, Fault::Status(400, r#"{"error":"invalid_client"}"#.into()));
    let fresh = machine.home.path().join("fresh");
    let ran = machine.run(&["exec", "--", "echo", "started"], &[("CREDVEND_CACHE_DIR", fresh.to_str().unwrap())]).await;
    assert_eq!((ran.code(), ran.stdout().as_str()), (Some(3), ""), "a wrong secret is told before the program starts");
}

#[tokio::test]
async fn signals_reach_the_program() {
    let machine = Machine::start().await;
    for (signal, name) in [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::HUP, "HUP"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::WINCH, "WINCH"),
    ] {
        let script = format!("trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.05; done");
        let mut command = machine.command(&["exec", "--", "sh", "-c", &script], &[]);
        // Not in the foreground of the terminal that the tests may have been started from.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = Process::spawn(command);
        process.wait_for("ready").await;
        process.signal(signal);
        assert_eq!(process.exit_code().await, Some(9), "{name}: {}", process.output());
        assert!(process.output().contains(&format!("got {name}")), "{}", process.output());
    }
}

/// A login that ends, or an interrupt at the terminal, must not end what was started with nohup(1) or a script's `&`.
#[tokio::test]
async fn what_was_ignored_stays_so() {
    let machine = Machine::start().await;
    let script =
        "trap '' HUP INT CHLD; exec \"$0\" exec -- sh -c 'kill -HUP $$; kill -INT $$; kill -HUP $PPID; exit 7'";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).arg(binary("credvend")).env_clear().envs(machine.environment());
    let mut process = Process::spawn(command);
    assert_eq!(process.exit_code().await, Some(7), "{}", process.output());
}

/// What makes it better than exports: it outlives the first credentials.
#[tokio::test]
async fn the_endpoint_stays_fresh_for_as_long_as_the_program_runs() {
    let machine = Machine::start().await;
    let lifetimes = Lifetimes { credentials: Duration::from_secs(6), token: Duration::from_secs(3600) };
    machine.service.upstream.set_lifetimes(lifetimes);
    let script = "while :; do curl -s -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \
                  \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; echo; sleep 0.2; done";
    let mut process = Process::spawn(machine.command(&["exec", "--", "sh", "-c", script], &[]));
    let deadline = Instant::now() + Duration::from_secs(60);
    for key in ["\"ASIA0000000000000001\"", "\"ASIA0000000000000002\"", "\"ASIA0000000000000003\""] {
        while !process.output().contains(key) {
            assert!(Instant::now() < deadline, "{key} never came:\n{}", process.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let output = process.stop().await;
    assert!(!output.contains("\"code\""), "{output}");
}
