//! Who the caller is, in the headers of the request that the upstream gets, and in no header that the caller wrote.
//!
//! A server behind the gateway may read `X_M2M_Client_ID`, `X-M2M-CLIENT-ID` and `X.M2M.Client.Id` as one name (CGI
//! turns `-` into `_`, lighttpd every character that is neither letter nor digit). So names are compared without case,
//! and with everything that is neither as `-` (oauth2-proxy CVE-2025-64484).

use std::borrow::Cow;

use http::header::{CONNECTION, TE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue};

/// **kept**: the client's id.
pub const CLIENT_ID: HeaderName = HeaderName::from_static("x-m2m-client-id");
/// **kept**: its scopes, separated by spaces.
pub const SCOPE: HeaderName = HeaderName::from_static("x-m2m-scope");
/// Who vouches for it.
pub const ISSUER: HeaderName = HeaderName::from_static("x-m2m-issuer");
/// Names the request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where it came from, hop by hop.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `http` or `https`, as the caller sees it.
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The host that the caller asked for.
pub const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Names that the gateway sets, and names that make some upstream take the request for another one.
const NEVER_FROM_CALLER: [&str; 15] = [
    "x-request-id",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
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
];
/// Names that a proxy in front may set.
const FROM_TRUSTED_PROXIES: [&str; 4] = ["x-real-ip", "x-forwarded-port", "true-client-ip", "cf-connecting-ip"];
/// RFC 9110 §7.6.1, and their relatives that frame or switch the connection.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];
/// Written anew for the upstream.
const FRAMING: [&str; 4] = ["host", "content-length", "expect", "transfer-encoding"];
const PREFIX_OF_OURS: &str = "x-m2m-";

/// What the upstream is told about the caller.
pub struct Identity {
    /// See [`CLIENT_ID`].
    pub client_id: HeaderValue,
    /// See [`SCOPE`].
    pub scope: HeaderValue,
    /// See [`ISSUER`].
    pub issuer: HeaderValue,
}

/// What the upstream is told about the request.
pub struct Hop<'a> {
    /// The address of the other end of the connection.
    pub peer: Option<&'a HeaderValue>,
    /// Whether it is a proxy in front of the gateway that is believed.
    pub is_trusted: bool,
    /// Names the request.
    pub request_id: &'a HeaderValue,
    /// The host that the caller asked for.
    pub host: Option<&'a HeaderValue>,
    /// The token goes on to the upstream.
    pub forwards_authorization: bool,
}

/// The headers of the request to the upstream, `Host` and framing excepted.
#[must_use]
pub fn for_upstream(received: &HeaderMap, hop: &Hop<'_>, identity: &Identity) -> HeaderMap {
    let nominated = Nominated::of(received);
    let mut headers = HeaderMap::with_capacity(received.len() + 8);
    for (name, value) in received {
        if passes(name.as_str(), hop, &nominated) {
            headers.append(name.clone(), value.clone());
        }
    }
    if accepts_trailers(received) {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    announce_trailers(&mut headers);
    headers.insert(CLIENT_ID, identity.client_id.clone());
    headers.insert(SCOPE, identity.scope.clone());
    headers.insert(ISSUER, identity.issuer.clone());
    headers.insert(REQUEST_ID, hop.request_id.clone());
    insert_forwarded(&mut headers, received, hop);
    headers
}

/// A response, or its trailers, on the way to the caller: without what was for this hop alone.
pub fn clean_response(headers: &mut HeaderMap) {
    let nominated = Nominated::of(headers);
    let hop: Vec<_> = headers
        .keys()
        .filter(|name| HOP_BY_HOP.contains(&name.as_str()) || nominated.names(name.as_str()))
        .cloned()
        .collect();
    for name in hop {
        headers.remove(name);
    }
}

/// Trailers of a request on the way to the upstream.
pub fn clean_trailers(trailers: &mut HeaderMap) {
    let refused: Vec<_> = trailers.keys().filter(|name| !may_trail(name.as_str())).cloned().collect();
    for name in refused {
        trailers.remove(name);
    }
}

/// Whether the name of a header is one that never reaches the upstream as the caller wrote it.
fn is_ours(name: &str, is_trusted: bool) -> bool {
    let name = spelling(name);
    name.starts_with(PREFIX_OF_OURS)
        || NEVER_FROM_CALLER.contains(&&*name)
        || (!is_trusted && FROM_TRUSTED_PROXIES.contains(&&*name))
}

/// Header names come in lower case; what is neither letter nor digit becomes `-`.
fn spelling(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let plain = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' };
    Cow::Owned(name.chars().map(plain).collect())
}

fn passes(name: &str, hop: &Hop<'_>, nominated: &Nominated<'_>) -> bool {
    let spelled = spelling(name);
    let frames = FRAMING.contains(&&*spelled);
    let is_token = spelled == "authorization" && (!hop.forwards_authorization || spelled != name);
    !frames && !is_token && !HOP_BY_HOP.contains(&&*spelled) && !nominated.names(name) && !is_ours(name, hop.is_trusted)
}

fn may_trail(name: &str) -> bool {
    let spelled = spelling(name);
    !FRAMING.contains(&&*spelled)
        && !["authorization", "trailer"].contains(&&*spelled)
        && !HOP_BY_HOP.contains(&&*spelled)
        && !is_ours(name, false)
}

/// The HTTP library sends those trailers that `Trailer` names, so it names only those that pass.
fn announce_trailers(headers: &mut HeaderMap) {
    if !headers.contains_key(TRAILER) {
        return;
    }
    let announced: Vec<_> = headers.get_all(TRAILER).iter().filter_map(|value| value.to_str().ok()).collect();
    let names = announced.iter().flat_map(|value| value.split(',')).map(str::trim);
    let kept: Vec<_> = names.filter(|name| !name.is_empty() && may_trail(&name.to_ascii_lowercase())).collect();
    match HeaderValue::from_str(&kept.join(", ")) {
        Ok(value) if !kept.is_empty() => {
            headers.insert(TRAILER, value);
        }
        _ => {
            headers.remove(TRAILER);
        }
    }
}

/// RFC 9110 §10.1.4: `TE` is for one hop, so it is asked anew.
fn accepts_trailers(received: &HeaderMap) -> bool {
    let values = received.get_all(TE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

fn insert_forwarded(headers: &mut HeaderMap, received: &HeaderMap, hop: &Hop<'_>) {
    let believed = |name: &HeaderName| received.get(name).filter(|_| hop.is_trusted).cloned();
    if let Some(peer) = hop.peer {
        let before = received.get_all(FORWARDED_FOR).iter().filter(|_| hop.is_trusted);
        let mut hops: Vec<_> = before.filter_map(|value| value.to_str().ok()).collect();
        hops.extend(peer.to_str());
        let all = if hops.len() > 1 { HeaderValue::try_from(hops.join(", ")).ok() } else { Some(peer.clone()) };
        if let Some(value) = all {
            headers.insert(FORWARDED_FOR, value);
        }
    }
    headers.insert(FORWARDED_PROTO, believed(&FORWARDED_PROTO).unwrap_or(HeaderValue::from_static("http")));
    if let Some(host) = believed(&FORWARDED_HOST).or_else(|| hop.host.cloned()) {
        headers.insert(FORWARDED_HOST, host);
    }
}

/// What `Connection` names is for this hop alone (RFC 9110 §7.6.1).
struct Nominated<'a>(Vec<&'a str>);

impl<'a> Nominated<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        Self(values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect())
    }

    fn names(&self, name: &str) -> bool {
        self.0.iter().any(|nominated| nominated.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn sent(pairs: &[(&str, &str)], is_trusted: bool) -> HeaderMap {
        let value = HeaderValue::from_static;
        let identity = Identity { client_id: value("real"), scope: value("a b"), issuer: value("https://i") };
        let id = value("ours");
        let (host, peer) = (value("api.example.com"), value("192.0.2.1"));
        let hop =
            Hop { peer: Some(&peer), is_trusted, request_id: &id, host: Some(&host), forwards_authorization: false };
        for_upstream(&map(pairs), &hop, &identity)
    }

    #[test]
    fn the_caller_s_own_word_never_arrives() {
        for name in [
            "X-M2M-Client-ID",
            "x_m2m_client_id",
            "X-M2M_Client-Id",
            "X.M2M.Client.ID",
            "x-m2m-scope",
            "X_M2M_SCOPE",
            "X-M2M-Issuer",
            "X-M2M-Anything",
            "X-Request-Id",
            "X_Request_ID",
            "X_Forwarded_For",
            "X-Forwarded.Proto",
            "x_forwarded_host",
            "Forwarded",
            "X-Original-URL",
            "X_Original_URI",
            "X-Original-Method",
            "X-Rewrite-URL",
            "X-Forwarded-Prefix",
            "X-Forwarded-Uri",
            "X-Forwarded-Method",
            "X-Real-IP",
            "X_Forwarded_Port",
            "True-Client-IP",
            "CF_Connecting_IP",
            "X-HTTP-Method-Override",
            "X_HTTP_Method",
            "X-Method-Override",
            "Authorization",
            "Content_Length",
            "Transfer_Encoding",
            "Host",
            "Proxy-Authorization",
        ] {
            let headers = sent(&[(name, "forged"), (name, "twice")], false);
            assert!(headers.values().all(|value| value != "forged" && value != "twice"), "{name}: {headers:?}");
            assert_eq!(headers[CLIENT_ID], "real");
            assert_eq!(headers[SCOPE], "a b");
            assert_eq!(headers[FORWARDED_FOR], "192.0.2.1");
            assert_eq!(headers[FORWARDED_PROTO], "http");
            assert_eq!(headers[FORWARDED_HOST], "api.example.com");
        }
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_the_request_alone() {
        let headers = sent(
            &[
                ("x-forwarded-for", "198.51.100.1"),
                ("x-forwarded-for", "198.51.100.2"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "public.example.com"),
                ("x-real-ip", "198.51.100.1"),
                ("x-m2m-client-id", "forged"),
                ("x_forwarded_for", "forged"),
            ],
            true,
        );
        assert_eq!(headers[FORWARDED_FOR], "198.51.100.1, 198.51.100.2, 192.0.2.1");
        assert_eq!(headers[FORWARDED_PROTO], "https");
        assert_eq!(headers[FORWARDED_HOST], "public.example.com");
        assert_eq!(headers["x-real-ip"], "198.51.100.1");
        assert_eq!(headers[CLIENT_ID], "real");
        assert!(headers.values().all(|value| value != "forged"));
    }

    #[test]
    fn hop_by_hop_headers_end_here_and_the_rest_passes() {
        let headers = sent(
            &[
                ("connection", "close, X-Hop, X-M2M-Client-ID, x-forwarded-for"),
                ("x-hop", "1"),
                ("keep-alive", "5"),
                ("te", "gzip, trailers"),
                ("upgrade", "h2c"),
                ("http2-settings", "x"),
                ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                ("cookie", "a"),
                ("cookie", "b"),
                ("trailer", "X-Sum, X-M2M-Client-ID"),
                ("trailer", "Authorization, x-more"),
            ],
            false,
        );
        for name in ["connection", "x-hop", "keep-alive", "upgrade", "http2-settings"] {
            assert!(!headers.contains_key(name), "{name}");
        }
        assert_eq!(headers[TE], "trailers");
        assert_eq!(headers[TRAILER], "X-Sum, x-more");
        assert_eq!(headers.get_all("cookie").iter().count(), 2);
        assert!(headers.contains_key("traceparent"));
        assert_eq!(headers[CLIENT_ID], "real", "naming ours in `Connection` removes nothing");
        assert_eq!(headers[FORWARDED_FOR], "192.0.2.1");
    }

    #[test]
    fn trailers_frame_and_identify_nothing() {
        let mut trailers = map(&[
            ("x-sum", "1"),
            ("x_m2m_client_id", "forged"),
            ("authorization", "x"),
            ("host", "x"),
            ("content-length", "1"),
            ("transfer_encoding", "chunked"),
            ("connection", "close"),
            ("x-forwarded-for", "x"),
        ]);
        clean_trailers(&mut trailers);
        assert_eq!(trailers, map(&[("x-sum", "1")]));
    }
}
