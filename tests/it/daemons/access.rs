//! Who may read the files, and where they are not written.

use std::os::unix::fs::{MetadataExt as _, symlink};

use super::*;

fn owner_and_group(path: &Path) -> (u32, u32) {
    let metadata = std::fs::metadata(path).expect("it is there");
    (metadata.uid(), metadata.gid())
}

#[tokio::test]
async fn private_unless_told_otherwise() {
    let machine = Machine::start().await;
    assert_eq!(once(&machine, &[]).await.code(), Some(0));
    let folder = folder(&machine);
    assert_eq!(mode(&folder), 0o700);
    assert!(ALL.iter().all(|name| mode(&folder.join(name)) == 0o600));
    assert_eq!(once(&machine, &["--mode", "0640"]).await.code(), Some(0));
    assert!(ALL.iter().all(|name| mode(&folder.join(name)) == 0o640), "the files follow");
    assert_eq!(mode(&folder), 0o700, "a folder that is there stays as it is");
    for mode in ["0666", "0700", "rw"] {
        assert_eq!(once(&machine, &["--mode", mode]).await.code(), Some(2), "{mode}");
    }
}

/// Another user, when root runs the tests; else nobody but root can give files away, and that is what is said.
#[tokio::test]
async fn owner_and_group_by_name_or_number() {
    let machine = Machine::start().await;
    let folder = folder(&machine);
    let ran = once(&machine, &["--owner", "nobody", "--group", "1", "--mode", "0640"]).await;
    if !rustix::process::geteuid().is_root() {
        assert_eq!(ran.code(), Some(1));
        assert!(ran.stderr().contains("only root can give a file to another user"), "{}", ran.stderr());
        return;
    }
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let nobody = owner_and_group(&folder).0;
    assert!(nobody != 0 && owner_and_group(&folder).1 == 1);
    assert_eq!(mode(&folder), 0o750);
    for name in ALL {
        assert_eq!((owner_and_group(&folder.join(name)), mode(&folder.join(name))), ((nobody, 1), 0o640));
    }
    let again = once(&machine, &["--owner", &nobody.to_string(), "--group", "1", "--mode", "0640"]).await;
    assert!(again.code() == Some(0) && !again.stderr().contains("written"), "{}", again.stderr());
}

#[tokio::test]
async fn accounts_that_do_not_exist_are_named() {
    let machine = Machine::start().await;
    for option in ["--owner", "--group"] {
        let ran = once(&machine, &[option, "no-such-account"]).await;
        assert_eq!(ran.code(), Some(1));
        assert!(ran.stderr().contains("`no-such-account`"), "{}", ran.stderr());
    }
}

#[tokio::test]
async fn a_folder_that_others_may_write_is_refused() {
    let machine = Machine::start().await;
    let folder = folder(&machine);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let ran = once(&machine, &[]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("chmod go-w"), "{}", ran.stderr());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

/// Its owner could turn it to a folder of root's, and be given the profiles of others that stay in the file.
#[tokio::test]
async fn a_folder_of_another_user_or_behind_a_link_of_theirs_is_refused() {
    const STRANGER: Option<u32> = Some(54_322);
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can make files of another user");
    }
    let machine = Machine::start().await;
    let (folder, target) = (folder(&machine), machine.home.path().join("target"));
    std::fs::create_dir_all(&target).unwrap();
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    symlink(&target, &folder).unwrap();
    assert_eq!(once(&machine, &[]).await.code(), Some(0), "root's own link is fine");
    std::os::unix::fs::lchown(&folder, STRANGER, None).unwrap();
    let ran = once(&machine, &["--owner", "54322"]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("is a symlink of another user"), "{}", ran.stderr());
    assert_eq!(owner_and_group(&target.join(CREDENTIALS)).0, 0, "nothing is given away");
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, STRANGER, None).unwrap();
    let ran = once(&machine, &[]).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.stderr().contains("belongs to another user"), "{}", ran.stderr());
    assert_eq!(once(&machine, &["--owner", "54322"]).await.code(), Some(0), "unless it is whom the files are for");
}

/// Whoever may write the folder could else have root copy any file into one that they may read.
#[tokio::test]
async fn nothing_is_taken_over_through_a_link() {
    let machine = Machine::start().await;
    let folder = folder(&machine);
    std::fs::create_dir_all(&folder).unwrap();
    let target = machine.home.path().join("target");
    std::fs::write(&target, "[work]\nprecious = 1\n").unwrap();
    let link = folder.join(CREDENTIALS);
    for make in [symlink::<&Path, &Path>, std::fs::hard_link] {
        make(&target, &link).unwrap();
        let ran = once(&machine, &[]).await;
        assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
        assert!(ran.stderr().contains(link.to_str().unwrap()), "{}", ran.stderr());
        assert!(!folder.join(JSON).exists(), "all or nothing");
        std::fs::remove_file(&link).unwrap();
    }
    symlink(&target, folder.join(JSON)).unwrap();
    assert_eq!(once(&machine, &[]).await.code(), Some(0), "the others hold nothing that is kept");
    assert_eq!(read(machine.home.path(), "target"), "[work]\nprecious = 1\n");
}
