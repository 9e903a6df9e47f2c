//! Any headers and trailers of a caller: none of them arrives under a name that is the gateway's, in any spelling.
#![no_main]

use gateway::identity_headers::{Hop, Identity, clean_trailers, for_upstream};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

/// Set by the gateway, once, for every peer.
const OURS: [(&str, &str); 4] =
    [("x-m2m-client-id", "real"), ("x-m2m-scope", "a b"), ("x-m2m-issuer", "https://issuer"), ("x-request-id", "ours")];
const NEVER: [&str; 18] = [
    "forwarded",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-rewrite-url",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "authorization",
    "proxy-authorization",
    "connection",
    "transfer-encoding",
    "content-length",
    "host",
    "upgrade",
];
const OF_PROXIES: [&str; 4] = ["x-real-ip", "x-forwarded-port", "true-client-ip", "cf-connecting-ip"];

fuzz_target!(|input: (bool, &[u8])| {
    let (is_trusted, bytes) = input;
    let mut received = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            received.append(name, value);
        }
    }
    let value = HeaderValue::from_static;
    let [client_id, scope, issuer, request_id] = OURS.map(|(_, text)| value(text));
    let (identity, host, peer) = (Identity { client_id, scope, issuer }, value("host"), value("192.0.2.1"));
    let hop = Hop {
        peer: Some(&peer),
        is_trusted,
        request_id: &request_id,
        host: Some(&host),
        forwards_authorization: false,
    };
    let sent = for_upstream(&received, &hop, &identity);
    for (name, value) in &sent {
        let plain = plain(name);
        assert!(!NEVER.contains(&plain.as_str()), "{name}");
        assert!(is_trusted || !OF_PROXIES.contains(&plain.as_str()), "{name}");
        if plain.starts_with("x-m2m-") || plain == "x-request-id" {
            assert!(OURS.contains(&(name.as_str(), value.to_str().expect("ours is text"))), "{name}: {value:?}");
        }
        if ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].contains(&plain.as_str()) {
            assert_eq!(plain, name.as_str());
            assert!(is_trusted || ["192.0.2.1", "http", "host"].iter().any(|own| value == own), "{name}: {value:?}");
        }
    }
    for (name, value) in OURS {
        assert!(sent.get_all(name).iter().eq([value]), "{name}");
    }
    clean_trailers(&mut received);
    for name in received.keys() {
        let plain = plain(name);
        let is_refused = NEVER.contains(&plain.as_str()) || OF_PROXIES.contains(&plain.as_str());
        assert!(!is_refused && !plain.starts_with("x-m2m-") && plain != "x-request-id", "{name}");
    }
});

/// As CGI and lighttpd read a name.
fn plain(name: &HeaderName) -> String {
    let of = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte.to_ascii_lowercase()) } else { '-' };
    name.as_str().bytes().map(of).collect()
}
