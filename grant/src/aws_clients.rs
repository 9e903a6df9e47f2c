//! The SDK clients of the two services that a session takes.

use aws_calls::{AwsCalls, WholeJson, WholeXml};

/// `AWS_ENDPOINT_URL_…` of the mapping table's service, and of the credentials'.
pub const SERVICES: [&str; 2] = [DYNAMODB, STS];
const DYNAMODB: &str = "DYNAMODB";
const STS: &str = "STS";

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
