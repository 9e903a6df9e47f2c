//! The floor of every Lambda figure: a function that does nothing, on the same runtime crate and the same profile.

use std::convert::Infallible;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let hello = service_fn(|_: LambdaEvent<Value>| async { Ok::<_, Infallible>(json!({"statusCode": 200})) });
    lambda_runtime::run_concurrent(hello).await
}
