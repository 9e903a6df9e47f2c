//! The integration tests: one binary, a file a topic.

mod abuse;
mod admin;
mod architecture;
mod cases;
mod chaos;
mod client;
mod consumers;
mod crash;
mod daemons;
mod deployment;
mod doctor;
mod entrance;
mod env_file;
mod events;
mod failure_limit;
mod gateway;
mod gateways;
mod half_responses;
mod identity_providers;
mod issuers;
mod local_stack;
mod machine;
mod mapping;
mod observability;
mod observe;
mod odd_files;
mod openapi;
mod outages;
mod process_limits;
mod proxies;
mod pypi;
mod query;
/// `credvend query`.
mod query_client;
mod query_deployment;
mod query_statement;
mod s3;
mod secrets;
mod serve;
mod setup;
mod terraform;
/// `credvend token`.
mod token;
mod vectors;
mod vending;

/// The line of a decision, and standard output that does not take it.
mod audit_line;
/// The plain-HTTP service behind load balancers.
mod behind_proxies;
/// Where the service's own credentials come from.
mod own_credentials;
/// The query API with everything it needs, canned, and broken.
mod query_hops;
/// The vending Lambda with everything it needs, canned.
mod service;
/// Values of the service's variables.
mod values;
