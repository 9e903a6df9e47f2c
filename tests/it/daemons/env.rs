//! `credvend env`, as shells read it.

use serde_json::Value;
use tests::upstream::{SECRET_ACCESS_KEY, SESSION_TOKEN};

use super::*;
use crate::machine::run;

/// All that a shell could take for something else.
const ODD: &str = "it's \"$HOME\" `id` $(id) \\ ; # & | > é\u{2019}";

fn credvend(machine: &Machine, shell: &str) -> String {
    format!("'{}' env --shell {shell}", machine.command(&[], &[]).get_program().display())
}

#[tokio::test]
async fn shells_read_what_was_written() {
    let machine = Machine::start().await;
    let print = "for name in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION; do printenv $name; done";
    let expected = format!("ASIAIOSFODNN7EXAMPLE\n{SECRET_ACCESS_KEY}\n{SESSION_TOKEN}\n{ODD}\n{ODD}\n");
    let mut shells = vec!["bash", "dash", "sh"];
    // Where it is installed.
    shells.retain(|shell| Command::new(shell).args(["-c", "true"]).status().is_ok());
    assert!(shells.contains(&"sh") && shells.contains(&"bash"));
    for shell in shells {
        let mut command = Command::new(shell);
        command.args(["-c", &format!("eval \"$({})\"; {print}", credvend(&machine, "bash"))]);
        command.env_clear().envs(machine.environment()).env("AWS_REGION", ODD);
        let ran = run(command).await;
        assert_eq!(ran.stdout(), expected, "{shell}: {}", ran.stderr());
    }
    if Command::new("fish").args(["-c", "true"]).status().is_ok() {
        let print = print.replace("; do printenv $name; done", "; printenv $name; end");
        let mut command = Command::new("fish");
        command.args(["-c", &format!("{} | source; {print}", credvend(&machine, "fish"))]);
        command.env_clear().envs(machine.environment()).env("AWS_REGION", ODD).env("LC_ALL", "C.UTF-8");
        let ran = run(command).await;
        assert_eq!(ran.stdout(), expected, "fish: {}", ran.stderr());
    }
}

#[tokio::test]
async fn json_and_power_shell() {
    let machine = Machine::start().await;
    let ran = machine.run(&["env", "--shell", "json"], &[("AWS_REGION", ODD)]).await;
    let json: Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(json["AWS_REGION"], ODD);
    assert_eq!(json["AWS_SESSION_TOKEN"], SESSION_TOKEN);
    assert_eq!(json["AWS_ACCOUNT_ID"], "123456789012");
    assert_eq!(json.as_object().unwrap().len(), 7);
    let ran = machine.run(&["env", "--shell", "powershell"], &[("AWS_REGION", ODD)]).await;
    let quoted = ODD.replace('\'', "''").replace('\u{2019}', "\u{2019}\u{2019}");
    assert!(ran.stdout().ends_with(&format!("\n$env:AWS_DEFAULT_REGION = '{quoted}'\n")), "{}", ran.stdout());
    let without = machine.run(&["env"], &[("AWS_REGION", "")]).await;
    assert!(without.code() == Some(0) && !without.stdout().contains("_REGION"), "{}", without.stdout());
}
