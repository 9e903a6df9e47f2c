//! `credvend setup`: each printed file is read by its program where that runs here, else by a parser of its format; and
//! what stands in its comments is done.

mod fluent_bit;
mod programs;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tests::process::{binary, repository};

use crate::machine::{Ran, run};

const IDENTITY: &str = "\
export IDP_TYPE=cognito
export AWS_REGION=eu-west-1
export COGNITO_DOMAIN=my-pool
export COGNITO_CLIENT_ID=6h0example1client
export COGNITO_CLIENT_SECRET='CANARY-secret'
export COGNITO_CREDENTIAL_API_URL=https://api.example.com/credentials
export COGNITO_SCOPES='credvend-api/write credvend-api/read'
export S3_BUCKET=example-logs
export S3_PATH_PREFIX=logs/server-01/
";

/// A folder with an identity's file, and nothing in the environment.
struct Desk(TempDir);

impl Desk {
    fn new(identity: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a temporary folder"));
        desk.write("credvend.env", identity);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a writable folder");
        path
    }

    async fn credvend(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(binary("credvend"));
        command.current_dir(self.0.path()).args(arguments).env_clear().envs(variables.iter().copied());
        run(command).await
    }

    /// What `setup` prints for the identity of the file.
    async fn setup(&self, arguments: &[&str]) -> String {
        let ran = self.credvend(&[&["--env-file", "credvend.env", "setup"][..], arguments].concat(), &[]).await;
        assert_eq!(ran.code(), Some(0), "{arguments:?}: {}", ran.stderr());
        assert!(!ran.stdout().contains("CANARY"), "{arguments:?} shows a secret");
        ran.stdout()
    }

    /// Why it prints nothing.
    async fn refused(&self, arguments: &[&str]) -> String {
        let ran = self.credvend(&[&["--env-file", "credvend.env", "setup"][..], arguments].concat(), &[]).await;
        assert_eq!((ran.code(), ran.stdout()), (Some(1), String::new()), "{arguments:?}");
        ran.stderr()
    }
}

/// The file as a parser of its format sees it.
async fn parse(format: &str, path: &Path) -> Value {
    let mut command = Command::new(repository().join(".tools/packaging/bin/python"));
    command.arg(repository().join("tests/it/setup/parse.py")).arg(format).arg(path);
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(0), "{format}: {}", ran.stderr());
    serde_json::from_str(&ran.stdout()).expect("the parser prints JSON")
}

/// Every line, as a user gets it. After a change that is meant: UPDATE_EXPECTED=1, and a look at the difference.
#[tokio::test]
async fn the_printed_text() {
    let desk = Desk::new(IDENTITY);
    for (name, arguments) in [
        ("aws-config", "aws-config"),
        ("vector.yaml", "vector"),
        ("fluent-bit.yaml", "fluent-bit --format yaml"),
        ("fluent-bit.conf", "fluent-bit"),
        ("fluent-bit-process.conf", "fluent-bit --via process"),
        ("fluent-bit-file.conf", "fluent-bit --via file"),
        ("logstash.conf", "logstash"),
        ("logstash-file.conf", "logstash --via file"),
        ("rclone.conf", "rclone"),
        ("rclone-endpoint.conf", "rclone --via endpoint"),
        ("compose.yaml", "docker"),
        ("pod.yaml", "kubernetes"),
        ("credvend.service", "systemd"),
        ("credvend-credential-daemon.service", "systemd --service credential-daemon"),
    ] {
        let text = desk.setup(&arguments.split(' ').collect::<Vec<_>>()).await;
        let text = text
            .replace(desk.path("credvend.env").to_str().unwrap(), "/etc/credvend/credvend.env")
            .replace(binary("credvend").to_str().unwrap(), "/usr/bin/credvend")
            .replace(&format!("credvend:{}", env!("CARGO_PKG_VERSION")), "credvend:VERSION");
        let path = repository().join("tests/it/setup/expected").join(name);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, expected, "{name}: UPDATE_EXPECTED=1 writes what is printed now");
    }
}

#[tokio::test]
async fn shippers_read_what_is_meant() {
    let desk = Desk::new(IDENTITY);
    let vector = parse("yaml", &desk.write("a", &desk.setup(&["vector"]).await)).await;
    let sink = &vector["sinks"]["credvend_s3"];
    assert_eq!((&sink["type"], &sink["key_prefix"]), (&"aws_s3".into(), &"logs/server-01/".into()));
    assert_eq!((&sink["bucket"], &sink["healthcheck"]["enabled"]), (&"example-logs".into(), &false.into()));
    assert!(sink.get("auth").is_none());

    let yaml = parse("yaml", &desk.write("a", &desk.setup(&["fluent-bit", "--format", "yaml"]).await)).await;
    let yaml = yaml["pipeline"]["outputs"][0].clone();
    let classic = desk.setup(&["fluent-bit"]).await;
    let classic = parse("classic", &desk.write("a", &classic)).await;
    assert_eq!(classic[0]["section"], "OUTPUT");
    for (key, value) in yaml.as_object().unwrap() {
        assert_eq!(&classic[0][key], value, "both formats say the same");
    }
    assert_eq!(yaml["s3_key_format"], "/logs/server-01/%Y/%m/%d/%H%M%S-$UUID");

    for (via, file) in [("endpoint", Value::Null), ("file", "/var/run/aws-creds/logstash.yml".into())] {
        let logstash = desk.setup(&["logstash", "--via", via]).await;
        let logstash = parse("logstash", &desk.write("a", &logstash)).await;
        let output = &logstash["output"]["s3"];
        assert_eq!((&output["bucket"], &output["prefix"]), (&"example-logs".into(), &"logs/server-01/".into()));
        assert_eq!(output["validate_credentials_on_root_bucket"], false);
        assert_eq!(output.get("aws_credentials_file").cloned().unwrap_or_default(), file);
    }
}

/// As the units of the packages name their folders and groups (docs/install.md); who runs as root needs no group.
#[tokio::test]
async fn the_group_is_that_of_the_token_file() {
    let desk = Desk::new(IDENTITY);
    for (shipper, options, expected) in [
        ("vector", &[][..], "usermod --append --groups credvend vector"),
        (
            "logstash",
            &["--token-file", "/run/credvend-web-01/token"],
            "usermod --append --groups credvend-web-01 logstash",
        ),
        ("vector", &["--token-file", "/srv/token"], "usermod --append --groups credvend vector"),
        ("fluent-bit", &[], "Fluent Bit runs as root, who can read its token"),
    ] {
        let text = desk.setup(&[&[shipper], options].concat()).await;
        assert!(text.contains(expected), "{text}");
        assert_eq!(text.contains("usermod"), shipper != "fluent-bit", "{text}");
        assert!(!text.contains("--shipper-user"), "the unit says who it runs as: {text}");
    }
}

/// Two identities on one machine share no user, group or folder, and the shippers are told the same names.
#[tokio::test]
async fn units_of_named_identities_have_users_of_their_own() {
    let desk = Desk::new(IDENTITY);
    let table = |name: &str| {
        format!(
            "[identity.{name}]\nidp_type = 'file'\noidc_token_file = '/run/token'\naws_region = 'eu-west-1'\n\
             aws_role_arn = 'arn:aws:iam::123456789012:role/a'\ns3_bucket = 'b'\n"
        )
    };
    let (dotted, long) = ("\"web.01\"", "a".repeat(23));
    let tables = ["web-01", "db_2", dotted, &long].map(table);
    desk.write("config.toml", &tables.concat());
    let setup = async |name: &str, arguments: &[&str]| {
        let identity = ["--config", "config.toml", "--identity", name, "setup"];
        desk.credvend(&[&identity[..], arguments].concat(), &[]).await
    };
    for name in ["web-01", "db_2"] {
        let account = format!("credvend-{name}");
        for (service, unit, folder) in [
            ("serve", account.clone(), account.clone()),
            ("credential-daemon", format!("credvend-credential-daemon-{name}"), format!("aws-creds/{name}")),
        ] {
            let text = setup(name, &["systemd", "--service", service]).await.stdout();
            for line in [
                format!("User={account}"),
                format!("Group={account}"),
                format!("CacheDirectory={account}"),
                format!("RuntimeDirectory={folder}"),
                format!("# 1. This belongs in /etc/systemd/system/{unit}.service"),
            ] {
                assert!(text.lines().any(|found| found == line), "{line}: {text}");
            }
            assert!(text.contains(&format!("/usr/sbin/nologin {account}\n")), "{text}");
            assert!(text.contains(&format!("the user {account} must be able to read /run/token")), "{text}");
        }
        let vector = setup(name, &["vector"]).await.stdout();
        assert!(vector.contains(&format!("--token-file /run/{account}/token ")), "{vector}");
        assert!(vector.contains(&format!("usermod --append --groups {account} vector")), "{vector}");
        let logstash = setup(name, &["logstash", "--via", "file"]).await.stdout();
        assert!(logstash.contains(&format!("/run/aws-creds/{name}/logstash.yml")), "{logstash}");
    }
    for name in ["web.01", &long] {
        let ran = setup(name, &["systemd"]).await;
        assert_eq!((ran.code(), ran.stdout()), (Some(1), String::new()), "{}", ran.stderr());
        assert!(ran.stderr().contains("cannot have a user of its own"), "{}", ran.stderr());
        assert_eq!(setup(name, &["docker"]).await.code(), Some(0), "a container needs no user");
    }
    assert!(desk.setup(&["systemd"]).await.contains("must be kept apart, name them: --identity"));
}

#[tokio::test]
async fn containers_and_units_are_valid() {
    let desk = Desk::new(IDENTITY);
    let pod = desk.write("pod.yaml", &desk.setup(&["kubernetes"]).await);
    let mut validate = Command::new(repository().join(".tools/packaging/bin/kubernetes-validate"));
    validate.args(["--strict", "--kubernetes-version", "1.29"]).arg(&pod);
    let ran = run(validate).await;
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    let pod = parse("yaml", &pod).await;
    assert_eq!(pod["spec"]["initContainers"][0]["restartPolicy"], "Always");

    let compose = parse("yaml", &desk.write("compose.yaml", &desk.setup(&["docker"]).await)).await;
    assert_eq!(compose["services"]["app"]["network_mode"], "service:credvend");
    for volume in compose["services"]["credvend"]["volumes"].as_array().unwrap() {
        let name = volume.as_str().unwrap().split(':').next().unwrap();
        assert!(compose["volumes"].get(name).is_some(), "{name} is declared");
    }
    for secret in compose["services"]["credvend"]["secrets"].as_array().unwrap() {
        assert!(compose["secrets"][secret.as_str().unwrap()]["file"].is_string());
    }

    for (name, arguments) in [
        ("credvend.service", &["systemd"][..]),
        ("credvend-credential-daemon.service", &["systemd", "--service", "credential-daemon"]),
    ] {
        let unit = desk.write(name, &desk.setup(arguments).await);
        let mut verify = Command::new("systemd-analyze");
        verify.arg("verify").arg("--man=no").arg(&unit);
        let ran = run(verify).await;
        assert_eq!((ran.code(), ran.stderr()), (Some(0), String::new()), "{name}");
    }
}

#[tokio::test]
async fn commands_name_the_identity_as_it_was_named_here() {
    let desk = Desk::new(IDENTITY);
    let program = binary("credvend").display().to_string();
    let folder = desk.0.path().display().to_string();
    let table = "[identity.web-01]\nidp_type = 'file'\noidc_token_file = '/run/token'\naws_region = 'eu-west-1'\n\
                 aws_role_arn = 'arn:aws:iam::123456789012:role/a'\ns3_bucket = 'b'\n";
    desk.write("config.toml", table);
    for (options, expected) in [
        (&["--env-file", "credvend.env"][..], format!("{program} --env-file {folder}/credvend.env get-credentials")),
        (
            &["--config", "config.toml", "--identity", "web-01"],
            format!("{program} --config {folder}/config.toml --identity web-01 get-credentials"),
        ),
        (&["--config", "./config.toml"], format!("{program} --config {folder}/config.toml get-credentials")),
    ] {
        let ran = desk.credvend(&[options, &["setup", "aws-config", "--profile", "x"]].concat(), &[]).await;
        let ini = parse("ini", &desk.write("a", &ran.stdout())).await;
        assert_eq!(ini["profile x"]["credential_process"], expected);
        assert_eq!(ini["profile x"]["region"], "eu-west-1");
    }
    let variables =
        [("IDP_TYPE", "file"), ("OIDC_TOKEN_FILE", "/run/token"), ("CREDENTIAL_API_URL", "https://a.example")];
    let ran = desk.credvend(&["setup", "aws-config", "--profile", "default"], &variables).await;
    assert!(ran.stdout().contains("# Note: this identity is in your environment."), "{}", ran.stdout());
    let ini = parse("ini", &desk.write("a", &ran.stdout())).await;
    assert_eq!(ini["default"]["credential_process"], format!("{program} get-credentials"));
    assert!(ini["default"].get("region").is_none());
    let ran = desk.credvend(&["setup", "vector"], &variables).await;
    for placeholder in ["Replace example-region: AWS_REGION", "Replace example-bucket: S3_BUCKET"] {
        assert!(ran.stdout().contains(placeholder), "{}", ran.stdout());
    }
    let ran = desk.credvend(&["setup", "kubernetes"], &variables).await;
    assert!(ran.stdout().contains("serviceAccountToken: {path: token"), "{}", ran.stdout());
}

#[tokio::test]
async fn what_would_need_quoting_is_refused() {
    for (line, name) in [
        ("S3_PATH_PREFIX='a\"b'", "S3_PATH_PREFIX"),
        ("S3_PATH_PREFIX='%{host}/'", "S3_PATH_PREFIX"),
        ("S3_BUCKET='a$b'", "S3_BUCKET"),
        ("AWS_ENDPOINT_URL_S3='https://a.example/?key=CANARY'", "AWS_ENDPOINT_URL_S3"),
        ("AWS_ENDPOINT_URL_S3='https://user:CANARY@a.example'", "AWS_ENDPOINT_URL_S3"),
        ("CREDENTIAL_API_URL='https://CANARY@a.example'", "CREDENTIAL_API_URL"),
        ("COGNITO_SCOPES='a\tb'", "COGNITO_SCOPES"),
    ] {
        let desk = Desk::new(&format!("{IDENTITY}export {line}\n"));
        for program in ["vector", "fluent-bit", "logstash", "rclone", "docker", "kubernetes", "systemd", "aws-config"] {
            let message = desk.refused(&[program]).await;
            assert!(message.contains(name) && !message.contains("CANARY"), "{line}: {message}");
        }
    }
    let desk = Desk::new(IDENTITY);
    for (option, value) in [("--listen", "10.0.0.1:9911"), ("--listen", "127.0.0.1:0"), ("--token-file", "/a b")] {
        let message = desk.refused(&["vector", option, value]).await;
        assert!(message.contains(option), "{message}");
    }
    assert!(desk.refused(&["vector", "--via", "file"]).await.contains("drops every batch"));
    assert!(desk.refused(&["docker", "--image", "a\nb"]).await.contains("image"));
    std::fs::write(desk.path("credvend.env"), "IDP_TYPE=cognito\n").unwrap();
    assert!(desk.refused(&["vector"]).await.contains("missing environment variables"));
}
