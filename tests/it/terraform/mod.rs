//! The Terraform trees, applied for real: every tree from an empty account to the first credential, and back.

mod account;
mod agents;
mod cognito;
mod deployer;
mod federation;
mod installations;
mod query_api;
