//! `credvend exec`: what the program sees, its signals and its exit code.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::process::{Process, binary};
use tests::upstream::{Fault, Lifetimes, SECRET_ACCESS_KEY, Service as Upstream};

use crate::machine::{CLIENT_SECRET, Machine};

/// What would win over the endpoint, and what is none of the program's business.
const UNWANTED: [(&str, &str); 15] = [
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
    ("AWS_ACCOUNT_ID", "old"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "old"),
    ("ACTIONS_ID_TOKEN_REQUEST_URL", "old"),
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
}

/// boto3 reads one name of the region, the other SDKs the other: a program must not go to two regions.
#[tokio::test]
async fn one_region_under_both_names() {
    let machine = Machine::start().await;
    let file = machine.home.path().join("region.env");
    std::fs::write(&file, "AWS_DEFAULT_REGION=eu-central-1\n").unwrap();
    let from_file = ["--env-file", file.to_str().unwrap()];
    for (options, changes, expected) in [
        (&[][..], &[][..], Some("eu-west-1")),
        (&[], &[("AWS_DEFAULT_REGION", "us-west-2")], Some("eu-west-1")),
        (&[], &[("AWS_DEFAULT_REGION", "")], Some("eu-west-1")),
        (&[], &[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "us-west-2")], Some("us-west-2")),
        (&[], &[("AWS_REGION", " "), ("AWS_DEFAULT_REGION", "")], None),
        (&from_file, &[], Some("eu-central-1")),
    ] {
        let expected = ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .map(|name| expected.map_or_else(String::new, |region| format!("{name}={region}\n")));
        for mode in [&["exec"][..], &["exec", "--static"]] {
            let ran = machine.run(&[options, mode, &["--", "env"]].concat(), changes).await;
            let stdout = ran.stdout();
            let found = |name| {
                stdout.lines().filter(|line| line.starts_with(name)).fold(String::new(), |all, line| all + line + "\n")
            };
            assert_eq!(
                [found("AWS_REGION"), found("AWS_DEFAULT_REGION")],
                expected,
                "{mode:?} {options:?} {changes:?}"
            );
        }
        let exports = machine.run(&[options, &["env"]].concat(), changes).await.stdout();
        for line in &expected {
            assert!(exports.contains(line.as_str()), "{line} is not in {exports}");
        }
        assert_eq!(exports.contains("REGION="), !expected[0].is_empty(), "{exports}");
    }
}

/// Rust's `object_store` knows the token in a file only, older programs the one in the environment.
#[tokio::test]
async fn the_token_is_in_a_private_file_for_as_long_as_the_program_runs() {
    let machine = Machine::start().await;
    let script = "cat \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\"; echo; echo $AWS_CONTAINER_AUTHORIZATION_TOKEN; \
                  stat -c %a \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\"; echo \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\"";
    let not_a_folder = machine.home.path().join("file");
    std::fs::write(&not_a_folder, "").unwrap();
    let (file, home) = (not_a_folder.to_str().unwrap(), machine.home.path().to_str().unwrap());
    for changes in [&[][..], &[("CREDVEND_CACHE_DIR", file), ("TMPDIR", home)]] {
        let ran = machine.run(&["exec", "--", "sh", "-c", script], changes).await;
        let stdout = ran.stdout();
        let lines: Vec<_> = stdout.lines().collect();
        let [in_file, in_variable, mode, path] = lines[..] else { panic!("{stdout} {}", ran.stderr()) };
        assert_eq!((in_file, mode), (in_variable, "600"));
        assert!(path.starts_with(home) && !std::path::Path::new(path).exists(), "{path} is gone");
    }
    // Where nothing can be written, the program has the variable alone.
    let changes = [("CREDVEND_CACHE_DIR", file), ("TMPDIR", file), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/old")];
    let ran = machine.run(&["exec", "--", "sh", "-c", "echo ${AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE-none}"], &changes);
    assert_eq!(ran.await.stdout(), "none\n");
}

/// Nobody can clean up after SIGKILL, but what is left opens nothing, and the next run removes it.
#[tokio::test]
async fn the_token_file_of_a_killed_process() {
    let machine = Machine::start().await;
    let script = "echo file $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; echo url $AWS_CONTAINER_CREDENTIALS_FULL_URI; \
                  while kill -0 $PPID 2>/dev/null; do sleep 0.05; done";
    let mut process = Process::spawn(machine.command(&["exec", "--", "sh", "-c", script], &[]));
    let file = process.wait_for("file ").await;
    let url = process.wait_for("url ").await;
    // One that lives does not lose its file to another.
    assert_eq!(machine.run(&["exec", "--", "true"], &[]).await.code(), Some(0));
    assert!(std::path::Path::new(&file).exists());
    process.signal(Signal::KILL);
    process.exit_code().await;
    assert!(std::path::Path::new(&file).exists());
    let authority = url.trim_start_matches("http://").trim_end_matches("/credentials").to_owned();
    assert!(tokio::net::TcpStream::connect(authority).await.is_err(), "the endpoint is gone");
    assert_eq!(machine.run(&["exec", "--", "true"], &[]).await.code(), Some(0));
    assert!(!std::path::Path::new(&file).exists());
}

/// A container's first process gets the orphans of all others. Each that nobody waits for stays until the limit of
/// processes is reached.
#[tokio::test]
async fn orphans_are_reaped_by_a_first_process() {
    let namespace = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    if !Command::new("unshare").args(namespace).arg("true").status().is_ok_and(|ended| ended.success()) {
        return eprintln!("skipped: only root can make a namespace of processes");
    }
    let machine = Machine::start().await;
    // Ended processes of which the first one is the parent, until there are none or ten seconds are over.
    let leave = "for n in $(seq 50); do (sleep 0.0$n & ) ; (true & ); done; \
                 for n in $(seq 100); do \
                   zombies=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c '^[0-9]* ([^)]*) Z 1 '); \
                   orphans=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c '^[0-9]* (sleep) [A-Z] 1 '); \
                   [ $zombies$orphans = 00 ] && break; sleep 0.1; \
                 done; echo zombies $zombies orphans $orphans; ";
    for (end, code) in [("exit 42", 42), ("kill -TERM $$", 143), ("exit 0", 0)] {
        let mut command = Command::new("unshare");
        command.args(namespace).arg(binary("credvend")).args(["exec", "--", "sh", "-c", &format!("{leave}{end}")]);
        command.env_clear().envs(machine.environment());
        let ran = crate::machine::run(command).await;
        assert_eq!(ran.stdout(), "zombies 0 orphans 0\n", "{}", ran.stderr());
        assert_eq!(ran.code(), Some(code), "{end}: {}", ran.stderr());
    }
}

#[tokio::test]
async fn static_credentials() {
    let machine = Machine::start().await;
    let ran = machine.run(&["exec", "--static", "--", "env"], &UNWANTED).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let stdout = ran.stdout();
    assert!(stdout.contains(&format!("AWS_SECRET_ACCESS_KEY={SECRET_ACCESS_KEY}\n")), "{stdout}");
    assert!(stdout.contains("AWS_ACCOUNT_ID=123456789012\n"), "{stdout}");
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
    let mut command = Command::new("sh");
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
