//! Somebody else writes between the reading and the writing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::Installation;
use crate::machine::run;

/// Holds back the first request that `is_awaited` until `meanwhile` was run. Bytes pass as they are: signatures stay good.
async fn relay(
    listener: TcpListener,
    target: String,
    is_awaited: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    meanwhile: Arc<dyn Fn() + Send + Sync>,
    is_done: Arc<AtomicBool>,
) {
    while let Ok((mut caller, _)) = listener.accept().await {
        let (target, meanwhile, is_done) = (target.clone(), Arc::clone(&meanwhile), Arc::clone(&is_done));
        let is_awaited = Arc::clone(&is_awaited);
        tokio::spawn(async move {
            let mut stack = TcpStream::connect(&target).await.expect("the stack listens");
            let (mut from_caller, mut to_caller) = caller.split();
            let (mut from_stack, mut to_stack) = stack.split();
            let forth = async {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(count @ 1..) = from_caller.read(&mut buffer).await {
                    let text = String::from_utf8_lossy(&buffer[..count]);
                    if is_awaited(&text) && !is_done.swap(true, Ordering::SeqCst) {
                        tokio::task::block_in_place(|| meanwhile());
                    }
                    if to_stack.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
            };
            tokio::select! {
                () = forth => {}
                _ = tokio::io::copy(&mut from_stack, &mut to_caller) => {}
            }
        });
    }
}

fn writes(request: &str) -> bool {
    ["UpdateItem", "PutItem", "DeleteItem"].iter().any(|name| request.contains(name))
}

/// The command, with `meanwhile` run before the first request of it that `is_awaited`.
pub(super) async fn interrupted(
    installation: &Installation,
    arguments: &[&str],
    is_awaited: impl Fn(&str) -> bool + Send + Sync + 'static,
    meanwhile: &[&str],
) -> (Option<i32>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relayed = format!("http://{}", listener.local_addr().unwrap());
    let target = installation.text("/endpoint").trim_start_matches("http://").to_owned();
    let (program, environment) = (tests::process::binary("credvend-admin"), installation.environment());
    let meanwhile: Vec<_> = meanwhile.iter().map(|argument| (*argument).to_owned()).collect();
    let other = move || {
        let mut command = std::process::Command::new(&program);
        let output = command.args(&meanwhile).env_clear().envs(environment.iter().cloned()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let is_done = Arc::new(AtomicBool::new(false));
    let relay = tokio::spawn(relay(listener, target, Arc::new(is_awaited), Arc::new(other), Arc::clone(&is_done)));
    let ran = run(installation.command(arguments, &[("AWS_ENDPOINT_URL", &relayed)])).await;
    relay.abort();
    assert!(is_done.load(Ordering::SeqCst), "there was no such request: {}", ran.stderr());
    (ran.code(), ran.stderr())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_somebody_else_is_written_over() {
    let installation = Installation::start().await;
    let role = "arn:aws:iam::123456789012:role/a";
    let base = ["--role-arn", role, "--s3-path-prefix"];
    let put = |id: &'static str, prefix: &'static str| [&["clients", "put", id][..], &base, &[prefix]].concat();
    for id in ["a", "b", "c"] {
        assert_eq!(installation.admin(&put(id, "x/")).await.code(), Some(0));
    }
    for (arguments, meanwhile) in [
        // A change of the same attribute, of another one that matters, and a deletion.
        (vec!["clients", "put", "a", "--server-name", "mine"], vec!["clients", "put", "a", "--server-name", "theirs"]),
        (vec!["clients", "enable", "a"], vec!["clients", "put", "a", "--s3-path-prefix", "y/"]),
        (vec!["clients", "disable", "b"], vec!["clients", "delete", "b", "--yes"]),
        // Two who make one client.
        (put("d", "mine/"), put("d", "theirs/")),
        // A deletion of what has become another item.
        (vec!["clients", "delete", "c", "--yes"], vec!["clients", "put", "c", "--server-name", "theirs"]),
    ] {
        if arguments[1] == "enable" {
            assert_eq!(installation.admin(&["clients", "disable", "a"]).await.code(), Some(0));
        }
        let (code, said) = interrupted(&installation, &arguments, writes, &meanwhile).await;
        assert_eq!(code, Some(5), "{arguments:?}: {said}");
        assert!(said.contains("changed by somebody else"), "{said}");
    }
    let item = async |id| installation.json(&["clients", "show", id]).await["item"].clone();
    assert_eq!(item("a").await["server_name"], "theirs");
    assert_eq!((&item("a").await["s3_path_prefix"], &item("a").await["disabled"]), (&"y/".into(), &true.into()));
    assert_eq!(item("c").await["server_name"], "theirs");
    assert_eq!(item("d").await["s3_path_prefix"], "theirs/");
    // The item that was deleted does not come back as a bare `disabled`.
    assert_eq!(installation.admin(&["clients", "show", "b"]).await.code(), Some(1));
}
