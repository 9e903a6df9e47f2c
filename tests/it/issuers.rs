//! Several issuers: whose items are whose, and how their clients are told apart.

use std::io::Write as _;

use serde_json::{Value, json};
use tests::http_server::{HttpServer, Received, Reply};
use tests::token::{SigningKey, jwk_set, now};
use tests::upstream::{Service as Canned, Upstream, assume_role_calls, item};

use crate::service::{CLIENT_ID, ISSUER, Service, token, token_with};

const PARTNER: &str = "https://idp.partner.example";

/// A partner's issuer with a key of its own under the same `kid`.
struct Partner {
    upstream: Upstream,
    key: SigningKey,
}

impl Partner {
    async fn start() -> Self {
        let upstream = Upstream::start().await;
        let key = SigningKey::generate("key-1");
        upstream.set_jwks(jwk_set(&[&key]));
        Self { upstream, key }
    }

    /// Its entry in `TRUSTED_ISSUERS`.
    fn entry(&self, changes: Value) -> Value {
        let mut entry = json!({"issuer": PARTNER, "kind": "oidc", "audiences": ["credvend"],
                               "jwks_uri": format!("{}/jwks.json", self.upstream.url())});
        if let (Value::Object(entry), Value::Object(changes)) = (&mut entry, changes) {
            entry.extend(changes);
        }
        entry
    }

    fn token(&self, changes: Value) -> String {
        let mut claims = json!({"iss": PARTNER, "aud": "credvend", "sub": CLIENT_ID, "client_id": CLIENT_ID,
                                "scope": "credvend-api/write", "iat": now(), "exp": now() + 600});
        if let (Value::Object(claims), Value::Object(changes)) = (&mut claims, changes) {
            claims.extend(changes);
            claims.retain(|_, value| !value.is_null());
        }
        self.key.token(&claims)
    }
}

#[tokio::test]
async fn an_item_without_an_issuer_is_cognito_s_alone() {
    let partner = Partner::start().await;
    let upstream = crate::service::upstream(json!({})).await;
    let issuers = json!([partner.entry(json!({}))]).to_string();
    let service = Service::start_on(upstream, vec![("TRUSTED_ISSUERS", issuers)]).await;
    assert!(service.process.output().contains(&format!("serves clients of {ISSUER} alone")));
    for (name, own_item, scope_item, cognito, other) in [
        ("no issuer", Some(json!({})), None, 200, 403),
        ("Cognito's", Some(json!({"issuer": {"S": ISSUER}})), None, 200, 403),
        ("the partner's", Some(json!({"issuer": {"S": PARTNER}})), None, 403, 200),
        ("an empty one", Some(json!({"issuer": {"S": ""}})), None, 403, 403),
        ("a third one's", Some(json!({"issuer": {"S": "https://idp.partner.example/"}})), None, 403, 403),
        ("a scope without issuer", None, Some(json!({})), 200, 403),
        ("a scope of the partner's", None, Some(json!({"issuer": {"S": PARTNER}})), 403, 200),
    ] {
        service.upstream.delete_item(CLIENT_ID);
        service.upstream.delete_item("scope#credvend-api/write");
        if let Some(changes) = own_item {
            service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, changes));
        }
        if let Some(changes) = scope_item {
            service.upstream.put_item("scope#credvend-api/write", item("scope#credvend-api/write", changes));
        }
        // With a scope of its own each: that a client is not registered is remembered for a while.
        let scope = json!({"scope": format!("credvend-api/write {name}")});
        for (token, expected) in [(token_with(scope.clone()), cognito), (partner.token(scope), other)] {
            let answer = service.vend(&token).await;
            assert_eq!(answer.status, expected, "{name}: {}", answer.body);
            assert!(answer.status == 200 || answer.verdict().1 == "client_not_registered", "{name}: {}", answer.body);
        }
    }
}

/// Whatever the partner's item says, a conflict with it must not keep another issuer's clients out, or let them in.
#[tokio::test]
async fn scope_items_of_another_issuer_are_not_there() {
    let partner = Partner::start().await;
    let upstream = crate::service::upstream(json!({})).await;
    upstream.delete_item(CLIENT_ID);
    let other_role = json!({"S": "arn:aws:iam::123456789012:role/partner"});
    let changes = json!({"issuer": {"S": PARTNER}, "role_arn": other_role});
    upstream.put_item("scope#credvend-api/read", item("scope#credvend-api/read", changes));
    upstream.put_item("scope#credvend-api/write", item("scope#credvend-api/write", json!({})));
    let issuers = json!([partner.entry(json!({}))]).to_string();
    let service = Service::start_on(upstream, vec![("TRUSTED_ISSUERS", issuers)]).await;
    assert_eq!(service.vend(&token()).await.body["role_arn"], "arn:aws:iam::123456789012:role/credvend-server-01");
    let both = partner.token(json!({"scope": "credvend-api/read credvend-api/write"}));
    assert_eq!(service.vend(&both).await.body["role_arn"], other_role["S"]);
}

/// Whoever keeps a partner's items must not be able to end the service for everybody else.
#[tokio::test]
async fn a_broken_item_of_another_issuer_is_nobody_s_failure() {
    let partner = Partner::start().await;
    let (read, write) = ("scope#credvend-api/read", "scope#credvend-api/write");
    let broken = [
        json!({"role_arn": {"S": "CANARY"}}),
        json!({"s3_path_prefix": {"N": "1"}}),
        json!({"expires_at": {"N": "1767225600000"}}),
        json!({"session_policy": {"S": "{"}, "disabled": {"S": "true"}}),
    ];
    let upstream = crate::service::upstream(json!({})).await;
    let issuers = json!([partner.entry(json!({}))]).to_string();
    let service = Service::start_on(upstream, vec![("TRUSTED_ISSUERS", issuers)]).await;
    let round = std::cell::Cell::new(0);
    let verdicts = async || {
        // With a scope of its own each: that a client is not registered is remembered for a while.
        round.set(round.get() + 1);
        let scope = json!({"scope": format!("credvend-api/read credvend-api/write round-{}", round.get())});
        let own = service.vend(&token_with(scope.clone())).await;
        let other = service.vend(&partner.token(scope)).await;
        let descriptions = [&own, &other].map(|answer| answer.body["error_description"].to_string());
        assert!(!descriptions.concat().contains("CANARY"), "{descriptions:?}");
        (own.status, other.status)
    };
    for changes in broken {
        let with = |issuer: Value| {
            let mut changes = changes.clone();
            changes["issuer"] = issuer;
            changes
        };
        service.upstream.delete_item(CLIENT_ID);
        service.upstream.put_item(write, item(write, json!({})));
        service.upstream.put_item(read, item(read, with(json!({"S": PARTNER}))));
        assert_eq!(verdicts().await, (200, 500), "a scope of the partner's: {changes}");
        service.upstream.put_item(read, item(read, with(json!({"S": ISSUER}))));
        assert_eq!(verdicts().await, (500, 403), "a scope of Cognito's: {changes}");
        service.upstream.put_item(read, item(read, with(json!({"N": "1"}))));
        assert_eq!(verdicts().await, (500, 500), "an issuer that nobody can read: {changes}");
        service.upstream.delete_item(read);
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, with(json!({"S": PARTNER}))));
        assert_eq!(verdicts().await, (403, 500), "a client of the partner's: {changes}");
    }
}

#[tokio::test]
async fn without_cognito_an_item_needs_its_issuer_once_there_are_two() {
    let (one, two) = (Partner::start().await, Partner::start().await);
    let second = two.entry(json!({"issuer": "https://second.example"}));
    for (issuers, verdict) in [
        (json!([one.entry(json!({}))]), (200, "ok")),
        (json!([one.entry(json!({})), second]), (403, "client_not_registered")),
    ] {
        let upstream = crate::service::upstream(json!({})).await;
        let changes = vec![
            ("TRUSTED_ISSUERS", issuers.to_string()),
            ("COGNITO_ISSUER", String::new()),
            ("JWKS_URI", String::new()),
        ];
        let service = Service::start_on(upstream, changes).await;
        assert_eq!(service.vend(&one.token(json!({}))).await.verdict(), verdict);
        let named = json!({"issuer": {"S": PARTNER}});
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, named));
        assert_eq!(service.vend(&one.token(json!({}))).await.verdict(), (200, "ok"));
    }
}

#[tokio::test]
async fn two_clients_of_one_id_never_meet() {
    let partner = Partner::start().await;
    let issuers = json!([partner.entry(json!({}))]).to_string();
    let mut seen = Vec::new();
    for (issuer, token) in [(ISSUER, token()), (PARTNER, partner.token(json!({})))] {
        let upstream = crate::service::upstream(json!({"issuer": {"S": issuer}})).await;
        let service = Service::start_on(upstream, vec![("TRUSTED_ISSUERS", issuers.clone())]).await;
        let answer = service.vend(&token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let call = assume_role_calls(&service.upstream).remove(0);
        assert_eq!(call["Tags.member.1.Key"], "client_id");
        assert_eq!(answer.body["session_name"], call["RoleSessionName"].as_str());
        seen.push(["RoleSessionName", "SourceIdentity", "Tags.member.1.Value"].map(|name| call[name].clone()));
    }
    assert_eq!(seen[0], [format!("server-01-{CLIENT_ID}"), CLIENT_ID.to_owned(), CLIENT_ID.to_owned()]);
    let hash = seen[1][1].strip_prefix(&format!("{CLIENT_ID}=")).expect("the id, and a hash");
    assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    assert_eq!(seen[1][0], format!("server-01-{CLIENT_ID}={hash}"));
    assert_eq!(seen[1][2], format!("{CLIENT_ID}={hash}"));
}

/// Service with a partner whose entry is changed like this, and a table that knows its client.
async fn service_with(partner: &Partner, changes: Value, item_changes: Value) -> Service {
    let upstream = crate::service::upstream(json!({})).await;
    let mut own = json!({"issuer": {"S": PARTNER}});
    if let (Value::Object(own), Value::Object(changes)) = (&mut own, item_changes) {
        own.extend(changes);
    }
    upstream.put_item(CLIENT_ID, item(CLIENT_ID, own));
    let issuers = json!([partner.entry(changes)]).to_string();
    Service::start_on(upstream, vec![("TRUSTED_ISSUERS", issuers)]).await
}

#[tokio::test]
async fn a_person_s_token_vends_nothing() {
    let partner = Partner::start().await;
    let person = json!({"sub": "auth0|person", "azp": CLIENT_ID, "client_id": null, "scope": "openid profile"});
    let own = json!({"sub": format!("{CLIENT_ID}@clients"), "azp": CLIENT_ID, "client_id": null});
    let service = service_with(&partner, json!({"client_claim": "azp"}), json!({})).await;
    assert_eq!(service.vend(&partner.token(person.clone())).await.verdict(), (401, "invalid_token"));
    assert_eq!(service.vend(&partner.token(own)).await.verdict(), (200, "ok"));
    let without_subject = json!({"sub": null, "azp": CLIENT_ID, "client_id": null});
    assert_eq!(service.vend(&partner.token(without_subject.clone())).await.verdict(), (200, "ok"));
    // Keycloak leaves `sub` out where its client scope `basic` was removed.
    for (claim, value) in [("sid", "a"), ("preferred_username", "jane"), ("auth_time", "1"), ("email", "j@x.example")] {
        let mut person = without_subject.clone();
        person[claim] = json!(value);
        assert_eq!(service.vend(&partner.token(person)).await.verdict(), (401, "invalid_token"), "{claim}");
    }
    let changes = json!({"client_claim": "azp", "accept_user_tokens": true});
    let service = service_with(&partner, changes, json!({})).await;
    assert_eq!(service.vend(&partner.token(person)).await.verdict(), (200, "ok"));
    let output = service.process.output();
    assert!(output.contains("\"warn\"") && output.contains("`accept_user_tokens` of"), "{output}");
}

/// A realm may let people choose their user names. Keycloak's client id in the token is of the client credentials grant.
#[tokio::test]
async fn a_user_name_alone_makes_no_service_account() {
    let partner = Partner::start().await;
    let name = format!("service-account-{CLIENT_ID}");
    let service = service_with(&partner, json!({"client_claim": "azp"}), json!({})).await;
    let token = |changes: Value| {
        let mut claims = json!({"sub": "c18502d5", "azp": CLIENT_ID, "client_id": null, "preferred_username": name});
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        partner.token(claims)
    };
    for (changes, verdict) in [
        (json!({}), (401, "invalid_token")),
        (json!({"clientHost": "192.0.2.7"}), (401, "invalid_token")),
        (json!({"client_id": "other"}), (401, "invalid_token")),
        (json!({"clientId": CLIENT_ID, "preferred_username": "jane"}), (401, "invalid_token")),
        (json!({"client_id": CLIENT_ID}), (200, "ok")),
        (json!({"clientId": CLIENT_ID}), (200, "ok")),
    ] {
        assert_eq!(service.vend(&token(changes.clone())).await.verdict(), verdict, "{changes}");
    }
}

/// The items of scopes ask for no registered client: whoever has a subject would reach them.
#[tokio::test]
async fn the_subject_of_a_person_reaches_no_scope_item() {
    let partner = Partner::start().await;
    let key = "scope#credvend-api/write";
    let person = json!({"sub": "auth0|person", "azp": "spa"});
    for (entry, claims, verdict) in [
        (json!({}), person.clone(), (401, "invalid_token")),
        (json!({}), json!({"sub": "00u1", "cid": "0oa1"}), (401, "invalid_token")),
        (json!({}), json!({"sub": "jane", "email": "jane@example.com"}), (401, "invalid_token")),
        (json!({}), json!({"sub": "jane", "sid": "s"}), (401, "invalid_token")),
        (json!({}), json!({"sub": "repo:example/app:ref:refs/heads/main", "actor": "jane"}), (200, "ok")),
        (json!({}), json!({"sub": "system:serviceaccount:logs:shipper", "kubernetes.io": {}}), (200, "ok")),
        (json!({}), json!({"sub": "spiffe://example.com/logs"}), (200, "ok")),
        (json!({}), json!({"sub": "abc@clients", "azp": "abc"}), (200, "ok")),
        (json!({}), json!({"sub": "service-principal", "azp": "app", "idtyp": "app"}), (200, "ok")),
        (json!({"accept_user_tokens": true}), person, (200, "ok")),
    ] {
        let mut entry = entry;
        entry["client_claim"] = json!("sub");
        let service = service_with(&partner, entry.clone(), json!({})).await;
        service.upstream.put_item(key, item(key, json!({"issuer": {"S": PARTNER}})));
        let mut claims = claims;
        claims["scope"] = json!("credvend-api/write");
        if claims.get("client_id").is_none() {
            claims["client_id"] = Value::Null;
        }
        assert_eq!(service.vend(&partner.token(claims.clone())).await.verdict(), verdict, "{entry} {claims}");
        let output = service.process.output();
        assert_eq!(output.contains("`accept_user_tokens` of"), entry.get("accept_user_tokens").is_some(), "{output}");
    }
}

#[tokio::test]
async fn scopes_are_wherever_the_issuer_puts_them() {
    let partner = Partner::start().await;
    let needed = json!({"allowed_scopes": {"SS": ["logs.write"]}});
    let elsewhere = json!({"scope_claims": ["roles", "permissions"]});
    for (name, entry, claims, verdict) in [
        ("a string", json!({}), json!({"scope": "logs.read logs.write"}), (200, "ok")),
        ("an array", json!({}), json!({"scope": ["logs.read", "logs.write"]}), (200, "ok")),
        ("scp", json!({}), json!({"scope": null, "scp": ["logs.write"]}), (200, "ok")),
        ("an array without it", json!({}), json!({"scope": ["logs.writer"]}), (403, "insufficient_scope")),
        ("an array of numbers", json!({}), json!({"scope": [1]}), (401, "invalid_token")),
        ("roles", elsewhere.clone(), json!({"roles": ["logs.write"]}), (200, "ok")),
        ("permissions", elsewhere.clone(), json!({"permissions": ["logs.write"]}), (200, "ok")),
        ("no longer scope", elsewhere, json!({"scope": "logs.write"}), (403, "insufficient_scope")),
        ("roles not asked for", json!({}), json!({"roles": ["logs.write"]}), (403, "insufficient_scope")),
    ] {
        let service = service_with(&partner, entry, needed.clone()).await;
        let answer = service.vend(&partner.token(claims)).await;
        assert_eq!(answer.verdict(), verdict, "{name}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_longer_lifetime_is_a_matter_of_the_entry() {
    let partner = Partner::start().await;
    let lives = |seconds: u64| partner.token(json!({"exp": now() + seconds}));
    let service = service_with(&partner, json!({}), json!({})).await;
    assert_eq!(service.vend(&lives(86_400)).await.status, 200);
    assert_eq!(service.vend(&lives(90_000)).await.verdict(), (401, "invalid_token"));
    let service = service_with(&partner, json!({"max_token_lifetime_seconds": 2_592_000}), json!({})).await;
    assert_eq!(service.vend(&lives(2_592_000)).await.status, 200);
    assert_eq!(service.vend(&lives(2_600_000)).await.verdict(), (401, "invalid_token"));
    let service = service_with(&partner, json!({"max_token_lifetime_seconds": 300}), json!({})).await;
    assert_eq!(service.vend(&lives(600)).await.verdict(), (401, "invalid_token"));
}

#[tokio::test]
async fn fixed_key_sets_are_never_fetched() {
    let partner = Partner::start().await;
    let set: Value = serde_json::from_str(&jwk_set(&[&partner.key])).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("\u{feff}{set}\n")).unwrap();
    for changes in [json!({"jwks": set, "jwks_uri": null}), json!({"jwks_file": file.path(), "jwks_uri": null})] {
        let service = service_with(&partner, changes, json!({})).await;
        assert_eq!(service.vend(&partner.token(json!({}))).await.verdict(), (200, "ok"));
        let stranger = SigningKey::generate("key-2").token(&json!({"iss": PARTNER}));
        assert_eq!(service.vend(&stranger).await.verdict(), (401, "invalid_token"));
        let ready = service.send(service.request("GET", "/ready")).await;
        assert_eq!(ready.status, 200, "{}", ready.body);
        assert!(ready.body.to_string().contains(&format!("the fixed keys of {PARTNER}")), "{}", ready.body);
    }
    assert!(partner.upstream.received(Canned::Jwks).is_empty());
}

/// As a Kubernetes API server does, and a cache that compresses whatever it is asked for.
#[tokio::test]
async fn key_servers_that_are_particular() {
    let partner = Partner::start().await;
    let service = service_with(&partner, json!({}), json!({})).await;
    assert_eq!(service.vend(&partner.token(json!({}))).await.status, 200);
    let asked = partner.upstream.received(Canned::Jwks).remove(0);
    let first = asked.headers["accept"].split(',').next().unwrap_or_default().to_owned();
    assert_eq!(first, "application/jwk-set+json", "the one type that a Kubernetes API server offers");
    assert!(asked.headers["accept"].contains("application/json") && asked.headers["accept"].contains("*/*"));
    assert_eq!(asked.headers["accept-encoding"], "identity");
}

/// A key server that has one media type and answers 406 to a request that does not take it (RFC 9110 §15.5.7), and that
/// may compress although it was not asked to.
async fn strict_key_server(offered: &'static str, coding: Option<&'static str>, keys: String) -> HttpServer {
    HttpServer::start(move |request: Received| {
        let accept = request.headers.get("accept").cloned().unwrap_or_else(|| "*/*".to_owned());
        let ranges: Vec<_> =
            accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim()).collect();
        let mut headers = vec![("content-type".to_owned(), offered.to_owned())];
        let reply = if !ranges.contains(&offered) && !ranges.contains(&"*/*") {
            Reply::Whole(406, headers, br#"{"reason":"NotAcceptable","code":406}"#.to_vec())
        } else if let Some(coding) = coding {
            headers.push(("content-encoding".to_owned(), coding.to_owned()));
            let mut body = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            body.write_all(keys.as_bytes()).unwrap();
            Reply::Whole(200, headers, body.finish().unwrap())
        } else {
            Reply::Whole(200, headers, keys.clone().into_bytes())
        };
        std::future::ready(reply)
    })
    .await
}

#[tokio::test]
async fn keys_of_every_key_server_are_used() {
    for (offered, coding) in [
        // The case `jwks-406`: a Kubernetes API server.
        ("application/jwk-set+json", None),
        ("application/jwk-set+json", Some("gzip")),
        ("application/json", Some("gzip")),
        ("application/json", Some("x-gzip")),
        ("text/plain", Some("GZIP")),
    ] {
        let partner = Partner::start().await;
        let server = strict_key_server(offered, coding, jwk_set(&[&partner.key])).await;
        let uri = format!("{}/openid/v1/jwks", server.url());
        let service = service_with(&partner, json!({"jwks_uri": uri}), json!({})).await;
        let answer = service.vend(&partner.token(json!({}))).await;
        assert_eq!(answer.verdict(), (200, "ok"), "{offered} {coding:?}: {}", answer.body);
    }
}

#[tokio::test]
async fn keys_that_are_left_out_are_told_once_a_fetch() {
    let partner = Partner::start().await;
    let good: Value = serde_json::from_str(&jwk_set(&[&partner.key])).unwrap();
    let with = |changes: Value| {
        let mut key = good["keys"][0].clone();
        key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key
    };
    let keys = json!({"keys": [
        good["keys"][0], with(json!({"kid": "null-alg", "alg": null})), with(json!({"kid": "private", "d": "AQAB"})),
        {"kty": "oct", "kid": "symmetric", "k": "AAAA"}, with(json!({"kid": "for encryption", "use": "enc"})),
    ]});
    partner.upstream.set_jwks(keys.to_string());
    let service = service_with(&partner, json!({}), json!({})).await;
    assert_eq!(service.vend(&partner.token(json!({}))).await.status, 200);
    let output = service.process.output();
    let lines: Vec<_> = output.lines().filter(|line| line.contains("are not used")).collect();
    assert_eq!(lines.len(), 1, "{output}");
    assert!(lines[0].contains("\"level\":\"warn\""), "{}", lines[0]);
    for part in ["null-alg", "`alg`", "private", "`d`", "symmetric", "`kty`", "for encryption", "`use`"] {
        assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
    }
}
