//! Every known trap of a shipper, triggered once; and none in what `credvend setup` prints.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tests::http_server::{HttpServer, Reply};
use tests::process::{Process, binary};
use tests::token::now;

use super::{Line, line, lines};
use crate::machine::{Ran, rfc3339, run};
use crate::service::{key, token};

pub const SHIPPERS: [&str; 3] = ["vector", "fluent-bit", "logstash"];
const TOKEN: &str = "CANARY-endpoint-token";

/// A shipper's surroundings: an endpoint, its token, and a configuration without traps.
pub struct Shop {
    folder: TempDir,
    endpoint: HttpServer,
}

impl Shop {
    pub async fn start() -> Self {
        Self::answering(Reply::json(200, credentials(&rfc3339(3600)))).await
    }

    /// With this answer for whoever has the token.
    pub async fn answering(reply: Reply) -> Self {
        let reply = std::sync::Arc::new(reply);
        let endpoint = HttpServer::start(move |request| {
            let has_token = request.headers.get("authorization").is_some_and(|value| value == TOKEN);
            let reply = match &*reply {
                _ if !has_token => Reply::json(401, "{}"),
                Reply::Whole(status, headers, body) => Reply::Whole(*status, headers.clone(), body.clone()),
                Reply::Silence(duration) => Reply::Silence(*duration),
                _ => unreachable!("not used here"),
            };
            std::future::ready(reply)
        })
        .await;
        let shop = Self { folder: tempfile::tempdir().unwrap(), endpoint };
        shop.write("token", TOKEN);
        shop
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn uri(&self) -> String {
        format!("{}/credentials", self.endpoint.url())
    }

    /// The environment that `credvend setup` asks for, with changes; empty is unset.
    pub async fn doctor(&self, shipper: &str, options: &[&str], changes: &[(&str, &str)]) -> Ran {
        let config = self.write("shipper.conf", harmless(shipper));
        let mut command = std::process::Command::new(binary("credvend"));
        command.args(["doctor", "--json", "--shipper", shipper]);
        if !options.contains(&"--shipper-config") {
            command.args(["--shipper-config", &config]);
        }
        command.args(options).env_clear().env("HOME", self.folder.path());
        // Nothing of what this machine has installed; a test may put a unit there.
        command.env("SYSTEMD_UNIT_PATH", self.path("units"));
        command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", self.uri());
        command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", self.path("token"));
        for (name, value) in changes {
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        run(command).await
    }

    /// Asserts this verdict of this check, with these words in it.
    pub async fn expect(
        &self,
        shipper: &str,
        options: &[&str],
        changes: &[(&str, &str)],
        expected: (&str, &str, &str),
    ) {
        let ran = self.doctor(shipper, options, changes).await;
        let (check, verdict, words) = expected;
        let lines = lines(&ran);
        let is_it = |line: &&Line| line.outcome() == (check, verdict) && line.text("detail").contains(words);
        let found = lines.iter().find(is_it);
        assert!(found.is_some(), "{shipper} {changes:?} {expected:?}:\n{}{}", ran.stdout(), ran.stderr());
        assert!(verdict == "ok" || !found.unwrap().text("fix").is_empty(), "{shipper} {expected:?}: no fix");
        assert_eq!(ran.code() == Some(0), !lines.iter().any(|line| line.text("verdict") == "fail"));
    }
}

pub fn harmless(shipper: &str) -> &'static str {
    match shipper {
        "vector" => "sinks:\n  s3:\n    type: aws_s3\n    healthcheck:\n      enabled: false\n",
        "fluent-bit" => "[OUTPUT]\n    name s3\n",
        _ => "output { s3 {\n  validate_credentials_on_root_bucket => false\n} }\n",
    }
}

fn credentials(expiration: &str) -> String {
    let (secret, token) = ("CANARY-secret", "CANARY-session");
    json!({"AccessKeyId": "ASIA", "SecretAccessKey": secret, "Token": token, "Expiration": expiration}).to_string()
}

pub fn all_is_well(ran: &Ran, what: &str) {
    let lines = lines(ran);
    assert_eq!(ran.code(), Some(0), "{what}: {}{}", ran.stdout(), ran.stderr());
    assert!(lines.iter().all(|line| line.text("verdict") == "ok"), "{what}: {}", ran.stdout());
}

#[tokio::test]
async fn no_trap_no_warning() {
    let shop = Shop::start().await;
    for shipper in SHIPPERS {
        all_is_well(&shop.doctor(shipper, &[], &[]).await, shipper);
    }
}

#[tokio::test]
async fn traps_of_the_environment() {
    let shop = Shop::start().await;
    let none = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")];
    for shipper in SHIPPERS {
        shop.expect(shipper, &[], &[("AWS_ACCESS_KEY_ID", "AKIA")], ("keys", "fail", "AWS_ACCESS_KEY_ID")).await;
        shop.expect(shipper, &[], &none, ("way", "fail", "nothing")).await;
        let relative = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2")];
        shop.expect(shipper, &[], &relative, ("endpoint", "fail", "wins over")).await;
        shop.expect(shipper, &["--shipper-user", "no-such-user"], &[], ("shipper", "fail", "no-such-user")).await;
    }
    let mut other = Process::spawn({
        let mut command = std::process::Command::new("sleep");
        command.arg("60").env_clear().env("AWS_ACCESS_KEY_ID", "AKIA");
        command
    });
    let pid = other.child.id().to_string();
    shop.expect("vector", &["--shipper-pid", &pid], &[], ("keys", "fail", "AWS_ACCESS_KEY_ID")).await;
    other.stop().await;
}

/// Fluent Bit sets up a connection to the metadata service at its start, through the proxy unless it is excepted.
#[tokio::test]
async fn traps_of_proxies() {
    let shop = Shop::start().await;
    let none = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "");
    for (shipper, no_proxy, verdict, words) in [
        ("vector", "", "warn", "127.0.0.1"),
        ("vector", "a, 127.0.0.1", "ok", "excepts"),
        ("vector", "*", "ok", "excepts"),
        ("logstash", "localhost", "warn", "127.0.0.1"),
        ("fluent-bit", "", "fail", "127.0.0.1,169.254.169.254"),
        ("fluent-bit", "127.0.0.1", "fail", "does not except 169.254.169.254"),
        ("fluent-bit", "169.254.169.254", "warn", "does not except 127.0.0.1"),
        ("fluent-bit", "127.0.0.1,169.254.169.254", "ok", "excepts"),
        ("fluent-bit", "*", "ok", "excepts"),
    ] {
        let proxy = ("HTTP_PROXY", "http://proxy:1");
        shop.expect(shipper, &[], &[proxy, ("NO_PROXY", no_proxy)], ("proxy", verdict, words)).await;
        let lower = [("http_proxy", "http://proxy:1"), ("no_proxy", no_proxy)];
        shop.expect(shipper, &[], &lower, ("proxy", verdict, words)).await;
    }
    // Whatever gives it credentials.
    let proxy = [none, ("HTTP_PROXY", "http://proxy:1"), ("NO_PROXY", "127.0.0.1")];
    shop.expect("fluent-bit", &[], &proxy, ("proxy", "fail", "does not start")).await;
    let ran = shop.doctor("vector", &[], &proxy).await;
    assert!(!ran.stdout().contains(r#""hop":"proxy""#), "Vector asks nothing over plain http: {}", ran.stdout());
    let all = [("ALL_PROXY", "http://proxy:1")];
    shop.expect("vector", &[], &all, ("proxy", "warn", "ALL_PROXY")).await;
    shop.expect("fluent-bit", &[], &all, ("proxy", "ok", "none for http")).await;
}

fn full_uri(url: &str) -> [(&str, &str); 1] {
    [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)]
}

#[tokio::test]
async fn traps_of_the_endpoint() {
    let shop = Shop::start().await;
    let port = shop.endpoint.address.port();
    let by_name = format!("http://localhost:{port}/credentials");
    shop.expect("fluent-bit", &[], &full_uri(&by_name), ("endpoint", "fail", "127.")).await;
    shop.expect("vector", &[], &full_uri(&by_name), ("endpoint", "warn", "name")).await;
    let known_path = format!("http://localhost:{port}/2016-11-01/credentialprovider/");
    let below = format!("{known_path}web-01");
    shop.expect("fluent-bit", &[], &full_uri(&below), ("endpoint", "fail", "127.")).await;
    shop.expect("fluent-bit", &[], &full_uri(&known_path), ("endpoint", "warn", "name")).await;
    let far = "http://10.0.0.1:9911/credentials";
    for shipper in SHIPPERS {
        shop.expect(shipper, &[], &full_uri(far), ("endpoint", "fail", "loopback")).await;
        shop.expect(shipper, &["--endpoint", far], &[], ("endpoint", "fail", "loopback")).await;
        shop.expect(
            shipper,
            &["--endpoint", &tests::http_server::closed_port().await],
            &[],
            ("answer", "fail", "connect"),
        )
        .await;
    }
    let no_file = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "");
    shop.expect("vector", &[], &[no_file], ("answer", "fail", "401")).await;
    let variable = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN);
    shop.expect("vector", &[], &[no_file, variable], ("answer", "ok", "until")).await;
    for (content, words) in [(format!("{TOKEN}\n"), "newline"), (String::new(), "empty")] {
        shop.write("token", &content);
        shop.expect("logstash", &[], &[], ("token file", "fail", words)).await;
    }
    shop.write("token", &format!("{TOKEN}\n"));
    shop.expect("fluent-bit", &[], &[], ("token file", "warn", "newline")).await;
    shop.expect("fluent-bit", &[], &[], ("answer", "ok", "until")).await;
    let encrypted = "https://127.0.0.1:1/credentials";
    shop.expect("fluent-bit", &[], &full_uri(encrypted), ("endpoint", "fail", "plain http")).await;
    shop.expect("vector", &[], &full_uri(encrypted), ("endpoint", "warn", "certificate authority")).await;
    shop.write("token", "another");
    shop.expect("logstash", &[], &[], ("answer", "fail", "401")).await;
    std::fs::remove_file(shop.path("token")).unwrap();
    shop.expect("logstash", &[], &[], ("token file", "fail", "No such file")).await;
    assert!(shop.doctor("logstash", &[], &[]).await.stdout().contains("start `credvend serve"));
    shop.write("token", TOKEN);
    // Nobody else reads a file of 0600, nor one in a folder of 0700.
    std::fs::set_permissions(shop.path("token"), PermissionsExt::from_mode(0o600)).unwrap();
    shop.expect("vector", &["--shipper-user", "4000001"], &[], ("token file", "fail", "is closed to")).await;
    std::fs::set_permissions(shop.path("token"), PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::set_permissions(shop.folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
    shop.expect("vector", &["--shipper-user", "4000001"], &[], ("token file", "fail", "is closed to")).await;
}

#[tokio::test]
async fn traps_of_the_answer() {
    let soon = rfc3339(300);
    let fraction = rfc3339(3600).replace('Z', ".123Z");
    for (reply, verdict, words) in [
        (Reply::json(200, credentials(&fraction)), "fail", "whole seconds"),
        (Reply::json(200, credentials(&rfc3339(3600).replace('Z', "+00:00"))), "fail", "whole seconds"),
        (Reply::json(200, credentials(&rfc3339(-1))), "fail", "expired"),
        (Reply::json(200, credentials(&soon)), "warn", "less than 10 min"),
        (Reply::json(200, r#"{"AccessKeyId":"a"}"#), "fail", "missing"),
        (Reply::json(200, "<html>"), "fail", "JSON"),
        (Reply::json(404, "{}"), "fail", "404"),
        (Reply::json(503, "{}"), "fail", "503"),
        (Reply::Silence(Duration::from_secs(20)), "fail", "no response within 5000 ms"),
    ] {
        let shop = Shop::answering(reply).await;
        shop.expect("fluent-bit", &[], &[], ("answer", verdict, words)).await;
    }
}

/// 401 is about the token that was sent; 403 about the identity, or the caller. The body says which.
#[tokio::test]
async fn what_the_endpoint_refuses_is_told_with_its_reason() {
    let body = |code: &str, message: &str| json!({"code": code, "message": message}).to_string();
    for (status, body, words, fix) in [
        (401, body("InvalidAuthorizationToken", "another one after each start"), "another one after", "token file"),
        (401, "{}".to_owned(), "answered 401", "token file"),
        (403, body("AccessDenied", "client 6h0 is refused: invalid_client"), "invalid_client", "credvend doctor"),
        (403, body("AccessDenied", "no identity is for the user with id 998"), "user with id 998", "credvend doctor"),
        (403, body("InvalidHost", "the Host header must be"), "InvalidHost: the Host header", "credvend doctor"),
        (403, "<html>proxy</html>".to_owned(), "answered 403", "credvend doctor"),
        (404, body("NoSuchIdentity", "there are: web-01"), "there are: web-01", "/credentials/NAME"),
        (500, body("Misconfigured", "COGNITO_CLIENT_ID is missing"), "COGNITO_CLIENT_ID", "credvend doctor"),
        (503, body("ServiceUnavailable", "cannot connect"), "cannot connect", "credvend doctor"),
        // Somebody else may listen there.
        (403, body("x", &format!("you sent {TOKEN}")), "answered 403", "credvend doctor"),
    ] {
        let shop = Shop::answering(Reply::json(status, body)).await;
        for shipper in SHIPPERS {
            shop.expect(shipper, &[], &[], ("answer", "fail", words)).await;
            let lines = lines(&shop.doctor(shipper, &[], &[]).await);
            let line = line(&lines, "answer");
            assert!(line.text("fix").contains(fix), "{status} {words}: {}", line.text("fix"));
            let blames_the_token = line.text("fix").contains("another start of `serve`");
            assert_eq!(blames_the_token, status == 401, "{status} {words}");
        }
    }
}

#[tokio::test]
async fn traps_of_profiles() {
    let shop = Shop::start().await;
    let no_endpoint = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "");
    let credvend = binary("credvend");
    let credvend = credvend.to_str().unwrap();
    let script = shop.write("script", "#!/nonexistent/sh\n");
    let plain_file = shop.write("plain", "");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    for (shippers, command, verdict, words) in [
        (&SHIPPERS[..], format!("{credvend} --env-file /etc/credvend/credvend.env get-credentials"), "ok", "runs"),
        (&SHIPPERS, "credvend get-credentials".to_owned(), "fail", "not an absolute path"),
        (&SHIPPERS, "/nonexistent/credvend get-credentials".to_owned(), "fail", "No such file"),
        (&SHIPPERS, plain_file, "fail", "chmod +x"),
        (&SHIPPERS, script, "fail", "an image without a shell"),
        (&["fluent-bit"], "/bin/sh -c 'cat /x | credvend get-credentials'".to_owned(), "fail", "without a shell"),
        (&["fluent-bit"], format!("{credvend} --env-file=\"/a b\" get-credentials"), "fail", "without a shell"),
    ] {
        let config = shop.write("config", &format!("[profile credvend]\ncredential_process = {command}\n"));
        let changes = [no_endpoint, ("AWS_CONFIG_FILE", &config), ("AWS_PROFILE", "credvend")];
        for shipper in shippers {
            shop.expect(shipper, &[], &changes, ("profile", verdict, words)).await;
        }
    }
    let config = shop.write("config", "[profile credvend]\nregion = x\n");
    let changes = [no_endpoint, ("AWS_CONFIG_FILE", config.as_str()), ("AWS_PROFILE", "credvend")];
    shop.expect("vector", &[], &changes, ("profile", "fail", "no profile `credvend`")).await;
    let changes = [no_endpoint, ("AWS_CONFIG_FILE", "/nonexistent/config")];
    shop.expect("vector", &[], &changes, ("profile", "fail", "/nonexistent/config")).await;

    let keys = "[default]\naws_access_key_id = ASIA\naws_secret_access_key = CANARY\naws_session_token = CANARY\n";
    let file = shop.write("credentials", keys);
    for (shipper, issue) in [("vector", "#18591"), ("fluent-bit", "#10428"), ("logstash", "#205")] {
        let changes = [no_endpoint, ("AWS_SHARED_CREDENTIALS_FILE", file.as_str())];
        shop.expect(shipper, &[], &changes, ("profile", "warn", issue)).await;
    }
    let for_ever = shop.write("credentials", "[default]\naws_access_key_id = AKIA\naws_secret_access_key = CANARY\n");
    let changes = [("AWS_SHARED_CREDENTIALS_FILE", for_ever.as_str())];
    shop.expect("vector", &[], &changes, ("profile", "fail", "without an end")).await;
    shop.expect("vector", &[], &changes, ("way", "warn", "several")).await;
}

#[tokio::test]
async fn traps_of_web_identities() {
    let shop = Shop::start().await;
    let claims = |expires_in: i64| {
        let expires_at = now().cast_signed() + expires_in;
        key().token(&json!({"iss": "https://idp.example", "sub": "s", "aud": "a", "exp": expires_at}))
    };
    let path = shop.path("jwt").to_str().unwrap().to_owned();
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/a");
    let changes = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", ""), ("AWS_WEB_IDENTITY_TOKEN_FILE", path.as_str()), role];
    for (content, shipper, verdict, words) in [
        (claims(3600), "vector", "ok", "STS may take"),
        (claims(3600), "fluent-bit", "ok", "STS may take"),
        (claims(3600), "logstash", "warn", "new versions"),
        (claims(-60), "vector", "fail", "expired"),
        (format!("{}\n", claims(3600)), "vector", "warn", "newline"),
        ("opaque".to_owned(), "vector", "fail", "no JWT"),
        (token(), "vector", "fail", "is Cognito's"),
        (token(), "fluent-bit", "fail", "is Cognito's"),
        (token(), "logstash", "fail", "is Cognito's"),
    ] {
        shop.write("jwt", &content);
        shop.expect(shipper, &[], &changes, ("web identity", verdict, words)).await;
    }
    shop.expect("vector", &[], &changes[..2], ("web identity", "fail", "AWS_ROLE_ARN")).await;
    std::fs::remove_file(&path).unwrap();
    shop.expect("vector", &[], &changes, ("web identity", "fail", "No such file")).await;
}

#[tokio::test]
async fn traps_of_the_shipper_s_own_configuration() {
    let shop = Shop::start().await;
    for (shipper, line, verdict, words) in [
        ("vector", "    auth:\n      access_key_id: AKIA", "fail", "access_key_id"),
        ("vector", "    auth: {assume_role: \"arn:x\"}", "warn", "second role"),
        ("vector", "    auth:\n      credentials_file: /x", "warn", "#18591"),
        ("fluent-bit", "    role_arn arn:x", "warn", "second role"),
        ("fluent-bit", "env:\n  AWS_CONTAINER_CREDENTIALS_FULL_URI: http://localhost:9911/c", "fail", "localhost"),
        ("logstash", "  secret_access_key => \"x\"", "fail", "secret_access_key"),
        ("logstash", "  aws_credentials_file => \"/x\"", "warn", "#205"),
        ("logstash", "  role_arn => \"arn:x\"", "warn", "second role"),
        ("logstash", "  bucket => \"b\"", "fail", "ACL `private`"),
        ("logstash", "  canned_acl => \"public-read\"", "fail", "ACL `public-read`"),
        ("fluent-bit", "    canned_acl private", "fail", "ACL `private`"),
        ("vector", "    acl: private", "fail", "ACL `private`"),
        ("fluent-bit", "    bucket b\n    store_dir /x", "warn", "`retry_limit` is 5, its default"),
        ("fluent-bit", "    bucket b\n    retry_limit 5", "warn", "quarantine"),
        ("fluent-bit", "    bucket b\n    retry_limit no_limits", "warn", "quarantine"),
        ("fluent-bit", "    bucket b\n    retry_limit 1000", "warn", "/tmp/fluent-bit/s3, its default"),
        ("fluent-bit", "    bucket b\n    store_dir /tmp/x", "warn", "`store_dir` is /tmp/x"),
    ] {
        let config = shop.write("own.conf", &format!("{}{line}\n", harmless(shipper)));
        shop.expect(shipper, &["--shipper-config", &config], &[], ("config", verdict, words)).await;
    }
    let empty = shop.write("own.conf", "# nothing\n");
    let options = ["--shipper-config", empty.as_str()];
    shop.expect("vector", &options, &[], ("config", "warn", "health check")).await;
    shop.expect("logstash", &options, &[], ("config", "fail", "root of the bucket")).await;
    shop.expect("fluent-bit", &options, &[("S3_PATH_PREFIX", "logs/a")], ("config", "warn", "logs/a")).await;
    shop.expect("fluent-bit", &options, &[("S3_BUCKET", "bucket")], ("config", "warn", "bucket")).await;
    shop.expect("vector", &["--shipper-config", "/nonexistent/x"], &[], ("config", "fail", "/nonexistent/x")).await;
    let lines = lines(&shop.doctor("vector", &options, &[]).await);
    assert_eq!(line(&lines, "config").text("verdict"), "warn");
}
