//! A rotation from its first step to its last, and everything that Secrets Manager, the operator or the index can get wrong.

use std::time::Duration;

use serde_json::{Value, json};
use tests::http_server::closed_port;

use super::index::{Answers, FakeIndex};
use super::interrupted;
use super::relay::{Break, Relay};
use super::world::{Function, NEW, NEXT, OLD, ON_STAGED, REVOKED, STEPS, Secret, World};

#[tokio::test]
async fn on_the_local_stack() {
    let world = World::start().await;
    tokio::join!(
        one_rotation_after_the_other(&world),
        what_the_role_may_not(&world),
        refusals(&world),
        verdicts_of_indexes(&world),
        nothing_hangs(&world),
        interrupted::at_every_call(&world),
        interrupted::killed_at_every_call(&world),
    );
    assert_eq!(world.packages(), 0, "no index stores what tries a token");
    world.stop().await;
}

async fn one_rotation_after_the_other(world: &World) {
    let keys = world.session("rotation", ON_STAGED).await;
    let keys = keys.iter().map(|(name, value)| (*name, value.as_str()));
    let variables: Vec<_> = keys.chain([("TOKEN_PREFIX", "pypi-")]).collect();
    let function = Function::start(world, world.text("/endpoint"), &variables).await;
    let mut secret = world.rotating().await;
    for step in STEPS {
        assert_eq!(world.current(&secret).await, world.value(OLD), "before {step}");
        function.step(&secret, step).await.unwrap_or_else(|failure| panic!("{step}: {failure:?}"));
        function.step(&secret, step).await.unwrap_or_else(|failure| panic!("{step} again: {failure:?}"));
    }
    world.is_rotated(&secret).await;
    for step in STEPS {
        function.step(&secret, step).await.unwrap_or_else(|failure| panic!("{step} afterwards: {failure:?}"));
    }
    world.is_rotated(&secret).await;

    // The second: AWS takes the label of the first along, moto does not.
    let old_version = std::mem::replace(&mut secret.version, "10000000-0000-4000-8000-000000000001".to_owned());
    let label = world.admin.update_secret_version_stage().secret_id(&secret.arn).version_stage("AWSPENDING");
    label.remove_from_version_id(&old_version).send().await.unwrap();
    world.begin(&secret).await;
    let failure = function.rotate(&secret).await.unwrap_err();
    assert_eq!(failure.kind, "NothingStaged", "the note is no token: {}", failure.message);
    world.stage(&secret, &json!({"token": NEXT}).to_string()).await;
    function.rotate(&secret).await.unwrap();
    assert_eq!(world.current(&secret).await, world.value(NEXT));
    assert_eq!(world.value_of(&secret.arn, "AWSPREVIOUS").await, Some(world.value(NEW)));

    // The version before is no version of a rotation any more.
    secret.version = old_version;
    for step in STEPS {
        assert_eq!(function.step(&secret, step).await.unwrap_err().kind, "NotInRotation", "{step}");
    }
    let output = function.stop().await;
    assert!(output.contains("the token is current"), "{output}");
}

/// A role that may not mark the staged token as used has rotated for all that; one that may not read it has not.
async fn what_the_role_may_not(world: &World) {
    let (reads, no_reads) =
        tokio::join!(world.session("reads", &["GetSecretValue"]), world.session("no-reads", &["TagResource"]));
    for (keys, rotates) in [(reads, true), (no_reads, false)] {
        let keys: Vec<_> = keys.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let function = Function::start(world, world.text("/endpoint"), &keys).await;
        let secret = world.rotating().await;
        let rotated = function.rotate(&secret).await;
        let kind = rotated.as_ref().err().map(|failure| failure.kind.as_str());
        assert_eq!(kind, (!rotates).then_some("AccessDenied"), "{rotated:?}");
        assert_eq!(world.current(&secret).await, world.value(if rotates { NEW } else { OLD }));
        assert_eq!(world.staged(&secret).await, Some(json!({"token": NEW})));
        let output = function.stop().await;
        assert!(
            output.contains(if rotates { "still staged as well" } else { "may not secretsmanager:GetSecretValue" }),
            "{output}"
        );
    }
}

/// What is staged, what is current, and what the function says.
async fn refusals(world: &World) {
    let function = Function::start(world, world.text("/endpoint"), &[("TOKEN_PREFIX", "pypi-")]).await;
    let old = world.value(OLD).to_string();
    let token = |token: &str| json!({"token": token}).to_string();
    for (current, staged, kind) in [
        (old.as_str(), None, "NothingStaged"),
        (&old, Some("{}".to_owned()), "NothingStaged"),
        (&old, Some(json!({"used_by_version": "v"}).to_string()), "NothingStaged"),
        (&old, Some(NEW.to_owned()), "InvalidStagedToken"),
        (&old, Some(json!({"password": NEW}).to_string()), "InvalidStagedToken"),
        (&old, Some(token(&format!("{NEW}\n"))), "InvalidStagedToken"),
        (&old, Some(token(&NEW.replace('-', " "))), "InvalidStagedToken"),
        (&old, Some(token(&NEW.replace("pypi-", "ghp_"))), "InvalidStagedToken"),
        (&old, Some(token("")), "InvalidStagedToken"),
        (&old, Some(token(OLD)), "TokenReused"),
        (OLD, Some(token(NEW)), "InvalidSecret"),
        (r#"{"token":"pypi-CANARY"}"#, Some(token(NEW)), "InvalidSecret"),
        (r#"{"token":"pypi-CANARY-old","package":"a\r\n--b"}"#, Some(token(NEW)), "InvalidSecret"),
    ] {
        let secret = world.secret(current).await;
        if let Some(staged) = &staged {
            world.stage(&secret, staged).await;
        }
        world.begin(&secret).await;
        for step in STEPS {
            let failure = function.step(&secret, step).await.unwrap_err();
            let expected = if step == "createSecret" { kind } else { "InvalidSecret" };
            assert_eq!(failure.kind, expected, "{step} {staged:?}: {}", failure.message);
        }
        assert_eq!(world.labels(&secret, &secret.version).await, ["AWSPENDING"], "{staged:?}");
    }
    the_value_before_is_not_taken_either(world, &function).await;
    states_of_the_secret(world, &function).await;
    for event in ["", "[]", "{}", r#"{"requestContext":{"http":{}}}"#, r#"{"SecretId":"CANARY","Step":"testSecret"}"#] {
        assert_eq!(function.send(event, vec![]).await.unwrap_err().kind, "InvalidEvent", "{event}");
    }
    function.stop().await;
}

async fn the_value_before_is_not_taken_either(world: &World, function: &Function) {
    let secret = world.secret(&world.value(NEXT).to_string()).await;
    world
        .admin
        .put_secret_value()
        .secret_id(&secret.arn)
        .secret_string(world.value(OLD).to_string())
        .send()
        .await
        .unwrap();
    world.stage(&secret, &json!({"token": NEXT}).to_string()).await;
    world.begin(&secret).await;
    let failure = function.step(&secret, "createSecret").await.unwrap_err();
    assert!(failure.kind == "TokenReused" && failure.message.contains("AWSPREVIOUS"), "{failure:?}");
    assert_eq!(world.current(&secret).await, world.value(OLD));
}

async fn states_of_the_secret(world: &World, function: &Function) {
    let unknown = Secret { version: "20000000-0000-4000-8000-000000000000".to_owned(), ..world.rotating().await };
    let disabled = world.rotating().await;
    world.admin.cancel_rotate_secret().secret_id(&disabled.arn).send().await.unwrap();
    let missing = Secret { arn: format!("{}x", disabled.arn), name: String::new(), version: disabled.version.clone() };
    for (secret, kind) in [(&unknown, "NotInRotation"), (&disabled, "NotInRotation"), (&missing, "InvalidSecret")] {
        for step in STEPS {
            let failure = function.step(secret, step).await.unwrap_err();
            assert_eq!(failure.kind, kind, "{step}: {}", failure.message);
        }
    }
    assert_eq!(world.current(&disabled).await, world.value(OLD));
    // A newer token that was staged in the meantime is not hidden by the note about the old one.
    let secret = world.rotating().await;
    for step in &STEPS[..3] {
        function.step(&secret, step).await.unwrap();
    }
    world.stage(&secret, &json!({"token": NEXT}).to_string()).await;
    function.step(&secret, "finishSecret").await.unwrap();
    assert_eq!(world.current(&secret).await, world.value(NEW));
    assert_eq!(world.staged(&secret).await, Some(json!({"token": NEXT})));
}

/// `testSecret` alone, at indexes that are none.
async fn verdicts_of_indexes(world: &World) {
    let function = Function::start(world, world.text("/endpoint"), &[]).await;
    let elsewhere = FakeIndex::start(Answers::Statuses(401, 400)).await;
    let closed = format!("{}/", closed_port().await);
    for (answers, kind) in [
        (Answers::Statuses(401, 400), None),
        (Answers::Statuses(403, 400), None),
        (Answers::LikeWarehouse, None),
        (Answers::Statuses(401, 401), Some("TokenRefused")),
        (Answers::Statuses(403, 403), Some("TokenRefused")),
        (Answers::Statuses(401, 403), Some("TokenRefused")),
        (Answers::Statuses(400, 400), Some("IndexUnsuitable")),
        (Answers::Statuses(200, 200), Some("IndexUnsuitable")),
        (Answers::Statuses(200, 400), Some("IndexUnsuitable")),
        (Answers::Statuses(404, 400), Some("IndexUnsuitable")),
        (Answers::Redirects(elsewhere.url()), Some("IndexUnsuitable")),
        (Answers::Statuses(429, 400), Some("IndexUnavailable")),
        (Answers::Statuses(500, 400), Some("IndexUnavailable")),
        (Answers::Statuses(403, 200), Some("IndexUnavailable")),
        (Answers::Statuses(403, 404), Some("IndexUnavailable")),
        (Answers::Statuses(403, 422), Some("IndexUnavailable")),
        (Answers::Statuses(403, 503), Some("IndexUnavailable")),
        (Answers::Garbage, Some("IndexUnavailable")),
        (Answers::Half, Some("IndexUnavailable")),
        (Answers::Endless, Some("IndexUnavailable")),
    ] {
        let index = FakeIndex::start(answers.clone()).await;
        let secret = pending(world, &index.url()).await;
        let tested = function.step(&secret, "testSecret").await;
        assert_eq!(tested.as_ref().err().map(|failure| failure.kind.as_str()), kind, "{answers:?}: {tested:?}");
        assert!(index.requests() <= 2, "a token is tried once: accounts are locked after a few wrong ones");
    }
    assert_eq!(elsewhere.requests(), 0, "no redirect is followed");
    // Nobody listens; plain http to another machine; nothing that could be an index.
    for (repository, kind) in [
        (closed.as_str(), "IndexUnavailable"),
        ("http://192.0.2.1/", "IndexUnsuitable"),
        ("team-1/demo", "IndexUnsuitable"),
    ] {
        let secret = pending(world, repository).await;
        assert_eq!(function.step(&secret, "testSecret").await.unwrap_err().kind, kind, "{repository}");
    }
    // A revoked token, at the real one: its version is given up, and the next rotation takes what is staged by then.
    let mut secret = world.secret(&world.value(OLD).to_string()).await;
    world.stage(&secret, &json!({"token": REVOKED}).to_string()).await;
    world.begin(&secret).await;
    let failure = function.rotate(&secret).await.unwrap_err();
    assert_eq!(failure.kind, "TokenRefused", "{}", failure.message);
    assert_eq!(world.current(&secret).await, world.value(OLD));
    assert!(world.labels(&secret, &secret.version).await.is_empty());
    assert_eq!(function.step(&secret, "finishSecret").await.unwrap_err().kind, "NotInRotation");
    world.stage(&secret, &json!({"token": NEW}).to_string()).await;
    "30000000-0000-4000-8000-000000000000".clone_into(&mut secret.version);
    world.begin(&secret).await;
    function.rotate(&secret).await.unwrap();
    world.is_rotated(&secret).await;
    function.stop().await;
    // The function's own word about the index must not contradict the secret.
    let own = [("INDEX_UPLOAD_URL", elsewhere.url())];
    let function =
        Function::start(world, world.text("/endpoint"), &own.each_ref().map(|(name, url)| (*name, url.as_str()))).await;
    let secret = pending(world, &world.index_url).await;
    assert_eq!(function.step(&secret, "testSecret").await.unwrap_err().kind, "IndexUnsuitable");
    assert_eq!(elsewhere.requests(), 0);
    let secret = pending(world, "team-1/demo").await;
    function.step(&secret, "testSecret").await.unwrap();
    assert_eq!(elsewhere.requests(), 2);
    function.stop().await;
}

/// A secret whose pending version names this index.
async fn pending(world: &World, repository: &str) -> Secret {
    let secret = world.secret(&world.value(OLD).to_string()).await;
    let value: Value = json!({"token": NEW, "repository": repository, "package": "demo"});
    let version = world.admin.put_secret_value().secret_id(&secret.arn).client_request_token(&secret.version);
    version.version_stages("AWSPENDING").secret_string(value.to_string()).send().await.unwrap();
    secret
}

/// Secrets Manager or the index say nothing: an error comes in time, and the next step works.
async fn nothing_hangs(world: &World) {
    let relay = Relay::start(world.text("/endpoint")).await;
    let function = Function::start(world, &relay.url(), &[]).await;
    let secret = world.rotating().await;
    relay.break_from(1, Break::Stall);
    let failure = function.step(&secret, "createSecret").await.unwrap_err();
    assert!(failure.kind == "SecretsManagerUnavailable" && failure.message.contains("timed out"), "{failure:?}");
    let failure = function.step_within(&secret, "createSecret", Duration::from_millis(1500)).await.unwrap_err();
    assert_eq!(failure.kind, "TimeIsUp");
    relay.heal();
    function.step(&secret, "createSecret").await.unwrap();

    let silent = FakeIndex::start(Answers::Silent).await;
    let tried = pending(world, &silent.url()).await;
    let failure = function.step_within(&tried, "testSecret", Duration::from_millis(1500)).await.unwrap_err();
    assert_eq!(failure.kind, "TimeIsUp");
    let failure = function.step(&tried, "testSecret").await.unwrap_err();
    assert!(failure.kind == "IndexUnavailable" && failure.message.contains("no response"), "{failure:?}");
    for step in &STEPS[1..] {
        function.step(&secret, step).await.unwrap();
    }
    world.is_rotated(&secret).await;
    function.stop().await;
}
