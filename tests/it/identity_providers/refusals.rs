//! What providers and STS refuse or fail to answer, and what the client says of it.

use crate::machine::run;
use crate::secrets::leak;
use serde_json::{Value, json};
use tests::http_server::closed_port;
use tests::token::now;
use tests::upstream::{Fault, SECRET_ACCESS_KEY, SESSION_TOKEN, Service, sts_error};

use super::{Host, REQUEST_TOKEN, ROLE, SECRET, fields, web_identity};

/// What the providers say when they say no, and what the user is told to do.
#[tokio::test]
async fn refusals_are_final_and_say_what_to_do() {
    let host = Host::start().await;
    for (idp_type, status, body, words) in [
        ("auth0", 403, r#"{"error":"access_denied","error_description":"CANARY"}"#, "AUTH0_AUDIENCE"),
        ("auth0", 403, r#"{"error":"unauthorized_client"}"#, "client_credentials grant"),
        ("entra", 400, r#"{"error":"invalid_scope","error_codes":[1002012]}"#, "invalid_scope AADSTS1002012"),
        ("entra", 400, r#"{"error":"unauthorized_client","error_codes":[700016]}"#, "ENTRA_TENANT_ID"),
        ("entra", 400, r#"{"error":"invalid_resource","error_codes":[500011]}"#, "ENTRA_SCOPE"),
        ("entra", 400, r#"{"error":"invalid_grant","error_codes":[501051]}"#, "assign the client a role"),
        ("oidc", 400, r#"{"error":"invalid_target"}"#, "OIDC_AUDIENCE"),
        ("oidc", 401, "", "OIDC_CLIENT_ID and the secret from OIDC_CLIENT_SECRET"),
        ("github", 401, r#"{"message":"CANARY"}"#, "permissions: id-token: write"),
        ("github", 403, "", "permissions: id-token: write"),
    ] {
        host.forget();
        host.upstream.break_service(Service::Token, Fault::Status(status, body.to_owned()));
        let ran = host.get_credentials(idp_type, &[]).await;
        assert_eq!(ran.code(), Some(3), "{idp_type} {body}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{words} is not in {}", ran.stderr());
        assert!(!ran.stderr().contains("CANARY"), "{}", ran.stderr());
        assert_eq!(host.upstream.received(Service::Token).len(), 1, "{idp_type} {body}: tried once");
        assert_eq!(host.upstream.received(Service::Sts).len(), 0);
    }
}

/// What is not even JSON is tried again, since a proxy or a captive portal may have answered. JSON without a token is the
/// endpoint's own, and a token may have been billed for it.
#[tokio::test]
async fn answers_that_hold_no_token() {
    let mut ways = tokio::task::JoinSet::new();
    for idp_type in ["auth0", "entra", "github", "oidc"] {
        for (body, requests) in [
            ("<html>", 2),
            ("", 2),
            ("{\"access_token\":", 2),
            ("{}", 1),
            ("[]", 1),
            (r#"{"access_token":1,"value":1}"#, 1),
            (r#"{"access_token":"a\nb","value":"a b"}"#, 1),
        ] {
            ways.spawn(async move {
                let host = Host::start().await;
                host.upstream.break_service(Service::Token, Fault::StatusFirst(1, 200, body.to_owned()));
                let ran = host.get_credentials(idp_type, &[]).await;
                assert_eq!(ran.code(), Some(if requests == 2 { 0 } else { 4 }), "{idp_type} {body}: {}", ran.stderr());
                assert_eq!(host.upstream.received(Service::Token).len(), requests, "{idp_type} {body}");
            });
        }
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

/// STS answers 400 to what is final and to what will pass; its code decides.
#[tokio::test]
async fn what_sts_says_and_what_follows() {
    let host = Host::start().await;
    for (code, status, exit_code, words) in [
        ("AccessDenied", 403, 3, "trust policy"),
        ("ValidationError", 400, 1, "AWS_ROLE_ARN"),
        ("RegionDisabledException", 403, 1, "AWS_REGION"),
        ("InvalidIdentityToken", 400, 3, "OIDC provider"),
        ("ExpiredTokenException", 400, 3, "clock"),
    ] {
        host.forget();
        host.upstream.break_service(Service::Sts, Fault::Status(status, sts_error(code, "Why")));
        let ran = host.get_credentials("auth0", &[]).await;
        assert_eq!(ran.code(), Some(exit_code), "{code}: {}", ran.stderr());
        for shown in [code, "Why", words, ROLE] {
            assert!(ran.stderr().contains(shown), "{code}: {shown} is not in {}", ran.stderr());
        }
        assert_eq!(host.upstream.received(Service::Sts).len(), 1, "{code} is final");
    }
    let no_keys = "Couldn't retrieve verification key from your identity provider, please reference …";
    for (code, status, message) in [
        ("IDPCommunicationError", 400, "Why"),
        ("Throttling", 400, "Rate exceeded"),
        ("ServiceUnavailable", 503, "Why"),
        ("InternalFailure", 500, "Why"),
        ("InvalidIdentityToken", 400, no_keys),
    ] {
        host.forget();
        host.upstream.break_service(Service::Sts, Fault::StatusFirst(2, status, sts_error(code, message)));
        host.get_credentials("auth0", &[]).await.credentials();
        assert_eq!(host.upstream.received(Service::Sts).len(), 3, "{code} passes");
        assert_eq!(host.upstream.received(Service::Token).len(), 1, "{code}: the token is kept");
    }
}

#[tokio::test]
async fn a_cached_token_that_sts_refuses_is_fetched_anew_once() {
    let host = Host::start().await;
    host.get_credentials("auth0", &[]).await.credentials();
    for code in ["InvalidIdentityToken", "ExpiredTokenException"] {
        for entry in std::fs::read_dir(host.home.path().join("cache")).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("credentials-") {
                std::fs::remove_file(path).unwrap();
            }
        }
        host.upstream.forget_requests();
        host.upstream.break_service(Service::Sts, Fault::StatusFirst(1, 400, sts_error(code, "Why")));
        host.get_credentials("auth0", &[]).await.credentials();
        let requests = (host.upstream.received(Service::Token).len(), host.upstream.received(Service::Sts).len());
        assert_eq!(requests, (1, 2), "{code}");
    }
}

#[tokio::test]
async fn every_way_for_sts_to_be_unavailable_is_exit_code_4() {
    let mut ways = tokio::task::JoinSet::new();
    for fault in [
        Some(Fault::Status(500, "<html>".into())),
        Some(Fault::Status(503, String::new())),
        Some(Fault::Garbage),
        Some(Fault::WrongBody),
        Some(Fault::CutOff),
        Some(Fault::Slow),
        None,
    ] {
        ways.spawn(async move {
            let host = Host::start().await;
            let mut sts = host.upstream.url();
            match fault.clone() {
                Some(fault) => host.upstream.break_service(Service::Sts, fault),
                None => sts = closed_port().await,
            }
            let ran = host.get_credentials("entra", &[("AWS_ENDPOINT_URL_STS", &sts)]).await;
            assert_eq!(ran.code(), Some(4), "{fault:?}: {}", ran.stderr());
            assert!(ran.stderr().contains(&sts), "{}", ran.stderr());
            let (tokens, exchanges) =
                (host.upstream.received(Service::Token).len(), host.upstream.received(Service::Sts).len());
            assert!(tokens == 1 && exchanges <= 11, "{fault:?}: {tokens} + {exchanges} requests");
        });
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn sts_in_json_as_it_answers_to_those_who_accept_it() {
    let host = Host::start().await;
    let expiration = f64::from(u32::try_from(now() + 3600).unwrap());
    let credentials = json!({
        "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "a/b+c", "SessionToken": "t==", "Expiration": expiration,
    });
    let body = json!({"AssumeRoleWithWebIdentityResponse": {
        "AssumeRoleWithWebIdentityResult": {"Credentials": credentials, "SubjectFromWebIdentityToken": "server-01"},
        "ResponseMetadata": {"RequestId": "r"},
    }});
    host.upstream.break_service(Service::Sts, Fault::Status(200, body.to_string()));
    let credentials = host.get_credentials("auth0", &[]).await.credentials();
    assert_eq!(credentials["SecretAccessKey"], "a/b+c");
    host.forget();
    let error = json!({"Error": {"Code": "AccessDenied", "Message": "Not you", "Type": "Sender"}, "RequestId": "r"});
    host.upstream.break_service(Service::Sts, Fault::Status(403, error.to_string()));
    let ran = host.get_credentials("auth0", &[]).await;
    assert!(ran.code() == Some(3) && ran.stderr().contains("AccessDenied (Not you)"), "{}", ran.stderr());
}

#[tokio::test]
async fn session_name_and_duration() {
    let host = Host::start().await;
    let changes = [("AWS_ROLE_SESSION_NAME", "web-01"), ("AWS_ROLE_DURATION_SECONDS", "7200")];
    host.get_credentials("auth0", &changes).await.credentials();
    let sent = fields(&host.only_request(Service::Sts));
    assert_eq!((sent["RoleSessionName"].as_str(), sent["DurationSeconds"].as_str()), ("web-01", "7200"));
}

/// The profile runs this program, which would look for credentials in the profile, and so on without end.
#[tokio::test]
async fn no_credential_chain_is_consulted() {
    let host = Host::start().await;
    let (config, marker) = (host.home.path().join("config"), host.home.path().join("marker"));
    let process = format!("/bin/sh -c \"touch {}; sleep 60\"", marker.display());
    std::fs::write(&config, format!("[profile credvend]\ncredential_process = {process}\n")).unwrap();
    let metadata = closed_port().await;
    let changes = [
        ("AWS_PROFILE", "credvend"),
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ("AWS_ACCESS_KEY_ID", "AKIACANARY"),
        ("AWS_SECRET_ACCESS_KEY", "CANARY"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", metadata.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent"),
    ];
    host.get_credentials("auth0", &changes).await.credentials();
    assert!(!marker.exists());
    let request = host.only_request(Service::Sts);
    assert!(!format!("{request:?}").contains("AKIACANARY"));
}

#[tokio::test]
async fn doctor_through_sts() {
    let host = Host::start().await;
    for idp_type in ["auth0", "entra", "github", "oidc", "file"] {
        let ran = run(host.command(&["doctor"], &host.variables(idp_type), &[])).await;
        assert_eq!(ran.code(), Some(0), "{idp_type}: {}", ran.stdout());
        for shown in ["idp.example:aud = https://credvend.example", "idp.example:sub = server-01", ROLE] {
            assert!(ran.stdout().contains(shown), "{idp_type}: {shown} is not in {}", ran.stdout());
        }
    }
    host.upstream.set_token(&web_identity(json!({"azp": "party"})));
    let ran = run(host.command(&["doctor"], &host.variables("auth0"), &[])).await;
    let line = "with the client id party (azp, which STS takes in place of aud), and the role's trust policy \
                idp.example:aud = party and";
    assert!(ran.stdout().contains(line), "{}", ran.stdout());
    host.upstream.set_token(&web_identity(json!({"aud": null, "azp": "x"})));
    host.upstream.break_service(Service::Sts, Fault::Status(403, sts_error("AccessDenied", "Not you")));
    let ran = run(host.command(&["doctor", "--json"], &host.variables("auth0"), &[])).await;
    assert_eq!(ran.code(), Some(3), "{}", ran.stdout());
    let lines: Vec<Value> = ran.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<_> = lines.iter().filter(|line| line["ok"] == false).map(|line| &line["hop"]).collect();
    assert_eq!(failed, ["credentials"], "{}", ran.stdout());
    host.upstream.set_token("opaque");
    let ran = run(host.command(&["doctor"], &host.variables("auth0"), &[])).await;
    assert!(ran.code() == Some(1) && ran.stdout().contains("not a JWT"), "{}", ran.stdout());
}

/// A call that fails takes up to thirty seconds, so all are run at once.
#[tokio::test]
async fn no_secret_in_the_output() {
    let token = web_identity(json!({}));
    let mut ways = tokio::task::JoinSet::new();
    for idp_type in ["auth0", "entra", "github", "oidc", "file"] {
        ways.spawn(writes_no_secret(idp_type, token.clone(), None));
        for of in [Service::Token, Service::Sts] {
            let echo = format!(r#"{{"error":"invalid_client","error_description":"{SECRET}","message":"{SECRET}"}}"#);
            for fault in [Fault::Status(401, echo), Fault::Status(400, "CANARY-body".into()), Fault::WrongBody] {
                ways.spawn(writes_no_secret(idp_type, token.clone(), Some((of, fault))));
            }
        }
        let echo = sts_error("InvalidIdentityToken", &format!("bad token {token}"));
        ways.spawn(writes_no_secret(idp_type, token.clone(), Some((Service::Sts, Fault::Status(400, echo)))));
    }
    while let Some(ended) = ways.join_next().await {
        ended.unwrap();
    }
}

async fn writes_no_secret(idp_type: &str, token: String, fault: Option<(Service, Fault)>) {
    let host = Host::start().await;
    let variables = host.variables(idp_type);
    host.upstream.set_token(&token);
    std::fs::write(host.token_file(), &token).unwrap();
    let secrets = [SECRET, REQUEST_TOKEN, SECRET_ACCESS_KEY, SESSION_TOKEN, "CANARY-body", &token];
    let is_reached = fault.as_ref().is_some_and(|(of, _)| idp_type != "file" || *of == Service::Sts);
    if let Some((of, fault)) = fault {
        host.upstream.break_service(of, fault);
    }
    let ran = run(host.command(&["--log-level", "debug", "get-credentials"], &variables, &[])).await;
    assert_eq!(ran.code() == Some(0), !is_reached, "{idp_type}: {}", ran.stderr());
    assert_eq!(leak(&ran.stderr(), &secrets), None, "{idp_type}");
    assert!(!is_reached || ran.stdout().is_empty());
    let doctor = run(host.command(&["--log-level", "debug", "doctor"], &variables, &[])).await;
    assert_eq!(leak(&(doctor.stdout() + &doctor.stderr()), &secrets), None, "{idp_type}");
}

#[tokio::test]
async fn several_identities_in_one_file() {
    let host = Host::start().await;
    let url = host.upstream.url();
    let (config, secret) = (host.home.path().join("config.toml"), host.home.path().join("secret"));
    std::fs::write(&secret, SECRET).unwrap();
    let text = format!(
        "[identity.one]\nidp_type = 'auth0'\nauth0_token_endpoint = '{url}/oauth/token'\n\
         auth0_client_id = 'one'\nauth0_client_secret_file = '{}'\nauth0_audience = 'https://one.example'\n\
         aws_role_arn = '{ROLE}'\naws_endpoint_url_sts = '{url}'\naws_role_duration_seconds = 900\n\n\
         [identity.two]\nidp_type = 'file'\noidc_token_file = '{}'\naws_role_arn = '{ROLE}'\naws_endpoint_url = '{url}'\n",
        secret.display(),
        host.token_file().display(),
    );
    std::fs::write(&config, &text).unwrap();
    std::fs::write(host.token_file(), web_identity(json!({}))).unwrap();
    let path = config.to_str().unwrap();
    let cache = host.home.path().join("cache");
    let of = |arguments: &[&str]| {
        let arguments = [arguments, &["get-credentials"]].concat();
        let variables = vec![("CREDVEND_CACHE_DIR", cache.display().to_string()), ("IDP_TYPE", "github".to_owned())];
        run(host.command(&arguments, &variables, &[]))
    };
    of(&["--config", path, "--identity", "one"]).await.credentials();
    let sent = fields(&host.only_request(Service::Sts));
    assert_eq!((sent["RoleSessionName"].as_str(), sent["DurationSeconds"].as_str()), ("one", "900"));
    of(&["--config", path, "--identity", "two"]).await.credentials();
    assert_eq!(host.upstream.received(Service::Sts).len(), 2, "each has a cache entry of its own");
    of(&["--config", path, "--identity", "one"]).await.credentials();
    assert_eq!(host.upstream.received(Service::Sts).len(), 2);

    for (arguments, code, words) in [
        (vec!["--config", path], 1, "it has one, two"),
        (vec!["--config", path, "--identity", "tow"], 1, "has no identity `tow`"),
        (vec!["--config", "/nonexistent/c.toml"], 1, "`/nonexistent/c.toml`: cannot be read"),
        (vec!["--identity", "one", "--env-file", path], 2, "cannot be used with"),
    ] {
        let ran = of(&arguments).await;
        assert_eq!(ran.code(), Some(code), "{arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{}", ran.stderr());
    }
    let typo = text.replace("auth0_audience", "auth0_audiense");
    std::fs::write(&config, typo).unwrap();
    let ran = of(&["--config", path, "--identity", "two"]).await;
    assert!(ran.code() == Some(1) && ran.stderr().contains("did you mean `auth0_audience`?"), "{}", ran.stderr());
}
