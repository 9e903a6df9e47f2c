//! Everything the vending Lambda and the client call, canned: JWKS, DynamoDB, STS, token endpoints, an issuer's metadata
//! and the runner of a GitHub Actions job.
//!
//! For the rules of the real services see the local stack; this one exists to count, to be slow and to break.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::athena::Athena;
use crate::http_server::{HttpServer, Received, Reply};

/// The services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    Jwks,
    DynamoDb,
    Sts,
    Token,
    Metadata,
    AthenaStart,
    AthenaExecution,
    AthenaResults,
    AthenaStop,
    /// Its other calls.
    Athena,
}

/// How a service misbehaves.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status, with this body.
    Status(u16, String),
    /// Nothing for an hour, longer than any deadline: whoever gets on has not waited for it.
    Slow,
    /// Not HTTP.
    Garbage,
    /// 200, and a body that is not what it should be.
    WrongBody,
    /// Half of the right answer.
    CutOff,
    /// The right answer, and then a closed connection.
    CloseAfterwards,
    /// The first so many requests are cut off, the others answered.
    CutOffFirst(usize),
    /// The first so many requests get this status and body, the others are answered.
    StatusFirst(usize, u16, String),
    /// 429, with so many seconds of `Retry-After`.
    TooMany(u64),
}

/// How long what is handed out lasts, instead of dates that no test reaches.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    pub credentials: Duration,
    pub token: Duration,
}

#[derive(Default)]
struct State {
    jwks: String,
    items: HashMap<String, Value>,
    token: String,
    metadata: String,
    /// `None`: a date so far off that no test reaches it.
    expiration: Option<String>,
    lifetimes: Option<Lifetimes>,
    /// Credentials handed out, each with an access key of its own where they have lifetimes.
    vended: u64,
    /// Client secrets that the token endpoint takes; none: any.
    secrets: Vec<String>,
    athena: Athena,
    faults: HashMap<Service, Fault>,
    received: Vec<(Service, Received)>,
}

/// The canned services, on one port.
pub struct Upstream {
    pub server: HttpServer,
    state: Arc<Mutex<State>>,
}

impl Upstream {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = HttpServer::start(move |received| std::future::ready(answer(&shared, received))).await;
        Self { server, state }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Publishes this key set.
    pub fn set_jwks(&self, jwks: impl Into<String>) {
        self.state().jwks = jwks.into();
    }

    /// Puts an item, in DynamoDB's own JSON, under its key.
    pub fn put_item(&self, key: &str, item: Value) {
        self.state().items.insert(key.to_owned(), item);
    }

    pub fn delete_item(&self, key: &str) {
        self.state().items.remove(key);
    }

    /// The token endpoint hands out this token.
    pub fn set_token(&self, token: &str) {
        token.clone_into(&mut self.state().token);
    }

    /// The issuer's metadata (`/.well-known/openid-configuration`).
    pub fn set_metadata(&self, metadata: impl Into<String>) {
        self.state().metadata = metadata.into();
    }

    /// STS hands out credentials that end then (RFC 3339).
    pub fn set_expiration(&self, expiration: &str) {
        self.state().expiration = Some(expiration.to_owned());
    }

    /// From now on what is handed out lasts so long, counted from when it is, and no access key is handed out twice.
    pub fn set_lifetimes(&self, lifetimes: Lifetimes) {
        self.state().lifetimes = Some(lifetimes);
    }

    /// The token endpoint refuses every client secret but these.
    pub fn accept_secrets(&self, secrets: &[&str]) {
        self.state().secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    }

    /// Queries are found in this state.
    pub fn set_query_state(&self, state: &'static str) {
        self.state().athena.state = state;
    }

    /// Queries give these rows, in one column called `one`.
    pub fn set_query_rows(&self, rows: Vec<String>) {
        self.state().athena.rows = rows;
    }

    /// GetQueryResults responds with this, whatever is asked for.
    pub fn set_query_page(&self, page: String) {
        self.state().athena.page = Some(page);
    }

    pub fn break_service(&self, service: Service, fault: Fault) {
        self.state().faults.insert(service, fault);
    }

    pub fn mend(&self) {
        self.state().faults.clear();
    }

    /// Requests to one service since the start.
    pub fn received(&self, service: Service) -> Vec<Received> {
        self.state().received.iter().filter(|(to, _)| *to == service).map(|(_, received)| received.clone()).collect()
    }

    pub fn forget_requests(&self) {
        self.state().received.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds this lock")
    }
}

/// The smallest item that works, in DynamoDB's own JSON; `extra` adds and overrides.
pub fn item(client_id: &str, extra: Value) -> Value {
    let mut item = json!({
        "client_id": {"S": client_id},
        "role_arn": {"S": "arn:aws:iam::123456789012:role/credvend-server-01"},
        "server_name": {"S": "server-01"},
        "s3_path_prefix": {"S": "logs/server-01/"},
    });
    if let (Value::Object(item), Value::Object(extra)) = (&mut item, extra) {
        item.extend(extra);
    }
    item
}

/// What STS says in an error.
pub fn sts_error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
}

fn answer(state: &Mutex<State>, received: Received) -> Reply {
    let path = received.path.split('?').next().unwrap_or_default();
    let service = if path.ends_with("/jwks.json") {
        Service::Jwks
    } else if path.ends_with("/openid-configuration") {
        Service::Metadata
    } else if path.ends_with("token") {
        Service::Token
    } else if let Some(target) = received.headers.get("x-amz-target") {
        match target.as_str() {
            "AmazonAthena.StartQueryExecution" => Service::AthenaStart,
            "AmazonAthena.GetQueryExecution" => Service::AthenaExecution,
            "AmazonAthena.GetQueryResults" => Service::AthenaResults,
            "AmazonAthena.StopQueryExecution" => Service::AthenaStop,
            target if target.starts_with("AmazonAthena.") => Service::Athena,
            _ => Service::DynamoDb,
        }
    } else {
        Service::Sts
    };
    let (fault, good, count) = {
        let mut state = state.lock().expect("no test panics while it holds this lock");
        let good = good_answer(&mut state, service, &received);
        state.received.push((service, received));
        let count = state.received.iter().filter(|(to, _)| *to == service).count();
        (state.faults.get(&service).cloned(), good, count)
    };
    match fault {
        Some(Fault::CutOffFirst(first)) if count <= first => good.cut_in_half(),
        Some(Fault::StatusFirst(first, status, body)) if count <= first => with_status(service, status, body),
        None | Some(Fault::CutOffFirst(_) | Fault::StatusFirst(..)) => good,
        Some(Fault::Status(status, body)) => with_status(service, status, body),
        Some(Fault::TooMany(seconds)) => {
            Reply::Whole(429, vec![("retry-after".into(), seconds.to_string())], b"{}".to_vec())
        }
        Some(Fault::Slow) => Reply::Silence(Duration::from_secs(3600)),
        Some(Fault::Garbage) => Reply::Raw(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n".to_vec()),
        Some(Fault::WrongBody) => Reply::json(200, "<html>captive portal</html>"),
        Some(Fault::CutOff) => good.cut_in_half(),
        Some(Fault::CloseAfterwards) => match good {
            Reply::Whole(status, headers, body) => Reply::ThenClose(status, headers, body),
            other => other,
        },
    }
}

fn with_status(service: Service, status: u16, body: String) -> Reply {
    let content_type = match service {
        Service::DynamoDb => "application/x-amz-json-1.0",
        Service::Jwks | Service::Sts | Service::Token | Service::Metadata => "text/xml",
        _ => "application/x-amz-json-1.1",
    };
    Reply::Whole(status, vec![("content-type".into(), content_type.into())], body.into_bytes())
}

fn good_answer(state: &mut State, service: Service, received: &Received) -> Reply {
    match service {
        Service::AthenaStart
        | Service::AthenaExecution
        | Service::AthenaResults
        | Service::AthenaStop
        | Service::Athena => state.athena.reply(received),
        Service::Jwks => Reply::json(200, state.jwks.clone()),
        Service::Metadata => Reply::json(200, state.metadata.clone()),
        // GitHub's runner is asked by GET and answers in its own words.
        Service::Token if received.method == "GET" => {
            Reply::json(200, json!({"count": state.token.len(), "value": state.token}).to_string())
        }
        Service::Token if !state.secrets.is_empty() && !is_accepted(&state.secrets, received) => {
            Reply::json(400, r#"{"error":"invalid_client"}"#)
        }
        Service::Token => {
            let lasts = state.lifetimes.map_or(3600, |lifetimes| lifetimes.token.as_secs());
            let answer = json!({"access_token": state.token, "expires_in": lasts, "token_type": "Bearer"});
            Reply::json(200, answer.to_string())
        }
        Service::DynamoDb => {
            let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
            let item = |key: &Value| state.items.get(key["client_id"]["S"].as_str().unwrap_or_default());
            let body = match asked["RequestItems"].as_object().and_then(|tables| tables.iter().next()) {
                Some((table, asked)) => {
                    let keys = asked["Keys"].as_array().map(Vec::as_slice).unwrap_or_default();
                    json!({"Responses": {table: keys.iter().filter_map(item).collect::<Vec<_>>()}, "UnprocessedKeys": {}})
                }
                None => item(&asked["Key"]).map_or_else(|| json!({}), |item| json!({"Item": item})),
            };
            Reply::Whole(
                200,
                vec![("content-type".into(), "application/x-amz-json-1.0".into())],
                body.to_string().into_bytes(),
            )
        }
        Service::Sts => {
            let body = if String::from_utf8_lossy(&received.body).contains("GetCallerIdentity") {
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Arn>arn:aws:sts::123456789012:assumed-role/lambda/x</Arn><UserId>u</UserId><Account>123456789012</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
                    .to_owned()
            } else {
                let is_web_identity = String::from_utf8_lossy(&received.body).contains("AssumeRoleWithWebIdentity");
                let operation = if is_web_identity { "AssumeRoleWithWebIdentity" } else { "AssumeRole" };
                state.vended += 1;
                let asked = form(&String::from_utf8_lossy(&received.body));
                if let Some(lifetimes) = state.lifetimes {
                    let ends = OffsetDateTime::now_utc() + lifetimes.credentials;
                    let ends = ends.format(&Rfc3339).expect("a date of this century");
                    assume_role_answer(operation, &asked, &format!("ASIA{:016}", state.vended), &ends)
                } else {
                    let ends = state.expiration.as_deref().unwrap_or("2099-01-01T00:00:00.123Z");
                    assume_role_answer(operation, &asked, "ASIAIOSFODNN7EXAMPLE", ends)
                }
            };
            Reply::Whole(200, vec![("content-type".into(), "text/xml".into())], body.into_bytes())
        }
    }
}

/// `client_secret_basic` (RFC 6749 §2.3.1).
fn is_accepted(secrets: &[String], received: &Received) -> bool {
    let header = received.headers.get("authorization").map(String::as_str).unwrap_or_default();
    let decoded = STANDARD.decode(header.trim_start_matches("Basic ")).unwrap_or_default();
    let given = String::from_utf8_lossy(&decoded).into_owned();
    let secret = given.split_once(':').map(|(_, secret)| form(&format!("s={secret}"))["s"].clone());
    secret.is_some_and(|secret| secrets.contains(&secret))
}

/// Canned credentials. The canary words are what no output but the answer itself may ever hold.
pub const SECRET_ACCESS_KEY: &str = "CANARY/secret+access=key";
pub const SESSION_TOKEN: &str = "CANARY/session+token==";

fn assume_role_answer(
    operation: &str,
    asked: &HashMap<String, String>,
    access_key_id: &str,
    expiration: &str,
) -> String {
    let [role, name] = ["RoleArn", "RoleSessionName"].map(|field| asked.get(field).map_or("", String::as_str));
    let session = role.replacen(":iam:", ":sts:", 1).replacen(":role/", ":assumed-role/", 1);
    format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result><Credentials>\
         <AccessKeyId>{access_key_id}</AccessKeyId><SecretAccessKey>{SECRET_ACCESS_KEY}</SecretAccessKey>\
         <SessionToken>{SESSION_TOKEN}</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
         <AssumedRoleUser><Arn>{session}/{name}</Arn><AssumedRoleId>AROAEXAMPLE:{name}</AssumedRoleId></AssumedRoleUser>\
         </{operation}Result></{operation}Response>"
    )
}

/// The parameters of the `AssumeRole` calls that STS has received.
pub fn assume_role_calls(upstream: &Upstream) -> Vec<HashMap<String, String>> {
    let calls = upstream.received(Service::Sts);
    let parameters = calls.iter().map(|received| form(&String::from_utf8_lossy(&received.body)));
    parameters.filter(|parameters| parameters.get("Action").is_some_and(|action| action == "AssumeRole")).collect()
}

/// The fields of a form.
pub fn form(body: &str) -> HashMap<String, String> {
    let url = format!("http://x/?{body}");
    let url = reqwest::Url::parse(&url).expect("a form is a query");
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}
