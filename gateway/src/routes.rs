//! `GATEWAY_CONFIG`: which paths need which scopes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use authenticate::RateLimit;
use http::Method;
use serde::Deserialize;
use thiserror::Error;

use crate::metrics::RouteDurations;
use crate::path::{Strictness, normalise};

/// More than any file of routes has.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A file of routes that cannot be used.
#[derive(Debug, Error)]
pub enum RoutesError {
    /// It cannot be read.
    #[error("GATEWAY_CONFIG: {} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It holds something that is not a route.
    #[error("GATEWAY_CONFIG: {}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All that is wrong.
        problem: String,
    },
}

/// The routes of one reading of the file. A reload makes new ones; requests under way keep theirs.
#[derive(Default)]
pub struct Routes {
    routes: Vec<Arc<Route>>,
    only_listed: bool,
}

/// What one path needs.
pub struct Route {
    /// As it is written in the file; the label of metrics.
    pub pattern: String,
    /// The methods that may be used; empty: all.
    methods: Vec<Method>,
    /// All of them are needed.
    pub scopes: Vec<String>,
    /// Per client on this route.
    pub rate_limit: Arc<RateLimit>,
    /// Its metrics, once a request has come.
    pub durations: OnceLock<RouteDurations>,
}

/// What the file says about a request.
pub enum Matched<'a> {
    /// This route is for it.
    Route(&'a Arc<Route>),
    /// No route is, and none is needed.
    Unlisted,
    /// No route is, and only listed paths are served.
    NotFound,
    /// A route is for its path and not for its method.
    MethodNotAllowed(&'a Arc<Route>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    only_listed: bool,
    #[serde(default)]
    route: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    methods: Option<Vec<String>>,
    scopes: Option<Vec<String>>,
    rate_limit_per_minute: Option<u32>,
}

impl Routes {
    /// Reads the file; an empty one is no routes.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, RoutesError> {
        let text = read_file(path).map_err(|cause| RoutesError::Unreadable { path: path.to_owned(), cause })?;
        Self::parse(&text).map_err(|problem| RoutesError::Invalid { path: path.to_owned(), problem })
    }

    /// As [`Routes::read`], for a running gateway: an empty file is one that is being written, and a client that has used
    /// up its share of a route has used it up after the reload as well.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn reread(path: &Path, before: &Self) -> Result<Self, RoutesError> {
        let mut routes = Self::read(path)?;
        if routes.routes.is_empty() && !routes.only_listed {
            let problem = "it holds no routes; restart the gateway if that is meant".to_owned();
            return Err(RoutesError::Invalid { path: path.to_owned(), problem });
        }
        routes.keep_counts(before);
        Ok(routes)
    }

    /// Goes on counting where a path's rate is what it was.
    fn keep_counts(&mut self, before: &Self) {
        for route in self.routes.iter_mut().filter_map(Arc::get_mut) {
            let is_same =
                |old: &&Arc<Route>| old.pattern == route.pattern && old.rate_limit.limits_as(&route.rate_limit);
            if let Some(old) = before.routes.iter().find(is_same) {
                route.rate_limit = Arc::clone(&old.rate_limit);
            }
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let mut faults = Vec::new();
        let mut seen = HashSet::new();
        let mut routes = Vec::with_capacity(file.route.len());
        for entry in file.route {
            if !seen.insert(entry.path.clone()) {
                faults.push(format!("the path `{}` is listed twice", entry.path.escape_debug()));
            }
            routes.push(Arc::new(route(entry, &mut faults)));
        }
        if faults.is_empty() { Ok(Self { routes, only_listed: file.only_listed }) } else { Err(faults.join("; ")) }
    }

    /// The first route whose path matches decides.
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Matched<'_> {
        match self.routes.iter().find(|route| route.is_for(path)) {
            Some(route) if route.allows(method) => Matched::Route(route),
            Some(route) => Matched::MethodNotAllowed(route),
            None if self.only_listed => Matched::NotFound,
            None => Matched::Unlisted,
        }
    }

    /// How paths have to be read. A route without scopes restricts methods or rates, and those are passed by the same tricks.
    #[must_use]
    pub fn strictness(&self) -> Strictness {
        if self.routes.iter().any(|route| route.restricts()) || self.only_listed {
            Strictness::Scoped
        } else {
            Strictness::Plain
        }
    }

    /// A sentence for each route that no request reaches: its scopes protect nothing.
    #[must_use]
    pub fn unreachable(&self) -> Vec<String> {
        let sentence = |(index, route): (usize, &Arc<Route>)| {
            let earlier = self.routes[..index].iter().find(|earlier| earlier.covers(route))?;
            let (late, early) = (route.pattern.escape_debug(), earlier.pattern.escape_debug());
            Some(format!("no request reaches the route `{late}`: `{early}` stands before it and is for the same paths"))
        };
        self.routes.iter().enumerate().filter_map(sentence).collect()
    }

    /// Number of routes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}

impl Route {
    /// `Allow` (RFC 9110 §10.2.1).
    #[must_use]
    pub fn allow(&self) -> String {
        let mut names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        if self.methods.contains(&Method::GET) && !self.methods.contains(&Method::HEAD) {
            names.push("HEAD");
        }
        names.join(", ")
    }

    /// Whether a request wins anything by a path that is not taken for this route's.
    fn restricts(&self) -> bool {
        !self.scopes.is_empty() || !self.methods.is_empty() || self.rate_limit.is_limited()
    }

    fn allows(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(method)
            || (*method == Method::HEAD && self.methods.contains(&Method::GET))
    }

    /// `/db/*` is for `/db` and for everything below it; every other pattern for itself.
    fn is_for(&self, path: &str) -> bool {
        match self.pattern.strip_suffix("/*") {
            None => self.pattern == path,
            Some(prefix) => path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }

    /// Whether it is for every path that `other` is for.
    fn covers(&self, other: &Self) -> bool {
        self.pattern.ends_with("/*") && self.is_for(other.pattern.strip_suffix("/*").unwrap_or(&other.pattern))
    }
}

fn route(entry: Entry, faults: &mut Vec<String>) -> Route {
    let shown = entry.path.escape_debug().to_string();
    let mut fault = |problem: &str| faults.push(format!("the route `{shown}` {problem}"));
    let stem = entry.path.strip_suffix("/*").unwrap_or(&entry.path);
    if stem.contains('*') {
        fault("holds `*` elsewhere than in a last `/*`");
    }
    if !entry.path.starts_with('/') {
        fault("does not begin with `/`");
    } else if !stem.is_empty() && normalise(stem.as_bytes(), Strictness::Scoped).as_deref() != Ok(stem) {
        fault(
            "is not in its normal form, which no request has: no `//`, no dot segments, nothing encoded that needs not be",
        );
    }
    if entry.methods.as_ref().is_some_and(Vec::is_empty) {
        fault("has an empty list of methods: leave `methods` out to allow all");
    }
    if entry.scopes.as_ref().is_some_and(Vec::is_empty) {
        fault("has an empty list of scopes: leave `scopes` out to ask for none");
    }
    let methods = entry.methods.unwrap_or_default().into_iter().filter_map(|name| {
        let method = Method::from_bytes(name.as_bytes()).ok().filter(|_| !name.bytes().any(|b| b.is_ascii_lowercase()));
        if method.is_none() {
            fault(&format!("has the method `{}`; methods are written in upper case, as `GET`", name.escape_debug()));
        }
        method
    });
    let methods = methods.collect();
    let scopes = entry.scopes.unwrap_or_default();
    if scopes.iter().any(|scope| scope.is_empty() || !scope.bytes().all(|byte| byte.is_ascii_graphic())) {
        fault("has a scope that is empty or holds a blank, which no token has");
    }
    if entry.rate_limit_per_minute == Some(0) {
        fault("has a rate of 0, which nobody could use");
    }
    let rate_limit = Arc::new(RateLimit::with_burst(entry.rate_limit_per_minute));
    Route { pattern: entry.path, methods, scopes, rate_limit, durations: OnceLock::new() }
}

/// Only a regular file: a pipe would hold up the gateway.
fn read_file(path: &Path) -> std::io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [[route]]
        path = "/db/admin"
        methods = ["DELETE"]
        scopes = ["api/admin"]
        [[route]]
        path = "/db/*"
        methods = ["GET", "POST"]
        scopes = ["api/read", "api/db"]
        rate_limit_per_minute = 600
        [[route]]
        path = "/"
    "#;

    fn matched(routes: &Routes, method: &str, path: &str) -> String {
        match routes.find(&method.parse().unwrap(), path) {
            Matched::Route(route) => route.pattern.clone(),
            Matched::Unlisted => "unlisted".to_owned(),
            Matched::NotFound => "404".to_owned(),
            Matched::MethodNotAllowed(route) => format!("405 {}", route.allow()),
        }
    }

    #[test]
    fn the_first_route_whose_path_matches_decides() {
        let routes = Routes::parse(FILE).unwrap();
        for (method, path, expected) in [
            ("DELETE", "/db/admin", "/db/admin"),
            ("GET", "/db/admin", "405 DELETE"),
            ("GET", "/db/admin/", "/db/*"),
            ("GET", "/db", "/db/*"),
            ("HEAD", "/db/", "/db/*"),
            ("POST", "/db/a/b", "/db/*"),
            ("PUT", "/db/a", "405 GET, POST, HEAD"),
            ("GET", "/dbx", "unlisted"),
            ("GET", "/DB/x", "unlisted"),
            ("PATCH", "/", "/"),
            ("GET", "/x", "unlisted"),
        ] {
            assert_eq!(matched(&routes, method, path), expected, "{method} {path}");
        }
        let strict = Routes::parse(&format!("only_listed = true\n{FILE}")).unwrap();
        assert_eq!(matched(&strict, "GET", "/x"), "404");
        let all = Routes::parse("[[route]]\npath = '/*'\nscopes = ['a']").unwrap();
        assert_eq!(matched(&all, "GET", "/"), "/*");
        assert_eq!(matched(&all, "GET", "/x/y"), "/*");
        assert_eq!(matched(&Routes::parse("").unwrap(), "GET", "/"), "unlisted");
    }

    #[test]
    fn a_route_behind_a_wider_one_is_told() {
        let unreachable = |paths: &[&str]| {
            let file = format!("[[route]]\npath = '{}'\n", paths.join("'\n[[route]]\npath = '"));
            Routes::parse(&file).unwrap().unreachable()
        };
        for paths in [["/db/*", "/db/admin"], ["/db/*", "/db"], ["/db/*", "/db/admin/*"], ["/*", "/"], ["/*", "/db/*"]]
        {
            let told = unreachable(&paths);
            assert_eq!(told.len(), 1, "{paths:?}");
            assert!(told[0].contains(&format!("`{}`: `{}`", paths[1], paths[0])), "{told:?}");
        }
        for paths in [["/db/admin", "/db/*"], ["/db", "/db/*"], ["/db/*", "/dbx"], ["/db/*", "/*"], ["/", "/*"]] {
            assert!(unreachable(&paths).is_empty(), "{paths:?}");
        }
        assert_eq!(unreachable(&["/a/*", "/b", "/a/b", "/a/c/*"]).len(), 2);
        assert!(Routes::parse(FILE).unwrap().unreachable().is_empty());
    }

    #[test]
    fn paths_are_read_strictly_where_a_route_restricts_anything() {
        for (file, strictness) in [
            ("", Strictness::Plain),
            ("[[route]]\npath = '/a'", Strictness::Plain),
            ("only_listed = true", Strictness::Scoped),
            ("[[route]]\npath = '/a'\nscopes = ['s']", Strictness::Scoped),
            ("[[route]]\npath = '/a'\nmethods = ['GET']", Strictness::Scoped),
            ("[[route]]\npath = '/a'\nrate_limit_per_minute = 6", Strictness::Scoped),
        ] {
            assert_eq!(Routes::parse(file).unwrap().strictness(), strictness, "{file}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let message = Routes::parse(
            r#"
            [[route]]
            path = "db/*"
            methods = ["get"]
            [[route]]
            path = "/a*b"
            scopes = []
            [[route]]
            path = "/a//b"
            methods = []
            [[route]]
            path = "/c"
            scopes = ["two words"]
            rate_limit_per_minute = 0
            [[route]]
            path = "/c"
            "#,
        )
        .err()
        .unwrap();
        for part in [
            "`db/*` does not begin",
            "`get`",
            "`/a*b` holds `*`",
            "empty list of scopes",
            "`/a//b` is not in its normal",
            "empty list of methods",
            "holds a blank",
            "a rate of 0",
            "`/c` is listed twice",
        ] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
        for text in ["only = true", "[[route]]\npath = '/'\nscope = ['a']", "[[route]]", "route = 1", "[[route]\n"] {
            assert!(Routes::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_example_of_the_docs_is_one() {
        let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gateway.md")).unwrap();
        let (_, rest) = docs.split_once("```toml\n").unwrap();
        let routes = Routes::parse(rest.split("```").next().unwrap()).unwrap();
        assert_eq!(routes.len(), 2);
        assert!(
            matches!(routes.find(&Method::HEAD, "/reports"), Matched::Route(route) if route.pattern == "/reports/*")
        );
        assert!(matches!(routes.find(&Method::GET, "/x"), Matched::Route(route) if route.pattern == "/*"));
    }
}
