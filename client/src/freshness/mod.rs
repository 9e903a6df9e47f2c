//! How fresh credentials and tokens are, and how they stay so: `refresh` decides, `fetch` is one call, `cache` is on disk,
//! `provider` puts them together for one call, `supply` says for what (credentials or a token), and `keeper` is for a
//! process that runs on.

pub(crate) mod cache;
pub(crate) mod call;
pub(crate) mod error;
pub(crate) mod fetch;
pub(crate) mod keeper;
pub(crate) mod provider;
pub(crate) mod refresh;
pub(crate) mod supply;
