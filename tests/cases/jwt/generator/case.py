"""What one case.json holds, under the case's name."""

from .tokens import NOW


def refuse(name, reason, because, source, token, issuer="cognito"):
    return _case(name, token, issuer, {"verdict": "refuse", "reason": reason}, because, source)


def accept(name, because, source, token, issuer="cognito"):
    return _case(f"valid-{name}", token, issuer, {"verdict": "accept"}, because, source)


def _case(name, token, issuer, verdict, because, source):
    presented = {"token_generator": token} if isinstance(token, dict) else {"token": token}
    return name, presented | {"issuer": issuer, "now": NOW} | verdict | {"because": because, "source": source}
