//! What the files hold, and when.

use serde_json::{Value, json};
use tests::process::Process;
use tests::token::now;
use tests::upstream::{Fault, SECRET_ACCESS_KEY, SESSION_TOKEN, Service as Upstream, assume_role_calls};

use super::*;
use crate::machine::run;

#[tokio::test]
async fn four_files_that_their_readers_understand() {
    let machine = Machine::start().await;
    assert_eq!(once(&machine, &[]).await.code(), Some(0));
    let folder = folder(&machine);
    let key = key(&folder).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();

    let mut bash = Command::new("bash");
    let print = "printf '%s|%s|%s' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\"";
    bash.args(["-c", &format!(". '{}' && bash -c '{}'", file(ENV), print.replace('\'', "'\\''"))]).env_clear();
    assert_eq!(run(bash).await.stdout(), format!("{key}|{SECRET_ACCESS_KEY}|{SESSION_TOKEN}"));

    let script = "import boto3; c = boto3.Session().get_credentials().get_frozen_credentials(); \
                  print(c.access_key, c.secret_key, c.token, sep='|')";
    let expected = format!("{key}|{SECRET_ACCESS_KEY}|{SESSION_TOKEN}\n");
    let shared = run(python(&machine, script, &[("AWS_SHARED_CREDENTIALS_FILE", &file(CREDENTIALS))])).await;
    assert_eq!(shared.stdout(), expected, "{}", shared.stderr());

    let config = machine.home.path().join("config");
    std::fs::write(&config, format!("[default]\ncredential_process = cat {}\n", file(JSON))).unwrap();
    let process = run(python(&machine, script, &[("AWS_CONFIG_FILE", config.to_str().unwrap())])).await;
    assert_eq!(process.stdout(), expected, "{}", process.stderr());

    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let mut yaml = python(&machine, script, &[]);
    yaml.arg(file(LOGSTASH));
    let logstash: Value = serde_json::from_str(&run(yaml).await.stdout()).unwrap();
    let expected =
        json!({":access_key_id": key, ":secret_access_key": SECRET_ACCESS_KEY, ":session_token": SESSION_TOKEN});
    assert_eq!(logstash, expected);

    let mut json: Value = serde_json::from_str(&read(&folder, JSON)).unwrap();
    for name in ["access_key_id", "secret_access_key", "session_token", "expiration", "region"] {
        assert!(json.as_object_mut().unwrap().remove(name).is_some(), "{name}");
    }
    assert_eq!(json, machine.get_credentials().await.credentials(), "the cache is shared");
    assert_eq!(assume_role_calls(&machine.service.upstream).len(), 1);
    assert_eq!(machine.service.upstream.received(Upstream::Token).len(), 1);
}

/// What the programs of the deployments that exist look for, by where the region is known from.
#[tokio::test]
async fn the_kept_shapes_have_the_region() {
    for (region, expected) in [("eu-west-1", "eu-west-1"), ("us-gov-west-1", "us-gov-west-1"), ("", "eu-west-1")] {
        let machine = Machine::start().await;
        let ran = run(daemon(&machine, &["--once"], &[("AWS_REGION", region)])).await;
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        let folder = folder(&machine);
        let env = read(&folder, ENV);
        for line in [format!("export AWS_REGION={expected}"), "export AWS_ACCOUNT_ID=123456789012".to_owned()] {
            assert!(env.lines().any(|found| found == line), "{line} is not in {env}");
        }
        let json: Value = serde_json::from_str(&read(&folder, JSON)).unwrap();
        assert_eq!((&json["region"], &json["access_key_id"]), (&expected.into(), &json["AccessKeyId"]), "{json}");
        assert_eq!((&json["expiration"], &json["AccountId"]), (&json["Expiration"], &"123456789012".into()), "{json}");
        let profile = read(&folder, CREDENTIALS);
        for line in [format!("region = {expected}"), "aws_account_id = 123456789012".to_owned()] {
            assert!(profile.lines().any(|found| found == line), "{line} is not in {profile}");
        }
        let script = "import boto3; s = boto3.Session(); print(s.region_name)";
        let shared = folder.join(CREDENTIALS).display().to_string();
        let boto = run(python(&machine, script, &[("AWS_SHARED_CREDENTIALS_FILE", &shared)])).await;
        assert_eq!(boto.stdout().trim(), expected, "{}", boto.stderr());
    }
}

#[tokio::test]
async fn the_environment_file_for_systemd_and_docker() {
    let machine = Machine::start().await;
    assert_eq!(once(&machine, &["--env-format", "plain"]).await.code(), Some(0));
    let lines = read(&folder(&machine), ENV);
    let names: Vec<_> = lines.lines().map(|line| line.split('=').next().unwrap()).collect();
    let expected = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_ACCOUNT_ID",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ];
    assert_eq!(names, expected);
    assert!(!lines.contains(['\'', '"']));
}

#[tokio::test]
async fn other_profiles_stay_byte_for_byte() {
    let machine = Machine::start().await;
    let folder = folder(&machine);
    std::fs::create_dir_all(&folder).unwrap();
    let before = b"\xef\xbb\xbf# mine\r\n[work]\r\naws_access_key_id=AKIA\xff\r\n\r\n[ship er]\nregion = \xc3\xa9\n\
                   [shipper]\naws_access_key_id = old\naws_session_token = old\noutput = json\n\n; end\n[z]\n\tx = 1";
    std::fs::write(folder.join(CREDENTIALS), before).unwrap();
    assert_eq!(once(&machine, &["--profile", "shipper"]).await.code(), Some(0));
    let after = std::fs::read(folder.join(CREDENTIALS)).unwrap();
    let ours = format!(
        "output = json\r\naws_access_key_id = {}\r\naws_secret_access_key = {SECRET_ACCESS_KEY}\r\n\
         aws_session_token = {SESSION_TOKEN}\r\naws_account_id = 123456789012\r\nregion = eu-west-1\r\n",
        key(&folder).unwrap()
    );
    let ours = ours.replacen("json\r\n", "json\n", 1);
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    let expected = text(before).replace("aws_access_key_id = old\naws_session_token = old\noutput = json\n", &ours);
    assert_eq!(text(&after), expected);
    let refused = once(&machine, &["--profile", "a]\n[b"]).await;
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr());
}

/// Every profile of ten daemons that write one file at once is there in the end.
#[tokio::test]
async fn daemons_that_share_a_file_lose_nothing() {
    let machine = Machine::start().await;
    let mut runs = tokio::task::JoinSet::new();
    for number in 0..10 {
        runs.spawn(run(daemon(&machine, &["--once", "--profile", &format!("p{number}")], &[])));
    }
    while let Some(ran) = runs.join_next().await {
        let ran = ran.unwrap();
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    }
    let text = read(&folder(&machine), CREDENTIALS);
    for number in 0..10 {
        assert_eq!(text.matches(&format!("[p{number}]\n")).count(), 1, "{text}");
    }
}

/// A reader looks all the time, while the credentials are replaced every two seconds.
#[tokio::test]
async fn readers_never_see_a_torn_file_or_an_expired_one() {
    let machine = Machine::start().await;
    short_lived(&machine, 5);
    let folder = folder(&machine);
    let process = Process::spawn(daemon(&machine, &[], &[]));
    until("files", &process, || folder.join(LOGSTASH).exists()).await;
    let mut seen = std::collections::BTreeSet::new();
    until("five keys", &process, || {
        let before = now();
        let json: Value = serde_json::from_str(&read(&folder, JSON)).unwrap();
        let expiration = json["Expiration"].as_str().unwrap();
        assert!(expiration > rfc3339(before).as_str(), "{expiration} was read at {}", rfc3339(before));
        for name in ALL {
            let text = read(&folder, name);
            let whole = [SECRET_ACCESS_KEY, SESSION_TOKEN].iter().all(|part| text.contains(part));
            assert!(whole && text.ends_with('\n'), "{name}: {text}");
        }
        seen.insert(json["AccessKeyId"].as_str().unwrap().to_owned());
        seen.len() == 5
    })
    .await;
    stop(process).await;
}

#[tokio::test]
async fn files_appear_when_the_identity_provider_does() {
    let machine = Machine::start().await;
    let folder = folder(&machine);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(JSON), "of yesterday").unwrap();
    machine.service.upstream.break_service(Upstream::Token, Fault::Status(503, String::new()));
    let mut process = Process::spawn(daemon(&machine, &[], &[]));
    process.wait_for("/oauth2/token answered 503").await;
    assert_eq!(read(&folder, JSON), "of yesterday", "what nothing is better than stays");
    machine.service.upstream.mend();
    until("files", &process, || read(&folder, JSON).starts_with('{')).await;
    stop(process).await;
}

/// Nothing new can be had beyond the end of what there is: it stays, is told, and is replaced as soon as it can be.
#[tokio::test]
async fn an_outage_that_outlives_the_credentials() {
    let machine = Machine::start().await;
    short_lived(&machine, 4);
    let folder = folder(&machine);
    let process = Process::spawn(daemon(&machine, &[], &[]));
    until("files", &process, || key(&folder).is_some()).await;
    machine.service.upstream.break_service(Upstream::Sts, Fault::Status(503, String::new()));
    let ends = json_of(&folder)["Expiration"].as_str().unwrap().to_owned();
    let last = key(&folder);
    until("the end", &process, || rfc3339(now()) > ends || key(&folder) != last).await;
    let last = read(&folder, JSON);
    let failures = || process.output().matches("sts_unavailable").count();
    let before = failures();
    until("another failure", &process, || failures() > before).await;
    assert_eq!(read(&folder, JSON), last);
    machine.service.upstream.mend();
    until("fresh files", &process, || read(&folder, JSON) != last).await;
    stop(process).await;
}

fn json_of(folder: &Path) -> Value {
    serde_json::from_str(&read(folder, JSON)).expect("JSON")
}

/// Compares as text.
fn rfc3339(at: u64) -> String {
    crate::machine::rfc3339(at.cast_signed() - now().cast_signed())
}
