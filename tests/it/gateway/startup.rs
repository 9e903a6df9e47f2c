//! What an operator is told before the first request.

use std::process::Command;

use tests::process::binary;

use super::{Gateway, Setup};
use crate::service::ISSUER;

#[test]
fn arguments_and_a_wrong_environment_end_with_a_sentence() {
    let needed = [("COGNITO_ISSUER", ISSUER), ("UPSTREAM_URL", "http://127.0.0.1:9")];
    let missing = [needed[0], needed[1], ("GATEWAY_CONFIG", "/nonexistent/gateway.toml")];
    for (arguments, environment, code, told) in [
        (&["--version"][..], &needed[..], 0, "credvend-gateway 0."),
        (&["--help"], &[], 0, "UPSTREAM_URL"),
        (&["serve"], &needed, 2, "`serve`"),
        (&["--port", "80"], &needed, 2, "`--port`"),
        (&[], &[], 1, "missing environment variables: COGNITO_ISSUER"),
        (&[], &missing, 1, "GATEWAY_CONFIG: /nonexistent/gateway.toml cannot be read"),
    ] {
        let mut command = Command::new(binary("credvend-gateway"));
        command.env_clear().args(arguments).envs(environment.iter().copied());
        let output = command.output().expect("the gateway runs");
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {environment:?}");
        let text = if code == 0 { output.stdout } else { output.stderr };
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(told), "{arguments:?} {environment:?}: {text}");
    }
}

/// The scopes of a route behind a wider one protect nothing.
#[tokio::test]
async fn a_route_that_no_request_reaches_is_warned_of() {
    let routes = "[[route]]\npath = '/db/*'\n[[route]]\npath = '/db/admin'\nscopes = ['api/admin']\n";
    let gateway = Gateway::start(Setup { routes: Some(routes), ..Setup::default() }).await;
    let log = gateway.process.output();
    assert!(log.contains("no request reaches the route `/db/admin`: `/db/*` stands before it"), "{log}");
}
