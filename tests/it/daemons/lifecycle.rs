//! Signals, systemd, and what somebody else does to the files.

use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use tests::process::Process;
use tests::upstream::{Fault, Service as Upstream};

use super::*;

#[tokio::test]
async fn sighup_reads_the_configuration_again() {
    let machine = Machine::start().await;
    short_lived(&machine, 3600);
    let env_file = machine.home.path().join("credvend.env");
    std::fs::write(&env_file, "COGNITO_SCOPES=one\n").unwrap();
    let folder = folder(&machine);
    let file = env_file.to_str().unwrap();
    let mut process = Process::spawn(daemon(&machine, &["--env-file", file], &[]));
    until("files", &process, || key(&folder).is_some()).await;
    let first = key(&folder);

    std::fs::write(&env_file, "COGNITO_SCOPES='one\n").unwrap();
    process.signal(Signal::HUP);
    process.wait_for("the configuration is kept as it was: ").await;
    assert_eq!(key(&folder), first);

    std::fs::write(&env_file, "COGNITO_SCOPES=two\n").unwrap();
    process.signal(Signal::HUP);
    until("those of the other identity", &process, || key(&folder) != first).await;
    stop(process).await;
}

/// While the identity provider refuses, each reload must not be one more request.
#[tokio::test]
async fn a_storm_of_reloads_is_not_one_of_requests() {
    const RELOADS: usize = 40;
    for scopes in [["one", "one"], ["one", "two"]] {
        let machine = Machine::start().await;
        let refused = Fault::Status(400, r#"{"error":"invalid_client"}"#.into());
        machine.service.upstream.break_service(Upstream::Token, refused);
        let env_file = machine.home.path().join("credvend.env");
        let write = |scope: &str| std::fs::write(&env_file, format!("COGNITO_SCOPES={scope}\n")).unwrap();
        write(scopes[0]);
        let folder = folder(&machine);
        let mut process = Process::spawn(daemon(&machine, &["--env-file", env_file.to_str().unwrap()], &[]));
        process.wait_for("invalid_client").await;
        let began = std::time::Instant::now();
        for n in 1..=RELOADS {
            write(scopes[n % 2]);
            process.signal(Signal::HUP);
            let reloads = || process.output().matches("the configuration was read again").count();
            until("a reload", &process, || reloads() >= n).await;
        }
        let allowed = 4 + 2 * usize::try_from(began.elapsed().as_secs()).unwrap();
        let requests = machine.service.upstream.received(Upstream::Token).len();
        assert!(requests <= allowed, "{scopes:?}: {requests} requests for {RELOADS} reloads");
        machine.service.upstream.mend();
        process.signal(Signal::HUP);
        until("files", &process, || key(&folder).is_some()).await;
        stop(process).await;
    }
}

#[tokio::test]
async fn what_somebody_has_changed_is_put_right() {
    let machine = Machine::start().await;
    let folder = folder(&machine);
    let process = Process::spawn(daemon(&machine, &["--interval", "1"], &[]));
    until("files", &process, || folder.join(LOGSTASH).exists()).await;
    let before = ALL.map(|name| read(&folder, name));
    std::fs::remove_file(folder.join(LOGSTASH)).unwrap();
    std::fs::write(folder.join(ENV), "export AWS_ACCESS_KEY_ID=other\n").unwrap();
    std::fs::set_permissions(folder.join(JSON), std::fs::Permissions::from_mode(0o644)).unwrap();
    let is_right = || {
        folder.join(LOGSTASH).exists()
            && ALL.map(|name| read(&folder, name)) == before
            && ALL.iter().all(|name| mode(&folder.join(name)) == 0o600)
    };
    until("right again", &process, is_right).await;
    std::fs::remove_dir_all(&folder).unwrap();
    until("all there again", &process, || folder.join(LOGSTASH).exists()).await;
    stop(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_when_the_files_are_there() {
    let machine = Machine::start().await;
    let path = machine.home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let next = || {
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).expect("a datagram");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let wait_for = async |what: &str| {
        loop {
            let message = tokio::task::block_in_place(next);
            if message.starts_with(what) {
                return message;
            }
            assert!(!message.starts_with("READY"), "{message} before {what}");
        }
    };
    machine.service.upstream.break_service(Upstream::Token, Fault::Status(401, "{}".to_owned()));
    let changes = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let process = Process::spawn(daemon(&machine, &[], &changes));
    wait_for("WATCHDOG=1").await;
    wait_for("STATUS=no credentials: ").await;
    machine.service.upstream.mend();
    wait_for("READY=1").await;
    assert!(key(&folder(&machine)).is_some());
    let status = wait_for("STATUS=credentials valid until ").await;
    assert!(status.contains("; next refresh ") && !status.contains("CANARY"), "{status}");
    process.signal(Signal::HUP);
    wait_for("RELOADING=1\nMONOTONIC_USEC=").await;
    wait_for("READY=1").await;
    process.signal(Signal::TERM);
    wait_for("STOPPING=1").await;
    stop_ended(process).await;
}

async fn stop_ended(mut process: Process) {
    assert_eq!(process.exit_code().await, Some(0), "{}", process.output());
}

#[tokio::test]
async fn once_says_by_its_exit_code_why_there_is_nothing() {
    let machine = Machine::start().await;
    machine.service.upstream.break_service(Upstream::Token, Fault::Status(401, r#"{"error":"invalid_client"}"#.into()));
    assert_eq!(once(&machine, &[]).await.code(), Some(3));
    assert!(!folder(&machine).exists());
    machine.service.upstream.mend();
    let ran = crate::machine::run(daemon(&machine, &["--once"], &[("COGNITO_CLIENT_ID", "")])).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(ran.stderr().contains("COGNITO_CLIENT_ID"), "{}", ran.stderr());
    assert_eq!(once(&machine, &["--interval", "0"]).await.code(), Some(2));
}

/// There is no room for the new files: the old ones stay, and nothing is left lying about.
#[tokio::test]
async fn a_full_disk_keeps_the_old_files() {
    let machine = Machine::start().await;
    short_lived(&machine, 3600);
    assert_eq!(once(&machine, &[]).await.code(), Some(0));
    let folder = folder(&machine);
    let before = ALL.map(|name| read(&folder, name));
    let _ = std::fs::remove_dir_all(machine.cache());
    let credvend = daemon(&machine, &["--interval", "1"], &[]);
    // A write beyond the limit is an error, and no signal.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]).arg(credvend.get_program());
    command.args(credvend.get_args()).env_clear().envs(machine.environment());
    let mut process = Process::spawn(command);
    process.wait_for("; it is tried again in ").await;
    assert_eq!(ALL.map(|name| read(&folder, name)), before);
    let leftovers: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(leftovers.len(), 4, "{leftovers:?}");
    stop(process).await;
    assert_eq!(once(&machine, &[]).await.code(), Some(0));
    assert!(ALL.iter().zip(&before).all(|(name, old)| read(&folder, name) != *old));
}
