//! The vending Lambda and its peers under a runtime API on loopback; their cold starts.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::lambda_runtime::LambdaRuntime;
use tests::process::{Process, binary, repository};
use tests::token::{SigningKey, cognito_claims, jwk_set};
use tests::upstream::{Upstream, item};

use crate::machine;
use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples};
use crate::tls::{Authority, TlsFront};

pub const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestPool1";
pub const CLIENT_ID: &str = "1h57kf5cpq17m0eml12EXAMPLE";

const COLD_RUNS: usize = 60;
const COLD_RUNS_PYTHON: usize = 30;
#[derive(Clone, Copy, PartialEq)]
pub enum Function {
    Vending,
    Hello,
    Python,
}

impl Function {
    pub const ALL: [Self; 3] = [Self::Vending, Self::Hello, Self::Python];

    pub fn name(self) -> &'static str {
        match self {
            Self::Vending => "vending-lambda",
            Self::Hello => "hello world",
            Self::Python => "Python",
        }
    }

    fn command(self) -> Command {
        match self {
            Self::Vending => Command::new(binary("vending-lambda")),
            Self::Hello => Command::new(binary("hello-lambda")),
            Self::Python => {
                let mut command = Command::new(machine::python());
                command.arg(repository().join("tests/bench/python_lambda.py"));
                command
            }
        }
    }

    pub fn start(self, bench: &Bench, runtime: &LambdaRuntime) -> Process {
        let mut command = self.command();
        command.env_clear().envs(bench.environment()).envs(runtime.environment());
        Process::spawn(command)
    }
}

/// An item with every rule, all of which the benchmark's clients meet; one is observed.
pub fn every_rule() -> Value {
    json!({
        "issuer": {"S": ISSUER}, "source_cidrs": {"SS": ["127.0.0.0/8", "203.0.113.0/24", "2001:db8::/32"]},
        "allowed_scopes": {"SS": ["credvend-api/admin", "credvend-api/write"]}, "expires_at": {"N": "4102444800"},
        "session_policy": {"S": "s3-prefix"}, "s3_permissions": {"S": "full"}, "disabled": {"BOOL": false},
        "session_duration_seconds": {"N": "1800"}, "external_id": {"S": "an-external-id"},
        "observe": {"SS": ["expires_at"]},
    })
}

/// The service's own rules.
pub fn rules_of_the_service() -> Vec<(&'static str, String)> {
    [
        ("REQUIRED_SCOPES", "credvend-api/write credvend-api/read"),
        ("ALLOWED_AUDIENCES", "credvend"),
        ("RATE_LIMIT_PER_MINUTE", "1000000"),
        ("FAILURE_LIMIT_PER_MINUTE", "60"),
        ("OBSERVE_RULES", r#"{"source_cidrs":["somebody-else"]}"#),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// Canned upstream services, and the event that makes a vend.
pub struct Bench {
    upstream: Upstream,
    tls: Option<Tls>,
    event: String,
    /// Of the service, beside the usual ones.
    variables: Vec<(&'static str, String)>,
}

/// The same services as AWS has them: three hosts, TLS to each.
struct Tls {
    authority: Authority,
    jwks: TlsFront,
    dynamodb: TlsFront,
    sts: TlsFront,
}

impl Bench {
    pub async fn start() -> Self {
        Self::start_with(json!({}), Vec::new()).await
    }

    /// With these attributes in the client's item, and these variables of the service.
    pub async fn start_with(attributes: Value, variables: Vec<(&'static str, String)>) -> Self {
        let key = SigningKey::generate("key-1");
        let upstream = Upstream::start().await;
        upstream.set_jwks(jwk_set(&[&key]));
        upstream.put_item(CLIENT_ID, item(CLIENT_ID, attributes));
        let event = event(&key.token(&cognito_claims(ISSUER, CLIENT_ID))).to_string();
        Self { upstream, tls: None, event, variables }
    }

    async fn start_over_tls() -> anyhow::Result<Self> {
        let bench = Self::start().await;
        let (authority, behind) = (Authority::new()?, bench.upstream.server.address);
        let jwks = TlsFront::start(&authority, behind).await?;
        let dynamodb = TlsFront::start(&authority, behind).await?;
        let sts = TlsFront::start(&authority, behind).await?;
        Ok(Self { tls: Some(Tls { authority, jwks, dynamodb, sts }), ..bench })
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let plain = self.upstream.url();
        let url = |front: fn(&Tls) -> &TlsFront| self.tls.as_ref().map_or(&plain, |tls| &front(tls).url).clone();
        let mut environment = vec![
            ("COGNITO_ISSUER", ISSUER.to_owned()),
            ("JWKS_URI", format!("{}/jwks.json", url(|tls| &tls.jwks))),
            ("DYNAMODB_TABLE", "credvend-clients".to_owned()),
            ("S3_BUCKET", "example-bucket".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", url(|tls| &tls.dynamodb)),
            ("AWS_ENDPOINT_URL_STS", url(|tls| &tls.sts)),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "an-example-secret".to_owned()),
            ("AWS_SESSION_TOKEN", "an-example-session-token".to_owned()),
        ];
        environment.extend(self.variables.iter().cloned());
        if let Some(tls) = &self.tls {
            // Ours reads the first, as Python's own TLS does; boto3 reads the second.
            let file = tls.authority.file().display().to_string();
            environment.extend([("SSL_CERT_FILE", file.clone()), ("AWS_CA_BUNDLE", file)]);
        }
        environment
    }

    pub async fn invoke(&self, runtime: &LambdaRuntime) -> (Instant, Duration) {
        // The canned services remember every request, for tests that count them.
        self.upstream.forget_requests();
        let (answer, took) = runtime.invoke(&self.event).await;
        let status = serde_json::from_str::<Value>(&answer.body).map(|body| body["statusCode"].clone());
        assert!(!answer.failed && status.is_ok_and(|status| status == 200), "not a vend: {}", answer.body);
        (answer.at, took)
    }
}

fn event(token: &str) -> Value {
    event_of("/credentials", token)
}

/// What API Gateway sends for a `POST` (payload 2.0), with the headers of a real request.
pub fn event_of(path: &str, token: &str) -> Value {
    let route = format!("POST {path}");
    json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "",
        "headers": {
            "authorization": format!("Bearer {token}"), "accept": "*/*", "content-length": "0",
            "host": "api.execute-api.eu-west-1.amazonaws.com", "user-agent": "credvend/0.1.0",
            "x-amzn-trace-id": "Root=1-68fe2b4c-0123456789abcdef01234567", "x-forwarded-for": "203.0.113.9",
            "x-forwarded-port": "443", "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "api", "requestId": "JKJaXmPLvHcESHA=", "routeKey": route, "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64,
            "http": {
                "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9",
                "userAgent": "credvend/0.1.0",
            },
        },
        "isBase64Encoded": false,
    })
}

/// Process start until the first `/next`, and until the first event is answered; the event is waiting already.
pub async fn cold_start(bench: &Bench, function: Function) -> (Duration, Duration) {
    let runtime = LambdaRuntime::start().await;
    let started = Instant::now();
    let _process = function.start(bench, &runtime);
    let (initialised, (answered, _)) = tokio::join!(runtime.initialised(), bench.invoke(&runtime));
    (initialised - started, answered - started)
}

/// One kind of cold start, many times.
struct Cold {
    function: Function,
    over_tls: bool,
    next: Samples,
    first: Samples,
}

impl Cold {
    fn new(function: Function, over_tls: bool) -> Self {
        Self { function, over_tls, next: Samples::default(), first: Samples::default() }
    }

    fn rows(&self) -> String {
        let name = format!("{}{}", self.function.name(), if self.over_tls { ", TLS" } else { "" });
        let (next, first) = (format!("{name}: to `/next`"), format!("{name}: to the first answer"));
        format!("{}\n{}\n", self.next.row(&next), self.first.row(&first))
    }
}

pub async fn cold() -> anyhow::Result<Part> {
    let (plain, over_tls) = (Bench::start().await, Bench::start_over_tls().await?);
    let mut kinds = [
        Cold::new(Function::Vending, false),
        Cold::new(Function::Hello, false),
        Cold::new(Function::Python, false),
        Cold::new(Function::Vending, true),
        Cold::new(Function::Python, true),
    ];
    let bench = |kind: &Cold| if kind.over_tls { &over_tls } else { &plain };
    for kind in &kinds {
        // Brings the files into the page cache, and makes Python's compiled ones.
        cold_start(bench(kind), kind.function).await;
    }
    for run in 0..COLD_RUNS {
        for kind in &mut kinds {
            if kind.function == Function::Python && run >= COLD_RUNS_PYTHON {
                continue;
            }
            let (to_next, to_first) = cold_start(bench(kind), kind.function).await;
            kind.next.push(to_next);
            kind.first.push(to_first);
        }
    }
    let details = format!(
        "From just before `spawn` in the harness, so fork, exec and dynamic linking are included. An event is already \
         waiting. `vending-lambda` and Python fetch the key set before they ask for it. Runs are interleaved. The figures \
         are those over plain HTTP, as the targets were measured; with TLS to three hosts, as in AWS, each handshake and \
         the first use of the random number generator come on top.\n\n{ROW_HEAD}\n{}",
        kinds.iter().map(Cold::rows).collect::<String>()
    );
    let [vending, hello, python, ..] = &kinds;
    let figure = |what, microseconds, time: fn(&Cold) -> Duration| Figure {
        what,
        part: "cold",
        ours: Quantity::Time(time(vending)),
        reach: Quantity::Time(Duration::from_micros(microseconds)),
        peers: [hello, python].map(|kind| (kind.function.name(), Quantity::Time(time(kind)))).into(),
    };
    let figures = vec![
        figure("Lambda: process start → `/next`, keys fetched", 2_500, |kind| kind.next.median()),
        figure("Lambda: process start → first vend answered", 4_000, |kind| kind.first.median()),
    ];
    Ok(Part { title: "Lambda: cold start", figures, details })
}
