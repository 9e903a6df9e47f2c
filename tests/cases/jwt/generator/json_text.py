"""Cases about the JSON of payload and header: one object, each member once, nothing beside it."""

from .case import refuse
from .tokens import claims, dump, header, with_header, with_payload


def cases():
    yield from json_payload()
    yield from json_header()


def json_payload():
    def malformed(name, because, payload, source="RFC 8259 §2"):
        return refuse(f"json-{name}", "malformed", because, source, with_payload(payload))

    good = dump(claims())
    inner = good[1:-1]
    duplicate = "RFC 7519 §4"
    for claim, value in {
        "exp": b"4102444800",
        "iss": b'"https://evil.example"',
        "sub": b'"x"',
        "aud": b'"a","aud":"b"',
        "scope": b'"admin"',
    }.items():
        yield malformed(
            f"duplicate-{claim}",
            f"`{claim}` twice: two parsers read two different tokens.",
            b"{" + inner + b',"' + claim.encode() + b'":' + value + b"}",
            duplicate,
        )
    yield malformed(
        "duplicate-same-value",
        "A member twice with one value is still a member twice.",
        b"{" + inner + b',"client_id":"1example23456789abcdefghij"}',
        duplicate,
    )
    yield malformed(
        "duplicate-escaped-name",
        r"`\u0065xp` is `exp` once it is unescaped.",
        b"{" + inner + b',"\\u0065xp":4102444800}',
        "RFC 8259 §8.3; " + duplicate,
    )
    yield malformed(
        "duplicate-first-escaped",
        r"`client\u005fid` before `client_id` is the same member twice.",
        b'{"client\\u005fid":"x",' + inner + b"}",
        "RFC 8259 §8.3; " + duplicate,
    )
    yield malformed(
        "duplicate-nested",
        "A duplicate inside a nested object counts at every depth.",
        b"{" + inner + b',"x":{"a":1,"a":2}}',
        duplicate,
    )
    yield malformed(
        "duplicate-in-array",
        "A duplicate inside an object inside an array counts too.",
        b"{" + inner + b',"x":[{"a":1,"a":2}]}',
        duplicate,
    )
    yield malformed(
        "duplicate-unknown",
        "A duplicate of a claim that nobody reads counts too.",
        b"{" + inner + b',"x":1,"x":1}',
        duplicate,
    )
    yield malformed("trailing-garbage", "Nothing may stand behind the object.", good + b"x")
    yield malformed("two-objects", "A second object behind the first is not ignored.", good + good)
    yield malformed("trailing-nul", "A NUL behind the object is not ignored.", good + b"\x00")
    yield malformed("trailing-comma", "A comma before the brace is not JSON.", b"{" + inner + b",}")
    yield malformed(
        "byte-order-mark", "A byte order mark is not part of a JSON text.", b"\xef\xbb\xbf" + good, "RFC 8259 §8.1"
    )
    yield malformed("utf-16", "JWS payloads are UTF-8.", good.decode().encode("utf-16"), "RFC 8725 §3.7; RFC 8259 §8.1")
    yield malformed("block-comment", "JSON has no comments.", b"{/* */" + inner + b"}")
    yield malformed("line-comment", "JSON has no comments.", good + b"// end")
    yield malformed("single-quotes", "Strings stand in double quotes.", good.replace(b'"', b"'"))
    yield malformed("bare-name", "A member name is a string.", b"{x:1," + inner + b"}")
    yield malformed("form-feed", "Only four characters are white space.", b"\x0c" + good)
    yield malformed("no-break-space", "A no-break space is not white space.", b"\xc2\xa0" + good)
    yield malformed("unclosed", "An object without its brace is cut off.", good[:-1])
    yield malformed(
        "array", "A claims set is an object, not an array with one in it.", b"[" + good + b"]", "RFC 7519 §7.2"
    )
    yield malformed(
        "text", "A claims set is an object, not a string with one in it.", dump(good.decode()), "RFC 7519 §7.2"
    )
    yield malformed("null", "A claims set is an object, not null.", b"null", "RFC 7519 §7.2")
    yield malformed("number", "A claims set is an object, not a number.", b"1", "RFC 7519 §7.2")
    yield malformed("blank", "White space alone is no JSON text.", b"  ")
    yield malformed("binary", "Bytes that are no text are no JSON.", bytes(range(128, 192)))
    for name, number in {
        "nan": b"NaN",
        "infinity": b"Infinity",
        "minus-infinity": b"-Infinity",
        "leading-zero": b"01767229200",
        "plus-sign": b"+1767229200",
        "hexadecimal": b"0x69560a90",
        "bare-fraction": b".5",
        "empty-fraction": b"1767229200.",
        "empty-exponent": b"1e",
        "digit-separator": b"1_767_229_200",
    }.items():
        yield malformed(
            f"number-{name}", f"`{number.decode()}` is not a JSON number.", replace_exp(number), "RFC 8259 §6"
        )
    yield malformed(
        "number-too-large",
        "1e400 fits no double, and must not become infinity (a token for ever).",
        replace_exp(b"1e400"),
        "RFC 8259 §6; RFC 7493 §2.2",
    )
    yield malformed(
        "number-of-400-digits",
        "A number of 400 digits fits no double either.",
        replace_exp(b"9" * 400),
        "RFC 8259 §6; RFC 7493 §2.2",
    )
    yield malformed(
        "number-too-large-unread",
        "A number out of range is refused also in a claim nobody reads.",
        b"{" + inner + b',"x":-1e999}',
        "RFC 7493 §2.2",
    )
    yield malformed(
        "lone-surrogate",
        "Half of a surrogate pair is no character.",
        b"{" + inner + b',"x":"\\ud83d"}',
        "RFC 8259 §8.2; RFC 7493 §2.1",
    )
    yield malformed(
        "swapped-surrogates",
        "A surrogate pair the wrong way round is no character.",
        b"{" + inner + b',"x":"\\udd11\\ud83d"}',
        "RFC 8259 §8.2",
    )
    for name, octets in {
        "invalid": b"\xff\xfe",
        "overlong": b"\xc0\xaf",
        "encoded-surrogate": b"\xed\xa0\x80",
        "cut-off": b"\xe2\x82",
        "beyond-unicode": b"\xf4\x90\x80\x80",
    }.items():
        yield malformed(
            f"utf8-{name}",
            f"The bytes {octets.hex(' ')} are not UTF-8.",
            b"{" + inner + b',"x":"' + octets + b'"}',
            "RFC 3629 §3",
        )
    yield malformed(
        "raw-control-character",
        "A control character stands escaped in a string.",
        b"{" + inner + b',"x":"a\nb"}',
        "RFC 8259 §7",
    )
    yield malformed("raw-nul", "A NUL stands escaped in a string.", b"{" + inner + b',"x":"a\x00b"}', "RFC 8259 §7")
    yield malformed("unknown-escape", r"`\x41` is no escape of JSON.", b"{" + inner + b',"x":"\\x41"}', "RFC 8259 §7")
    yield malformed(
        "deep-arrays",
        "4,000 arrays in each other must not exhaust the stack.",
        b"{" + inner + b',"x":' + b"[" * 4000 + b"]" * 4000 + b"}",
        "RFC 8259 §9",
    )
    yield malformed(
        "deep-objects",
        "1,000 objects in each other must not exhaust the stack.",
        b"{" + inner + b',"x":' + b'{"a":' * 1000 + b"1" + b"}" * 1001,
        "RFC 8259 §9",
    )
    yield malformed("wrong-literal-case", "`True` is Python, not JSON.", b"{" + inner + b',"x":True}', "RFC 8259 §3")


def replace_exp(number):
    changed = dump(claims()).replace(b'"exp":1767229140', b'"exp":' + number)
    assert number in changed
    return changed


def json_header():
    def malformed(name, because, head, source="RFC 7515 §4"):
        return refuse(f"header-json-{name}", "malformed", because, source, with_header(head))

    inner = dump(header())[1:-1]
    yield malformed(
        "duplicate-alg", "`alg` twice: one parser sees RS256, the other none.", b'{"alg":"none",' + inner + b"}"
    )
    yield malformed("duplicate-alg-last", "`alg` twice, the harmless one first.", b"{" + inner + b',"alg":"HS256"}')
    yield malformed(
        "duplicate-kid", "`kid` twice: two parsers choose two keys.", b"{" + inner + b',"kid":"cognito-key-2"}'
    )
    yield malformed(
        "duplicate-escaped-alg",
        r"`\u0061lg` is `alg` once it is unescaped.",
        b"{" + inner + b',"\\u0061lg":"none"}',
        "RFC 7515 §4; RFC 8259 §8.3",
    )
    yield malformed(
        "duplicate-nested", "A duplicate inside a nested object counts.", b"{" + inner + b',"x":{"a":1,"a":1}}'
    )
    yield malformed("array", "A header is an object.", b"[" + dump(header()) + b"]")
    yield malformed("text", "A header is an object.", b'"RS256"')
    yield malformed("null", "A header is an object.", b"null")
    yield malformed("trailing-garbage", "Nothing may stand behind the object.", dump(header()) + b"}")
    yield malformed(
        "byte-order-mark",
        "A byte order mark is not part of a JSON text.",
        b"\xef\xbb\xbf" + dump(header()),
        "RFC 8259 §8.1",
    )
    yield malformed("invalid-utf8", "Header member values are UTF-8.", b"{" + inner + b',"x":"\xff"}', "RFC 7515 §5.2")
    yield malformed("url-encoded", "A header in form encoding is not JSON.", b"alg=RS256&kid=cognito-key-1")
    yield malformed(
        "deep",
        "4,000 arrays in each other must not exhaust the stack.",
        b"{" + inner + b',"x":' + b"[" * 4000 + b"]" * 4000 + b"}",
        "RFC 8259 §9",
    )
