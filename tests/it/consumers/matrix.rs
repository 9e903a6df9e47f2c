//! Every program in every way, once: an upload into the machine's own prefix, read back, and signed with the key that
//! the client was vended. `docs/consumers.md` is what comes out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tests::process::repository;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::clock::Clock;
use super::consumer::{Consumer, Upload, node_modules};
use super::host::Host;
use super::way::Way;
use super::world::World;
use crate::machine::run;

const CONTENT: &str = "from a program that nobody here wrote";
/// Programs that run at the same time: they start slowly, and this machine may have two cores.
const AT_ONCE: usize = 4;

/// A program, a way, and what became of it.
struct Cell {
    consumer: Consumer,
    way: Way,
    outcome: Result<(), String>,
}

#[tokio::test]
async fn every_program_takes_credentials_in_every_way_it_knows() {
    let started = Instant::now();
    let world = Arc::new(World::start(&Clock::real()).await);
    let host = Arc::new(Host::start(&world, &Clock::real()).await);
    let versions = tokio::spawn(versions());
    let mut cells = run_all(&world, &host).await;
    println!("{} cells in {:.1?}", cells.len(), started.elapsed());
    let vended = host.access_key().await;
    let uploads = world.requests("s3:PutObject").await;
    let exchanges = world.requests("sts:AssumeRoleWithWebIdentity").await;
    for cell in &mut cells {
        let prefix = if cell.way == Way::WebIdentity { &world.federated.prefix } else { &world.server.prefix };
        let signed = signed_as_expected(cell, &key(prefix, cell.consumer, cell.way), &vended, &uploads, &exchanges);
        cell.outcome = std::mem::replace(&mut cell.outcome, Ok(())).and(signed);
    }
    let failures: Vec<_> = cells.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_written(&page(&versions.await.expect("no program panics")));
}

async fn run_all(world: &Arc<World>, host: &Arc<Host>) -> Vec<Cell> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for consumer in Consumer::ALL {
        for way in Way::ALL.into_iter().filter(|way| consumer.lacks(*way).is_none()) {
            let (world, host, turns) = (Arc::clone(world), Arc::clone(host), Arc::clone(&turns));
            running.spawn(async move {
                let _turn = turns.acquire().await.expect("nobody closes it");
                let started = Instant::now();
                let outcome = upload_and_read_back(&world, &host, consumer, way).await;
                println!("{} {way:?}: {:.1?} {}", consumer.name(), started.elapsed(), outcome.is_ok());
                Cell { consumer, way, outcome }
            });
        }
    }
    running.join_all().await
}

fn key(prefix: &str, consumer: Consumer, way: Way) -> String {
    consumer.key(&format!("{prefix}{}-{way:?}", consumer.name()))
}

async fn upload_and_read_back(world: &World, host: &Host, consumer: Consumer, way: Way) -> Result<(), String> {
    let home = tempfile::tempdir().expect("a temporary folder");
    let file = home.path().join("file.txt");
    std::fs::write(&file, CONTENT).expect("a writable folder");
    let prefix = if way == Way::WebIdentity { &world.federated.prefix } else { &world.server.prefix };
    let key = key(prefix, consumer, way);
    let upload = Upload { endpoint: &host.endpoint, bucket: world.text("/bucket"), key: &key, file: &file };
    let environment = environment(host, home.path(), consumer, way);
    if let Some(mut command) = consumer.preparation(&upload) {
        command.env_clear().envs(&environment).envs(world.administrator());
        assert_eq!(run(command).await.code(), Some(0), "the administrator prepares {}", consumer.name());
    }
    let mut printed = String::new();
    for mut command in consumer.commands(&upload) {
        command.env_clear().envs(&environment).current_dir(home.path());
        let ran = run(command).await;
        if ran.code() != Some(0) {
            return Err(format!("exit code {:?}: {}{}", ran.code(), ran.stdout(), ran.stderr()));
        }
        printed = ran.stdout();
    }
    if printed == CONTENT { Ok(()) } else { Err(format!("it read back {printed:?}")) }
}

/// All that a program is told: where things are, and one way to credentials.
pub(super) fn environment(host: &Host, home: &Path, consumer: Consumer, way: Way) -> HashMap<&'static str, String> {
    let mut variables: HashMap<_, _> = [
        ("HOME", home.display().to_string()),
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("AWS_REGION", host.region.clone()),
        ("AWS_DEFAULT_REGION", host.region.clone()),
        ("AWS_ENDPOINT_URL", host.endpoint.clone()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_MAX_ATTEMPTS", "1".to_owned()),
        ("NODE_PATH", node_modules().display().to_string()),
        ("RESTIC_PASSWORD", "not the point".to_owned()),
        ("RCLONE_CONFIG_S3_TYPE", "s3".to_owned()),
        ("RCLONE_CONFIG_S3_PROVIDER", "Other".to_owned()),
        ("RCLONE_CONFIG_S3_ENV_AUTH", "true".to_owned()),
        ("RCLONE_CONFIG_S3_ENDPOINT", host.endpoint.clone()),
        ("RCLONE_CONFIG_S3_REGION", host.region.clone()),
        ("RCLONE_CONFIG", home.join("rclone.conf").display().to_string()),
    ]
    .into();
    if (consumer, way) == (Consumer::Rclone, Way::WebIdentity) {
        // It hands its own endpoint to S3 alone.
        variables.insert("AWS_ENDPOINT_URL_STS", host.endpoint.clone());
    }
    variables.extend(host.clock.iter().cloned());
    variables.extend(way.variables(host, home, &session_name(consumer)));
    variables
}

fn session_name(consumer: Consumer) -> String {
    format!("session-of-{}", consumer.name())
}

/// The object is there with the key that the client was vended; by web identity each program has a key of its own, for
/// the one role that may write there.
fn signed_as_expected(
    cell: &Cell,
    key: &str,
    vended: &str,
    uploads: &[Value],
    exchanges: &[Value],
) -> Result<(), String> {
    let upload = uploads.iter().rfind(|upload| {
        upload["detail"]["key"].as_str().is_some_and(|uploaded| uploaded.starts_with(key)) && upload["status"] == 200
    });
    let signer = upload.and_then(|upload| upload["access_key"].as_str()).ok_or("nothing was uploaded")?;
    if cell.way != Way::WebIdentity {
        return if signer == vended { Ok(()) } else { Err(format!("signed with {signer} instead of {vended}")) };
    }
    let session = exchanges.iter().any(|exchange| {
        exchange["detail"]["RoleSessionName"] == session_name(cell.consumer) && exchange["status"] == 200
    });
    if session && signer.starts_with("ASIA") && signer != vended {
        Ok(())
    } else {
        Err(format!("signed with {signer}, which is not of a session of its own"))
    }
}

fn failure(cell: &Cell) -> Option<String> {
    let why = cell.outcome.as_ref().err()?;
    Some(format!("{} by {}: {why}", cell.consumer.name(), cell.way.heading()))
}

async fn versions() -> Vec<String> {
    let mut versions = Vec::new();
    for consumer in Consumer::ALL {
        let Some((mut command, word)) = consumer.version() else {
            versions.push("apt's".to_owned());
            continue;
        };
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let ran = run(command).await;
        assert_eq!(ran.code(), Some(0), "{}: {}", consumer.name(), ran.stderr());
        let printed = ran.stdout();
        let word = printed.split_whitespace().nth(word).expect("it prints its version");
        let word = word.rsplit('/').next().expect("split yields at least one part").trim_start_matches('v');
        versions.push(word.split('-').next().expect("split yields at least one part").to_owned());
    }
    versions
}

/// `docs/consumers.md`.
fn page(versions: &[String]) -> String {
    let mut page = String::from(HEAD);
    let mut notes: Vec<&str> = Vec::new();
    let headings = Way::ALL.map(Way::heading).join(" | ");
    let _ = writeln!(page, "| program | version | {headings} |\n|---|---|{}", "---|".repeat(Way::ALL.len()));
    for (consumer, version) in Consumer::ALL.into_iter().zip(versions) {
        let cells = Way::ALL.map(|way| match consumer.lacks(way) {
            None => "✓".to_owned(),
            Some(why) => {
                let known = notes.iter().position(|note| *note == why);
                let number = known.unwrap_or_else(|| {
                    notes.push(why);
                    notes.len() - 1
                });
                format!("– ({})", number + 1)
            }
        });
        let _ = writeln!(page, "| {} | {version} | {} |", consumer.name(), cells.join(" | "));
    }
    page.push('\n');
    for (number, note) in notes.iter().enumerate() {
        let _ = writeln!(page, "{}. {note}.", number + 1);
    }
    page.push_str("\n## What each way needs\n| way | on the machine | in the program's environment |\n|---|---|---|\n");
    for way in Way::ALL {
        let _ = writeln!(page, "| {} | {} | {} |", way.heading(), way.command(), way.setting());
    }
    page.push_str(TAIL);
    page
}

const HEAD: &str = "\
# Programs that take credentials from the client

<!-- Written by tests/it/consumers/matrix.rs: the run fails when this page is not what it found. -->

✓: the program took credentials in this way, uploaded an object into its own prefix and read it back. Run on the local
stack with IAM enforced; the upload was signed with the very access key that the client had been vended (by web identity:
with one of the role that alone may write there). –: the program cannot, so it was not tried.

";

const TAIL: &str = "
- The token of `serve` has no newline at its end: most SDKs send the file as it is.
- Set both token variables where programs of AWS SDK for Go v1 run beside others.
- A role that is confined to a prefix answers 403, not 404, for what is not there. rclone must not ask before it uploads:
  `rclone copyto --no-check-dest --s3-no-check-bucket --s3-no-head-object`. restic's repository is made once
  (`restic init`) with an administrator's credentials.
- rclone by web identity, where STS is not AWS's own: `AWS_ENDPOINT_URL_STS`.
- Programs that refresh (boto3, the JavaScript and Rust SDKs, rclone) upload on through three expiries and through outages
  of half an hour: `tests/it/consumers/expiry.rs`, on a clock that is moved on by minutes. That clock does not reach rclone,
  which is linked statically: there it asks for credentials at every upload.
- A shared file is read once by most programs: for long-running ones use one of the other ways.
";

/// Writes the page where it differs, and fails then: somebody should look at it and commit it.
fn assert_written(page: &str) {
    let path = repository().join("docs/consumers.md");
    if std::fs::read_to_string(&path).is_ok_and(|committed| committed == page) {
        return;
    }
    std::fs::write(&path, page).expect("a writable folder");
    panic!("docs/consumers.md was not what this run found; it has been written anew: look at it and commit it");
}
