//! The `jwt` crate against vectors that nobody in this project wrote.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt::{Algorithm, JwkSet, TokenError, UnverifiedJws, UnverifiedToken};
use serde_json::{Value, json};
use tests::vectors::{folder, read};

/// A key set of one public key, with the `kid` that a token names where the key itself has none.
fn public_set(jwk: &Value, key_id: Option<&str>) -> String {
    let mut jwk = jwk.clone();
    let members = jwk.as_object_mut().expect("a JWK is an object");
    members.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    if let Some(key_id) = key_id {
        members.entry("kid").or_insert_with(|| json!(key_id));
    }
    json!({"keys": [jwk]}).to_string()
}

fn verify_jws(set: &str, text: &str) -> Result<(), String> {
    let set = JwkSet::parse(set.as_bytes()).map_err(|error| error.to_string())?;
    let jws = UnverifiedJws::parse(text).map_err(|error| error.to_string())?;
    let key = set.key(&jws.key_id).ok_or("no such key")?;
    key.verify(&jws).map_err(|error| error.to_string())
}

/// Vectors marked valid that are refused here, and why.
const VALID_BUT_REFUSED: [(u64, &str); 2] = [
    (372, "a `?` inside the header is not base64url (RFC 7515 §2)"),
    (373, "a `?` inside the payload is not base64url (RFC 7515 §2)"),
];

fn is_supported(jws: &str) -> bool {
    let header = jws.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let header = header.and_then(|header| serde_json::from_slice::<Value>(&header).ok());
    header.is_some_and(|header| header["alg"].as_str().and_then(Algorithm::parse).is_some())
}

#[test]
fn wycheproof_json_web_signature() {
    let Some(folder) = folder() else { return };
    let file = read(&folder.join("wycheproof/json_web_signature_test.json"));
    let (mut tests, mut accepted) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let jwk = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let (id, jws) = (test["tcId"].as_u64().unwrap(), test["jws"].as_str().unwrap());
            let listed = VALID_BUT_REFUSED.iter().any(|(refused, _)| *refused == id);
            // A key for an algorithm that we have, and a token that uses another one, is refused whatever the vector says.
            let key_fits = jwk["alg"].as_str().is_none_or(|own| is_supported(jws) && jws_algorithm(jws) == own);
            let valid = test["result"] == "valid" && is_supported(jws) && key_fits && !listed;
            let outcome = verify_jws(&public_set(jwk, None), jws);
            assert_eq!(outcome.is_ok(), valid, "tcId {id} ({}): {outcome:?}", test["comment"]);
            tests += 1;
            accepted += usize::from(valid);
        }
    }
    assert!(tests >= 401 && accepted >= 20, "{accepted} of {tests} accepted");
}

fn jws_algorithm(jws: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(jws.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["alg"].as_str().unwrap().to_owned()
}

#[test]
fn wycheproof_json_web_key() {
    let Some(folder) = folder() else { return };
    let file = read(&folder.join("wycheproof/json_web_key_test.json"));
    // Whether a modulus was made by the flawed generator of CVE-2017-15361 is not looked for: an issuer's own keys
    // come over TLS from a pool whose keys AWS makes.
    let roca = 7;
    let mut tests = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let set = group.get("public").unwrap_or(&group["private"]).to_string();
        for test in group["tests"].as_array().unwrap() {
            let (id, jws) = (test["tcId"].as_u64().unwrap(), test["jws"].as_str().unwrap());
            let valid = (test["result"] == "valid" || id == roca) && is_supported(jws);
            let outcome = verify_jws(&set, jws);
            if id == roca && outcome.is_err() {
                continue;
            }
            assert_eq!(outcome.is_ok(), valid, "tcId {id} ({}): {outcome:?}", test["comment"]);
            tests += 1;
        }
    }
    assert!(tests >= 25, "{tests}");
}

#[test]
fn wycheproof_rsa_signatures() {
    let Some(folder) = folder() else { return };
    let mut tests = 0;
    for bits in [2048, 3072, 4096, 8192] {
        let file = read(&folder.join(format!("wycheproof/rsa_signature_{bits}_sha256_test.json")));
        for group in file["testGroups"].as_array().unwrap() {
            let number = |name: &str| URL_SAFE_NO_PAD.encode(hex(group["publicKey"][name].as_str().unwrap()));
            let jwk = json!({"kty": "RSA", "kid": "k", "n": number("modulus"), "e": number("publicExponent")});
            let set = JwkSet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
            let key = set.key("k").unwrap();
            for test in group["tests"].as_array().unwrap() {
                let signature = URL_SAFE_NO_PAD.encode(hex(test["sig"].as_str().unwrap()));
                let message = hex(test["msg"].as_str().unwrap());
                let verified = key.verify_signature(Algorithm::Rs256, &message, &signature).is_ok();
                match test["result"].as_str().unwrap() {
                    "valid" => assert!(verified, "{bits} tcId {} ({})", test["tcId"], test["comment"]),
                    "invalid" => assert!(!verified, "{bits} tcId {} ({})", test["tcId"], test["comment"]),
                    _ => {}
                }
                tests += 1;
            }
        }
    }
    assert!(tests >= 1034, "{tests}");
}

#[test]
fn wycheproof_encrypted_tokens_are_not_tokens_here() {
    let Some(folder) = folder() else { return };
    let file = read(&folder.join("wycheproof/json_web_encryption_test.json"));
    let mut tests = 0;
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            assert!(UnverifiedJws::parse(test["jwe"].as_str().unwrap()).is_err(), "tcId {}", test["tcId"]);
            tests += 1;
        }
    }
    assert!(tests >= 139, "{tests}");
}

#[test]
fn the_rfc_7520_cookbook() {
    let Some(folder) = folder() else { return };
    let folder = folder.join("rfc7520-cookbook");
    let mut accepted = Vec::new();
    let mut tests = 0;
    for section in ["jws", "jwe", "rfc7797", "curve25519"] {
        for entry in std::fs::read_dir(folder.join(section)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            tests += 1;
            let file = read(&path);
            // Without a compact form, or with several keys, it is no token.
            let Some(compact) = file["output"]["compact"].as_str().filter(|_| file["input"]["key"].is_object()) else {
                continue;
            };
            if verify_jws(&public_set(&file["input"]["key"], None), compact).is_ok() {
                accepted.push(file["title"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    // PS384, ES512, HS256 and EdDSA are not algorithms of any issuer here; detached content is no compact token.
    assert_eq!(accepted, ["RSA v1.5 Signature"], "of {tests}");
    let usable =
        |file: &str| JwkSet::parse(json!({"keys": [read(&folder.join("jwk").join(file))]}).to_string().as_bytes());
    assert!(usable("3_3.rsa_public_key.json").is_ok());
    for other in [
        "3_1.ec_public_key.json",
        "3_2.ec_private_key.json",
        "3_4.rsa_private_key.json",
        "3_5.symmetric_key_mac_computation.json",
        "3_6.symmetric_key_encryption.json",
    ] {
        assert!(usable(other).is_err(), "{other}");
    }
}

/// RFC 8259 allows these and leaves their meaning open; a token must not depend on that.
const REFUSED_THOUGH_VALID_JSON: [&str; 2] = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];

#[test]
fn json_test_suite_inside_a_payload() {
    let Some(folder) = folder() else { return };
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k"}"#);
    let mut tests = 0;
    for entry in std::fs::read_dir(folder.join("JSONTestSuite/test_parsing")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read(&path).unwrap();
        let payload = [br#"{"iss":"i","x":"#.as_slice(), &text, b"}"].concat();
        let token = format!("{header}.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        let parsed = UnverifiedToken::parse(&token).map(|_| ());
        tests += 1;
        if matches!(parsed, Err(TokenError::TooLarge { .. })) {
            continue;
        }
        match name.as_bytes()[0] {
            b'y' => {
                assert_eq!(parsed.is_ok(), !REFUSED_THOUGH_VALID_JSON.contains(&name.as_str()), "{name}: {parsed:?}");
            }
            b'n' => assert!(matches!(parsed, Err(TokenError::Malformed(_))), "{name}: {parsed:?}"),
            _ => {}
        }
    }
    assert!(tests >= 318, "{tests}");
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
