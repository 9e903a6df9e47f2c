//! Verification of a whole token, and of its signature alone.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt::{Algorithm, Issuer, IssuerKind, JwkSet, UnverifiedJws, UnverifiedToken};
use tests::token::{SigningKey, cognito_claims, jwk_set};

use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples};

const RUNS: usize = 50_000;
const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestPool1";

pub fn verification() -> Part {
    let key = SigningKey::generate("key-1");
    let text = key.token(&cognito_claims(ISSUER, "1h57kf5cpq17m0eml12EXAMPLE"));
    let issuer = Issuer {
        url: ISSUER.to_owned(),
        kind: IssuerKind::Cognito,
        audiences: Vec::new(),
        client_claim: None,
        accept_user_tokens: false,
        scope_claims: Issuer::default_scope_claims(),
        max_lifetime: Issuer::DEFAULT_MAX_LIFETIME,
        algorithms: vec![Algorithm::Rs256],
    };
    let keys = JwkSet::parse(jwk_set(&[&key]).as_bytes()).expect("our own set is one");
    let now = SystemTime::now();
    let jws = UnverifiedJws::parse(&text).expect("our own token is one");
    let signature = URL_SAFE_NO_PAD.decode(jws.signature).expect("it was checked when parsed");
    let floor = parsed_key(&key);

    let (mut whole, mut parsing, mut alone) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..RUNS {
        whole.push(timed(|| {
            let token = UnverifiedToken::parse(black_box(&text)).expect("a valid token");
            let key = keys.key(token.key_id()).expect("a published key");
            issuer.verify(&token, key, now).expect("a valid token")
        }));
        parsing.push(timed(|| UnverifiedToken::parse(black_box(&text)).expect("a valid token")));
        alone.push(timed(|| floor.verify_sig(black_box(jws.signing_input), &signature).expect("a valid signature")));
    }
    let details = format!(
        "A Cognito access token of {} bytes, RS256 with a key of 2,048 bits: parse, choose the key, verify, check every \
         claim, hash for the audit line. Linked without LTO, unlike the Lambda. The signature alone is aws-lc's RSA with a \
         parsed key.\n\n{ROW_HEAD}\n{}\n{}\n{}\n",
        text.len(),
        whole.row("whole token"),
        parsing.row("of that, parsing"),
        alone.row("signature alone"),
    );
    Part {
        title: "Token verification",
        figures: vec![Figure {
            what: "RS256 verification of a whole token",
            part: "token",
            ours: Quantity::Time(whole.median()),
            reach: Quantity::Time(Duration::from_micros(30)),
            peers: vec![("signature alone", Quantity::Time(alone.median()))],
        }],
        details,
    }
}

/// The key as an RSAPublicKey in DER (RFC 8017 A.1.1), which is what aws-lc parses once and keeps.
fn parsed_key(key: &SigningKey) -> ParsedPublicKey {
    let jwk = key.jwk();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().expect("text")).expect("base64url");
    // A modulus of 2,048 bits fills 256 bytes and has its top bit set, so an INTEGER takes a zero before it.
    let (modulus, exponent) = (number("n"), number("e"));
    assert_eq!((modulus.len(), exponent.len()), (256, 3), "the lengths below are those of such a key");
    let der = [&[0x30, 0x82, 1, 10, 2, 0x82, 1, 1, 0][..], &modulus, &[2, 3], &exponent].concat();
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).expect("a strong key")
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let started = Instant::now();
    black_box(work());
    started.elapsed()
}
