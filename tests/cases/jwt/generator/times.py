"""Cases about `exp`, `nbf` and `iat`. The leeway is 30 s; the longest lifetime 24 h."""

from .case import refuse
from .tokens import ABSENT, NOW, dump, token

DAY = 86400


def cases():
    yield from wrong_types()
    yield from expired()
    yield from not_yet_valid()
    yield from too_long()


def wrong_types():
    source = "RFC 7519 §2, §4.1.4–§4.1.6; CVE-2026-25537"
    for claim, value in (("exp", NOW + 3540), ("nbf", NOW - 60), ("iat", NOW - 60)):
        for name, wrong in {
            "null": None,
            "text": str(value),
            "date": "2026-01-01T00:59:00Z",
            "empty": "",
            "true": True,
            "list": [value],
            "object": {"$numberLong": str(value)},
        }.items():
            yield refuse(
                f"{claim}-{name}",
                "wrong_type",
                f"`{claim}` is a JSON number, so {dump(wrong).decode()} is an error and not an absent claim.",
                source,
                token(**{claim: wrong}),
            )


def expired():
    def case(name, value, because):
        return refuse(f"exp-{name}", "expired", because, "RFC 7519 §4.1.4", token(exp=value, iat=NOW - 4000))

    yield case("30-seconds-ago", NOW - 30, "The leeway ends at the thirtieth second.")
    yield case("30-seconds-ago-fraction", NOW - 30.5, "A fraction counts too.")
    yield case("31-seconds-ago", NOW - 31, "One second past the leeway.")
    yield case("an-hour-ago", NOW - 3600, "Long past.")
    yield case("zero", 0, "The epoch itself is a date, and not an absent one.")
    yield case("minus-zero", -0.0, "Minus zero is the epoch too.")
    yield case("negative", -1, "A date before the epoch has passed.")
    yield case("minus-now", -(NOW + 3540), "A sign is not dropped.")
    yield case("very-negative", -1e308, "The smallest of numbers is a date in the past and must not wrap round.")
    yield case("minus-2-to-the-63", -(2**63), "The smallest 64-bit integer must not wrap round.")
    yield case("tiny", 5e-324, "The smallest positive double is the epoch, nearly.")
    yield case("fraction-of-now", (NOW + 3540) / 1000000, "A fraction is not scaled.")
    yield refuse(
        "exp-before-nbf-order",
        "expired",
        "`exp` is looked at first.",
        "RFC 7519 §4.1.4",
        token(exp=NOW - 60, nbf=NOW + 3600),
    )


def not_yet_valid():
    def case(name, because, source, **members):
        return refuse(name, "not_yet_valid", because, source, token(**members))

    nbf, iat = "RFC 7519 §4.1.5", "RFC 7519 §4.1.6; credvend: iat checked when present"
    yield case("nbf-31-seconds-ahead", "One second past the leeway.", nbf, nbf=NOW + 31)
    yield case("nbf-30-and-a-half-seconds-ahead", "A fraction counts too.", nbf, nbf=NOW + 30.5)
    yield case("nbf-an-hour-ahead", "`nbf` is checked although libraries leave it out by default.", nbf, nbf=NOW + 3600)
    yield case("nbf-milliseconds", "Milliseconds since the epoch are far ahead.", nbf, nbf=NOW * 1000)
    yield case("nbf-very-large", "The largest of numbers must not wrap round.", nbf, nbf=1e308)
    yield case("nbf-2-to-the-64", "A number beyond 64 bits must not wrap round to zero.", nbf, nbf=2**64)
    yield case("iat-31-seconds-ahead", "One second past the leeway.", iat, iat=NOW + 31)
    yield case("iat-an-hour-ahead", "Issued in the future: a clock or the token lies.", iat, iat=NOW + 3600)
    yield case("iat-milliseconds", "Milliseconds since the epoch are far ahead.", iat, iat=(NOW - 60) * 1000)
    yield case("iat-after-exp", "Issued after its own end.", iat, exp=NOW + 60, iat=NOW + 3600)
    yield case(
        "iat-hides-lifetime",
        "A late `iat` would make ten years look like an hour.",
        iat,
        exp=NOW + 10 * 365 * DAY,
        iat=NOW + 10 * 365 * DAY - 3600,
    )


def too_long():
    def case(name, because, **members):
        return refuse(
            f"lifetime-{name}",
            "lifetime_too_long",
            because,
            "credvend: a lifetime beyond 24 h is refused",
            token(**members),
        )

    yield case("24-hours-and-a-second", "One second more than a day.", iat=NOW, exp=NOW + DAY + 1)
    yield case("24-hours-and-a-half-second", "A fraction counts too.", iat=NOW, exp=NOW + DAY + 0.5)
    yield case("mostly-spent", "The whole lifetime counts, and not what is left of it.", iat=NOW - DAY, exp=NOW + 60)
    yield case("without-iat", "Without `iat` the rest of the lifetime counts.", iat=ABSENT, exp=NOW + DAY + 1)
    yield case("nbf-is-no-iat", "A late `nbf` shortens nothing.", iat=ABSENT, nbf=NOW, exp=NOW + DAY + 1)
    yield case("iat-zero", "`iat` at the epoch is a date, and not an absent one.", iat=0)
    yield case("iat-negative", "`iat` before the epoch makes a very long life.", iat=-1)
    yield case("milliseconds", "Milliseconds since the epoch are fifty thousand years.", exp=(NOW + 3540) * 1000)
    yield case("ten-years", "A token for ten years is a password.", exp=NOW + 3650 * DAY)
    yield case("year-9999", "The last day of many calendars.", exp=253402300799)
    yield case("2-to-the-63", "The largest 64-bit integer must not wrap round.", exp=2**63 - 1)
    yield case("2-to-the-64", "A number beyond 64 bits must not wrap round.", exp=2**64)
    yield case("very-large", "The largest of numbers is a date and must not overflow.", exp=1e308)
    yield case("very-large-without-iat", "The same without `iat`.", exp=1e308, iat=ABSENT)
    yield case("very-negative-iat", "An overflowing difference must not wrap round.", exp=NOW + 60, iat=-1e308)
