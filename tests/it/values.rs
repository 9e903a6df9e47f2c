//! Values of the service's variables: white space around them is nothing, and what can never work fails the start.

use serde_json::json;

use crate::service::{Service, environment, start_process, token, upstream};

/// A Kubernetes secret made from a file ends in a newline, as an editor's file does, or in CR and newline.
#[tokio::test]
async fn a_line_break_at_the_end_of_a_value_is_nothing() {
    for ending in ["\n", "\r\n", " \n", "\r"] {
        let upstream = upstream(json!({})).await;
        let names = [
            "COGNITO_ISSUER",
            "JWKS_URI",
            "DYNAMODB_TABLE",
            "S3_BUCKET",
            "AWS_REGION",
            "AWS_ENDPOINT_URL",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "LISTEN_ADDRESS",
            "LOG_LEVEL",
        ];
        let variables = environment(&upstream).into_iter();
        let changed = variables.filter(|(name, _)| names.contains(name)).map(|(name, value)| (name, value + ending));
        let service = Service::start_on(upstream, changed.collect()).await;
        let answer = service.vend(&token()).await;
        assert_eq!(answer.verdict(), (200, "ok"), "{ending:?}: {}", answer.body);
        assert_eq!(answer.body["aws_region"], "eu-west-1", "{ending:?}");
        assert_eq!(answer.body["s3_bucket"], "example-bucket", "{ending:?}");
    }
}

#[tokio::test]
async fn values_that_can_never_work_fail_the_start_and_are_all_named() {
    let entry = |changes: &str| format!(r#"[{{"issuer":"https://x","kind":"oidc","audiences":["a"]{changes}}}]"#);
    let broken = vec![
        (vec![("COGNITO_ISSUER", ""), ("JWKS_URI", ""), ("TRUSTED_ISSUERS", "[]")], vec!["TRUSTED_ISSUERS"]),
        (vec![("TRUSTED_ISSUERS", "[]")], vec!["TRUSTED_ISSUERS"]),
        (vec![("TRUSTED_ISSUERS", "[ ]"), ("AWS_REGION", "eu west")], vec!["TRUSTED_ISSUERS", "AWS_REGION"]),
        (vec![("COGNITO_ISSUER", "eu-west-1_TestPool1")], vec!["COGNITO_ISSUER"]),
        (vec![("COGNITO_ISSUER", "https://cognito\n.example")], vec!["COGNITO_ISSUER"]),
        (vec![("COGNITO_ISSUER", "")], vec!["JWKS_URI"]),
        (vec![("JWKS_URI", "junk")], vec!["JWKS_URI"]),
        (vec![("JWKS_URI", "https://")], vec!["JWKS_URI"]),
        (
            vec![("AWS_ACCESS_KEY_ID", "AKIA\nX"), ("AWS_SECRET_ACCESS_KEY", "a\rb")],
            vec!["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
        ),
        (vec![("AWS_SESSION_TOKEN", "a\nb"), ("AWS_REGION", "eu west")], vec!["AWS_SESSION_TOKEN", "AWS_REGION"]),
        (
            vec![("AWS_ENDPOINT_URL", "http://192.0.2.2"), ("DYNAMODB_TABLE", "a b")],
            vec!["AWS_ENDPOINT_URL", "DYNAMODB_TABLE"],
        ),
        (vec![("METRICS_NAMESPACE", "AWS/Lambda")], vec!["METRICS_NAMESPACE"]),
    ];
    let entries = [
        entry(r#","algorithms":[]"#),
        entry(r#","client_claim":"""#),
        entry(r#","jwks_uri":"junk""#),
        entry("").replace(r#"["a"]"#, r#"[""]"#),
        entry("").replace(r#"["a"]"#, r#"["a "]"#),
        entry("").replace("https://x", "x"),
        entry("").replace("https://x", r"https://x\n"),
        entry("").replace("https://x", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestPool1"),
    ];
    let entries = entries.iter().map(|entry| (vec![("TRUSTED_ISSUERS", entry.as_str())], vec!["TRUSTED_ISSUERS"]));
    for (changes, named) in broken.into_iter().chain(entries) {
        let upstream = upstream(json!({})).await;
        let mut variables = environment(&upstream);
        for (name, value) in &changes {
            variables.retain(|(existing, _)| existing != name);
            variables.push((name, (*value).to_owned()));
        }
        let mut process = start_process(&variables);
        assert_eq!(process.exit_code().await, Some(1), "{changes:?}");
        let output = process.output();
        assert!(named.iter().all(|name| output.contains(name)), "{changes:?}: {output}");
        assert!(!output.contains("CANARY") && !output.contains("AKIA"), "{output}");
    }
}
