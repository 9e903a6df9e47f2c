//! Programs that run for hours, through the ends of their credentials and half an hour's outage of each service in turn
//! and of both. The clock is moved on by minutes as soon as every program has uploaded at the last minute; so no machine
//! is too slow for it.

use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::clock::Clock;
use super::consumer::Consumer;
use super::host::Host;
use super::uploader::Uploader;
use super::way::Way;
use super::world::World;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
/// While nothing happens the clock may go faster.
const LONG_STEP: Duration = Duration::from_secs(13 * 60);
const STEP: Duration = Duration::from_secs(7 * 60);

const RUNNING: [(Consumer, Way); 7] = [
    (Consumer::Boto3, Way::ContainerTokenFile),
    (Consumer::Boto3, Way::CredentialProcess),
    (Consumer::Boto3, Way::WebIdentity),
    (Consumer::JavaScript, Way::ContainerTokenFile),
    (Consumer::JavaScript, Way::InstanceMetadata),
    (Consumer::Rust, Way::ContainerTokenFile),
    (Consumer::Rclone, Way::ContainerTokenFile),
];

#[derive(Debug, Clone, Copy)]
enum Outage {
    IdentityProviders,
    VendingApi,
    Both,
}

/// So long the client leaves alone what has just failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The SDK for Rust renews what ends within ten seconds, the others what ends within five minutes or more.
const MARGIN: Duration = Duration::from_secs(5);

struct Run {
    started: Instant,
    clock: Clock,
    world: World,
    host: Host,
    uploaders: Vec<Uploader>,
}

#[tokio::test]
async fn three_expiries_with_an_outage_of_half_an_hour_before_each_of_them() {
    let mut run = Run::start().await;
    println!("all run after {:.0?}", run.started.elapsed());
    for outage in [Outage::IdentityProviders, Outage::VendingApi, Outage::Both] {
        let (vends, vended_at) = run.vends().await;
        run.go_to(vended_at + 26 * MINUTE, LONG_STEP).await;
        run.begin(outage).await;
        run.go_to(vended_at + 54 * MINUTE, STEP).await;
        // Now most programs ask for fresher ones at each upload.
        run.go_to(vended_at + 56 * MINUTE, MINUTE).await;
        assert_eq!(run.vends().await.0, vends, "{outage:?}: nobody can have vended");
        run.end(outage).await;
        run.wait_for_a_vend(vends).await;
        run.wait_for_a_token().await;
        // A request that is under way while the clock jumps must not be one with the credentials that end.
        run.go_to(vended_at + HOUR - MARGIN, STEP).await;
        run.go_to(vended_at + HOUR + MINUTE, STEP).await;
        println!("{outage:?}: the hour is over after {:.0?}", run.started.elapsed());
    }
    run.every_upload_counts().await;
}

impl Run {
    async fn start() -> Self {
        let started = Instant::now();
        let clock = Clock::movable();
        let world = World::start(&clock).await;
        // Each vend needs a new token of Cognito's; a token in a file is worth nothing unless it outlives the outage.
        world.control("POST", "settings", json!({"token_lifetime_seconds": 20 * 60})).await;
        world.set_federated_token_lifetime(HOUR).await;
        let host = Host::start(&world, &clock).await;
        let mut uploaders = Vec::new();
        for (consumer, way) in RUNNING {
            uploaders.push(Uploader::start(&world, &host, consumer, way).await);
        }
        Self { started, clock, world, host, uploaders }
    }

    /// Moves the clock, and lets every program upload each time.
    async fn go_to(&mut self, until: SystemTime, step: Duration) {
        self.everybody_uploads().await;
        while let Some(left) = until.duration_since(self.clock.now()).ok().filter(|left| left.as_secs() > 0) {
            self.advance(step.min(Duration::from_secs(left.as_secs()))).await;
            self.everybody_uploads().await;
        }
    }

    /// The programs first: for a moment what the stack issues has been issued a while ago, and not in the future.
    async fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
        self.world.follow(&self.clock).await;
    }

    /// Two uploads each, since the first may have begun before.
    async fn everybody_uploads(&self) {
        let deadline = Instant::now() + MINUTE;
        let before: Vec<_> = self.uploaders.iter().map(Uploader::succeeded).collect();
        for (uploader, before) in self.uploaders.iter().zip(before) {
            while uploader.succeeded() < before + 2 {
                self.assert_no_failure();
                assert!(
                    Instant::now() < deadline,
                    "{} has stopped: {}{}",
                    uploader.name(),
                    uploader.said(),
                    self.daemons_said()
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        self.assert_no_failure();
    }

    fn assert_no_failure(&self) {
        let failures: Vec<_> = self.uploaders.iter().flat_map(Uploader::failures).collect();
        assert!(failures.is_empty(), "{:?}: {}{}", self.clock.now(), failures.join("\n"), self.daemons_said());
    }

    fn daemons_said(&self) -> String {
        let said = self.host.daemons.iter().map(|daemon| format!("\n--\n{}", daemon.output()));
        said.collect::<Vec<_>>().concat()
    }

    async fn begin(&self, outage: Outage) {
        if !matches!(outage, Outage::VendingApi) {
            for api in ["cognito:token", "internet:POST example.eu.auth0.com/oauth/token"] {
                self.world.control("POST", "faults", json!({"api": api, "kind": "status", "status": 503})).await;
            }
        }
        if !matches!(outage, Outage::IdentityProviders) {
            // It takes connections and says nothing, which is worse than to refuse them.
            self.world.lambda.signal(Signal::STOP);
        }
    }

    async fn end(&self, outage: Outage) {
        self.world.control("DELETE", "faults", Value::Null).await;
        if !matches!(outage, Outage::IdentityProviders) {
            self.world.lambda.signal(Signal::CONT);
        }
    }

    /// How many vends there were, and when the last one was.
    async fn vends(&self) -> (usize, SystemTime) {
        let requests = self.world.requests("sts:AssumeRole").await;
        let times: Vec<_> =
            requests.iter().filter(|vend| vend["status"] == 200).filter_map(|vend| vend["time"].as_f64()).collect();
        let last = times.last().copied().expect("the daemons have been vended credentials");
        (times.len(), SystemTime::UNIX_EPOCH + Duration::from_secs_f64(last))
    }

    /// The end of an outage is noticed by the client itself, in its own time.
    async fn wait_for_a_vend(&mut self, before: usize) {
        self.advance(LONGEST_PAUSE).await;
        let deadline = Instant::now() + MINUTE;
        while self.vends().await.0 == before {
            self.assert_no_failure();
            assert!(Instant::now() < deadline, "nothing was vended after the outage{}", self.daemons_said());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The token daemon looks at the clock every ten seconds, and the test may move it on by most of an hour meanwhile.
    async fn wait_for_a_token(&self) {
        let deadline = Instant::now() + MINUTE;
        while self.host.web_identity_token_ends_at() < self.clock.now() + HOUR / 2 {
            assert!(Instant::now() < deadline, "the token was not renewed after the outage{}", self.daemons_said());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Each program has used at least four keys: that of the start, and one after each expiry.
    async fn every_upload_counts(&self) {
        let uploads = self.world.requests("s3:PutObject").await;
        for uploader in &self.uploaders {
            let own = uploads
                .iter()
                .filter(|upload| upload["detail"]["key"].as_str().is_some_and(|key| key.starts_with(&uploader.prefix)));
            let keys: std::collections::HashSet<_> = own.map(|upload| upload["access_key"].to_string()).collect();
            println!("{}: {} uploads with {} keys", uploader.name(), uploader.succeeded(), keys.len());
            assert!(keys.len() >= 4, "{}: {keys:?}", uploader.name());
        }
        let failed: Vec<_> = uploads.iter().filter(|upload| upload["status"] != 200).collect();
        assert!(failed.is_empty(), "{failed:?}");
    }
}
