//! Downloads over lines that break, from servers that lie, onto disks that are full.

use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tests::process::binary;

use super::fake::{Fault, Stored, composite};
use super::{Desk, MEBIBYTE, bytes};
use crate::machine::run;

#[tokio::test]
async fn half_answers_are_gone_on_with_until_the_object_is_whole() {
    let desk = Desk::start().await;
    for (name, content) in [("small", bytes(10_000)), ("large", bytes(40 * MEBIBYTE + 3))] {
        desk.file(name, &content);
        desk.succeed(&["upload", name]).await;
        desk.s3.order(Fault::HalfAnswers);
        let printed = desk.succeed(&["--json", "download", name, "copy"]).await;
        desk.s3.mend();
        assert!(printed.contains(r#""algorithm":"crc64nvme""#), "verified: {printed}");
        assert!(std::fs::read(desk.path("copy")).unwrap() == content, "{name} differs");
    }
    assert!(desk.s3.take_requests().iter().any(|request| request.starts_with("GET bytes=")));
}

#[tokio::test]
async fn what_is_damaged_is_not_kept_and_what_was_there_stays() {
    let desk = Desk::start().await;
    for (name, length) in [("small", 10_000), ("large", 40 * MEBIBYTE)] {
        desk.file(name, &bytes(length));
        desk.succeed(&["upload", name]).await;
        desk.s3.order(Fault::WrongChecksum);
        desk.file("out/old", b"precious");
        let ran = desk.run(&["download", name, "out/old"]).await;
        assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
        assert!(ran.stderr().contains("is damaged") && ran.stderr().contains(&format!("s3://bucket/{name}")));
        assert_eq!(std::fs::read(desk.path("out/old")).unwrap(), b"precious");
        assert_eq!(desk.names("out"), ["old"], "no leftovers");
        let ran = desk.run(&["download", name, "-"]).await;
        assert_eq!((ran.code(), ran.0.stdout.len()), (Some(4), length));
        desk.s3.mend();
    }
}

#[tokio::test]
async fn checksums_of_parts_are_verified_as_such() {
    let desk = Desk::start().await;
    desk.file("small", b"123456789");
    let printed = desk.succeed(&["--json", "upload", "small", "--checksum", "sha256"]).await;
    assert!(printed.contains("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="), "{printed}");
    let content = bytes(45 * MEBIBYTE);
    desk.file("large", &content);
    let sent = desk.succeed(&["--json", "upload", "large", "--checksum", "sha256"]).await;
    assert!(sent.contains("-6\""), "{sent}");
    for name in ["small", "large"] {
        let printed = desk.succeed(&["--json", "download", name, "copy"]).await;
        assert!(printed.contains("sha256"), "{printed}");
    }
    assert!(std::fs::read(desk.path("copy")).unwrap() == content, "the copy differs");
    let mut damaged = desk.s3.get("large").unwrap();
    damaged.bytes[20 * MEBIBYTE] ^= 1;
    desk.s3.replace("large", damaged);
    let ran = desk.run(&["download", "large", "copy"]).await;
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    desk.s3.order(Fault::WrongChecksum);
    // As long as a CRC: no SHA-256 at all, so it proves nothing, and is told.
    let ran = desk.run(&["download", "small", "copy"]).await;
    assert_eq!(ran.code(), Some(0));
    assert!(ran.stderr().contains("only the length"), "{}", ran.stderr());
}

/// S3 asks only that the last part be no larger than 5 GiB and the others no smaller than 5 MiB.
#[tokio::test]
async fn parts_of_different_sizes_are_no_damage() {
    let desk = Desk::start().await;
    let content = bytes(22 * 1024);
    let parts = [&content[..8192], &content[8192..14336], &content[14336..]].map(<[u8]>::to_vec);
    let stored = Stored {
        bytes: content.clone(),
        checksum: Some(composite(parts.iter())),
        parts: parts.iter().map(Vec::len).collect(),
        ..Stored::default()
    };
    desk.s3.replace("uneven", stored);
    let ran = desk.run(&["download", "uneven", "copy"]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(ran.stderr().contains("only the length"), "{}", ran.stderr());
    assert!(std::fs::read(desk.path("copy")).unwrap() == content, "the copy differs");
}

#[tokio::test]
async fn one_damaged_object_does_not_keep_the_others_there() {
    let desk = Desk::start().await;
    for name in ["d/a", "d/b", "d/c"] {
        desk.s3.put(name, name.as_bytes());
    }
    let checksum = Some(("x-amz-checksum-crc64nvme".to_owned(), "AAAAAAAAAAE=".to_owned()));
    desk.s3.replace("d/b", Stored { bytes: b"damaged".to_vec(), checksum, ..Stored::default() });
    let ran = desk.run(&["download", "d/", "out"]).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(ran.stderr().contains("is damaged") && ran.stderr().contains("1 of 3 files failed"), "{}", ran.stderr());
    assert_eq!(desk.names("out"), ["a", "c"]);
}

#[tokio::test]
async fn a_full_disk_leaves_nothing_torn() {
    let desk = Desk::start().await;
    desk.s3.put("object", &bytes(3 * MEBIBYTE));
    desk.file("out/old", b"precious");
    // `ulimit -f` counts in kibibytes and ends writes the way a full disk does, without needing one.
    let mut command = Command::new("bash");
    command.arg("-c").arg("ulimit -f 1024; exec \"$0\" \"$@\"").arg(binary("credvend-s3"));
    desk.prepare(&mut command, &[]);
    command.args(["download", "object", "out/old"]);
    let ran = run(command).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(ran.stderr().contains("`out/old` cannot be written"), "{}", ran.stderr());
    assert_eq!(std::fs::read(desk.path("out/old")).unwrap(), b"precious");
    assert_eq!(desk.names("out"), ["old"], "no leftovers");
}

#[tokio::test]
async fn an_empty_object_and_one_into_a_folder_and_one_into_a_pipe() {
    let desk = Desk::start().await;
    desk.s3.put("logs/empty", b"");
    desk.s3.put("logs/a", b"text");
    std::fs::create_dir(desk.path("folder")).unwrap();
    assert_eq!(desk.succeed(&["download", "logs/empty", "folder"]).await, "folder/empty\n");
    assert_eq!(desk.succeed(&["download", "logs/a", "new/"]).await, "new/a\n");
    assert_eq!(std::fs::read(desk.path("folder/empty")).unwrap(), b"");
    assert_eq!(desk.succeed(&["download", "logs/a", "-"]).await, "text");
    assert_eq!(desk.succeed(&["download", "logs/a", "/dev/stdout"]).await, "text", "written to, not replaced");
    let ran = desk.run(&["download", "logs/", "-"]).await;
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
    let ran = desk.run(&["download", "logs/none", "x"]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("NoSuchKey") && ran.stderr().contains("s3://bucket/logs/none"), "{}", ran.stderr());
    assert!(!desk.path("x").exists());
}

/// A reader that stands still, such as a pager, must not keep `systemctl stop` or Ctrl-C from being heard.
#[tokio::test]
async fn a_signal_is_heard_while_nobody_reads_standard_output() {
    let desk = Desk::start().await;
    desk.s3.put("object", &bytes(8 * MEBIBYTE));
    let mut command = desk.command(&["download", "object", "-"], &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        stdout.read_exact(&mut [0]).unwrap();
        stdout
    });
    let stdout = reading.await.unwrap();
    // By now it is full, or will be in a moment.
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    drop(stdout);
    assert_eq!(status.code(), Some(143));
}

#[tokio::test]
async fn no_hostile_key_leads_out_of_the_folder() {
    let desk = Desk::start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir(desk.path("out")).unwrap();
    symlink(elsewhere.path(), desk.path("out/link")).unwrap();
    for key in ["d/good/a b+ä", "d/../evil", "d/x/../../evil", "d//etc/evil", "d/link/evil", "d/folder/"] {
        desk.s3.put(key, b"x");
    }
    let ran = desk.run(&["download", "d/", "out"]).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert_eq!(ran.stdout(), "out/good/a b+ä\n");
    assert!(ran.stderr().contains("4 of 5 files failed"), "{}", ran.stderr());
    assert_eq!((desk.names("out"), desk.names("")), (vec!["good".into(), "link".into()], vec!["out".into()]));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    let ran = desk.run(&["download", "nothing/", "out"]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("no object below `s3://bucket/nothing/`"), "{}", ran.stderr());
}
