//! `audit` and `report`: the lines that the real service wrote, from a log group and from a file.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tests::process::repository;

use super::Installation;

const GROUP: &str = "/aws/lambda/vending";
const HOSTILE: [&str; 3] = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(2)>", "a]]>&amp;\u{202e}\u{7}"];

#[tokio::test]
async fn who_got_what() {
    let mut installation = Installation::start().await;
    let server = installation.register("web-01").await;
    let other = installation.register("web-02").await;
    assert_eq!(installation.vend(&server).await.0, 200);
    assert_eq!(installation.vend(&other).await.0, 200);
    assert_eq!(installation.admin(&["clients", "disable", &other.id]).await.code(), Some(0));
    assert_eq!(installation.vend(&other).await.0, 403);
    let said = installation.lambda.stop().await;
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("\"decision\":")).collect();
    assert_eq!(lines.len(), 3, "{said}");
    in_the_log_group(&installation, &said).await;
    let (path, file) = file(&installation, &lines);
    questions(&installation, &server.id, &other.id, &file, lines[0]).await;
    from_elsewhere(&installation, &path).await;
    query_files(&installation, &lines);
    one_page(&installation, &other.id, &path).await;
}

/// All that the service wrote stands in its group, with Lambda's own lines between.
async fn in_the_log_group(installation: &Installation, said: &str) {
    let now = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let events: Vec<Value> = ["START RequestId: 1 Version: $LATEST", "half a li"]
        .into_iter()
        .chain(said.lines())
        .map(|line| json!([now, line]))
        .collect();
    installation.control("POST", "logs", json!({"group": GROUP, "events": events})).await;
}

fn file(installation: &Installation, lines: &[&str]) -> (PathBuf, String) {
    let path = installation.home.path().join("lines.jsonl");
    std::fs::write(&path, format!("{}\ngarbage\n\n{{\"time\":1}}\n", lines.join("\n"))).unwrap();
    (path.clone(), path.display().to_string())
}

async fn questions(installation: &Installation, one: &str, other: &str, file: &str, first: &str) {
    let line: Value = serde_json::from_str(first).unwrap();
    let key = line["access_key_id"].as_str().unwrap();
    let session = line["session_name"].as_str().unwrap();
    let arn = format!("arn:aws:sts::123456789012:assumed-role/credvend-web-01/{session}");
    for source in [["--log-group", GROUP], ["--file", file]] {
        let ask = |arguments: &[&str]| {
            [&["audit"][..], &source, arguments].concat().iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()
        };
        for (arguments, count) in [
            (&[][..], 3),
            (&["--client", other][..], 2),
            (&["--client", "nobody"][..], 0),
            (&["--access-key", key][..], 1),
            (&["--session", session][..], 1),
            (&["--session", &arn][..], 1),
            (&["--since", "1h"][..], 3),
            (&["--until", "2020-01-01", "--since", "2019-01-01"][..], 0),
            (&["--prefix", "logs/web-01/2026/"][..], 1),
            (&["--prefix", "logs"][..], 2),
            (&["--prefix", "data/"][..], 0),
        ] {
            let words = ask(arguments);
            let found = installation.json(&words.iter().map(String::as_str).collect::<Vec<_>>()).await;
            let found = found.as_array().unwrap();
            assert_eq!(found.len(), count, "{words:?}");
            assert!(found.iter().all(|line| line.get("_aws").is_none() && line["request_id"].is_string()), "{found:?}");
        }
        let words = ask(&["--access-key", key]);
        let ran = installation.admin(&words.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let request = line["request_id"].as_str().unwrap();
        assert!(ran.stdout().contains(one) && ran.stdout().contains(request), "{}", ran.stdout());
        assert!(ran.stderr().contains("were no audit lines"), "garbage is told: {}", ran.stderr());
    }
    let table = installation.admin(&["audit", "--file", file]).await.stdout();
    assert!(table.starts_with("TIME") && table.contains("deny client_disabled"), "{table}");
    // Throttled, and then not: the answer is whole.
    installation
        .control("POST", "faults", json!({"api": "logs:FilterLogEvents", "kind": "status", "status": 400, "count": 2}))
        .await;
    assert_eq!(installation.json(&["audit", "--log-group", GROUP]).await.as_array().unwrap().len(), 3);
    let missing = installation.admin(&["audit", "--log-group", "/nowhere"]).await;
    assert!(missing.code() == Some(1) && missing.stderr().contains("--log-group"), "{}", missing.stderr());
    let nowhere = installation.admin(&["audit"]).await;
    assert!(nowhere.code() == Some(1) && nowhere.stderr().contains("--log-group"), "{}", nowhere.stderr());
    let third = installation.register("web-03").await;
    let unused = installation.json(&["audit", "--log-group", GROUP, "--unused", "90d"]).await;
    let ids: Vec<_> = unused.as_array().unwrap().iter().map(|one| one["client_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [third.id]);
}

/// A file needs no AWS: no region, no credentials, no table.
async fn from_elsewhere(installation: &Installation, path: &PathBuf) {
    let mut command = installation.command(&["audit", "--file", "-", "--json"], &[]);
    command.env_clear().stdin(std::fs::File::open(path).unwrap());
    let ran = crate::machine::run(command).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(serde_json::from_str::<Vec<Value>>(&ran.stdout()).unwrap().len(), 3);
}

/// The queries that operators copy, on the lines that the service wrote and on events of CloudTrail.
fn query_files(installation: &Installation, lines: &[&str]) {
    let python = repository().join(".tools/sqlglot/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup --sqlglot", python.display());
    let input = installation.home.path().join("written.jsonl");
    std::fs::write(&input, lines.join("\n")).unwrap();
    let output =
        Command::new(python).arg(repository().join("tests/audit-queries/run.py")).arg(&input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whatever a client is called, the page loads nothing, runs nothing, and shows the name as text.
async fn one_page(installation: &Installation, other: &str, path: &PathBuf) {
    let mut lines = std::fs::read_to_string(path).unwrap();
    for name in HOSTILE {
        let line = json!({"time": u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap(), "decision": "deny",
            "code": name, "client_id": name, "issuer": name, "server_name": name, "reason": name, "access_key_id": name});
        let vend = json!({"time": line["time"], "decision": "allow", "code": "ok", "client_id": name, "access_key_id": "ASIA", "LatencyMs": 5.5});
        lines = format!("{lines}{line}\n{vend}\n");
    }
    std::fs::write(path, lines).unwrap();
    assert_eq!(installation.admin(&["clients", "expire", other, "+3d"]).await.code(), Some(0));
    let html = installation.home.path().join("report.html").display().to_string();
    let source = path.display().to_string();
    let said = installation.json(&["report", "--html", &html, "--file", &source]).await;
    assert_eq!((&said["vends"], &said["denials"], &said["lines"]), (&json!(5), &json!(4), &json!(9)), "{said}");
    assert_eq!(said["expiring"], json!([other]));
    let page = std::fs::read_to_string(&html).unwrap();
    let (_, body) = page.split_once("<body>").unwrap();
    for tag in ["<script", "<img", "<link", "<iframe", "<style", "<a ", "style=\""] {
        assert!(!body.contains(tag), "{tag}");
    }
    assert!(!page.contains(['\u{202e}', '\u{7}']) && !page.contains("@import") && !page.contains("url("));
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    for text in ["&lt;script&gt;alert(1)&lt;/script&gt;", "&quot;&gt;&lt;img", "web-03", "client_disabled", other] {
        assert!(body.contains(text), "{text}");
    }
    let checked = Command::new(repository().join(".tools/venv/bin/python"))
        .arg(repository().join("tests/it/admin/check_page.py"))
        .arg(&html)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    for (unwritable, problem) in [("/nonexistent/r.html", "No such file"), ("/tmp", "not a regular file")] {
        let ran = installation.admin(&["report", "--html", unwritable, "--file", &source]).await;
        assert!(ran.code() == Some(1) && ran.stderr().contains(problem), "{}", ran.stderr());
    }
}
