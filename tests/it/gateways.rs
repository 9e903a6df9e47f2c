//! Refusals that are not the service's: an API gateway, a web application firewall or a proxy in front of it.

use tests::http_server::{HttpServer, Reply};

use crate::machine::Machine;

const FORBIDDEN_PAGE: &str = "<html><head><title>403 Forbidden</title></head><body>Request blocked.</body></html>";

async fn answering(status: u16, body: &str) -> HttpServer {
    let body = body.to_owned();
    HttpServer::start(move |_| std::future::ready(Reply::json(status, body.clone()))).await
}

#[tokio::test]
async fn a_refusal_in_front_of_the_api_is_said_as_what_it_is() {
    let in_front = "not the service's own response";
    for (status, body, words) in [
        // The reported ones: API Gateway, and a firewall's page.
        (403, r#"{"message":"Forbidden"}"#, in_front),
        (403, FORBIDDEN_PAGE, in_front),
        // Others of their kind.
        (401, r#"{"message":"Unauthorized"}"#, in_front),
        (403, "", in_front),
        (403, r#"{"message":"User is not authorized to access this resource"}"#, "User is not authorized"),
        // The service's own, whose advice stays.
        (403, r#"{"error":"client_disabled","error_description":"no"}"#, "enable this client"),
        (403, r#"{"error":"source_not_allowed"}"#, "call from an address"),
        (401, r#"{"error":"invalid_token"}"#, "do the identity provider and the API belong together"),
    ] {
        let machine = Machine::start().await;
        let front = answering(status, body).await;
        let ran = machine.run(&["get-credentials"], &[("COGNITO_CREDENTIAL_API_URL", &front.url())]).await;
        assert_eq!(ran.code(), Some(3), "{body}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{body}: {}", ran.stderr());
        assert!(!ran.stderr().contains("`credvend doctor` shows the rule"), "{body}: {}", ran.stderr());
        if words == in_front {
            let ran = machine.run(&["doctor"], &[("COGNITO_CREDENTIAL_API_URL", &front.url())]).await;
            assert!(ran.stdout().contains(in_front), "{body}: {}", ran.stdout());
        }
    }
}

#[tokio::test]
async fn a_refusal_in_front_of_the_token_endpoint_is_not_the_secret_s_fault() {
    for (status, body, words) in [
        (403, FORBIDDEN_PAGE, "not the token endpoint's own response"),
        (403, r#"{"message":"Forbidden"}"#, "not the token endpoint's own response"),
        (403, "", "not the token endpoint's own response"),
        (401, "", "COGNITO_CLIENT_ID and the secret"),
        (400, r#"{"error":"invalid_client"}"#, "COGNITO_CLIENT_ID and the secret"),
    ] {
        let machine = Machine::start().await;
        let front = answering(status, body).await;
        let ran = machine.run(&["get-credentials"], &[("COGNITO_TOKEN_ENDPOINT", &front.url())]).await;
        assert_eq!(ran.code(), Some(3), "{body}: {}", ran.stderr());
        assert!(ran.stderr().contains(words), "{body}: {}", ran.stderr());
    }
}
