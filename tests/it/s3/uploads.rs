//! Uploads that are interrupted, resumed, refused.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use super::fake::Fault;
use super::{Desk, MEBIBYTE, bytes};

#[tokio::test]
async fn a_killed_upload_goes_on_with_the_parts_that_are_missing() {
    let desk = Desk::start().await;
    let content = bytes(50 * MEBIBYTE);
    desk.file("big", &content);
    for (signal, code) in [(Signal::KILL, None), (Signal::TERM, Some(143)), (Signal::INT, Some(130))] {
        desk.s3.order(Fault::SilentFromPart(4));
        let mut process = desk.spawn(&["upload", "big"]);
        desk.s3.wait_for_requests("UploadPart", 7).await;
        process.signal(signal);
        assert_eq!(process.exit_code().await, code, "{}", process.output());
        desk.s3.take_requests();
        desk.s3.mend();
        desk.succeed(&["upload", "big"]).await;
        let expected = ["CompleteMultipartUpload", "UploadPart 4", "UploadPart 5", "UploadPart 6", "UploadPart 7"];
        assert_eq!(desk.s3.take_requests(), expected);
        let stored = desk.s3.get("big").unwrap();
        assert!(stored.bytes == content, "the object differs");
        assert!(stored.checksum.is_some(), "of the whole object");
        assert_eq!(desk.names("cache"), Vec::<String>::new(), "nothing to remember any more");
    }
}

#[tokio::test]
async fn a_part_that_fails_is_told_and_can_be_gone_on_with() {
    let desk = Desk::start().await;
    desk.file("big", &bytes(30 * MEBIBYTE));
    desk.s3.order(Fault::BrokenPart(4));
    let ran = desk.run(&["upload", "big"]).await;
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    assert!(ran.stderr().contains("upload part 4 of `s3://bucket/big`: InternalError 500"), "{}", ran.stderr());
    desk.s3.mend();
    desk.s3.take_requests();
    desk.succeed(&["upload", "big"]).await;
    assert_eq!(desk.s3.take_requests(), ["CompleteMultipartUpload", "UploadPart 4"]);
}

#[tokio::test]
async fn an_upload_that_s3_has_forgotten_begins_anew() {
    let desk = Desk::start().await;
    let content = bytes(20 * MEBIBYTE);
    desk.file("big", &content);
    desk.s3.order(Fault::BrokenPart(3));
    assert_eq!(desk.run(&["upload", "big"]).await.code(), Some(4));
    // The parts that are missing are refused; those of the upload that is begun then are not.
    desk.s3.forget_uploads();
    desk.s3.mend();
    desk.s3.take_requests();
    desk.succeed(&["upload", "big"]).await;
    let requests = desk.s3.take_requests();
    assert!(requests.contains(&"CreateMultipartUpload".to_owned()), "{requests:?}");
    assert!(desk.s3.get("big").unwrap().bytes == content, "the object differs");
}

#[tokio::test]
async fn a_changed_file_is_another_upload_and_the_old_one_is_aborted() {
    let desk = Desk::start().await;
    desk.file("big", &bytes(20 * MEBIBYTE));
    desk.s3.order(Fault::BrokenPart(3));
    assert_eq!(desk.run(&["upload", "big"]).await.code(), Some(4));
    desk.s3.mend();
    let content = bytes(21 * MEBIBYTE);
    desk.file("big", &content);
    desk.succeed(&["upload", "big"]).await;
    assert!(desk.s3.get("big").unwrap().bytes == content, "the object differs");
    assert_eq!(desk.s3.open_uploads(), 0);
}

/// `cp -p`, rsync and tar bring an old file's size and time back with other bytes.
#[tokio::test]
async fn what_was_sent_of_another_file_with_the_same_size_and_time_is_not_gone_on_with() {
    let desk = Desk::start().await;
    let written = |content: &[u8]| {
        desk.file("big", content);
        let file = std::fs::File::options().write(true).open(desk.path("big")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)).unwrap();
    };
    let mut content = bytes(20 * MEBIBYTE);
    written(&content);
    desk.s3.order(Fault::BrokenPart(3));
    assert_eq!(desk.run(&["upload", "big"]).await.code(), Some(4));
    desk.s3.mend();
    content.reverse();
    written(&content);
    desk.succeed(&["upload", "big"]).await;
    assert!(desk.s3.get("big").unwrap().bytes == content, "the object is torn");
    assert_eq!(desk.s3.open_uploads(), 0);
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_no_object_but_one_that_grows_is() {
    let desk = Desk::start().await;
    let content = bytes(30 * MEBIBYTE);
    desk.file("big", &content);
    let file = std::fs::File::options().write(true).open(desk.path("big")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    desk.s3.order(Fault::Meddling(desk.path("big"), 30 * MEBIBYTE as u64));
    desk.succeed(&["upload", "big"]).await;
    assert!(desk.s3.get("big").unwrap().bytes == content, "as it was when it was opened");

    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    desk.s3.order(Fault::Meddling(desk.path("big"), 0));
    let ran = desk.run(&["upload", "big", "--key", "torn"]).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(ran.stderr().contains("`big` was changed while it was uploaded"), "{}", ran.stderr());
    assert_eq!((desk.s3.keys(), desk.s3.open_uploads()), (vec!["big".to_owned()], 0));
    assert_eq!(desk.names("cache"), Vec::<String>::new(), "nothing to go on with");
}

#[tokio::test]
async fn parts_that_make_no_object_are_not_gone_on_with_for_ever() {
    let desk = Desk::start().await;
    desk.file("big", &bytes(20 * MEBIBYTE));
    for (code, exit) in [("BadDigest", 4), ("InvalidPart", 1)] {
        desk.s3.order(Fault::RefusedCompletion(code));
        let ran = desk.run(&["upload", "big"]).await;
        assert_eq!(ran.code(), Some(exit), "{}", ran.stderr());
        assert_eq!(desk.s3.open_uploads(), 0, "{code}: nobody needs it any more");
        desk.s3.mend();
        desk.s3.take_requests();
        desk.succeed(&["upload", "big"]).await;
        assert!(desk.s3.take_requests().contains(&"CreateMultipartUpload".to_owned()), "{code}");
    }
}

#[tokio::test]
async fn standard_input_of_any_length() {
    let desk = Desk::start().await;
    for length in [0, 5, 8 * MEBIBYTE, 8 * MEBIBYTE + 1, 40 * MEBIBYTE + 7] {
        let content = bytes(length);
        let mut command = desk.command(&["upload", "-", "--key", "piped"], &[]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let written = content.clone();
        let output = tokio::task::spawn_blocking(move || {
            stdin.write_all(&written).unwrap();
            drop(stdin);
            child.wait_with_output().unwrap()
        });
        let output = output.await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "s3://bucket/piped\n", "{length}");
        assert!(desk.s3.get("piped").unwrap().bytes == content, "{length}");
    }
    let ran = desk.run(&["upload", "-"]).await;
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
}

/// What was read from a pipe is gone, so nothing is left that would be kept, and billed, for nobody.
#[tokio::test]
async fn an_interrupted_upload_of_standard_input_is_aborted() {
    let desk = Desk::start().await;
    let mut command = desk.command(&["upload", "-", "--key", "piped"], &[]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writing = tokio::task::spawn_blocking(move || {
        stdin.write_all(&bytes(10 * MEBIBYTE)).unwrap();
        stdin
    });
    let stdin = writing.await.unwrap();
    desk.s3.wait_for_requests("UploadPart", 1).await;
    assert_eq!(desk.s3.open_uploads(), 1);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    drop(stdin);
    assert_eq!(status.code(), Some(143));
    assert_eq!(desk.s3.open_uploads(), 0);
}

#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    let desk = Desk::start().await;
    let file = std::fs::File::create(desk.path("big")).unwrap();
    file.set_len(192 * MEBIBYTE as u64).unwrap();
    desk.s3.order(Fault::SilentCompletion);
    let process = desk.spawn(&["upload", "big"]);
    desk.s3.wait_for_requests("CompleteMultipartUpload", 1).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
    // The figure to reach is of the release binary (scripts/bench s3); unoptimized code alone is larger.
    assert!(peak.parse::<u64>().unwrap() < 48 * 1024, "{peak} kB");
}

#[tokio::test]
async fn refusals_and_outages_have_their_exit_codes() {
    let desk = Desk::start().await;
    desk.file("a", b"x");
    for (status, code, exit) in
        [(403, "AccessDenied", 3), (400, "ExpiredToken", 3), (403, "InvalidAccessKeyId", 3), (404, "NoSuchBucket", 1)]
    {
        desk.s3.order(Fault::Status(status, code));
        for arguments in [&["upload", "a"][..], &["download", "a", "x"], &["list"], &["delete", "a"]] {
            let ran = desk.run_with(arguments, &[("S3_PATH_PREFIX", "")]).await;
            assert_eq!(ran.code(), Some(exit), "{code} {arguments:?}: {}", ran.stderr());
            assert!(ran.stderr().contains(code) && ran.stderr().contains("s3://bucket/"), "{}", ran.stderr());
        }
    }
    desk.s3.order(Fault::Status(403, "AccessDenied"));
    let ran = desk.run_with(&["upload", "a"], &[("S3_PATH_PREFIX", "logs/web/")]).await;
    assert!(ran.stderr().contains("s3:PutObject") && ran.stderr().contains("`logs/web/`"), "{}", ran.stderr());
    desk.s3.order(Fault::Status(503, "SlowDown"));
    let ran = desk.run(&["upload", "a"]).await;
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    // Bound and never listened on: nobody else can get this port meanwhile.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    let ran = desk.run_with(&["upload", "a"], &[("AWS_ENDPOINT_URL_S3", &url)]).await;
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    assert!(ran.stderr().contains("cannot be reached"), "{}", ran.stderr());
}
