//! Nothing is decided without a line on record, and a reader that stands still stops no other request.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use serde_json::{Value, json};
use tests::upstream::Service as Upstream;

use crate::events::join_all;
use crate::service::{Answer, Function, Service, token, token_with};

fn full_disk() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").expect("Linux has it").into()
}

fn check<'a>(ready: &'a Answer, name: &str) -> &'a Value {
    let checks = ready.body["checks"].as_array().expect("a list");
    checks.iter().find(|check| check["check"] == name).expect("every check is listed")
}

/// Waits for a condition that must come true, and be it late on a loaded machine.
async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A full disk: every decision is 503, a denial too, since it would be missing from the record as well.
#[tokio::test]
async fn without_room_for_its_line_nothing_is_decided() {
    let service = Service::start_with_stdout(full_disk()).await;
    let explain = service.request("POST", "/explain").bearer_auth(token());
    for (name, answer) in [
        ("a vend", service.vend(&token()).await),
        ("once more", service.vend(&token()).await),
        ("a vend to an SDK", service.send(service.request("GET", "/credentials").bearer_auth(token())).await),
        ("a denial", service.vend(&token_with(json!({"exp": 1}))).await),
        ("no token", service.send(service.request("POST", "/credentials")).await),
        ("an explanation", service.send(explain).await),
    ] {
        assert_eq!(answer.verdict(), (503, "audit_unavailable"), "{name}: {}", answer.body);
        assert_eq!(answer.body["retryable"], true, "{name}");
        assert!(!answer.header("retry-after").is_empty(), "{name}");
        assert!(!answer.body.to_string().contains("CANARY"), "{name}");
    }
    assert_eq!(service.send(service.request("GET", "/health")).await.status, 200);
    let ready = service.send(service.request("GET", "/ready")).await;
    assert_eq!((ready.status, &check(&ready, "audit")["ready"]), (503, &json!(false)), "{}", ready.body);
    assert_eq!(check(&ready, "sts")["ready"], true);
}

#[tokio::test]
async fn without_room_for_its_line_a_lambda_decides_nothing_either() {
    let function = Function::start_with_stdout(full_disk()).await;
    for _ in 0..2 {
        let response = function.runtime.invoke_json(&json!({"access_token": token()})).await;
        assert_eq!(response["statusCode"], 503, "{response}");
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["error"], "audit_unavailable");
    }
}

/// A reader that goes away, and another one that comes: without a request whose line shows it, too.
#[tokio::test]
async fn a_reader_that_comes_back_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let reader = || {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        OpenOptions::new().read(true).custom_flags(flags).open(&path).unwrap()
    };
    let first = reader();
    let service = Service::start_with_stdout(File::options().write(true).open(&path).unwrap().into()).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    drop(first);
    assert_eq!(service.vend(&token()).await.verdict(), (503, "audit_unavailable"));
    let ready = || async { service.send(service.request("GET", "/ready")).await.status };
    until("it was ready without a reader", || async { ready().await == 503 }).await;
    let second = reader();
    until("it did not notice the reader", || async { ready().await == 200 }).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    drop(second);
}

/// A pipe that nobody reads holds 64 KiB. Afterwards decisions fail, and nothing else does.
#[tokio::test]
async fn a_pipe_that_nobody_reads_stops_decisions_and_nothing_else() {
    let mut service = Service::start_with_stdout(Stdio::piped()).await;
    let mut vended = HashSet::new();
    loop {
        let answer = service.vend(&token()).await;
        if answer.status != 200 {
            assert_eq!(answer.verdict(), (503, "audit_unavailable"));
            break;
        }
        vended.insert(answer.body["request_id"].as_str().unwrap().to_owned());
        assert!(vended.len() < 1000, "a pipe has an end");
    }
    assert!(!vended.is_empty());
    // More than the queue holds, from callers without a token: they take nothing from anybody.
    for _ in 0..12 {
        let anonymous = (0..50).map(|_| service.send(service.request("POST", "/credentials")));
        for answer in join_all(anonymous.collect()).await {
            assert_eq!(answer.verdict(), (503, "audit_unavailable"));
        }
        assert_eq!(service.send(service.request("GET", "/health")).await.status, 200);
    }
    let ready = service.send(service.request("GET", "/ready")).await;
    assert_eq!(check(&ready, "audit")["ready"], false, "{}", ready.body);

    let stdout = service.process.child.stdout.take().expect("piped");
    let reader = std::thread::spawn(move || BufReader::new(stdout).lines().collect::<Result<Vec<_>, _>>().unwrap());
    let healed = Mutex::new(HashSet::new());
    until("it did not heal", || async {
        let answer = service.vend(&token()).await;
        healed
            .lock()
            .unwrap()
            .extend(answer.body["request_id"].as_str().filter(|_| answer.status == 200).map(str::to_owned));
        answer.status == 200
    })
    .await;
    let healed = healed.into_inner().unwrap();
    assert_eq!(service.process.stop().await, "", "nothing is written to standard error");
    let lines = reader.join().unwrap();
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("a whole line")).collect();
    // The last line of a request is the truth: whoever got a 503 is not on record with an `allow`.
    let decisions = lines.iter().filter_map(|line| Some((line["request_id"].as_str()?, line["decision"].as_str()?)));
    let decisions: HashMap<_, _> = decisions.collect();
    let mut allowed = decisions.iter().filter(|(_, decision)| **decision == "allow").map(|(id, _)| *id);
    assert!(vended.iter().all(|id| decisions.get(id.as_str()) == Some(&"allow")), "a vend is missing from the record");
    assert!(allowed.all(|id| vended.contains(id) || healed.contains(id)), "a failed vend is on record as a vend");
    let corrected = lines.iter().filter(|line| line["code"] == "audit_unavailable").collect::<Vec<_>>();
    assert!(corrected.iter().any(|line| line["access_key_id"].is_string()), "credentials that were thrown away");
    assert!(corrected.iter().all(|line| line["decision"] == "error"), "{corrected:?}");
    let times: Vec<_> = lines.iter().filter_map(|line| line["time"].as_u64()).collect();
    assert!(times.first() <= times.last());
    assert!(!service.upstream.received(Upstream::Sts).is_empty());
}
