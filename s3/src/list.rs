//! `list`: keys, one a line.

use aws_sdk_s3::primitives::DateTimeFormat;
use aws_sdk_s3::types::{EncodingType, Object};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::error::Error;
use crate::output::{Line, Output};
use crate::request::RequestError;
use crate::store::Store;

/// An object that is there.
#[derive(Serialize)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) size: u64,
    last_modified: String,
    etag: String,
}

impl Line for Entry {
    fn text(&self) -> String {
        self.key.clone()
    }
}

/// A listing, page by page.
pub(crate) struct Pages<'a> {
    store: &'a Store,
    prefix: &'a str,
    next: Next,
    /// An earlier token, which comes again where tokens go in a circle.
    milestone: String,
    count: u64,
    /// The first key of the page before.
    first_key: Option<String>,
}

enum Next {
    First,
    Token(String),
    None,
}

pub(crate) async fn run(store: &Store, prefix: &str, output: Output) -> Result<(), Error> {
    let mut pages = Pages::new(store, prefix);
    while let Some(page) = pages.next().await? {
        if !output.print_while_read(&page)? {
            break;
        }
    }
    Ok(())
}

impl<'a> Pages<'a> {
    pub(crate) fn new(store: &'a Store, prefix: &'a str) -> Self {
        Self { store, prefix, next: Next::First, milestone: String::new(), count: 0, first_key: None }
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Entry>>, RequestError> {
        let token = match std::mem::replace(&mut self.next, Next::None) {
            Next::First => None,
            Next::Token(token) => Some(token),
            Next::None => return Ok(None),
        };
        let attempt = || format!("list `{}`", self.store.uri(self.prefix));
        let page = self
            .store
            .client
            .list_objects_v2()
            .bucket(&self.store.bucket)
            .prefix(self.prefix)
            .set_continuation_token(token)
            // Keys may hold what XML cannot.
            .encoding_type(EncodingType::Url)
            .send()
            .await
            .map_err(|error| RequestError::new(attempt(), "s3:ListBucket", &self.store.path_prefix, error))?;
        let is_truncated = page.is_truncated == Some(true);
        let encoded = page.encoding_type == Some(EncodingType::Url);
        let token = page.next_continuation_token;
        let entries: Vec<_> =
            page.contents.unwrap_or_default().into_iter().filter_map(|object| Entry::new(object, encoded)).collect();
        if is_truncated {
            let token = token.unwrap_or_default();
            self.check_progress(&token, &entries).map_err(|problem| RequestError::malformed(attempt(), problem))?;
            self.next = Next::Token(token);
        }
        Ok(Some(entries))
    }

    /// A server that gives the same page or the same token again would be asked without end. Circles of any length are
    /// found by Brent's algorithm: each token is compared with one that is kept, another one at every power of two.
    fn check_progress(&mut self, token: &str, entries: &[Entry]) -> Result<(), &'static str> {
        if token.trim().is_empty() {
            return Err("the listing has more pages, but no token to ask for them with");
        }
        let first_key = entries.first().map(|entry| entry.key.clone());
        if token == self.milestone || first_key.is_some() && first_key == self.first_key {
            return Err("the listing begins again where it already was, so it would never end");
        }
        self.count += 1;
        if self.count.is_power_of_two() {
            token.clone_into(&mut self.milestone);
        }
        self.first_key = first_key;
        Ok(())
    }
}

impl Entry {
    fn new(object: Object, encoded: bool) -> Option<Self> {
        let modified = object.last_modified.and_then(|at| at.fmt(DateTimeFormat::DateTime).ok());
        Some(Self {
            key: object.key.map(|key| if encoded { decode(&key) } else { key })?,
            size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            last_modified: modified.unwrap_or_default(),
            etag: object.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
        })
    }
}

/// S3 encodes as forms do: a space is `+`, a plus is `%2B`.
fn decode(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_s3_encodes_them() {
        for (encoded, key) in [
            ("a+b.txt", "a b.txt"),
            ("a%20b.txt", "a b.txt"),
            ("a%2Bb.txt", "a+b.txt"),
            ("100%25.csv", "100%.csv"),
            ("%ED%95%9C/x%0A", "한/x\n"),
        ] {
            assert_eq!(decode(encoded), key);
        }
    }
}
