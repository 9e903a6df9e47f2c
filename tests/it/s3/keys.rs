//! Which keys are asked for, and how they travel.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use super::Desk;

#[tokio::test]
async fn only_an_upload_without_a_key_adds_the_prefix() {
    let desk = Desk::start().await;
    desk.file("a b+ä%.txt", b"x");
    let prefix = [("S3_PATH_PREFIX", "logs/web")];
    let ran = desk.run_with(&["upload", "a b+ä%.txt"], &prefix).await;
    assert_eq!(ran.stdout(), "s3://bucket/logs/web/a b+ä%.txt\n", "{}", ran.stderr());
    let ran = desk.run_with(&["upload", "a b+ä%.txt", "--key", "logs/web/other"], &prefix).await;
    assert_eq!(ran.stdout(), "s3://bucket/logs/web/other\n", "{}", ran.stderr());
    assert_eq!(desk.s3.keys(), ["logs/web/a b+ä%.txt", "logs/web/other"]);
    assert_eq!(desk.succeed(&["list"]).await, "logs/web/a b+ä%.txt\nlogs/web/other\n");
    assert_eq!(desk.succeed(&["download", "logs/web/a b+ä%.txt", "-"]).await, "x");
    assert_eq!(desk.succeed(&["delete", "logs/web/a b+ä%.txt"]).await, "s3://bucket/logs/web/a b+ä%.txt\n");
    assert_eq!(desk.s3.keys(), ["logs/web/other"]);
}

#[tokio::test]
async fn a_key_outside_of_the_prefix_is_refused_before_anything_is_sent() {
    let desk = Desk::start().await;
    desk.file("a", b"x");
    for arguments in [
        &["upload", "a", "--key", "logs/db/a"][..],
        &["upload", "a", "--key", "logs/web/../db/a"],
        &["download", "logs/web-02/a", "b"],
        &["download", "logs/", "folder"],
        &["list", "--prefix", "logs/d"],
        &["delete", "other"],
    ] {
        let ran = desk.run_with(arguments, &[("S3_PATH_PREFIX", "logs/web/")]).await;
        assert_eq!(ran.code(), Some(1), "{arguments:?}");
        assert!(ran.stderr().contains("logs/web/"), "{}", ran.stderr());
    }
    assert_eq!(desk.s3.take_requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let desk = Desk::start().await;
    desk.file("folder/a", b"x");
    desk.s3.put("k/a", b"y");
    assert_eq!(desk.succeed(&["upload", "folder", "--dry-run"]).await, "dry run: s3://bucket/folder/a\n");
    assert_eq!(desk.succeed(&["delete", "k/a", "--dry-run"]).await, "dry run: s3://bucket/k/a\n");
    assert_eq!(desk.succeed(&["download", "k/a", "b", "--dry-run"]).await, "dry run: b\n");
    assert_eq!(desk.s3.take_requests(), Vec::<String>::new());
    assert_eq!(desk.succeed(&["download", "k/", "out", "--dry-run"]).await, "dry run: out/a\n");
    assert_eq!((desk.s3.keys(), desk.names("")), (vec!["k/a".to_owned()], vec!["folder".to_owned()]));
}

#[tokio::test]
async fn a_folder_there_and_back() {
    let desk = Desk::start().await;
    let names = ["a", "b/c d/ä+.txt", "b/empty", "z"];
    for name in names {
        desk.file(&format!("folder/{name}"), if name.ends_with("empty") { b"" } else { name.as_bytes() });
    }
    symlink("/etc", desk.path("folder/link")).unwrap();
    let ran = desk.run_with(&["upload", "folder"], &[("S3_PATH_PREFIX", "logs/web/")]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(ran.stderr().contains("symbolic link"), "{}", ran.stderr());
    assert_eq!(desk.s3.keys(), names.map(|name| format!("logs/web/folder/{name}")));
    desk.succeed(&["download", "logs/web/folder/", "back"]).await;
    for name in names {
        let paths = ["folder", "back"].map(|folder| desk.path(folder).join(name));
        let [there, back] = paths.map(|path| std::fs::read(path).unwrap());
        assert_eq!(there, back, "{name}");
    }
    let ran = desk.run(&["upload", "folder", "--key", "other/place"]).await;
    assert!(ran.stdout().contains("s3://bucket/other/place/b/c d/ä+.txt\n"), "{}", ran.stdout());
}

#[tokio::test]
async fn a_file_that_cannot_be_read_does_not_keep_the_others_here() {
    let desk = Desk::start().await;
    desk.file("odd/a", b"x");
    desk.file("odd/m/z", b"x");
    // A link that leads nowhere is like a file that has gone since the folder was read, or one that is shut.
    symlink("/nonexistent", desk.path("odd/gone")).unwrap();
    std::fs::write(desk.path("odd/m").join(OsStr::from_bytes(b"b\xff")), b"x").unwrap();
    let ran = desk.run(&["upload", "odd", "--follow-symlinks"]).await;
    assert_eq!((ran.code(), ran.stdout().lines().count()), (Some(1), 2), "{}", ran.stderr());
    for told in ["odd/gone", "not UTF-8", "2 of 4 files failed"] {
        assert!(ran.stderr().contains(told), "{}", ran.stderr());
    }
    assert!(desk.s3.keys().contains(&"odd/m/z".to_owned()));
}

/// In memory, which holds sparse files of any size.
#[tokio::test]
async fn a_file_may_be_as_large_as_s3_takes() {
    let desk = Desk::start().await;
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let most = 10_000 * (5 << 30);
    for (size, code) in [(6 << 40, 0), (most, 0), (most + 1, 1), (49 << 40, 1)] {
        let path = folder.path().join("large");
        std::fs::File::create(&path).unwrap().set_len(size).unwrap();
        let ran = desk.run(&["upload", path.to_str().unwrap(), "--dry-run"]).await;
        assert_eq!(ran.code(), Some(code), "{size}: {}", ran.stderr());
        assert_eq!(ran.stderr().contains("48.8 TiB"), code == 1, "{}", ran.stderr());
    }
}

/// Their size is said to be nothing.
#[tokio::test]
async fn files_of_proc_are_read_to_their_end() {
    let desk = Desk::start().await;
    desk.succeed(&["upload", "/proc/version"]).await;
    assert!(desk.s3.get("version").unwrap().bytes == std::fs::read("/proc/version").unwrap());
}

#[tokio::test]
async fn json_is_one_object_a_line() {
    let desk = Desk::start().await;
    desk.file("a\nb", b"123456789");
    for arguments in [&["upload", "a\nb", "--json"][..], &["list", "--json"], &["delete", "a\nb", "--json"]] {
        let printed = desk.succeed(arguments).await;
        let line: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(line["key"], "a\nb", "{printed}");
        assert_eq!(printed.lines().count(), 1);
    }
}

#[tokio::test]
async fn missing_variables_are_told_at_once() {
    let desk = Desk::start().await;
    let ran = desk.run_with(&["list"], &[("AWS_REGION", ""), ("S3_BUCKET", "")]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("AWS_REGION") && ran.stderr().contains("S3_BUCKET"), "{}", ran.stderr());
    assert_eq!(desk.run(&["upload"]).await.code(), Some(2));
    let nobody = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    let ran = desk.run_with(&["list"], &nobody).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(ran.stderr().contains("no AWS credentials"), "{}", ran.stderr());
}
