//! What a signal leaves behind: nothing.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tests::http_server::Reply;
use tests::process::{Process, binary};

use super::{Desk, MEBIBYTE, bytes};

/// A download that waits for more, with its unfinished file in `out`.
fn waiting(desk: &Desk) {
    desk.s3.put("object", &bytes(40 * MEBIBYTE));
    // All pieces but the first one are never answered.
    desk.s3.on_request(|operation, _| {
        operation.starts_with("GET bytes=").then(|| Reply::Silence(std::time::Duration::from_secs(600)))
    });
}

async fn wait_for_part(desk: &Desk) {
    for _ in 0..6000 {
        if desk.names("out").iter().any(|name| name.starts_with(".credvend-")) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no unfinished file: {:?}", desk.names("out"));
}

#[tokio::test]
async fn an_unfinished_file_goes_with_every_signal_that_ends_the_run() {
    let desk = Desk::start().await;
    waiting(&desk);
    for (signal, code) in [(Signal::HUP, 129), (Signal::INT, 130), (Signal::TERM, 143)] {
        let mut process = desk.spawn(&["download", "object", "out/object"]);
        wait_for_part(&desk).await;
        process.signal(signal);
        assert_eq!(process.exit_code().await, Some(code), "{}", process.output());
        assert_eq!(desk.names("out"), Vec::<String>::new(), "{code}");
    }
}

/// nohup(1), and shells for what they start in the background.
#[tokio::test]
async fn a_signal_that_was_ignored_at_the_start_stays_so() {
    for (name, signal) in [("HUP", Signal::HUP), ("INT", Signal::INT), ("TERM", Signal::TERM)] {
        let desk = Desk::start().await;
        waiting(&desk);
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("trap '' {name}; exec \"$0\" \"$@\"")).arg(binary("credvend-s3"));
        desk.prepare(&mut command, &[]);
        command.args(["download", "object", "out/object"]).stdin(Stdio::null());
        let mut process = Process::spawn(command);
        wait_for_part(&desk).await;
        process.signal(signal);
        // The other one is heard, and says which came first.
        let other = if signal == Signal::TERM { Signal::INT } else { Signal::TERM };
        kill_process(Pid::from_child(&process.child), other).unwrap();
        let code = if signal == Signal::TERM { 130 } else { 143 };
        assert_eq!(process.exit_code().await, Some(code), "{name}: {}", process.output());
    }
}
