"""A second, independent reading of the token rules, by which generate.py checks every stored case.

It is written to be read beside the RFCs, and shares no line with what makes the tokens.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

LEEWAY, LONGEST, LARGEST, DEEPEST = 30, 86400, 16 * 1024, 127
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
FAMILIES = {"RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "ES256": "EC"}


class Refused(Exception):
    """Carries the reason code."""


def ensure(condition, reason):
    if not condition:
        raise Refused(reason)


def verdict(text, entry, document, now):
    """`None` for accept, else the reason code. `entry` is the trusted issuer, `document` its JWK set."""
    try:
        judge(text, entry, document, now)
    except Refused as refused:
        return str(refused)
    return None


def judge(text, entry, document, now):
    ensure(len(text.encode()) <= LARGEST, "too_large")
    parts = text.split(".")
    ensure(len(parts) == 3, "malformed")
    head_bytes, payload_bytes, signature = (decode(part) for part in parts)
    head = strict_object(head_bytes)
    check_header(head)
    payload = strict_object(payload_bytes)
    ensure("iss" in payload, "missing_claim")
    ensure(isinstance(payload["iss"], str), "wrong_type")
    ensure(payload["iss"] == entry["issuer"], "untrusted_issuer")
    candidates = [key for key in usable_keys(document) if key["kid"] == head["kid"]]
    ensure(candidates, "unknown_key")
    alg = head["alg"]
    ensure(alg in entry.get("algorithms", ["RS256"]), "unsupported_algorithm")
    fitting = [key for key in candidates if key["kty"] == FAMILIES[alg] and key.get("alg", alg) == alg]
    ensure(fitting, "unsupported_algorithm")
    signed = text.rsplit(".", 1)[0].encode()
    ensure(any(verifies(key, alg, signed, signature) for key in fitting), "bad_signature")
    check_claims(payload, entry, now)


def decode(part):
    ensure(re.fullmatch(r"[A-Za-z0-9_-]*", part), "malformed")
    ensure(len(part) % 4 != 1, "malformed")
    octets = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    ensure(urlsafe_b64encode(octets).rstrip(b"=").decode() == part, "malformed")
    return octets


def strict_object(octets):
    value = strict_json(octets)
    ensure(isinstance(value, dict), "malformed")
    return value


def strict_json(octets):
    def distinct(members):
        ensure(len({name for name, _ in members}) == len(members), "malformed")
        return dict(members)

    def constant(_):
        raise Refused("malformed")

    def finite(digits):
        value = float(digits)
        ensure(abs(value) != float("inf"), "malformed")
        return value

    def integer(digits):
        finite(digits)
        return int(digits)

    try:
        text = octets.decode("utf-8")
        ensure(depth(text) <= DEEPEST, "malformed")
        value = json.loads(
            text, object_pairs_hook=distinct, parse_constant=constant, parse_float=finite, parse_int=integer
        )
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
    except ValueError:
        raise Refused("malformed") from None
    return value


def depth(text):
    deepest = level = 0
    for bracket in re.findall(r"[\[{\]}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def check_header(head):
    ensure("alg" in head, "unsupported_algorithm")
    ensure(isinstance(head["alg"], str), "wrong_type")
    ensure(head["alg"] in FAMILIES, "unsupported_algorithm")
    if "typ" in head:
        ensure(isinstance(head["typ"], str), "wrong_type")
        kind = "".join(c.lower() if c.isascii() else c for c in head["typ"]).removeprefix("application/")
        ensure(kind in ("jwt", "at+jwt"), "unsupported_header")
    ensure(not {"crit", "jwk", "jku", "x5u", "x5c"} & head.keys(), "unsupported_header")
    ensure(head.get("b64", True) is True, "unsupported_header")
    ensure("kid" in head, "missing_key_id")
    ensure(isinstance(head["kid"], str), "wrong_type")
    ensure(head["kid"], "missing_key_id")


def usable_keys(document):
    """The keys of a JWK set text that may verify a signature. Raises when the whole document is refused."""
    try:
        text = document.decode() if isinstance(document, bytes) else document
        elements = split_keys(text)
    except ValueError:
        raise Refused("malformed") from None
    keys = []
    for element in elements:
        try:
            key = strict_object(element.encode())
            if is_usable(key):
                keys.append(key)
        except Refused:
            continue
    ensure(keys, "no usable key")
    return keys


def split_keys(text):
    """The texts of the elements of `keys`, so that a fault inside one costs only itself."""
    top = json.loads(text, object_pairs_hook=lambda members: members, parse_constant=float)
    if not isinstance(top, list) or [name for name, _ in top if name == "keys"] != ["keys"]:
        raise ValueError
    found = next(value for name, value in top if name == "keys")
    if not isinstance(found, list):
        raise ValueError
    start = text.index("[", re.search(r'"(?:keys|\\u006beys)"\s*:', text).end())
    scan, at, elements = json.JSONDecoder(), start + 1, []
    while True:
        at = re.compile(r"[\s,]*").match(text, at).end()
        if text[at] == "]":
            return elements
        _, end = scan.raw_decode(text, at)
        elements.append(text[at:end])
        at = end


def is_usable(key):
    kid, alg = key.get("kid"), key.get("alg")
    if not isinstance(kid, str) or not kid or key.get("use", "sig") != "sig" or "d" in key:
        return False
    operations = key.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return False
    if "alg" in key and (not isinstance(alg, str) or FAMILIES.get(alg) != key.get("kty")):
        return False
    try:
        public_key(key)
    except (Refused, KeyError, TypeError, ValueError):
        return False
    return True


def public_key(key):
    if key["kty"] == "RSA":
        n, e = (int.from_bytes(decode(key[name]), "big") for name in ("n", "e"))
        ensure(2048 <= n.bit_length() <= 8192 and n & 1 and e & 1 and 3 <= e < 1 << 32, "weak")
        return rsa.RSAPublicNumbers(e, n).public_key()
    ensure(key["kty"] == "EC" and key["crv"] == "P-256", "other family")
    x, y = decode(key["x"]), decode(key["y"])
    ensure(len(x) == len(y) == 32, "malformed")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)


def verifies(jwk, alg, signed, signature):
    key, digest = public_key(jwk), HASHES[alg[2:]]
    try:
        if alg == "ES256":
            if len(signature) != 64:
                return False
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(digest))
        elif len(signature) != (key.key_size + 7) // 8:
            return False
        elif alg == "PS256":
            key.verify(signature, signed, padding.PSS(padding.MGF1(digest), 32), digest)
        else:
            key.verify(signature, signed, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def check_claims(payload, entry, now):
    for name in ("sub", "client_id", "token_use", "jti"):
        ensure(isinstance(payload.get(name, ""), str), "wrong_type")
    if entry["kind"] == "cognito":
        ensure(isinstance(payload.get("scope", ""), str), "wrong_type")
    else:
        for name in entry.get("scope_claims", ["scope", "scp"]):
            value = payload.get(name, "")
            values = [value] if isinstance(value, str) else value
            ensure(isinstance(values, list) and all(isinstance(one, str) for one in values), "wrong_type")
    for name in ("exp", "nbf", "iat"):
        ensure(type(payload.get(name, 0)) in (int, float), "wrong_type")
    audience = payload.get("aud", [])
    audience = [audience] if isinstance(audience, str) else audience
    ensure(isinstance(audience, list) and all(isinstance(one, str) for one in audience), "wrong_type")
    if entry["kind"] == "cognito":
        ensure("token_use" in payload, "missing_claim")
        ensure(payload["token_use"] == "access", "wrong_token_use")
    check_client(payload, entry)
    if entry["kind"] == "oidc":
        ensure("aud" in payload, "missing_claim")
    if "aud" in payload and (entry["kind"] == "oidc" or entry["audiences"]):
        ensure(set(audience) & set(entry["audiences"]), "wrong_audience")
    ensure("exp" in payload, "missing_claim")
    ensure(now < payload["exp"] + LEEWAY, "expired")
    ensure(payload.get("nbf", now) <= now + LEEWAY and payload.get("iat", now) <= now + LEEWAY, "not_yet_valid")
    longest = entry.get("max_token_lifetime_seconds", LONGEST)
    ensure(payload["exp"] - payload.get("iat", now) <= longest, "lifetime_too_long")


def check_client(payload, entry):
    named = entry.get("client_claim", "client_id")
    ensure(named in payload, "missing_claim")
    ensure(isinstance(payload[named], str), "wrong_type")
    ensure(payload[named], "missing_claim")
    if "client_claim" not in entry:
        ensure("sub" in payload, "missing_claim")
        ensure(payload["sub"] == payload["client_id"], "client_mismatch")
    elif not entry.get("accept_user_tokens"):
        ensure(is_own_grant(payload, named), "client_mismatch")


LOGIN = {"sid", "session_state", "auth_time", "nonce", "preferred_username", "email", "name", "upn", "unique_name"}
ASKED_BY = {"azp", "client_id", "clientId", "cid", "appid"}


def is_own_grant(payload, named):
    if payload.get("gty") == "client-credentials" or payload.get("idtyp") == "app":
        return True
    second_parties = ASKED_BY if named == "sub" else {"sub"}
    if not payload.keys() & (second_parties | LOGIN):
        return True
    claims = ASKED_BY if named == "sub" else {named}
    clients = {payload[name] for name in claims if isinstance(payload.get(name), str)}
    return any(stands_for(payload, named, client) for client in clients)


def stands_for(payload, named, client):
    if payload.get("sub") in (client, client + "@clients"):
        return True
    if payload.get("preferred_username") not in (f"service-account-{client}", f"service-account-{client.lower()}"):
        return False
    notes = {"client_id", "clientId"}
    if any(payload.get(note) == client for note in notes - {named}):
        return True
    return named in notes and any(isinstance(payload.get(note), str) for note in ("clientHost", "clientAddress"))
