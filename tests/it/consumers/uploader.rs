//! A program that uploads on and on, and what it says of each upload.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tests::process::Process;
use tokio::task::JoinHandle;

use super::consumer::{Consumer, tool};
use super::host::Host;
use super::matrix::environment;
use super::way::Way;
use super::world::World;
use crate::service::client;

pub(super) struct Uploader {
    pub(super) consumer: Consumer,
    pub(super) way: Way,
    /// All its objects' names begin so.
    pub(super) prefix: String,
    process: Process,
    /// Where the program is only told what to upload: who tells it, and what has come of it.
    driver: Option<(JoinHandle<()>, Arc<Mutex<String>>)>,
    _home: TempDir,
}

impl Uploader {
    pub(super) async fn start(world: &World, host: &Host, consumer: Consumer, way: Way) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let server = if way == Way::WebIdentity { &world.federated } else { &world.server };
        let prefix = format!("{}kept-by-{}-{way:?}/", server.prefix, consumer.name());
        let mut command = if consumer == Consumer::Rclone { rclone() } else { consumer.program() };
        if consumer != Consumer::Rclone {
            command.args(["keep", world.text("/bucket"), &prefix]);
        }
        command.env_clear().envs(environment(host, home.path(), consumer, way)).current_dir(home.path());
        let mut process = Process::spawn(command);
        let mut driver = None;
        if consumer == Consumer::Rclone {
            std::fs::write(home.path().join("file.txt"), "kept").expect("a writable folder");
            let address = process.wait_for("Serving remote control on ").await;
            let said = Arc::new(Mutex::new(String::new()));
            let from = home.path().display().to_string();
            let order = Order { url: address, from, bucket: world.text("/bucket").to_owned(), prefix: prefix.clone() };
            driver = Some((tokio::spawn(drive(order, Arc::clone(&said))), said));
        }
        Self { consumer, way, prefix, process, driver, _home: home }
    }

    pub(super) fn name(&self) -> String {
        format!("{} by {}", self.consumer.name(), self.way.heading())
    }

    pub(super) fn succeeded(&self) -> usize {
        self.said().lines().filter(|line| line.starts_with("ok ")).count()
    }

    pub(super) fn failures(&self) -> Vec<String> {
        let said = self.said();
        let lines = said.lines().filter(|line| line.starts_with("failed "));
        lines.map(|line| format!("{}: {line}", self.name())).collect()
    }

    /// What it said, warnings of its own included.
    pub(super) fn said(&self) -> String {
        match &self.driver {
            Some((_, said)) => said.lock().expect("the driver does not panic").clone(),
            None => self.process.output(),
        }
    }
}

impl Drop for Uploader {
    fn drop(&mut self) {
        if let Some((driver, _)) = &self.driver {
            driver.abort();
        }
    }
}

/// One process that copies what it is told to: its credentials stay in memory from one copy to the next.
fn rclone() -> Command {
    let mut command = Command::new(tool("rclone"));
    command.args(["rcd", "--rc-no-auth", "--rc-addr", "127.0.0.1:0", "--log-level", "NOTICE"]);
    command.args(["--no-check-dest", "--s3-no-check-bucket", "--s3-no-head-object"]);
    command.args(["--retries", "1", "--low-level-retries", "1"]);
    command
}

struct Order {
    url: String,
    from: String,
    bucket: String,
    prefix: String,
}

async fn drive(order: Order, said: Arc<Mutex<String>>) {
    let http = client();
    let url = format!("{}operations/copyfile", order.url.trim());
    for count in 0_u64.. {
        let key = format!("{}{count}", order.prefix);
        let body = json!({
            "srcFs": order.from, "srcRemote": "file.txt",
            "dstFs": format!("s3:{}", order.bucket), "dstRemote": key,
        });
        let request = http.post(&url).header("content-type", "application/json").body(body.to_string());
        let line = match request.send().await {
            Ok(answer) if answer.status().is_success() => format!("ok {key}\n"),
            Ok(answer) => format!("failed {key} {}\n", answer.text().await.unwrap_or_default().replace('\n', " ")),
            Err(error) => format!("failed {key} {error}\n"),
        };
        said.lock().expect("nobody panics with it").push_str(&line);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
