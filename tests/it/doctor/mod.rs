//! `credvend doctor`: every hop broken in turn names itself, and the fix. `shipper…` have `--shipper`.

mod shipper_profiles;
mod shipper_units;
mod shippers;

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tests::http_server::{HttpServer, Received, Reply, closed_port};
use tests::upstream::{Fault, Service as Upstream, sts_error};

use crate::machine::{Machine, Ran};
use crate::service::CLIENT_ID;

/// One line of `doctor --json`.
pub struct Line(Value);

impl Line {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// Hop and verdict.
    fn outcome(&self) -> (&str, &str) {
        (self.text("hop"), self.text("verdict"))
    }
}

fn lines(ran: &Ran) -> Vec<Line> {
    let stdout = ran.stdout();
    assert!(!stdout.contains("CANARY") && !ran.stderr().contains("CANARY"), "{stdout}{}", ran.stderr());
    let parse = |line: &str| Line(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    stdout.lines().map(parse).collect()
}

/// The first line of this hop.
fn line<'a>(lines: &'a [Line], hop: &str) -> &'a Line {
    let hops = || lines.iter().map(|line| line.0.to_string()).collect::<Vec<_>>().join("\n");
    lines.iter().find(|line| line.text("hop") == hop).unwrap_or_else(|| panic!("no hop {hop}:\n{}", hops()))
}

fn first_failure(lines: &[Line]) -> &str {
    lines.iter().find(|line| line.text("verdict") == "fail").map_or("none", |line| line.text("hop"))
}

/// STS with the first answer, and S3 with the others in their order; the last one stays.
struct Aws {
    server: HttpServer,
    received: Arc<Mutex<Vec<Received>>>,
}

type Answer = (u16, Vec<(String, String)>, String);

const IDENTITY: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/\
                        r/s</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>";

impl Aws {
    async fn start(answers: &[Answer]) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, answers) = (Arc::clone(&received), answers.to_vec());
        let server = HttpServer::start(move |request| {
            let mut log = log.lock().unwrap();
            let is_sts = request.method == "POST";
            log.push(request);
            let of_s3 = log.iter().filter(|request| request.method != "POST").count();
            let (status, headers, body) = answers[if is_sts { 0 } else { of_s3.min(answers.len() - 1) }].clone();
            std::future::ready(Reply::Whole(status, headers, body.into_bytes()))
        })
        .await;
        Self { server, received }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn answer(status: u16, body: &str) -> Answer {
    (status, Vec::new(), body.to_owned())
}

fn s3_error(status: u16, code: &str) -> Answer {
    answer(status, &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>"))
}

/// With these answers of STS and S3, and more options.
async fn doctor(machine: &Machine, aws: &Aws, options: &[&str], changes: &[(&str, &str)]) -> Ran {
    let url = aws.server.url();
    let changes = [&[("AWS_ENDPOINT_URL", url.as_str())][..], changes].concat();
    machine.run(&[&["doctor", "--json"][..], options].concat(), &changes).await
}

#[tokio::test]
async fn every_hop_is_named_when_it_is_broken() {
    let machine = Machine::start().await;
    let aws = Aws::start(&[answer(200, IDENTITY), answer(200, "<ListBucketResult/>")]).await;
    let ran = doctor(&machine, &aws, &[], &[]).await;
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    let hops: Vec<_> = lines(&ran).iter().map(|line| line.text("hop").to_owned()).collect();
    let walk = "configuration proxy CA secret cache API clock token claims explain credentials identity S3";
    assert_eq!(hops.join(" "), walk);

    let nobody = closed_port().await;
    for (hop, code, changes) in [
        ("configuration", 1, vec![("COGNITO_CLIENT_ID", "")]),
        ("configuration", 1, vec![("AWS_ENDPOINT_URL_S3", "http://10.0.0.1/")]),
        ("TLS", 1, vec![("SSL_CERT_FILE", "/nonexistent/ca.pem")]),
        ("secret", 1, vec![("COGNITO_CLIENT_SECRET", ""), ("COGNITO_CLIENT_SECRET_FILE", "/nonexistent/secret")]),
        ("cache", 1, vec![("CREDVEND_CACHE_DIR", "/proc/nonexistent")]),
        ("API", 4, vec![("COGNITO_CREDENTIAL_API_URL", nobody.as_str())]),
        ("token", 4, vec![("COGNITO_TOKEN_ENDPOINT", nobody.as_str())]),
        ("identity", 4, vec![("AWS_ENDPOINT_URL_STS", nobody.as_str())]),
        ("S3", 4, vec![("AWS_ENDPOINT_URL_S3", nobody.as_str())]),
    ] {
        let ran = doctor(&machine, &aws, &[], &changes).await;
        let lines = lines(&ran);
        assert_eq!((first_failure(&lines), ran.code()), (hop, Some(code)), "{changes:?}: {}", ran.stdout());
    }
    let broken = [
        ("token", 3, Upstream::Token, Fault::Status(400, r#"{"error":"invalid_client"}"#.into())),
        ("explain", 4, Upstream::DynamoDb, Fault::Status(500, String::new())),
        ("credentials", 4, Upstream::Sts, Fault::Status(403, sts_error("AccessDenied", "no"))),
    ];
    for (hop, code, service, fault) in broken {
        machine.service.upstream.break_service(service, fault);
        let ran = doctor(&machine, &aws, &[], &[]).await;
        machine.service.upstream.mend();
        assert_eq!((first_failure(&lines(&ran)), ran.code()), (hop, Some(code)), "{}", ran.stdout());
    }
    machine.service.upstream.set_token("an-opaque-token");
    assert_eq!(first_failure(&lines(&doctor(&machine, &aws, &[], &[]).await)), "claims");
    machine.service.upstream.set_token(&crate::service::token());
    machine.service.upstream.delete_item(CLIENT_ID);
    let ran = doctor(&machine, &aws, &[], &[]).await;
    assert_eq!((first_failure(&lines(&ran)), ran.code()), ("explain", Some(3)));
}

/// Each code of AWS has its own fix.
#[tokio::test]
async fn what_aws_refuses_is_told_with_the_fix() {
    let machine = Machine::start().await;
    let identity = answer(200, IDENTITY);
    for (answers, hop, code, fix) in [
        (vec![answer(403, &sts_error("InvalidClientTokenId", "x"))], "identity", 3, "AWS_REGION"),
        (vec![answer(403, &sts_error("SignatureDoesNotMatch", "Signature expired"))], "identity", 1, "clock"),
        (vec![answer(403, &sts_error("ExpiredToken", "x"))], "identity", 3, "clocks"),
        (vec![answer(503, "")], "identity", 4, "try again"),
        (vec![answer(200, "<html>captive portal</html>")], "identity", 1, "what answers"),
        (vec![identity.clone(), s3_error(404, "NoSuchBucket")], "S3", 1, "S3_BUCKET"),
        (vec![identity.clone(), s3_error(301, "PermanentRedirect")], "S3", 1, "another region"),
        (vec![identity.clone(), s3_error(403, "RequestTimeTooSkewed")], "S3", 1, "clock"),
        (vec![identity.clone(), s3_error(503, "SlowDown")], "S3", 4, "try again"),
    ] {
        let aws = Aws::start(&answers).await;
        let ran = doctor(&machine, &aws, &[], &[]).await;
        let lines = lines(&ran);
        assert_eq!((first_failure(&lines), ran.code()), (hop, Some(code)), "{}", ran.stdout());
        assert!(line(&lines, hop).text("fix").contains(fix), "{}", ran.stdout());
    }
    let region = ("x-amz-bucket-region".to_owned(), "eu-north-1".to_owned());
    let aws = Aws::start(&[identity, (400, vec![region], s3_error(400, "AuthorizationHeaderMalformed").2)]).await;
    let ran = doctor(&machine, &aws, &[], &[]).await;
    assert!(line(&lines(&ran), "S3").text("detail").contains("eu-north-1"), "{}", ran.stdout());
}

/// Nothing is written unless it is asked for, and what cannot be told is not called well.
#[tokio::test]
async fn s3_is_tried_on_the_identity_s_own_prefix() {
    let machine = Machine::start().await;
    let aws = Aws::start(&[answer(200, IDENTITY), s3_error(403, "AccessDenied")]).await;
    let ran = doctor(&machine, &aws, &[], &[]).await;
    let s3 = lines(&ran);
    assert_eq!((line(&s3, "S3").outcome(), ran.code()), (("S3", "warn"), Some(0)));
    assert!(line(&s3, "S3").text("fix").contains("--write-probe"));
    let requests = aws.received();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].method, "GET");
    assert_eq!(requests[1].path, "/example-bucket/?list-type=2&max-keys=1&prefix=logs%2Fserver-01%2F");
    for request in requests {
        assert!(request.headers["authorization"].starts_with("AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/"));
        assert!(request.headers.contains_key("x-amz-security-token"));
    }

    let denied = || s3_error(403, "AccessDenied");
    let ok = || answer(200, "");
    for (answers, verdict, detail) in [
        ([ok(), ok(), answer(204, "")], "ok", "can be written, read, deleted"),
        ([ok(), denied(), denied()], "ok", "can be written, not read, not deleted: the empty object stays"),
        ([denied(), denied(), denied()], "fail", "s3://example-bucket/logs/server-01/.credvend-doctor"),
    ] {
        let aws = Aws::start(&[&[answer(200, IDENTITY)][..], &answers].concat()).await;
        let lines = lines(&doctor(&machine, &aws, &["--write-probe"], &[]).await);
        let line = line(&lines, "S3");
        assert_eq!(line.text("verdict"), verdict);
        assert!(line.text("detail").contains(detail), "{}", line.0);
        let requests = aws.received();
        let methods: Vec<_> = requests[1..].iter().map(|request| request.method.as_str()).collect();
        assert_eq!(methods, if verdict == "ok" { vec!["PUT", "GET", "DELETE"] } else { vec!["PUT"] });
        let put = &requests[1];
        assert_eq!((put.path.as_str(), put.body.len()), ("/example-bucket/logs/server-01/.credvend-doctor", 0));
        assert!(put.headers["authorization"].contains("x-amz-checksum-sha256"), "what S3 reads is signed");
        assert_eq!(put.headers["if-none-match"], "*", "nobody's object is replaced");
    }
    let aws = Aws::start(&[answer(200, IDENTITY), s3_error(412, "PreconditionFailed")]).await;
    let there = lines(&doctor(&machine, &aws, &["--write-probe"], &[]).await);
    assert_eq!(line(&there, "S3").outcome(), ("S3", "ok"));
    assert!(line(&there, "S3").text("detail").contains("it is left alone"), "{}", line(&there, "S3").0);
    assert_eq!(aws.received().len(), 2, "neither read nor deleted");

    for (prefix, is_told) in [("logs/server-01/deeper", false), ("logs/server-010", true)] {
        let changes = [("S3_BUCKET", "example-bucket"), ("S3_PATH_PREFIX", prefix)];
        let ran = doctor(&machine, &aws, &[], &changes).await;
        assert_eq!(ran.stdout().contains("does not lie under `logs/server-01/`"), is_told, "{}", ran.stdout());
    }
    // S3 decides: where it denies what lies outside, nothing can be written there.
    let outside = [("S3_BUCKET", "example-bucket"), ("S3_PATH_PREFIX", "logs/server-02")];
    let inside = [("S3_BUCKET", "example-bucket"), ("S3_PATH_PREFIX", "logs/server-01/deeper")];
    for (s3, changes, code) in
        [(denied(), outside, 1), (denied(), inside, 0), (answer(200, "<ListBucketResult/>"), outside, 0)]
    {
        let aws = Aws::start(&[answer(200, IDENTITY), s3]).await;
        let ran = doctor(&machine, &aws, &[], &changes).await;
        assert_eq!(ran.code(), Some(code), "{changes:?}: {}", ran.stdout());
        assert_eq!(ran.stdout().contains("lies outside the identity's prefix"), code == 1, "{}", ran.stdout());
    }
    let changes = [("S3_BUCKET", "mine"), ("S3_PATH_PREFIX", "a b/+")];
    doctor(&machine, &aws, &[], &changes).await;
    assert_eq!(aws.received().last().unwrap().path, "/mine/?list-type=2&max-keys=1&prefix=a+b%2F%2B%2F");
}

#[tokio::test]
async fn a_wrong_clock_is_a_warning_and_then_a_failure() {
    let machine = Machine::start().await;
    let aws = Aws::start(&[answer(200, IDENTITY)]).await;
    for (seconds, verdict) in [(30, "ok"), (-30, "ok"), (90, "warn"), (-90, "warn"), (400, "fail"), (-400, "fail")] {
        let at = format!("@{}", tests::token::now().cast_signed() + seconds);
        let date = std::process::Command::new("date").args(["-u", "-d", &at, "+%a, %d %b %Y %H:%M:%S GMT"]).output();
        let date = String::from_utf8(date.unwrap().stdout).unwrap().trim().to_owned();
        let api = Aws::start(&[(200, vec![("date".to_owned(), date)], "{}".to_owned())]).await;
        let ran = doctor(&machine, &aws, &[], &[("COGNITO_CREDENTIAL_API_URL", &api.server.url())]).await;
        let lines = lines(&ran);
        assert_eq!(line(&lines, "clock").text("verdict"), verdict, "{seconds}: {}", ran.stdout());
        if verdict != "ok" {
            assert!(line(&lines, "clock").text("fix").contains("NTP"));
        }
    }
}

#[tokio::test]
async fn proxy_and_authorities_are_named_and_a_proxy_s_password_is_not() {
    let machine = Machine::start().await;
    let aws = Aws::start(&[answer(200, IDENTITY)]).await;
    let bundle = "/etc/ssl/certs/ca-certificates.crt";
    let proxy = "http://user:CANARY-password@proxy.example.com:3128";
    let changes = [("HTTPS_PROXY", proxy), ("NO_PROXY", "a.example"), ("AWS_CA_BUNDLE", bundle)];
    let lines = lines(&doctor(&machine, &aws, &[], &changes).await);
    let (proxy, authorities) = (line(&lines, "proxy").text("detail"), line(&lines, "CA").text("detail"));
    assert!(proxy.contains("through http://proxy.example.com:3128") && proxy.contains("a.example"), "{proxy}");
    assert!(authorities.ends_with(bundle), "{authorities}");
}
