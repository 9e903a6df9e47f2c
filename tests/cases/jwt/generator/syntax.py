"""Cases about the outer form: size, parts, base64url."""

import base64
import json

from .case import refuse
from .keys import b64
from .tokens import claims, dump, header, jws, token

NON_CANONICAL = "RFC 4648 §3.5"


def cases():
    yield from sizes()
    yield from parts()
    yield from base64url()


def exactly(length):
    """A valid token of exactly `length` bytes; base64url's steps of 4, 2 and 1 are evened out in both parts."""
    for kid_pad in range(3):
        head = header() | {"x": "h" * kid_pad}
        rest = length - len(jws(head, claims(padding="")))
        for pad in range(max(0, rest * 3 // 4 - 4), rest * 3 // 4 + 4):
            text = jws(head, claims(padding="p" * pad))
            if len(text) == length:
                return text
    raise AssertionError(length)


def sizes():
    def too_large(name, because, source, text):
        return refuse(f"size-{name}", "too_large", because, source, text)

    source = "credvend: at most 16 KiB"
    yield too_large("one-byte-over", "16,385 bytes are one too many, however valid they are.", source, exactly(16385))
    yield too_large(
        "one-letter",
        "20,000 letters are refused before anything is decoded.",
        source,
        {"prefix": "", "repeat": "a", "times": 20000, "suffix": ""},
    )
    yield too_large(
        "many-dots",
        "A megabyte of dots must not cost an allocation a dot.",
        "CVE-2025-30204",
        {"prefix": "", "repeat": ".", "times": 1000000, "suffix": ""},
    )
    head, _, signature = token().split(".")
    yield too_large(
        "huge-payload",
        "A payload of 2 MB between a real header and a real signature is never decoded.",
        source,
        {"prefix": head + ".", "repeat": "QUFB", "times": 500000, "suffix": "." + signature},
    )
    yield too_large(
        "valid-token-and-blanks",
        "Blanks behind a valid token count; nothing is trimmed before the size is looked at.",
        source,
        {"prefix": token(), "repeat": " ", "times": 16384, "suffix": ""},
    )


def parts():
    def malformed(name, because, text, source="RFC 7515 §7.1"):
        return refuse(f"parts-{name}", "malformed", because, source, text)

    good = token()
    head, payload, signature = good.split(".")
    yield malformed("none", "An empty string is no token.", "")
    yield malformed("one", "One part is no JWS.", head)
    yield malformed("two", "Two parts are an unsecured or half a JWS.", f"{head}.{payload}")
    yield malformed("four", "A fourth part is not ignored.", f"{good}.{signature}")
    yield malformed("four-empty", "A dot at the end opens a fourth, empty part.", f"{good}.")
    yield malformed("leading-dot", "A dot at the start makes the header the second part.", f".{good}")
    yield malformed("dots-only", "Three empty parts hold no header.", "..")
    yield malformed("two-hundred-dots", "Dots within the size limit are still too many parts.", "." * 200)
    yield refuse(
        "parts-dots-to-the-limit",
        "malformed",
        "16,000 dots pass the size check and must be refused in a few steps.",
        "CVE-2025-30204",
        {"prefix": "", "repeat": ".", "times": 16000, "suffix": ""},
    )
    yield malformed("empty-header", "An empty header is not a JSON object.", f".{payload}.{signature}")
    yield malformed(
        "empty-payload", "A detached payload is not a claims set.", f"{head}..{signature}", "RFC 7515 Appendix F"
    )
    yield malformed(
        "jwe",
        "Five parts are a JWE, and encrypted tokens are not read.",
        f"{b64(dump({'alg': 'RSA-OAEP', 'enc': 'A256GCM'}))}.{b64(b'k' * 32)}.{b64(b'i' * 12)}.{b64(b'c' * 40)}.{b64(b't' * 16)}",
        "RFC 7516 §3.1",
    )
    yield malformed(
        "jwe-direct",
        "A JWE with an empty encrypted key still has five parts.",
        f"{b64(dump({'alg': 'dir', 'enc': 'A128GCM'}))}..{b64(b'i' * 12)}.{b64(b'c' * 40)}.{b64(b't' * 16)}",
        "RFC 7516 §3.1",
    )
    yield malformed(
        "json-flattened",
        "The flattened JSON serialization is not the compact one, however good its signature.",
        json.dumps({"payload": payload, "protected": head, "signature": signature}),
        "RFC 7515 §7.2.2; RFC 7519 §1",
    )
    yield malformed(
        "json-general",
        "The general JSON serialization is not the compact one.",
        json.dumps({"payload": payload, "signatures": [{"protected": head, "signature": signature}]}),
        "RFC 7515 §7.2.1; RFC 7519 §1",
    )
    yield malformed(
        "json-with-dots",
        "JSON with a valid compact token hidden in a string must not be read as that token.",
        json.dumps({"a": f".{payload}.", "protected": head, "signature": signature}),
        "CVE-2022-39227",
    )
    yield malformed("two-tokens", "Two tokens in one string are six parts.", f"{good}.{good}")
    yield malformed("comma-list", "Two tokens joined by a comma are five parts.", f"{good},{good}", "RFC 9110 §5.3")
    yield malformed("ideographic-full-stop", "U+3002 is no dot.", good.replace(".", "\u3002"))
    yield malformed("fullwidth-full-stop", "U+FF0E is no dot.", good.replace(".", "\uff0e"))
    yield malformed(
        "bearer-prefix",
        "The scheme belongs to the header field and not to the token.",
        f"Bearer {good}",
        "RFC 6750 §2.1",
    )
    yield malformed("quoted", "Quotation marks are not part of the alphabet.", f'"{good}"')
    yield malformed("not-a-jwt", "An opaque token is no JWS.", "2YotnFZFEjr1zCsicMWpAA", "RFC 6749 §1.4")
    yield malformed("access-key", "Anything else a caller may paste is no JWS.", "AKIAIOSFODNN7EXAMPLE")


def base64url():
    def malformed(name, because, text, source="RFC 7515 §2"):
        return refuse(f"base64-{name}", "malformed", because, source, text)

    good = token(note=">>>???~~~\u00ff\u00fe")
    head, payload, signature = good.split(".")
    for place, part in enumerate(("header", "payload", "signature")):

        def swap(value, place=place):
            return ".".join([*good.split(".")[:place], value, *good.split(".")[place + 1 :]])

        own = good.split(".")[place]
        yield malformed(
            f"padding-in-{part}",
            f"Padding in the {part} is a second spelling of the same bytes.",
            swap(own + "=" * (-len(own) % 4 or 4)),
        )
        yield malformed(
            f"space-in-{part}",
            f"A space inside the {part} is not skipped.",
            swap(f"{own[:7]} {own[7:]}"),
            "RFC 4648 §3.3",
        )
        yield malformed(
            f"newline-in-{part}",
            f"A line break inside the {part} is not skipped (MIME's base64 does that).",
            swap(f"{own[:8]}\n{own[8:]}"),
            "RFC 4648 §3.3",
        )
        yield malformed(
            f"impossible-length-of-{part}",
            f"A {part} of 4n+1 characters encodes no whole bytes.",
            swap(own + "A" * ((1 - len(own)) % 4)),
            "RFC 4648 §4",
        )
    yield malformed(
        "standard-alphabet",
        "`+` and `/` belong to base64, not to base64url.",
        f"{head}.{with_standard_alphabet(payload)}.{signature}",
        "RFC 4648 §5",
    )
    for place, part in enumerate(("header", "payload", "signature")):
        yield malformed(
            f"trailing-bits-of-{part}",
            f"Non-zero bits behind the last byte of the {part} are a second spelling of the same token.",
            non_canonical(place),
            NON_CANONICAL,
        )
    yield malformed(
        "carriage-return-at-end", "A token read from a file with a CR LF ending is refused, not trimmed.", good + "\r\n"
    )
    yield malformed("newline-at-end", "A newline behind the token is refused, not trimmed.", good + "\n")
    yield malformed("leading-space", "A blank before the token is refused, not trimmed.", " " + good)
    yield malformed("tab", "A tab is not skipped.", f"{head}\t.{payload}.{signature}")
    yield malformed("nul", "A NUL ends no string here.", good + "\u0000")
    yield malformed("zero-width-space", "An invisible character is a character.", f"{head}\u200b.{payload}.{signature}")
    yield malformed("byte-order-mark", "A byte order mark before the token is refused.", "\ufeff" + good)
    yield malformed("fullwidth-letter", "A fullwidth letter is not its ASCII twin.", "\uff45" + good[1:])
    yield malformed("percent-encoded", "Percent-encoding is not undone.", good.replace(".", "%2E"))
    yield malformed("percent-in-part", "A percent sign is outside the alphabet.", f"{head}.{payload}%3D.{signature}")
    yield malformed(
        "hexadecimal-header",
        "Hexadecimal decodes to bytes, but not to JSON.",
        f"{dump(header()).hex()}.{payload}.{signature}",
    )
    yield malformed(
        "twice",
        "A header encoded twice decodes to text that is not JSON.",
        f"{b64(head.encode())}.{payload}.{signature}",
    )
    yield malformed(
        "plain-json", "Parts that were never encoded are refused.", f"{dump(header()).decode()}.{payload}.{signature}"
    )


def with_standard_alphabet(part):
    text = part.replace("-", "+").replace("_", "/")
    assert text != part, "the payload needs a character that tells the alphabets apart"
    return text


def non_canonical(place):
    """A valid token in whose part `place` a bit that no decoder looks at is set."""
    for length in range(3):
        text = jws(header() | {"x": "h" * length}, claims(padding="p" * length)).split(".")
        spare = {2: 4, 3: 2}.get(len(text[place]) % 4)
        if spare:
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            last = alphabet.index(text[place][-1])
            changed = text[place][:-1] + alphabet[last | 1]
            pad = "=" * (-len(changed) % 4)
            assert base64.urlsafe_b64decode(changed + pad) == base64.urlsafe_b64decode(text[place] + pad)
            return ".".join([*text[:place], changed, *text[place + 1 :]])
    raise AssertionError(place)
