//! `revoke`, killed after each request that it makes: the next run finishes it, or undoes it.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::{Installation, refused, vended};

/// More than a whole run makes.
const MOST_REQUESTS: usize = 40;

/// Runs `revoke`, and kills it (SIGKILL) when it makes more than `requests` requests. Whether it was killed.
async fn revoke_until(installation: &Installation, id: &str, requests: usize) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let target = installation.text("/endpoint").trim_start_matches("http://").to_owned();
    let mut command = installation.command(&["revoke", id, "--yes"], &[("AWS_ENDPOINT_URL", &url)]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = tokio::process::Command::from(command).spawn().unwrap();
    let (too_many, is_over) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let (notify, over) = (Arc::clone(&too_many), Arc::clone(&is_over));
    // The stack takes one request a connection.
    let relay = tokio::spawn(async move {
        for _ in 0..requests {
            let (mut caller, _) = listener.accept().await.unwrap();
            let mut stack = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut caller, &mut stack).await });
        }
        let held = listener.accept().await;
        over.store(true, Ordering::SeqCst);
        notify.notify_one();
        // Nothing is answered, and nothing is closed before the process has ended.
        std::future::pending::<()>().await;
        drop(held);
    });
    tokio::select! {
        () = too_many.notified() => process.kill().await.unwrap(),
        status = process.wait() => assert!(status.unwrap().success()),
    }
    relay.abort();
    is_over.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_half_way_is_finished_or_undone() {
    let installation = Installation::start().await;
    let one = async |requests: usize| {
        let name = format!("crash-{requests:02}");
        let server = installation.register_with(&name, json!({})).await;
        let old = installation.credentials(&server, &name).await;
        assert!(old.uploads().await);
        let killed = revoke_until(&installation, &server.id, requests).await;
        let state = (old.uploads().await, installation.vend(&server).await.0);
        if requests.is_multiple_of(2) {
            installation.revoke(&server.id).await;
            assert!(!old.uploads().await, "after {requests} requests, then revoked again");
            assert_eq!(installation.vend(&server).await, refused("client_disabled"));
        } else {
            installation.json(&["unrevoke", &server.id]).await;
            assert_eq!(installation.vend(&server).await, vended(), "after {requests} requests, then undone");
        }
        (killed, state)
    };
    // Each of these is a run with a role of its own, side by side.
    let runs = futures_util::future::join_all((0..16).map(one)).await;
    let states: Vec<_> = runs.iter().filter(|(killed, _)| *killed).map(|(_, state)| *state).collect();
    assert!(states.len() > 8 && states.len() < MOST_REQUESTS, "{runs:?}");
    // In this order: first the client is shut out, then its sessions; nothing else, and nothing the other way round.
    assert!(states.is_sorted_by_key(|(uploads, vends)| (*vends == 403, !uploads)), "{runs:?}");
    for state in [(true, 200), (true, 403), (false, 403)] {
        assert!(states.contains(&state), "{state:?} in {runs:?}");
    }
}
