//! `explain` and the service on ten thousand generated questions, and what must hold for every one of them.
//!
//! The service's side is built from its environment as its `main` builds it, with its issuers' own keys; the other side is
//! what `credvend-admin explain` does.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use authenticate::{FailureLimit, RateLimit, TrustedIssuers};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use clap::Parser as _;
use environment::{Log, LogLevel};
use fastrand::Rng;
use grant::attributes::{ATTRIBUTES, AttributeType};
use grant::authorize::ScopeDown;
use grant::role_mapping::Purpose;
use grant::sts::Sts;
use grant::table::{Attributes, RoleMappings};
use jwt::Issuer;
use serde_json::{Value, json};
use vending_api::{ExplainStep, S3Permissions};
use vending_lambda::config::Config;
use vending_lambda::explain::{explanation, steps};
use vending_lambda::request::VendRequest;
use vending_lambda::vend::{Decision, Trail, Vendor};

use super::decision::{Decided, Judge, Question};
use super::hypothetical_token::{ThrowAwayKey, document};
use crate::cli::Cli;
use crate::governed::Governed;

const PAIRS: usize = 10_000;
/// So many questions share a table and an environment.
const ROUND: usize = 50;
const ISSUERS: [&str; 2] = ["https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", "https://idp.example.com/"];
const CLIENTS: [&str; 5] = ["web-01", "web-02", "scope#a", "repo:o/r:ref", "nobody"];
const SCOPES: [&str; 4] = ["a", "b", "api/write", "c"];
const PREFIXES: [&str; 6] = ["logs/web-01/", "logs/web-01", "logs/web-01/x/", "logs/", "logs/web-010/", "logs/*"];
const ADDRESSES: [&str; 3] = ["10.1.2.3", "192.0.2.9", "2001:db8::1"];

fn pick<'a>(random: &mut Rng, values: &[&'a str]) -> &'a str {
    values[random.usize(..values.len())]
}

fn some_of(random: &mut Rng, values: &[&str]) -> Vec<String> {
    values.iter().filter(|_| random.bool()).map(|value| (*value).to_owned()).collect()
}

/// Mostly what the service can use; now and then an attribute of another type.
fn attribute(random: &mut Rng, name: &str) -> AttributeValue {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    if random.u8(..40) == 0 {
        return [
            text("x"),
            AttributeValue::Bool(true),
            AttributeValue::N("7".to_owned()),
            AttributeValue::L(Vec::new()),
        ][random.usize(..4)]
        .clone();
    }
    match name {
        "role_arn" => text(&format!("arn:aws:iam::123456789012:role/r{}", random.u8(..2))),
        "server_name" => text(pick(random, &["web-01", "web 02", ""])),
        "s3_path_prefix" => text(pick(random, &PREFIXES)),
        "s3_permissions" => text(pick(random, &["write", "read-write", "full", "all"])),
        "session_policy" => text(pick(random, &["s3-prefix", "s3-prefix", r#"{"Statement":[]}"#, "{"])),
        "session_duration_seconds" => AttributeValue::N(pick(random, &["900", "1800", "3600", "60"]).to_owned()),
        "external_id" => text(pick(random, &["web-01-id", "!"])),
        "disabled" => AttributeValue::Bool(random.u8(..4) == 0),
        "expires_at" => AttributeValue::N(pick(random, &["1", "1900000000", "1800000000", "1800000000000"]).to_owned()),
        "source_cidrs" => AttributeValue::Ss(vec![pick(random, &["10.0.0.0/8", "2001:db8::/32", "x"]).to_owned()]),
        "allowed_scopes" => AttributeValue::Ss(some_of(random, &SCOPES)),
        "observe" => {
            AttributeValue::Ss(vec![pick(random, &["expires_at", "source_cidrs", "allowed_scopes"]).to_owned()])
        }
        "issuer" => text(pick(random, &[ISSUERS[0], ISSUERS[0], ISSUERS[1], "https://evil.example.com"])),
        _ => AttributeValue::S(String::new()),
    }
}

fn item(random: &mut Rng, key: &str) -> Attributes {
    let mut item = HashMap::from([("client_id".to_owned(), AttributeValue::S(key.to_owned()))]);
    for (name, _) in ATTRIBUTES {
        let is_there = match name {
            "role_arn" | "s3_path_prefix" => random.u8(..30) > 0,
            "s3_permissions" | "server_name" | "issuer" => random.bool(),
            _ => random.u8(..4) == 0,
        };
        if is_there {
            item.insert(name.to_owned(), attribute(random, name));
        }
    }
    item
}

fn table(random: &mut Rng) -> HashMap<String, Attributes> {
    let keys = CLIENTS[..4].iter().map(|client| (*client).to_owned()).chain(["scope#b", "scope#c"].map(str::to_owned));
    let keys: Vec<_> = keys.filter(|_| random.u8(..5) > 0).collect();
    keys.into_iter().map(|key| (key.clone(), item(random, &key))).collect()
}

fn question(random: &mut Rng) -> Question {
    let levels = [S3Permissions::Write, S3Permissions::ReadWrite, S3Permissions::Full];
    let rarely = |random: &mut Rng| random.u8(..4) == 0;
    Question {
        client_id: pick(random, &CLIENTS).to_owned(),
        scopes: some_of(random, &SCOPES),
        source_ip: random.bool().then(|| pick(random, &ADDRESSES).parse::<IpAddr>().unwrap()),
        scope_down: ScopeDown {
            duration: rarely(random).then(|| Duration::from_secs(random.u64(900..=3600))),
            s3_path_prefix: rarely(random).then(|| pick(random, &PREFIXES).to_owned()),
            s3_permissions: rarely(random).then(|| levels[random.usize(..3)]),
        },
    }
}

/// The service, its issuers' keys, and what an operator knows of it.
struct World {
    service: Vendor,
    keys: ThrowAwayKey,
    governed: Vec<Governed>,
    aws: SdkConfig,
}

fn variables(random: &mut Rng, keys: &ThrowAwayKey) -> HashMap<String, String> {
    let entry = |issuer: &str, more: Value| {
        let mut entry = json!({"issuer": issuer, "algorithms": ["ES256"], "jwks": document(&keys.key).unwrap()});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let claim = [json!({}), json!({"client_claim": "sub"}), json!({"client_claim": "azp", "scope_claims": ["roles"]})];
    let mut oidc = claim[random.usize(..3)].clone();
    oidc["kind"] = json!("oidc");
    oidc["audiences"] = json!(["credvend"]);
    let mut trusted = vec![entry(ISSUERS[0], json!({"kind": "cognito"}))];
    trusted.extend(random.bool().then(|| entry(ISSUERS[1], oidc)));
    let required = if random.u8(..3) == 0 { pick(random, &SCOPES) } else { "" };
    let pairs = [
        ("TRUSTED_ISSUERS", json!(trusted).to_string()),
        ("REQUIRED_SCOPES", required.to_owned()),
        ("SESSION_IDENTITY", pick(random, &["tags", "name"]).to_owned()),
        ("SESSION_DURATION_SECONDS", pick(random, &["", "900", "3600"]).to_owned()),
        ("DYNAMODB_TABLE", "clients".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "example".to_owned()),
        ("S3_BUCKET", pick(random, &["logs", "logs", "logs", ""]).to_owned()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl World {
    fn new(random: &mut Rng, items: &HashMap<String, Attributes>) -> Self {
        let keys = ThrowAwayKey::generate().unwrap();
        let variables = variables(random, &keys);
        let read = |issuer: &str| {
            let options = Cli::try_parse_from(["credvend-admin", "--issuer", issuer, "schema"]).unwrap().global;
            Governed::read(&options, &|name| variables.get(name).cloned())
        };
        let aws = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
        let config = Config::from_env(&|name| variables.get(name).cloned()).unwrap();
        let Config { authentication, terms, bucket, .. } = config;
        let default_issuer = authentication.default_issuer().map(str::to_owned);
        let service = Vendor {
            issuers: TrustedIssuers::new(authentication, Log::of_service("test", LogLevel::Error)).unwrap(),
            failure_limit: FailureLimit::new(u32::MAX),
            rate_limit: RateLimit::new(None),
            role_mappings: RoleMappings::fixed(items.clone(), default_issuer, Purpose::Credentials),
            terms,
            sts: Sts::new(aws_sdk_sts::Client::new(&aws), None),
            bucket,
            region: "eu-west-1".to_owned(),
        };
        let governed = ISSUERS.iter().filter_map(|issuer| read(issuer).ok()).collect();
        Self { service, keys, governed, aws }
    }

    /// The operator's side.
    fn judge<'a>(&self, governed: &'a Governed, now: SystemTime) -> Judge<'a> {
        let rules = &governed.meant_issuer().unwrap().rules;
        Judge::new(governed.service().unwrap(), rules, &self.aws, now).unwrap()
    }

    /// What the service decides about a token that its issuer signed.
    async fn decide(&self, rules: &Issuer, question: &Question, now: SystemTime) -> Decided {
        let access_token = self.keys.token(rules, &question.client_id, &question.scopes, now).unwrap();
        let request =
            VendRequest { access_token, scope_down: question.scope_down.clone(), source_ip: question.source_ip };
        let mut trail = Trail::new(question.source_ip, true);
        let outcome = self.service.decide(&request, now, &mut trail).await;
        let observed = trail.members().observed.clone();
        let explanation = explanation(outcome.as_ref().err(), &observed, steps(trail), "");
        Decided { outcome, explanation }
    }
}

/// What both must agree on: everything but the key of the token.
fn comparable(steps: &[ExplainStep]) -> Vec<(String, String, String)> {
    let of_the_client = steps.iter().filter(|step| !["token", "jwks"].contains(&step.step.as_str()));
    of_the_client.map(|step| (step.step.clone(), step.result.clone(), step.detail.to_string())).collect()
}

#[tokio::test]
async fn explain_is_the_service_s_decision() {
    let mut random = Rng::with_seed(11);
    let mut codes: HashMap<String, usize> = HashMap::new();
    for _ in 0..PAIRS / ROUND {
        let items = table(&mut random);
        let world = World::new(&mut random, &items);
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000 + random.u64(..2));
        let judges: Vec<_> = world.governed.iter().map(|governed| world.judge(governed, now)).collect();
        for _ in 0..ROUND {
            let judge = &judges[random.usize(..judges.len())];
            let question = question(&mut random);
            let served = world.decide(judge.rules, &question, now).await;
            let default_issuer = || judge.service.authentication.default_issuer().map(str::to_owned);
            let held = || RoleMappings::fixed(items.clone(), default_issuer(), Purpose::Credentials);
            let explained = judge.decide(&question, held()).await.unwrap();
            assert_eq!(explained.code(), served.code(), "{question:?} {items:?}");
            assert_eq!(explained.explanation.reason, served.explanation.reason);
            let [ours, theirs] = [&explained, &served].map(|one| comparable(&one.explanation.steps));
            assert_eq!(ours, theirs, "{question:?} {items:?}");
            let plain = Question { scope_down: ScopeDown::default(), ..question.clone() };
            let unasked = judge.decide(&plain, held()).await.unwrap();
            nothing_is_widened(&question, &explained, &unasked);
            *codes.entry(served.code().to_owned()).or_default() += 1;
        }
    }
    // The generator reaches every rule.
    for code in [
        "allow",
        "client_not_registered",
        "client_disabled",
        "client_expired",
        "insufficient_scope",
        "source_not_allowed",
        "invalid_request",
        "misconfigured",
    ] {
        assert!(codes.get(code).is_some_and(|count| *count >= 20), "{code}: {codes:?}");
    }
}

/// What a caller asks for narrows, or is refused: role, names and identity are the same with it and without.
fn nothing_is_widened(question: &Question, asked: &Decided, unasked: &Decided) {
    let Ok(Decision { grant, session, .. }) = &asked.outcome else { return };
    let Ok(Decision { grant: whole, session: whole_session, .. }) = &unasked.outcome else {
        panic!("{question:?} is allowed, and without what it asks for it is {}", unasked.code())
    };
    assert!(grant.duration <= whole.duration && grant.s3_permissions <= whole.s3_permissions, "{question:?}");
    let prefix = whole.s3_path_prefix.trim_end_matches('/');
    let rest = grant.s3_path_prefix.strip_prefix(prefix).unwrap_or_else(|| panic!("{question:?}"));
    assert!(rest.is_empty() || rest.starts_with('/'), "{question:?}");
    let names = |session: &grant::session::AssumeRole| {
        let tags = session.tags.iter().filter(|(name, _)| *name != "s3_prefix").cloned().collect::<Vec<_>>();
        let session = session.clone();
        (session.role_arn, session.session_name, session.source_identity, session.external_id, tags)
    };
    assert_eq!(names(session), names(whole_session), "{question:?}");
    assert!(session.policy.is_some() || whole_session.policy.is_none(), "{question:?}");
}

/// An attribute of another type is never taken for one that is not there.
#[tokio::test]
async fn missing_and_mistyped_attributes_deny() {
    let mut random = Rng::with_seed(12);
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let good = HashMap::from([
        ("client_id".to_owned(), AttributeValue::S("web-01".to_owned())),
        ("role_arn".to_owned(), AttributeValue::S("arn:aws:iam::123456789012:role/r".to_owned())),
        ("s3_path_prefix".to_owned(), AttributeValue::S("logs/web-01/".to_owned())),
    ]);
    let world = World::new(&mut random, &HashMap::new());
    let judge = world.judge(&world.governed[0], now);
    let question = Question {
        client_id: "web-01".to_owned(),
        scopes: SCOPES.map(str::to_owned).to_vec(),
        source_ip: None,
        scope_down: ScopeDown::default(),
    };
    let code = async |mut item: Attributes| {
        item.entry("issuer".to_owned()).or_insert_with(|| AttributeValue::S(ISSUERS[0].to_owned()));
        let items = HashMap::from([("web-01".to_owned(), item)]);
        let decided = judge.decide(&question, RoleMappings::fixed(items, None, Purpose::Credentials)).await.unwrap();
        decided.code().to_owned()
    };
    assert_eq!(code(good.clone()).await, "allow");
    for required in ["role_arn", "s3_path_prefix"] {
        let mut item = good.clone();
        item.remove(required);
        assert_eq!(code(item).await, "misconfigured", "without {required}");
    }
    let values = [
        AttributeValue::S("x".to_owned()),
        AttributeValue::Ss(vec!["x".to_owned()]),
        AttributeValue::N("900".to_owned()),
        AttributeValue::Bool(false),
        AttributeValue::Null(true),
        AttributeValue::L(Vec::new()),
        AttributeValue::M(HashMap::new()),
        AttributeValue::Ns(vec!["1".to_owned()]),
    ];
    for (name, kind) in ATTRIBUTES {
        for value in &values {
            let is_of_kind = match kind {
                AttributeType::String => value.is_s(),
                AttributeType::StringSet => value.is_ss(),
                AttributeType::Number => value.is_n(),
                AttributeType::Boolean => value.is_bool(),
            };
            if !is_of_kind {
                let mut item = good.clone();
                item.insert(name.to_owned(), value.clone());
                assert_eq!(code(item).await, "misconfigured", "{name} {value:?}");
            }
        }
    }
}
