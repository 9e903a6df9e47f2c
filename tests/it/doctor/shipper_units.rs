//! What a shipper reads, by its unit or process; and the command that `setup` prints, run as it is printed.

use std::path::Path;

use tests::process::Process;
use tests::upstream::{Fault, Service as Upstream};

use super::shippers::{SHIPPERS, Shop, all_is_well, harmless};
use super::{Aws, IDENTITY, answer, line, lines};
use crate::machine::{Machine, Ran, run};

/// A machine with an identity's file, the shippers' units as their packages have them, and `serve` at work.
struct Installed {
    machine: Machine,
    _aws: Aws,
    serve: Process,
    listen: String,
}

/// Bucket and prefix of the identity (tests/it/service.rs).
const TARGET: [(&str, &str); 2] = [("S3_BUCKET", "example-bucket"), ("S3_PATH_PREFIX", "logs/server-01/")];

impl Installed {
    async fn new() -> Self {
        let machine = Machine::start().await;
        let aws = Aws::start(&[answer(200, IDENTITY), answer(200, "<ListBucketResult/>")]).await;
        let mut variables = machine.environment();
        variables.retain(|(name, _)| !["HOME", "PATH", "AWS_ENDPOINT_URL"].contains(&name.as_str()));
        variables.push(("AWS_ENDPOINT_URL".to_owned(), aws.server.url()));
        variables.extend(TARGET.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let lines: Vec<_> = variables.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
        let home = machine.home.path();
        std::fs::write(home.join("credvend.env"), lines.concat()).unwrap();
        let mut command = std::process::Command::new(tests::process::binary("credvend"));
        command.env_clear().args(["--log-level", "info", "--env-file"]).arg(home.join("credvend.env"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--token-file"]).arg(home.join("token"));
        let mut serve = Process::spawn(command);
        let url = serve.wait_for("listening on ").await;
        serve.wait_for("credentials valid until").await;
        let listen = url.trim_start_matches("http://").to_owned();
        Self { machine, _aws: aws, serve, listen }
    }

    fn home(&self) -> &Path {
        self.machine.home.path()
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// `credvend ARGUMENTS` with nothing of an identity in the environment.
    async fn credvend(&self, arguments: &[&str]) -> Ran {
        let mut command = std::process::Command::new(tests::process::binary("credvend"));
        command.args(arguments).current_dir(self.home()).env_clear().env("HOME", self.home());
        command.env("SYSTEMD_UNIT_PATH", self.home().join("units"));
        run(command).await
    }

    async fn setup(&self, shipper: &str, options: &[&str]) -> String {
        let token_file = self.home().join("token");
        let own = ["--listen", &self.listen, "--token-file", token_file.to_str().unwrap()];
        let all = [&["--env-file", "credvend.env", "setup", shipper][..], &own, options].concat();
        let ran = self.credvend(&all).await;
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        ran.stdout()
    }

    /// Puts everything where the comments say, below this folder, and returns the command of the last comment.
    fn install(&self, shipper: &str, printed: &str) -> Vec<String> {
        let root = self.home().display().to_string();
        let printed = printed.replace("/etc/", &format!("{root}/etc/"));
        let configuration = match shipper {
            "vector" => "etc/vector/vector.yaml",
            "fluent-bit" if printed.contains("@INCLUDE") => "etc/fluent-bit/credvend.conf",
            "fluent-bit" => "etc/fluent-bit/credvend.yaml",
            _ => "etc/logstash/conf.d/credvend.conf",
        };
        self.write(configuration, &printed);
        let user = own_user();
        let command = match shipper {
            // Its package's command line has no option; there is no other way to move its file.
            "vector" => format!("/usr/bin/vector --config {root}/etc/vector/vector.yaml"),
            "fluent-bit" => format!("/opt/fluent-bit/bin/fluent-bit -c /{root}/etc/fluent-bit/fluent-bit.conf"),
            _ => format!("/usr/share/logstash/bin/logstash \"--path.settings\" \"{root}/etc/logstash\""),
        };
        self.write(
            &format!("units/{shipper}.service"),
            &format!("[Unit]\nDescription=x\n[Service]\nUser={user}\nExecStart={command}\n"),
        );
        self.write(
            "etc/logstash/pipelines.yml",
            &format!("- pipeline.id: main\n  path.config: \"{root}/etc/logstash/conf.d/*.conf\"\n"),
        );
        let comments = || printed.lines().filter_map(|line| line.strip_prefix("#      "));
        let include = comments().find(|line| line.starts_with("@INCLUDE")).unwrap_or("# nothing");
        self.write("etc/fluent-bit/fluent-bit.conf", &format!("[SERVICE]\n    flush 1\n{include}\n"));
        let is_drop_in = |line: &&str| {
            ["[Service]", "Environment=", "ExecStart=", "StateDirectory="].iter().any(|start| line.starts_with(start))
        };
        let drop_in: Vec<_> = comments().filter(is_drop_in).collect();
        self.write(&format!("units/{shipper}.service.d/credvend.conf"), &(drop_in.join("\n") + "\n"));
        let command = comments().find(|line| line.contains(" doctor ")).expect("the last comment has a command");
        command.split_whitespace().skip(1).map(str::to_owned).collect()
    }

    async fn doctor(&self, command: &[String]) -> Ran {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--json");
        self.credvend(&arguments).await
    }
}

fn own_user() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap())
}

const WAYS: [(&str, &[&str]); 7] = [
    ("vector", &[]),
    ("vector", &["--via", "process"]),
    ("fluent-bit", &[]),
    ("fluent-bit", &["--format", "yaml"]),
    ("fluent-bit", &["--via", "process"]),
    ("logstash", &[]),
    ("logstash", &["--via", "process"]),
];

/// What is printed, put where its comments say: the command that is printed with it finds nothing to say. Each fault of
/// identity or target makes the same command fail.
#[tokio::test]
async fn the_printed_command_walks_the_identity_and_finds_what_is_wrong() {
    let mut installed = Installed::new().await;
    let identity = std::fs::read_to_string(installed.home().join("credvend.env")).unwrap();
    for (shipper, options) in WAYS {
        let profile = installed.credvend(&["--env-file", "credvend.env", "setup", "aws-config"]).await;
        installed.write("etc/credvend/aws-config", &profile.stdout());
        let printed = installed.setup(shipper, options).await;
        let command = installed.install(shipper, &printed);
        let what = format!("{shipper} {options:?}");
        let ran = installed.doctor(&command).await;
        all_is_well(&ran, &what);
        assert_eq!(line(&lines(&ran), "S3").text("verdict"), "ok", "the identity's own hops are walked");

        // The shipper's side alone looks well: credentials are in the cache, or with `serve`.
        let refused = Fault::Status(400, r#"{"error":"invalid_client"}"#.into());
        installed.machine.service.upstream.break_service(Upstream::Token, refused);
        let ran = installed.doctor(&command).await;
        assert_eq!((line(&lines(&ran), "token").text("verdict"), ran.code()), ("fail", Some(3)), "{what}");
        installed.machine.service.upstream.mend();
        installed.write("credvend.env", &identity.replace("COGNITO_CLIENT_SECRET=", "OTHER="));
        let ran = installed.doctor(&command).await;
        assert_eq!((line(&lines(&ran), "configuration").text("verdict"), ran.code()), ("fail", Some(1)), "{what}");
        installed.write("credvend.env", &identity);
        for (from, to, words) in [
            ("logs/server-01/", "logs/server-02/", "does not lie under the identity's `logs/server-01/`"),
            ("logs/server-01/", "logs/server-01-", "does not lie under the identity's `logs/server-01/`"),
            ("logs/server-01/", "", "does not lie under the identity's `logs/server-01/`"),
            ("example-bucket", "another-bucket", "not `example-bucket`"),
        ] {
            installed.install(shipper, &printed.replace(from, to));
            let ran = installed.doctor(&command).await;
            let lines = lines(&ran);
            assert_eq!((line(&lines, "config").text("verdict"), ran.code()), ("fail", Some(1)), "{what} {to}");
            assert!(line(&lines, "config").text("detail").contains(words), "{what} {to}: {}", ran.stdout());
        }
        installed.install(shipper, &printed);
    }
    installed.serve.stop().await;
}

#[tokio::test]
async fn the_file_that_the_unit_reads_is_the_one_that_counts() {
    let shop = Shop::start().await;
    std::fs::create_dir_all(shop.path("units/fluent-bit.service.d")).unwrap();
    let unread = shop.write("unread.conf", harmless("vector"));
    let trap = shop.write("read.conf", "# nothing\n");
    for (shipper, command, read) in [
        ("vector", format!("/usr/bin/vector --config {trap}"), trap.as_str()),
        ("vector", "/usr/bin/vector".to_owned(), "/etc/vector/vector.yaml"),
        ("fluent-bit", format!("/opt/fluent-bit/bin/fluent-bit -c {trap}"), &trap),
        ("fluent-bit", "/opt/fluent-bit/bin/fluent-bit -i cpu -o s3".to_owned(), "no file"),
        ("logstash", format!("/usr/share/logstash/bin/logstash -f {trap}"), &trap),
    ] {
        let unit = shop.write(&format!("units/{shipper}.service"), &format!("[Service]\nExecStart={command}\n"));
        let words = format!("`{unread}` is not read: {shipper}.service reads ");
        let given = ["--shipper-config", unread.as_str()];
        shop.expect(shipper, &given, &[], ("config", "fail", &words)).await;
        shop.expect(shipper, &given, &[], ("config", "fail", read)).await;
        shop.expect(shipper, &["--shipper-config", &unread, "--shipper-unit", &unit], &[], ("config", "fail", &words))
            .await;
        // A drop-in that names the file mends it.
        let option = if shipper == "vector" {
            "--config"
        } else if shipper == "logstash" {
            "-f"
        } else {
            "-c"
        };
        let program = command.split(' ').next().unwrap();
        std::fs::create_dir_all(shop.path(&format!("units/{shipper}.service.d"))).unwrap();
        let drop_in = shop.write(
            &format!("units/{shipper}.service.d/credvend.conf"),
            &format!("[Service]\nExecStart=\nExecStart={program} {option} {unread}\n"),
        );
        let ran = shop.doctor(shipper, &given, &[]).await;
        assert!(!ran.stdout().contains("is not read"), "{}", ran.stdout());
        std::fs::remove_file(drop_in).unwrap();
    }
    shop.expect("vector", &["--shipper-unit", "no-such-unit"], &[], ("shipper", "fail", "no unit `no-such-unit`"))
        .await;
}

/// Environment, user and groups are the unit's, whether it runs or not.
#[tokio::test]
async fn a_unit_is_read_as_systemd_would() {
    let shop = Shop::start().await;
    std::fs::create_dir_all(shop.path("units")).unwrap();
    let config = shop.write("vector.yaml", harmless("vector"));
    let environment = shop.write("environment", "# why\nAWS_SECRET_ACCESS_KEY=\"CANARY\"\n");
    let exec = format!("ExecStart=/usr/bin/vector \\\n  # why\n  --config {config}\n");
    for (service, expected) in [
        (format!("{exec}Environment=\"AWS_ACCESS_KEY_ID=AKIA\" B=c\n"), ("keys", "fail", "AWS_ACCESS_KEY_ID")),
        (format!("{exec}EnvironmentFile=-{environment}\n"), ("keys", "fail", "AWS_SECRET_ACCESS_KEY")),
        (
            format!("{exec}Environment=AWS_ACCESS_KEY_ID=AKIA\nUnsetEnvironment=AWS_ACCESS_KEY_ID\n"),
            ("keys", "ok", "none"),
        ),
        (format!("{exec}Environment=AWS_ACCESS_KEY_ID=AKIA\nEnvironment=\n"), ("keys", "ok", "none")),
        (exec.clone(), ("shipper", "ok", "as user root")),
        (format!("{exec}User=4000001\n"), ("shipper", "ok", "as user 4000001")),
        (format!("{exec}User=no-such-user\n"), ("shipper", "fail", "no-such-user")),
        // Nothing of the doctor's own environment.
        (exec.clone(), ("way", "fail", "nothing")),
        (exec.clone(), ("config", "ok", "vector.yaml")),
        ("ExecStart=/usr/bin/vector -c /nonexistent/x.yaml\n".to_owned(), ("config", "fail", "x.service reads it")),
        (String::new(), ("shipper", "fail", "starts something")),
    ] {
        let unit = shop.write("units/x.service", &format!("[Service]\n{service}"));
        for name in ["x", "x.service", unit.as_str()] {
            let arguments = ["doctor", "--json", "--shipper", "vector", "--shipper-unit", name];
            let mut command = std::process::Command::new(tests::process::binary("credvend"));
            command.args(arguments).env_clear().env("SYSTEMD_UNIT_PATH", shop.path("units"));
            command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/");
            let ran = run(command).await;
            let found = lines(&ran);
            let line = line(&found, expected.0);
            assert_eq!(line.text("verdict"), expected.1, "{service}: {}", ran.stdout());
            assert!(line.text("detail").contains(expected.2), "{service}: {}", ran.stdout());
        }
    }
    // A process tells the same of itself.
    let mut process = Process::spawn({
        let mut command = std::process::Command::new("sleep");
        command.arg("60").env_clear();
        command
    });
    let pid = process.child.id().to_string();
    for shipper in SHIPPERS {
        let given = shop.write("given.conf", harmless(shipper));
        let words = format!("is not read: process {pid} reads");
        shop.expect(shipper, &["--shipper-pid", &pid, "--shipper-config", &given], &[], ("config", "fail", &words))
            .await;
    }
    process.stop().await;
}
