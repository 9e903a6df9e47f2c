//! `docs/examples/call-api.sh`, as an agent's owner runs it.

use std::process::Command;

use tests::process::{binary, repository};
use tests::upstream::Service;

use super::{Gateway, Setup};
use crate::machine::{Machine, Ran, run};

const ROUTES: &str = r#"
only_listed = true
[[route]]
path = "/db/*"
scopes = ["credvend-api/read"]
[[route]]
path = "/admin/*"
scopes = ["credvend-api/admin"]
"#;

async fn call(machine: &Machine, arguments: &[&str]) -> Ran {
    let programs = binary("credvend").parent().expect("a program lies in a folder").display().to_string();
    let mut command = Command::new(repository().join("docs/examples/call-api.sh"));
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
    command.args(arguments).env_clear().envs(machine.environment());
    command.env("PATH", path).env("COGNITO_CREDENTIAL_API_URL", "");
    run(command).await
}

#[tokio::test]
async fn a_loop_of_calls_makes_one_token_request() {
    let (machine, gateway) =
        tokio::join!(Machine::start(), Gateway::start(Setup { routes: Some(ROUTES), ..Setup::default() }));
    let url = format!("http://{}", gateway.address);
    let ran = call(&machine, &[&url, "/db/a", "/db/b?c=d", "/db/e"]).await;
    assert_eq!((ran.code(), ran.stdout()), (Some(0), "okokok".to_owned()), "{}", ran.stderr());
    let called: Vec<_> = gateway.api.requests().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(called, ["/db/a", "/db/b?c=d", "/db/e"]);
    let said = ran.stderr();
    assert_eq!(said.lines().filter(|line| line.starts_with("200 ")).count(), 3, "{said}");

    let refused = call(&machine, &[&url, "/admin/a", "/db/a"]).await;
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stdout().contains(r#""error":"insufficient_scope""#) && refused.stdout().ends_with("ok"));
    let line = refused.stderr();
    let id = line.lines().find_map(|line| line.strip_prefix("403 ")?.split(' ').next().map(str::to_owned));
    assert!(id.is_some_and(|id| refused.stdout().contains(&id)), "{line}");
    assert_eq!(machine.service.upstream.received(Service::Token).len(), 1);

    assert_eq!(call(&machine, &[&url]).await.code(), Some(2));
}
