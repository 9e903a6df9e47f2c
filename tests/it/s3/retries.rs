//! When it is tried again, and the way out where a server refuses checksums.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tests::http_server::{Received, Reply};

use super::fake::error;
use super::{Desk, MEBIBYTE, bytes};

/// The first request is answered with this status and a wait; says when requests came.
fn busy(desk: &Desk, status: u16, wait: &'static str) -> Arc<Mutex<Vec<Instant>>> {
    let times = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    desk.s3.on_request(move |_, _| {
        let mut seen = seen.lock().unwrap();
        seen.push(Instant::now());
        let headers = vec![("retry-after".to_owned(), wait.to_owned())];
        (seen.len() == 1).then(|| Reply::Whole(status, headers, Vec::new()))
    });
    times
}

#[tokio::test]
async fn the_server_says_when_to_come_back() {
    for status in [503, 429, 500] {
        for arguments in [&["upload", "a"][..], &["list"], &["delete", "a"]] {
            let desk = Desk::start().await;
            desk.file("a", b"x");
            let times = busy(&desk, status, "1");
            desk.succeed(arguments).await;
            let times = times.lock().unwrap();
            assert_eq!(times.len(), 2, "{status} {arguments:?}");
            // Never sooner; without the header it would be after two tenths of a second at most.
            assert!(times[1] - times[0] >= Duration::from_millis(990), "{status} {arguments:?}");
        }
    }
}

#[tokio::test]
async fn a_wait_that_is_too_long_ends_the_run_at_once() {
    for (status, wait, said) in
        [(503, "3600", "3600 s"), (429, "61", "61 s"), (500, "Fri, 01 Jan 2100 00:00:00 GMT", " s:")]
    {
        let desk = Desk::start().await;
        desk.file("a", b"x");
        let times = busy(&desk, status, wait);
        let ran = desk.run(&["upload", "a"]).await;
        assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
        assert!(
            ran.stderr().contains("the server asks to wait for ") && ran.stderr().contains(said),
            "{}",
            ran.stderr()
        );
        assert_eq!(times.lock().unwrap().len(), 1);
    }
}

fn has_checksum_header(received: &Received) -> bool {
    received.headers.keys().any(|name| name.contains("checksum") || name == "x-amz-mp-object-size")
}

#[tokio::test]
async fn a_server_without_checksums_has_a_way_out() {
    for (status, code) in [(501, "NotImplemented"), (400, "InvalidArgument"), (400, "InvalidRequest")] {
        let desk = Desk::start().await;
        desk.file("a", b"x");
        desk.file("empty", b"");
        let content = bytes(20 * MEBIBYTE);
        desk.file("big", &content);
        desk.s3.put("object", b"text");
        desk.s3.on_request(move |_, received| has_checksum_header(received).then(|| error(status, code)));
        for arguments in [
            &["upload", "a"][..],
            &["upload", "big"],
            &["upload", "a", "--checksum", "sha256"],
            &["download", "object", "x"],
        ] {
            let ran = desk.run(arguments).await;
            assert_eq!(ran.code(), Some(1), "{code} {arguments:?}: {}", ran.stderr());
            assert!(ran.stderr().contains(code) && ran.stderr().contains("--checksum none"), "{}", ran.stderr());
        }
        assert_eq!(desk.s3.take_requests().len(), 4, "it is not tried again");
        for name in ["a", "big", "empty"] {
            let printed = desk.succeed(&["--json", "upload", name, "--checksum", "none"]).await;
            assert!(!printed.contains("\"checksum\""), "{printed}");
            desk.succeed(&["download", name, "copy", "--checksum", "none"]).await;
            assert!(std::fs::read(desk.path("copy")).unwrap() == std::fs::read(desk.path(name)).unwrap(), "{name}");
        }
        let mut command = desk.command(&["upload", "-", "--key", "piped", "--checksum", "none"], &[]);
        command.stdin(Stdio::from(std::fs::File::open(desk.path("big")).unwrap()));
        let status = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(desk.s3.get("piped").unwrap().bytes == content);
    }
}

/// An upload in parts remembers that it sends no checksums.
#[tokio::test]
async fn an_upload_without_checksums_is_resumed_as_such() {
    let desk = Desk::start().await;
    desk.file("big", &bytes(30 * MEBIBYTE));
    desk.s3.on_request(|operation, _| (operation == "UploadPart 4").then(|| error(500, "InternalError")));
    assert_eq!(desk.run(&["upload", "big", "--checksum", "none"]).await.code(), Some(4));
    desk.s3.take_requests();
    desk.s3.on_request(|_, received| has_checksum_header(received).then(|| error(501, "NotImplemented")));
    desk.succeed(&["upload", "big", "--checksum", "none"]).await;
    assert_eq!(desk.s3.take_requests(), ["CompleteMultipartUpload", "UploadPart 4"]);
}
