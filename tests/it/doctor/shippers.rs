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
use crate::machine::{Machine, Ran, rfc3339, run};
use crate::service::{key, token};

const SHIPPERS: [&str; 3] = ["vector", "fluent-bit", "logstash"];
const TOKEN: &str = "CANARY-endpoint-token";

/// A shipper's surroundings: an endpoint, its token, and a configuration without traps.
struct Shop {
    folder: TempDir,
    endpoint: HttpServer,
}

impl Shop {
    async fn start() -> Self {
        Self::answering(Reply::json(200, credentials(&rfc3339(3600)))).await
    }

    /// With this answer for whoever has the token.
    async fn answering(reply: Reply) -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn uri(&self) -> String {
        format!("{}/credentials", self.endpoint.url())
    }

    /// The environment that `credvend setup` asks for, with changes; empty is unset.
    async fn doctor(&self, shipper: &str, options: &[&str], changes: &[(&str, &str)]) -> Ran {
        let config = self.write("shipper.conf", harmless(shipper));
        let mut command = std::process::Command::new(binary("credvend"));
        command.args(["doctor", "--json", "--shipper", shipper]);
        if !options.contains(&"--shipper-config") {
            command.args(["--shipper-config", &config]);
        }
        command.args(options).env_clear().env("HOME", self.folder.path());
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
    async fn expect(&self, shipper: &str, options: &[&str], changes: &[(&str, &str)], expected: (&str, &str, &str)) {
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

fn harmless(shipper: &str) -> &'static str {
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

fn all_is_well(ran: &Ran, what: &str) {
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

/// What `setup` prints, beside the command that it names: the doctor finds nothing to say.
#[tokio::test]
async fn what_setup_prints_has_no_trap() {
    let machine = Machine::start().await;
    let token_file = machine.home.path().join("token");
    let token_file = token_file.to_str().unwrap();
    let place = [("S3_BUCKET", "example-bucket"), ("S3_PATH_PREFIX", "logs/server-01/")];
    let serve = ["--log-level", "info", "serve", "--listen", "127.0.0.1:0", "--token-file", token_file];
    let mut serve = Process::spawn(machine.command(&serve, &place));
    let url = serve.wait_for("listening on ").await;
    serve.wait_for("credentials valid until").await;
    let listen = url.trim_start_matches("http://");
    for shipper in SHIPPERS {
        for format in [&[][..], &["--format", "classic"]] {
            if !format.is_empty() && shipper != "fluent-bit" {
                continue;
            }
            let options = [&["setup", shipper, "--listen", listen, "--token-file", token_file][..], format].concat();
            let printed = machine.run(&options, &place).await;
            assert_eq!(printed.code(), Some(0), "{}", printed.stderr());
            let config = machine.home.path().join("shipper.conf");
            std::fs::write(&config, printed.stdout()).unwrap();
            let environment = printed.stdout();
            let environment: Vec<(&str, &str)> =
                environment.lines().filter_map(|line| line.split_once("Environment=")?.1.split_once('=')).collect();
            let mut command = machine.command(
                &["doctor", "--json", "--shipper", shipper, "--shipper-config", config.to_str().unwrap()],
                &place,
            );
            command.env_remove("IDP_TYPE").envs(environment);
            all_is_well(&run(command).await, shipper);
        }
    }
}

#[tokio::test]
async fn traps_of_the_environment() {
    let shop = Shop::start().await;
    let none = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")];
    for shipper in SHIPPERS {
        shop.expect(shipper, &[], &[("AWS_ACCESS_KEY_ID", "AKIA")], ("keys", "fail", "AWS_ACCESS_KEY_ID")).await;
        shop.expect(shipper, &[], &none, ("way", "fail", "nothing")).await;
        shop.expect(shipper, &[], &[("HTTP_PROXY", "http://proxy:1")], ("proxy", "warn", "127.0.0.1")).await;
        let excepted = [("HTTP_PROXY", "http://proxy:1"), ("NO_PROXY", "a, 127.0.0.1")];
        shop.expect(shipper, &[], &excepted, ("proxy", "ok", "excepts")).await;
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
    shop.expect("vector", &["--shipper-user", "4000001"], &[], ("token file", "fail", "is shut to")).await;
    std::fs::set_permissions(shop.path("token"), PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::set_permissions(shop.folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
    shop.expect("vector", &["--shipper-user", "4000001"], &[], ("token file", "fail", "is shut to")).await;
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
        (Reply::Silence(Duration::from_secs(20)), "fail", "no answer within 5000 ms"),
    ] {
        let shop = Shop::answering(reply).await;
        shop.expect("fluent-bit", &[], &[], ("answer", verdict, words)).await;
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
