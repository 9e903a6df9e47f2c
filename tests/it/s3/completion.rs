//! The response to `CompleteMultipartUpload` is lost: whether the object is there, and ours, HEAD decides.

use std::io::Write as _;
use std::process::Stdio;

use super::fake::{Fault, error};
use super::{Desk, MEBIBYTE, bytes};

const PAGE: &str = "<!DOCTYPE html><html></html>";

/// Nothing at all; an error of S3's or of a gateway, after which the SDK asks again and is told `NoSuchUpload`; a page.
const LOST: [Option<(u16, &str)>; 5] = [
    None,
    Some((500, "<Error><Code>InternalError</Code></Error>")),
    Some((504, PAGE)),
    Some((200, PAGE)),
    Some((200, "<CompleteMultipartUploadResult><ETag>")),
];

#[tokio::test]
async fn an_object_that_is_there_is_not_uploaded_again() {
    for lost in LOST {
        for checksum in ["crc64nvme", "sha256", "none"] {
            let desk = Desk::start().await;
            let content = bytes(20 * MEBIBYTE);
            desk.file("big", &content);
            desk.s3.order(Fault::LostCompletion(lost));
            let printed = desk.succeed(&["upload", "big", "--checksum", checksum]).await;
            assert_eq!(printed, "s3://bucket/big\n");
            assert!(desk.s3.get("big").unwrap().bytes == content);
            let requests = desk.s3.take_requests();
            let count = |operation: &str| requests.iter().filter(|asked| asked.starts_with(operation)).count();
            assert_eq!((count("UploadPart"), count("HEAD")), (3, 1), "{lost:?} {checksum}: {requests:?}");
            assert_eq!(desk.names("cache"), Vec::<String>::new(), "nothing to resume");
        }
    }
}

#[tokio::test]
async fn standard_input_as_well() {
    for lost in LOST {
        let desk = Desk::start().await;
        desk.s3.order(Fault::LostCompletion(lost));
        let mut command = desk.command(&["upload", "-", "--key", "piped"], &[]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let output = tokio::task::spawn_blocking(move || {
            stdin.write_all(&bytes(10 * MEBIBYTE)).unwrap();
            drop(stdin);
            child.wait_with_output().unwrap()
        });
        let output = output.await.unwrap();
        assert_eq!(
            (output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()),
            (Some(0), "s3://bucket/piped\n")
        );
    }
}

#[tokio::test]
async fn an_object_of_somebody_else_does_not_pass_for_ours() {
    for (name, there) in [("of the same length", bytes(20 * MEBIBYTE + 1)[1..].to_vec()), ("shorter", vec![1, 2, 3])] {
        let desk = Desk::start().await;
        let content = bytes(20 * MEBIBYTE);
        desk.file("big", &content);
        desk.s3.put("big", &there);
        // Nothing is completed.
        desk.s3.order(Fault::RefusedCompletion("RequestTimeout"));
        let ran = desk.run(&["upload", "big"]).await;
        assert_eq!((ran.code(), ran.stdout()), (Some(4), String::new()), "{name}: {}", ran.stderr());
        assert!(desk.s3.take_requests().iter().any(|asked| asked.starts_with("HEAD")), "{name}");
        desk.s3.mend();
        desk.succeed(&["upload", "big"]).await;
        assert_eq!(desk.s3.take_requests(), ["CompleteMultipartUpload"], "{name}: it is resumed");
        assert!(desk.s3.get("big").unwrap().bytes == content, "{name}");
    }
}

/// The next run meets an upload that S3 no longer knows.
#[tokio::test]
async fn a_run_that_was_killed_after_the_completion_is_not_done_again() {
    let desk = Desk::start().await;
    desk.file("big", &bytes(20 * MEBIBYTE));
    desk.s3.order(Fault::BrokenPart(3));
    assert_eq!(desk.run(&["upload", "big"]).await.code(), Some(4));
    // As if the last run had sent the rest and had been killed before it heard of it.
    let journal = desk.names("cache").pop().unwrap();
    let remembered = std::fs::read(desk.path("cache").join(&journal)).unwrap();
    desk.s3.mend();
    desk.succeed(&["upload", "big"]).await;
    desk.s3.take_requests();
    let journal = desk.path("cache").join(&journal);
    std::fs::write(&journal, remembered).unwrap();
    std::fs::set_permissions(&journal, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    // The missing part is refused with NoSuchUpload, so all of it is sent again: the object is the same.
    desk.succeed(&["upload", "big"]).await;
    assert!(desk.s3.get("big").unwrap().bytes == bytes(20 * MEBIBYTE));
}

#[tokio::test]
async fn who_may_not_look_is_told_that_nobody_knows() {
    let desk = Desk::start().await;
    desk.file("big", &bytes(20 * MEBIBYTE));
    desk.s3.order(Fault::LostCompletion(None));
    desk.s3.on_request(|operation, _| operation.starts_with("HEAD").then(|| error(403, "AccessDenied")));
    let ran = desk.run(&["upload", "big"]).await;
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    assert!(ran.stderr().contains("S3 may have the object all the same"), "{}", ran.stderr());
    desk.s3.mend();
    desk.succeed(&["upload", "big"]).await;
}
