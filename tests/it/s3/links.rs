//! Another user who may write to the folder puts links there, at the worst moment.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tests::process::binary;

use super::Desk;
use crate::machine::run;

/// What the other user does: to the first path, with the second.
type Change = fn(&PathBuf, &PathBuf);

/// A folder of somebody else's that nothing may reach, with a file in it.
fn elsewhere() -> tempfile::TempDir {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("secret"), b"secret of another user").unwrap();
    elsewhere
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The object is asked for after its folder was looked at and before the file is made.
#[tokio::test]
async fn a_link_that_comes_while_the_object_does_is_not_written_through() {
    let changes: [(&str, Change); 3] = [
        ("a folder becomes a link", |sub, elsewhere| {
            fs::rename(sub, sub.with_file_name("moved")).unwrap();
            symlink(elsewhere, sub).unwrap();
        }),
        ("a link where nothing was", |sub, elsewhere| {
            fs::remove_dir(sub.join("deeper")).unwrap();
            symlink(elsewhere, sub.join("deeper")).unwrap();
        }),
        ("a link above", |sub, elsewhere| {
            let parent = sub.parent().unwrap();
            fs::rename(parent, parent.with_file_name("moved")).unwrap();
            fs::create_dir(elsewhere.join("sub")).unwrap();
            fs::create_dir(elsewhere.join("sub/deeper")).unwrap();
            fs::create_dir(parent).unwrap();
            symlink(elsewhere.join("sub"), sub).unwrap();
        }),
    ];
    for (name, change) in changes {
        let (desk, elsewhere) = (Desk::start().await, elsewhere());
        fs::create_dir_all(desk.path("out/x/sub/deeper")).unwrap();
        desk.s3.put("d/x/sub/deeper/file", b"hostile");
        let (sub, target) = (desk.path("out/x/sub"), elsewhere.path().to_owned());
        desk.s3.on_request(move |operation, _| {
            if operation == "GET " {
                change(&sub, &target);
            }
            None
        });
        let ran = desk.run(&["download", "d/", "out"]).await;
        assert_eq!(ran.code(), Some(1), "{name}: {}", ran.stderr());
        assert!(ran.stderr().contains("is a symbolic link; nothing is written through it"), "{name}: {}", ran.stderr());
        assert!(!elsewhere.path().join("file").exists(), "{name}");
        assert!(!elsewhere.path().join("sub/deeper/file").exists(), "{name}");
        assert!(!elsewhere.path().join("deeper").exists(), "{name}");
    }
}

/// The folder that was named is opened once: what takes its name afterwards gets nothing.
#[tokio::test]
async fn the_folder_stays_the_one_that_was_opened() {
    let (desk, elsewhere) = (Desk::start().await, elsewhere());
    for number in 0..12 {
        desk.s3.put(&format!("d/{number:02}"), b"x");
    }
    let (out, target) = (desk.path("out"), elsewhere.path().to_owned());
    let mut asked = 0;
    desk.s3.on_request(move |operation, _| {
        asked += usize::from(operation == "GET ");
        // The first ones are written by then.
        if asked == 8 && fs::rename(&out, out.with_file_name("moved")).is_ok() {
            symlink(&target, &out).unwrap();
        }
        None
    });
    desk.run(&["download", "d/", "out"]).await;
    assert_eq!(names(elsewhere.path()), ["secret"]);
    assert_eq!(desk.names("moved").len(), 12);
}

/// As fast as it can, a thread turns folders into links and back. Whatever moment it hits, nothing gets out, either way.
#[tokio::test]
async fn no_race_leads_out_of_the_folder() {
    let (desk, elsewhere) = (Desk::start().await, elsewhere());
    for number in 0..40 {
        desk.s3.put(&format!("d/sub/{number}"), b"hostile");
    }
    fs::create_dir_all(desk.path("out/sub")).unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let (out, target, over) = (desk.path("out"), elsewhere.path().to_owned(), Arc::clone(&ended));
    let racing = std::thread::spawn(move || {
        symlink(&target, out.join("link")).unwrap();
        // renameat2(2), RENAME_EXCHANGE: at no moment is there nothing.
        let here = fs::File::open(&out).unwrap();
        while !over.load(Ordering::Relaxed) {
            rustix::fs::renameat_with(&here, "sub", &here, "link", rustix::fs::RenameFlags::EXCHANGE).unwrap();
        }
    });
    for _ in 0..8 {
        desk.run(&["download", "d/", "out"]).await;
        // And the other way: what is uploaded is never the other folder's.
        desk.run(&["upload", "out", "--key", "up"]).await;
    }
    ended.store(true, Ordering::Relaxed);
    racing.join().unwrap();
    assert_eq!(names(elsewhere.path()), ["secret"]);
    for key in desk.s3.keys() {
        assert!(!desk.s3.get(&key).unwrap().bytes.starts_with(b"secret"), "{key}");
    }
}

#[tokio::test]
async fn a_file_that_became_a_link_meanwhile_is_not_uploaded() {
    let changes: [(&str, Change); 2] = [
        ("the file", |folder, elsewhere| {
            fs::remove_file(folder.join("z/secret")).unwrap();
            symlink(elsewhere.join("secret"), folder.join("z/secret")).unwrap();
        }),
        ("its folder", |folder, elsewhere| {
            fs::rename(folder.join("z"), folder.with_file_name("moved")).unwrap();
            symlink(elsewhere, folder.join("z")).unwrap();
        }),
    ];
    for (name, change) in changes {
        let (desk, elsewhere) = (Desk::start().await, elsewhere());
        for number in 0..8 {
            desk.file(&format!("folder/a{number}"), b"x");
        }
        desk.file("folder/z/secret", b"harmless");
        let (folder, target) = (desk.path("folder"), elsewhere.path().to_owned());
        let mut asked = 0;
        desk.s3.on_request(move |_, _| {
            asked += 1;
            if asked == 1 {
                change(&folder, &target);
            }
            None
        });
        let ran = desk.run(&["upload", "folder"]).await;
        assert_eq!(ran.code(), Some(1), "{name}: {}", ran.stderr());
        assert!(ran.stderr().contains("became a symbolic link meanwhile"), "{name}: {}", ran.stderr());
        assert_eq!(desk.s3.keys().len(), 8, "{name}");
    }
}

#[tokio::test]
async fn links_are_followed_where_that_is_asked_for() {
    let (desk, elsewhere) = (Desk::start().await, elsewhere());
    desk.s3.put("d/link/file", b"x");
    fs::create_dir(desk.path("out")).unwrap();
    symlink(elsewhere.path(), desk.path("out/link")).unwrap();
    desk.succeed(&["download", "d/", "out", "--follow-symlinks"]).await;
    assert_eq!(names(elsewhere.path()), ["file", "secret"]);
    symlink(desk.path("out"), desk.path("own")).unwrap();
    desk.s3.put("e/file", b"x");
    desk.succeed(&["download", "e/", "own"]).await;
    assert!(desk.path("out/file").exists(), "the folder itself may be a link of one's own");
}

/// Whoever can write to a folder above decides where root's path leads.
#[tokio::test]
async fn a_folder_of_another_user_is_not_downloaded_into() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let desk = Desk::start().await;
    desk.s3.put("d/a", b"x");
    let (nobody, group) = (rustix::fs::Uid::from_raw(65534), rustix::fs::Gid::from_raw(65534));
    let give = |path: &PathBuf| {
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(rustix::fs::CWD, path, Some(nobody), Some(group), flags).unwrap();
    };
    fs::create_dir_all(desk.path("theirs/out")).unwrap();
    fs::create_dir(desk.path("target")).unwrap();
    symlink(desk.path("target"), desk.path("link")).unwrap();
    give(&desk.path("theirs"));
    give(&desk.path("link"));
    fs::create_dir(desk.path("open")).unwrap();
    fs::set_permissions(desk.path("open"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    for folder in ["theirs/out", "link", "open/out"] {
        let ran = desk.run(&["download", "d/", folder]).await;
        assert_eq!((ran.code(), ran.stdout()), (Some(1), String::new()), "{folder}: {}", ran.stderr());
        assert!(ran.stderr().contains("another user") || ran.stderr().contains("other users"), "{}", ran.stderr());
        desk.succeed(&["download", "d/", folder, "--follow-symlinks"]).await;
    }
    let ran = desk.run(&["upload", "link"]).await;
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
}

/// As the credential helper's cache, which is in the same place.
#[tokio::test]
async fn the_journal_of_an_upload_is_not_written_through_a_link() {
    let desk = Desk::start().await;
    desk.file("big", &super::bytes(17 * super::MEBIBYTE));
    let unfinished = || desk.s3.order(super::fake::Fault::BrokenPart(3));
    unfinished();
    desk.run(&["upload", "big"]).await;
    let name = desk.names("cache").pop().unwrap();
    let victim = desk.file("victim", b"precious");
    let journal = desk.path("cache").join(&name);
    let plant: [(&str, Change); 4] = [
        ("a link", |journal, victim| symlink(victim, journal).unwrap()),
        ("a dangling link", |journal, _| symlink("/nonexistent/x", journal).unwrap()),
        ("a pipe", |journal, _| {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, journal, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }),
        ("a file that others may read", |journal, _| {
            fs::write(journal, "{}").unwrap();
            fs::set_permissions(journal, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        }),
    ];
    for (planted, plant) in plant {
        fs::remove_file(&journal).unwrap();
        plant(&journal, &desk.path(&victim));
        desk.s3.mend();
        let ran = desk.run(&["upload", "big"]).await;
        assert_eq!(ran.code(), Some(0), "{planted}: {}", ran.stderr());
        assert!(ran.stderr().contains("will not be remembered"), "{planted}: {}", ran.stderr());
        assert_eq!(fs::read(desk.path(&victim)).unwrap(), b"precious", "{planted}");
    }
}

#[tokio::test]
async fn a_cache_that_others_may_change_is_not_used() {
    let desk = Desk::start().await;
    desk.file("big", &super::bytes(17 * super::MEBIBYTE));
    fs::create_dir(desk.path("open")).unwrap();
    fs::set_permissions(desk.path("open"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    fs::create_dir(desk.path("target")).unwrap();
    symlink(desk.path("target"), desk.path("link")).unwrap();
    let mut folders = vec!["open", "victim/below-a-file"];
    desk.file("victim", b"x");
    if rustix::process::geteuid().is_root() {
        let nobody = Some(rustix::fs::Uid::from_raw(65534));
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(rustix::fs::CWD, desk.path("link"), nobody, None, flags).unwrap();
        folders.push("link");
    }
    for folder in folders {
        let path = desk.path(folder);
        let ran = desk.run_with(&["upload", "big"], &[("CREDVEND_CACHE_DIR", path.to_str().unwrap())]).await;
        assert_eq!(ran.code(), Some(0), "{folder}: {}", ran.stderr());
        assert!(ran.stderr().contains("will not be remembered"), "{folder}: {}", ran.stderr());
        assert_eq!((desk.names("open"), desk.names("target")), (vec![], vec![]), "{folder}");
    }
}

/// CIFS, vboxsf and some of FUSE answer fsync(2) so, for folders or for everything.
#[tokio::test]
async fn a_folder_that_cannot_be_synced_is_no_failure() {
    let desk = Desk::start().await;
    desk.s3.put("d/a", b"text");
    // The second sync is the folder's.
    for (error, when, code, warns) in [
        ("EINVAL", "2", 0, false),
        ("EOPNOTSUPP", "2", 0, false),
        ("ENOSYS", "1+", 0, false),
        ("EINVAL", "1+", 0, false),
        ("EIO", "2", 0, true),
        ("EACCES", "2", 0, true),
        ("EIO", "1", 1, false),
    ] {
        for arguments in [&["download", "d/a", "out/a"][..], &["download", "d/", "out"]] {
            let mut command = Command::new("strace");
            let inject = format!("inject=fsync:error={error}:when={when}");
            command
                .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", &inject])
                .arg(binary("credvend-s3"));
            desk.prepare(&mut command, &[("PATH", &std::env::var("PATH").unwrap_or_default())]);
            command.args(arguments);
            let ran = run(command).await;
            assert_eq!(ran.code(), Some(code), "{error} {when}: {}", ran.stderr());
            assert_eq!(ran.stderr().contains("warning: `out` cannot be synced"), warns, "{error}: {}", ran.stderr());
            assert_eq!(desk.path("out/a").exists(), code == 0, "{error} {when}");
            let _ = fs::remove_dir_all(desk.path("out"));
        }
    }
}
