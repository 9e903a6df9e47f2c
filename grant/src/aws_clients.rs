//! The SDK clients of the two services that a session takes.

use aws_calls::{AwsCalls, WholeJson, WholeXml};

/// Both.
pub const SERVICES: [&str; 2] = [DYNAMODB, STS];
/// The mapping table's service, as it stands in `AWS_ENDPOINT_URL_…`.
pub const DYNAMODB: &str = "DYNAMODB";
/// The service that assumes roles.
pub const STS: &str = "STS";

/// The mapping table's client.
#[must_use]
pub fn dynamodb(aws: &AwsCalls) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(&aws.service(DYNAMODB)).interceptor(WholeJson);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// The client that assumes roles.
#[must_use]
pub fn sts(aws: &AwsCalls) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::config::Builder::from(&aws.service(STS)).interceptor(WholeXml);
    aws_sdk_sts::Client::from_conf(config.build())
}
