//! Files as users really have them: with a byte order mark, in an odd form, as a pipe, on a file system that cannot sync.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{CWD, FileType, Mode};
use tests::process::binary;
use tests::upstream::Service as Upstream;

use crate::machine::{CLIENT_SECRET, Machine, Ran, run};

const MARK: &str = "\u{feff}";

fn write(machine: &Machine, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = machine.home.path().join(name);
    std::fs::write(&path, content).expect("a writable folder");
    path
}

/// Not for ever: what used to hang fails the test.
async fn bounded(command: Command) -> Ran {
    tokio::time::timeout(Duration::from_secs(60), run(command)).await.expect("it does not end")
}

fn secret_sent(machine: &Machine) -> String {
    let sent = machine.service.upstream.received(Upstream::Token)[0].headers["authorization"].clone();
    let decoded = STANDARD.decode(sent.trim_start_matches("Basic ")).unwrap();
    let form = String::from_utf8(decoded).unwrap().split_once(':').unwrap().1.to_owned();
    tests::upstream::form(&format!("s={form}"))["s"].clone()
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_a_secret() {
    // The reported case, and other ways to come by the same.
    for content in
        [format!("{MARK}{CLIENT_SECRET}"), format!("{MARK}{CLIENT_SECRET}\r\n"), format!("{CLIENT_SECRET}\n")]
    {
        let machine = Machine::start().await;
        let file = write(&machine, "secret", &content);
        let changes = [("COGNITO_CLIENT_SECRET", ""), ("COGNITO_CLIENT_SECRET_FILE", file.to_str().unwrap())];
        machine.run(&["get-credentials"], &changes).await.credentials();
        assert_eq!(secret_sent(&machine), CLIENT_SECRET, "{content:?}");
    }
    let machine = Machine::start().await;
    let variable = format!("{MARK}{CLIENT_SECRET}");
    machine.run(&["get-credentials"], &[("COGNITO_CLIENT_SECRET", &variable)]).await.credentials();
    assert_eq!(secret_sent(&machine), CLIENT_SECRET);
    let machine = Machine::start().await;
    let env_file = write(&machine, "identity.env", format!("{MARK}COGNITO_CLIENT_SECRET='{CLIENT_SECRET}'\n"));
    let arguments = ["--env-file", env_file.to_str().unwrap(), "get-credentials"];
    machine.run(&arguments, &[("COGNITO_CLIENT_SECRET", "")]).await.credentials();
    assert_eq!(secret_sent(&machine), CLIENT_SECRET);
}

fn from_a_file(machine: &Machine, token_file: &Path) -> Command {
    let (sts, file) = (machine.service.upstream.url(), token_file.to_str().unwrap().to_owned());
    machine.command(
        &["get-credentials"],
        &[
            ("IDP_TYPE", "file"),
            ("OIDC_TOKEN_FILE", &file),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/server-01"),
            ("AWS_ENDPOINT_URL_STS", &sts),
        ],
    )
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_a_token() {
    for content in [format!("{MARK}opaque-token"), format!("{MARK}opaque-token\r\n"), " opaque-token\n".to_owned()] {
        let machine = Machine::start().await;
        let file = write(&machine, "token", &content);
        bounded(from_a_file(&machine, &file)).await.credentials();
        let sent = machine.service.upstream.received(Upstream::Sts)[0].body.clone();
        let sent = tests::upstream::form(&String::from_utf8_lossy(&sent));
        assert_eq!(sent["WebIdentityToken"], "opaque-token", "{content:?}");
    }
}

#[tokio::test]
async fn certificate_authorities_in_every_form_are_used_or_told() {
    let bundle = std::fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").expect("Debian's bundle");
    let end = "-----END CERTIFICATE-----\n";
    let one = bundle.split_inclusive(end).next().expect("a certificate").to_owned();
    let trusted = one.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
    for (content, problem) in [
        (one.clone(), None),
        (format!("{MARK}{one}"), None),
        (format!("{MARK}# ours\r\n{}", one.replace('\n', "\r\n")), None),
        (trusted.clone(), Some("TRUSTED CERTIFICATE")),
        (format!("{one}{trusted}"), Some("TRUSTED CERTIFICATE")),
        (format!("{one}-----BEGIN CERTIFICATE-----\nAAAA\n{end}"), Some("CA file")),
        (String::new(), Some("holds no certificate")),
    ] {
        for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
            let machine = Machine::start().await;
            let file = write(&machine, "ca.pem", &content);
            let ran = machine.run(&["get-credentials"], &[(variable, file.to_str().unwrap())]).await;
            match problem {
                None => drop(ran.credentials()),
                Some(words) => {
                    assert_eq!(ran.code(), Some(1), "{content}: {}", ran.stderr());
                    assert!(ran.stderr().contains(words) && ran.stderr().contains("ca.pem"), "{}", ran.stderr());
                }
            }
        }
    }
}

fn fifo(machine: &Machine, name: &str) -> PathBuf {
    let path = machine.home.path().join(name);
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a named pipe");
    path
}

#[tokio::test]
async fn a_pipe_that_nobody_writes_to_is_not_waited_for_without_end() {
    let machine = Machine::start().await;
    let pipe = fifo(&machine, "pipe");
    let name = pipe.to_str().unwrap();
    let secret = [("COGNITO_CLIENT_SECRET", ""), ("COGNITO_CLIENT_SECRET_FILE", name)];
    for (what, command, code) in [
        ("token", from_a_file(&machine, &pipe), 4),
        ("secret", machine.command(&["get-credentials"], &secret), 1),
        ("variables", machine.command(&["--env-file", name, "get-credentials"], &[]), 1),
        ("identities", machine.command(&["--config", name, "get-credentials"], &[]), 1),
    ] {
        let ran = bounded(command).await;
        assert_eq!(ran.code(), Some(code), "{what}: {}", ran.stderr());
        assert!(
            ran.stderr().contains("is a pipe or a device") && ran.stderr().contains(name),
            "{what}: {}",
            ran.stderr()
        );
    }
}

/// What opening or reading would wait for without an end.
fn odd_files(machine: &Machine) -> Vec<PathBuf> {
    let socket = machine.home.path().join("socket");
    std::os::unix::net::UnixListener::bind(&socket).expect("a writable folder");
    let link = machine.home.path().join("link");
    let pipe = fifo(machine, "pipe");
    std::os::unix::fs::symlink(&pipe, &link).expect("a writable folder");
    vec![pipe, link, "/dev/zero".into(), "/dev/ptmx".into(), socket, machine.home.path().to_owned()]
}

/// The client, `credvend-s3` and the service read these before any of their deadlines begins.
#[tokio::test]
async fn certificate_authorities_come_from_a_regular_file() {
    let machine = Machine::start().await;
    for file in odd_files(&machine) {
        let name = file.to_str().unwrap();
        for variable in ["SSL_CERT_FILE", "AWS_CA_BUNDLE"] {
            let mut list = Command::new(binary("credvend-s3"));
            list.arg("list").env_clear().envs([
                ("AWS_REGION", "eu-west-1"),
                ("S3_BUCKET", "bucket"),
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "CANARY"),
                (variable, name),
            ]);
            let mut service = Command::new(binary("vending-lambda"));
            service.env_clear().envs(crate::service::environment(&machine.service.upstream)).env(variable, name);
            for command in [machine.command(&["get-credentials"], &[(variable, name)]), list, service] {
                let program = command.get_program().to_owned();
                let ran = bounded(command).await;
                assert_eq!(ran.code(), Some(1), "{program:?} {variable}={name}: {}", ran.stderr());
                assert!(ran.stderr().contains(&format!("the CA file `{name}` cannot be used")), "{}", ran.stderr());
            }
        }
    }
}

/// The SDK opens them by itself, on the one thread of the program.
#[tokio::test]
async fn files_that_the_sdk_reads_are_regular_files() {
    let machine = Machine::start().await;
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x");
    for file in odd_files(&machine) {
        let name = file.to_str().unwrap();
        for variable in [
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE",
        ] {
            let mut list = Command::new(binary("credvend-s3"));
            let place = [("AWS_REGION", "eu-west-1"), ("S3_BUCKET", "bucket"), role, (variable, name)];
            list.arg("list").env_clear().envs(place);
            let mut commands = vec![list];
            if variable.ends_with("TOKEN_FILE") {
                let mut service = Command::new(binary("vending-lambda"));
                service.env_clear().envs(crate::service::environment(&machine.service.upstream));
                service.envs([("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_SESSION_TOKEN", "")]);
                commands.push(service);
                commands[1].envs([role, (variable, name)]);
            }
            for command in commands {
                let program = command.get_program().to_owned();
                let ran = bounded(command).await;
                assert_eq!(ran.code(), Some(1), "{program:?} {variable}={name}: {}", ran.stderr());
                let told = format!("{variable}: `{name}` is not a regular file");
                assert!(ran.stderr().contains(&told), "{program:?}: {}", ran.stderr());
            }
        }
    }
    // `/dev/null` is the usual way to say that there is no configuration.
    let mut list = Command::new(binary("credvend-s3"));
    let place = [("AWS_REGION", "eu-west-1"), ("S3_BUCKET", "bucket"), ("AWS_CONFIG_FILE", "/dev/null")];
    list.arg("list").env_clear().envs(place).env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = bounded(list).await;
    assert!(ran.stderr().contains("no AWS credentials were found"), "{}", ran.stderr());
}

#[tokio::test]
async fn a_pipe_that_is_written_to_is_read() {
    let machine = Machine::start().await;
    let pipe = fifo(&machine, "pipe");
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut pipe = std::fs::OpenOptions::new().write(true).open(pipe).expect("a reader comes");
            pipe.write_all(b"opaque-").expect("the reader stays");
            std::thread::sleep(Duration::from_millis(200));
            pipe.write_all(b"token\n").expect("the reader stays");
        }
    });
    bounded(from_a_file(&machine, &pipe)).await.credentials();
    writer.join().unwrap();
}

#[tokio::test]
async fn a_value_that_is_not_utf_8_is_told() {
    let machine = Machine::start().await;
    for name in ["COGNITO_CLIENT_ID", "COGNITO_CLIENT_SECRET", "AWS_CA_BUNDLE", "COGNITO_SCOPES", "HTTPS_PROXY"] {
        let mut command = machine.command(&["get-credentials"], &[]);
        command.env(name, OsStr::from_bytes(b"a\xff"));
        let ran = bounded(command).await;
        assert_eq!(ran.code(), Some(1), "{name}: {}", ran.stderr());
        assert!(ran.stderr().contains(&format!("{name}: holds bytes that are not UTF-8")), "{}", ran.stderr());
    }
}

/// CIFS, vboxsf and FUSE file systems refuse the sync of a folder; its files are safe all the same.
#[tokio::test]
async fn a_folder_that_cannot_be_synced_is_no_failure() {
    for error in ["EINVAL", "ENOSYS", "EOPNOTSUPP"] {
        let machine = Machine::start().await;
        let folder = machine.home.path().join("aws-creds");
        std::fs::create_dir(&folder).unwrap();
        let cache = machine.cache();
        rustix::fs::mkdir(&cache, Mode::RWXU).unwrap();
        let told = machine.home.path().join("told");
        let on_refresh = format!("touch '{}'", told.display());
        let mut command = Command::new("strace");
        command.args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync",
            "-e",
            &format!("inject=fsync:error={error}"),
        ]);
        for path in [&folder, &cache] {
            command.arg("-P").arg(path);
        }
        command.arg(binary("credvend")).args(["credential-daemon", "--once", "--creds-dir"]).arg(&folder);
        command.args(["--on-refresh", &on_refresh]).env_clear().envs(machine.environment());
        let ran = bounded(command).await;
        assert_eq!(ran.code(), Some(0), "{error}: {}", ran.stderr());
        assert!(folder.join("credentials").exists() && told.exists(), "{error}: {}", ran.stderr());
        assert!(machine.cache_files().iter().any(|(path, ..)| path.display().to_string().contains("/credentials-")));
    }
}
