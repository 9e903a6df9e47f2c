//! Reload, stop, what consumers are told to set, and metrics that Prometheus reads.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::process::Process;
use tests::upstream::{Fault, Service as Upstream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Served, parse, token_file, write_config};
use crate::machine::Machine;

#[tokio::test]
async fn sighup_reads_the_configuration_again_and_keeps_what_is_valid() {
    let machine = Machine::start().await;
    let config = write_config(&machine, &[("a", "")]);
    let mut served = Served::on(machine, &["--config", config.to_str().unwrap()], &[]).await;
    served.ask("/credentials/a").await.credentials();
    let requests = served.machine.service.upstream.received(Upstream::Sts).len();

    write_config(&served.machine, &[("a", ""), ("b", "")]);
    served.process.signal(Signal::HUP);
    served.ask_until("/credentials/b", |reply| reply.status == 200).await.credentials();
    served.ask("/credentials/a").await.credentials();
    let fetched = served.machine.service.upstream.received(Upstream::Sts).len();
    assert_eq!(fetched, requests + 1, "only the new identity was fetched");

    std::fs::write(&config, "[identity.a]\nidp_typ = 'cognito'\n").unwrap();
    served.process.signal(Signal::HUP);
    let said = served.process.wait_for("the configuration is kept as it was: ").await;
    assert!(said.contains("`idp_typ` is not known (did you mean `idp_type`?)"), "{said}");
    served.ask("/credentials/b").await.credentials();

    std::fs::write(&config, "").unwrap();
    served.process.signal(Signal::HUP);
    served.process.wait_for("has no identity: add one").await;

    write_config(&served.machine, &[("b", "")]);
    served.process.signal(Signal::HUP);
    served.ask_until("/credentials/a", |reply| reply.status == 404).await;
    served.ask("/credentials").await.credentials();
}

/// While the identity provider refuses, each reload must not be one more request: it may lock the client out.
#[tokio::test]
async fn a_storm_of_reloads_is_not_one_of_requests() {
    const RELOADS: usize = 40;
    let scopes = |scope: &str| format!("cognito_scopes = '{scope}'");
    let (one, two) = (scopes("one"), scopes("two"));
    let [same, other] = [&one, &two].map(|scopes| vec![("a", scopes.as_str())]);
    for (what, files) in [
        ("the same file", [same.clone(), same.clone()]),
        ("another identity of the name", [same.clone(), other]),
        ("an identity that comes and goes", [same.clone(), vec![("a", one.as_str()), ("b", two.as_str())]]),
    ] {
        let machine = Machine::start().await;
        let refused = Fault::Status(400, r#"{"error":"invalid_client"}"#.into());
        machine.service.upstream.break_service(Upstream::Token, refused);
        let config = write_config(&machine, &files[0]);
        let mut served = Served::on(machine, &["--config", config.to_str().unwrap()], &[]).await;
        served.process.wait_for("invalid_client").await;
        let began = Instant::now();
        for n in 1..=RELOADS {
            write_config(&served.machine, &files[n % 2]);
            served.process.signal(Signal::HUP);
            while served.process.output().matches("the configuration was read again").count() < n {
                assert!(began.elapsed() < Duration::from_secs(60), "{}", served.process.output());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        // Of two identities: each at first, and then as their pauses after a failure have it, of half a second at least.
        let allowed = 4 + 4 * usize::try_from(began.elapsed().as_secs()).unwrap();
        let requests = served.machine.service.upstream.received(Upstream::Token).len();
        assert!(requests <= allowed, "{what}: {requests} requests for {RELOADS} reloads in {:?}", began.elapsed());
        served.machine.service.upstream.mend();
        write_config(&served.machine, &files[0]);
        served.process.signal(Signal::HUP);
        served.ask_until("/credentials/a", |reply| reply.status == 200).await;
    }
}

#[tokio::test]
async fn a_stop_is_clean_and_lets_requests_finish() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut served = Served::start(&[]).await;
        let token = served.token();
        // Half a request is there when the stop comes; an idle connection, too.
        let mut half = TcpStream::connect(&served.address).await.unwrap();
        let _idle = TcpStream::connect(&served.address).await.unwrap();
        half.write_all(format!("GET /credentials HTTP/1.1\r\nhost: {}\r\n", served.address).as_bytes()).await.unwrap();
        served.ask("/credentials").await.credentials();
        served.process.signal(signal);
        served.process.wait_for("stopping").await;
        half.write_all(format!("authorization: {token}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        half.read_to_string(&mut answer).await.unwrap();
        // What was not a whole request is told to come back, and what was one is answered whole.
        let reply = parse(&answer);
        if reply.status != 503 {
            reply.credentials();
        }
        assert_eq!(served.process.exit_code().await, Some(0));
        assert!(!token_file(&served.machine).exists(), "the token is worth nothing any more");
        assert!(TcpStream::connect(&served.address).await.is_err());
    }
}

#[tokio::test]
async fn the_token_file_for_a_group() {
    let served = Served::start(&["--token-file-mode", "0640"]).await;
    let mode = std::fs::metadata(token_file(&served.machine)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    for mode in ["0666", "0644x", "0040", "4755", "9"] {
        let arguments = ["serve", "--token-file", "/nonexistent", "--token-file-mode", mode];
        assert_eq!(served.machine.run(&arguments, &[]).await.code(), Some(2), "{mode}");
    }
}

#[tokio::test]
async fn what_a_consumer_sets() {
    let machine = Machine::start().await;
    let ran = machine.run(&["serve", "--token-file", "/run/it's/token", "--print-env", "--imds"], &[]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(
        ran.stdout(),
        "export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9911/credentials\n\
         export AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE='/run/it'\\''s/token'\n\
         export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9911/\n\
         export AWS_REGION=eu-west-1\nexport AWS_DEFAULT_REGION=eu-west-1\n"
    );
    let config = write_config(&machine, &[("a", ""), ("b", "")]);
    let config = config.to_str().unwrap();
    let common = ["--config", config, "serve", "--token-file", "/t", "--print-env"];
    let ran = machine.run(&common, &[]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("--identity: a, b"), "{}", ran.stderr());
    let ran = machine.run(&[&["--identity", "b", "--listen", "[::1]:80"][..], &common].concat(), &[]).await;
    assert_eq!(ran.code(), Some(2), "--listen belongs to serve");
    let ran = machine.run(&[&common[..], &["--identity", "b", "--listen", "[::1]:80"]].concat(), &[]).await;
    assert!(ran.stdout().contains("FULL_URI='http://[::1]:80/credentials/b'"), "{}", ran.stdout());
    for listen in ["unix:/run/a", "127.0.0.1:0"] {
        let ran = machine.run(&["serve", "--token-file", "/t", "--print-env", "--listen", listen], &[]).await;
        assert_eq!(ran.code(), Some(1), "{listen}");
    }
    assert_eq!(machine.run(&["serve", "--print-env"], &[]).await.code(), Some(1), "nothing would open it");
}

#[tokio::test]
async fn metrics_as_prometheus_reads_them() {
    let machine = Machine::start().await;
    let config = write_config(&machine, &[("api", ""), ("logs_b-1", "")]);
    let served = Served::on(machine, &["--config", config.to_str().unwrap()], &[]).await;
    served.ask("/credentials/api").await.credentials();
    served.get("/credentials/api", &[]).await;
    let ready = |reply: &super::Reply| {
        ["api", "logs_b-1"]
            .iter()
            .all(|name| reply.body.contains(&format!("credvend_ready{{identity=\"{name}\"}} 1\n")))
    };
    let metrics = served.ask_until("/metrics", ready).await;
    assert!(metrics.headers["content-type"].starts_with("text/plain; version=0.0.4"));
    for line in [
        concat!("credvend_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"),
        "credvend_requests_total{code=\"200\"} ",
        "credvend_requests_total{code=\"401\"} 1\n",
        "credvend_refreshes_total{identity=\"api\",result=\"success\"} 1\n",
        "credvend_credentials_expiry_timestamp_seconds{identity=\"api\"} ",
    ] {
        assert!(metrics.body.contains(line), "{line} is not in {}", metrics.body);
    }
    assert!(!metrics.body.contains("CANARY") && !metrics.body.contains(&served.token()));
    let Ok(mut promtool) = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn() else {
        return eprintln!("promtool is not installed: its check was skipped");
    };
    std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), metrics.body.as_bytes()).unwrap();
    assert!(promtool.wait().unwrap().success());
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let served = Served::start(&[]).await;
    let arguments = ["serve", "--listen", &served.address, "--token-file", "/nonexistent/token"];
    let mut second = Process::spawn(served.machine.command(&arguments, &[]));
    assert_eq!(second.exit_code().await, Some(1));
    assert!(second.output().contains("is it running already?"), "{}", second.output());
}
