//! `--on-refresh`.

use tests::process::Process;

use super::*;

#[tokio::test]
async fn the_command_runs_each_time_that_the_files_have_changed() {
    let machine = Machine::start().await;
    short_lived(&machine, 4);
    let folder = folder(&machine);
    let log = machine.home.path().join("log");
    let hook =
        format!("grep -o '^{{\"access_key_id\":\"ASIA[0-9]*' '{}/{JSON}' >> '{}'", folder.display(), log.display());
    let process = Process::spawn(daemon(&machine, &["--interval", "1", "--on-refresh", &hook], &[]));
    let lines = || std::fs::read_to_string(&log).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    until("three runs", &process, || lines().len() >= 3).await;
    stop(process).await;
    let seen = lines();
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "once for each key, after the files: {seen:?}");
}

#[tokio::test]
async fn it_does_not_run_when_nothing_has_changed() {
    let machine = Machine::start().await;
    let log = machine.home.path().join("log");
    let hook = format!("echo ran >> '{}'", log.display());
    for _ in 0..2 {
        assert_eq!(once(&machine, &["--on-refresh", &hook]).await.code(), Some(0));
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "ran\n");
    }
}

#[tokio::test]
async fn it_knows_no_secret_and_may_fail() {
    let machine = Machine::start().await;
    let log = machine.home.path().join("log");
    let hook = format!("env > '{}'; cat; exit 7", log.display());
    let process = Process::spawn(daemon(&machine, &["--on-refresh", &hook], &[("NOTIFY_SOCKET", "@none")]));
    let mut process = process;
    process.wait_for("(--on-refresh) ended with exit status: 7").await;
    stop(process).await;
    let environment = std::fs::read_to_string(&log).unwrap();
    assert!(environment.contains("PATH=") && environment.contains("HOME="), "{environment}");
    for word in ["CANARY", "COGNITO", "NOTIFY_SOCKET"] {
        assert!(!environment.contains(word), "{environment}");
    }
}

/// One that hangs does not outlive the daemon, nor do its own children.
#[tokio::test]
async fn it_ends_with_the_daemon() {
    let machine = Machine::start().await;
    let log = machine.home.path().join("pid");
    let hook = format!("sleep 600 & echo $! > '{}'; wait", log.display());
    let process = Process::spawn(daemon(&machine, &["--on-refresh", &hook], &[]));
    let pid = || std::fs::read_to_string(&log).ok().and_then(|text| text.trim().parse::<u32>().ok());
    until("it runs", &process, || pid().is_some()).await;
    let sleep = PathBuf::from(format!("/proc/{}/cmdline", pid().unwrap()));
    stop(process).await;
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::fs::read(&sleep).is_ok_and(|cmdline| cmdline.starts_with(b"sleep")) {
        assert!(Instant::now() < deadline, "it still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
