//! The printed files at work, on the local stack with IAM enforced.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::process::{Process, repository};

use super::{Desk, parse};
use crate::local_stack::{Server, Stack};
use crate::machine::{Ran, run};

/// A registered server, and its identity's file.
pub async fn desk(stack: &Stack, name: &str, level: &str) -> (Desk, Server) {
    let server = stack.register(name, level, json!({})).await;
    let place = [
        ("AWS_ENDPOINT_URL", stack.text("endpoint")),
        ("S3_BUCKET", stack.text("bucket")),
        ("S3_PATH_PREFIX", server.text("s3_path_prefix")),
    ];
    let place = place.into_iter().map(|(name, value)| (name, value.to_owned()));
    let lines = stack.environment(&server).into_iter().chain(place);
    let identity: Vec<_> = lines.map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    (Desk::new(&identity.concat()), server)
}

#[tokio::test]
async fn programs_work_with_what_is_printed_for_them() {
    let stack = Stack::start().await;
    let (one, server) = desk(&stack, "web-01", "read-write").await;
    one.write("upload.txt", "hello");
    aws_profile(&stack, &one, &server).await;
    rclone(&stack, &one, &server).await;
    sidecars_and_units(&stack, &one, &server).await;
    the_doctor_tells_levels_apart(&stack).await;
}

/// Nothing of the machine's own environment, and a home of its own.
pub fn program(desk: &Desk, program: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", desk.0.path())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied());
    command
}

async fn aws(desk: &Desk, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = program(desk, &repository().join(".tools/consumers/bin/aws"), variables);
    command.args(arguments);
    run(command).await
}

async fn aws_profile(stack: &Stack, desk: &Desk, server: &Server) {
    let config = desk.write("aws-config", &desk.setup(&["aws-config"]).await);
    let variables = [("AWS_CONFIG_FILE", config.to_str().unwrap()), ("AWS_PROFILE", "credvend")];
    let file = desk.path("upload.txt");
    let target = format!("s3://{}/{}by-profile", stack.text("bucket"), server.text("s3_path_prefix"));
    let ran = aws(desk, &variables, &["s3", "cp", file.to_str().unwrap(), &target]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(aws(desk, &variables, &["s3", "cp", &target, "-"]).await.stdout(), "hello");
}

async fn rclone(stack: &Stack, desk: &Desk, server: &Server) {
    let program_path = repository().join(".tools/consumers/bin/rclone");
    let copy = async |variables: &[(&str, &str)], key: &str| {
        let mut command = program(desk, &program_path, variables);
        let target = format!("credvend:{}/{}{key}", stack.text("bucket"), server.text("s3_path_prefix"));
        command.args(["--config", desk.path("rclone.conf").to_str().unwrap(), "--retries", "1", "copyto"]);
        command.args(["--no-check-dest", "--s3-no-head", desk.path("upload.txt").to_str().unwrap(), &target]);
        let ran = run(command).await;
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    };
    // As its comments say: AWS_CONFIG_FILE names the profile.
    let profile = desk.write("rclone-profile", &desk.setup(&["aws-config"]).await);
    desk.write("rclone.conf", &desk.setup(&["rclone"]).await);
    copy(&[("AWS_CONFIG_FILE", profile.to_str().unwrap())], "by-process").await;

    // The command that runs beside it is the one in the comment, at a free port.
    let token_file = desk.path("token").display().to_string();
    let text = desk.setup(&["rclone", "--via", "endpoint", "--token-file", &token_file]).await;
    let beside =
        text.lines().find_map(|line| line.split_once(" serve ").map(|_| line.trim_start_matches("# "))).unwrap();
    let (served, url) = serve(desk, beside, &[]).await;
    desk.write("rclone.conf", &text);
    let uri = format!("{url}/credentials");
    copy(
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token_file)],
        "by-endpoint",
    )
    .await;
    drop(served);
}

/// Runs a command line with `serve` in it, at a free port; returns its address.
pub async fn serve(desk: &Desk, line: &str, variables: &[(&str, &str)]) -> (Process, String) {
    let line = line.replace("127.0.0.1:9911", "127.0.0.1:0");
    let mut words = line.split_whitespace();
    let mut command = program(desk, Path::new(words.next().unwrap()), variables);
    command.args(["--log-level", "info"]).args(words);
    let mut process = Process::spawn(command);
    let url = process.wait_for("listening on ").await;
    process.wait_for("credentials valid until").await;
    (process, url)
}

/// The endpoint answers a program that has the environment which is printed.
async fn upload_by_endpoint(stack: &Stack, desk: &Desk, server: &Server, variables: &[(&str, &str)], key: &str) {
    let file = desk.path("upload.txt");
    let target = format!("s3://{}/{}{key}", stack.text("bucket"), server.text("s3_path_prefix"));
    let all = [variables, &[("AWS_ENDPOINT_URL", stack.text("endpoint"))]].concat();
    let ran = aws(desk, &all, &["s3", "cp", file.to_str().unwrap(), &target]).await;
    assert_eq!(ran.code(), Some(0), "{key}: {}", ran.stderr());
}

/// What a container or a unit would run, run here: command, environment and files as they are printed.
async fn sidecars_and_units(stack: &Stack, desk: &Desk, server: &Server) {
    let token_file = desk.path("sidecar-token").display().to_string();
    let credvend = tests::process::binary("credvend").display().to_string();
    let secrets = desk.path("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("COGNITO_CLIENT_SECRET"), server.text("client_secret")).unwrap();
    let secrets = secrets.to_str().unwrap();
    let text = |value: &Value| value.as_str().expect("text").to_owned();

    let pod = desk.setup(&["kubernetes", "--token-file", &token_file]).await;
    let pod = parse("yaml", &desk.write("pod.yaml", &pod)).await;
    let environment = |container: &Value| -> HashMap<String, String> {
        let entries = container["env"].as_array().expect("a list").iter();
        entries.map(|entry| (text(&entry["name"]), text(&entry["value"]))).collect()
    };
    let sidecar = &pod["spec"]["initContainers"][0];
    let of_pod = (sidecar["args"].clone(), environment(sidecar), environment(&pod["spec"]["containers"][0]));

    let compose = desk.setup(&["docker", "--token-file", &token_file]).await;
    let compose = parse("yaml", &desk.write("compose.yaml", &compose)).await;
    let environment = |service: &Value| -> HashMap<String, String> {
        let entries = service["environment"].as_object().expect("a mapping").iter();
        entries.map(|(name, value)| (name.clone(), text(value))).collect()
    };
    let services = &compose["services"];
    let of_compose =
        (services["credvend"]["command"].clone(), environment(&services["credvend"]), environment(&services["app"]));

    for (key, (arguments, own, app)) in [("by-pod", of_pod), ("by-compose", of_compose)] {
        let arguments: Vec<String> = arguments.as_array().unwrap().iter().map(text).collect();
        let own: Vec<(String, String)> = own
            .into_iter()
            .map(|(name, value)| {
                let value = value.replace("/var/run/secrets/credvend", secrets).replace("/run/secrets", secrets);
                (name, value)
            })
            .collect();
        let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (served, url) = serve(desk, &format!("{credvend} {}", arguments.join(" ")), &own).await;
        let uri = app["AWS_CONTAINER_CREDENTIALS_FULL_URI"].replace("http://127.0.0.1:9911", &url);
        let mut app: Vec<(&str, &str)> = app.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        app.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri));
        upload_by_endpoint(stack, desk, server, &app, key).await;
        drop(served);
    }

    let unit = desk.setup(&["systemd", "--token-file", &token_file]).await;
    let exec = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    // LoadCredential= makes this folder, with the file of that name.
    let loaded = unit.lines().find_map(|line| line.strip_prefix("LoadCredential=")).unwrap();
    let (name, source) = loaded.split_once(':').unwrap();
    std::fs::copy(source, Path::new(secrets).join(name)).unwrap();
    let exec = exec.replace("${CREDENTIALS_DIRECTORY}", secrets);
    let (served, url) = serve(desk, &exec, &[("CREDENTIALS_DIRECTORY", secrets)]).await;
    let uri = format!("{url}/credentials");
    let app =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token_file)];
    upload_by_endpoint(stack, desk, server, &app, "by-unit").await;
    drop(served);
}

/// Signatures that IAM checks, and its answers for each level.
async fn the_doctor_tells_levels_apart(stack: &Stack) {
    for (level, without, with) in [
        ("write", "cannot be listed", "can be written, not read, not deleted: the empty object stays"),
        ("read-write", "cannot be listed", "can be written, read, not deleted: the empty object stays"),
        ("full", "can be listed", "can be written, read, deleted"),
    ] {
        let (desk, _) = desk(stack, &format!("level-{level}"), level).await;
        for (options, expected) in [(&["doctor"][..], without), (&["doctor", "--write-probe"], with)] {
            let ran = desk.credvend(&[&["--env-file", "credvend.env"][..], options].concat(), &[]).await;
            assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
            assert!(ran.stdout().contains(expected), "{level}: {}", ran.stdout());
        }
        let text = std::fs::read_to_string(desk.path("credvend.env")).unwrap();
        desk.write("credvend.env", &format!("{text}S3_PATH_PREFIX=logs/web-01\n"));
        let ran = desk.credvend(&["--env-file", "credvend.env", "doctor", "--write-probe"], &[]).await;
        assert_eq!(ran.code(), Some(3), "{}", ran.stdout());
        let refusal = format!("s3://{}/logs/web-01/.credvend-doctor answered 403 AccessDenied", stack.text("bucket"));
        assert!(ran.stdout().contains(&refusal), "{level}: {}", ran.stdout());
    }
    let requests = stack.control("GET", "requests", Value::Null).await;
    let requests = requests["requests"].as_array().unwrap();
    let calls: Vec<_> = requests.iter().filter(|request| request["api"] == "sts:GetCallerIdentity").collect();
    assert_eq!(calls.len(), 9);
    assert!(calls.iter().all(|call| call["access_key"].as_str().is_some_and(|key| key.starts_with("ASIA"))));
}
