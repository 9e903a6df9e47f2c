"""The configurations of Traefik and Envoy, which no test runs: well-formed, and with what their safety rests on."""

import re

import pytest
import yaml
from conftest import REPOSITORY

FOLDER = REPOSITORY / "deploy/forward-auth"


def read(name: str) -> dict:
    return yaml.safe_load((FOLDER / name).read_text())


@pytest.mark.parametrize("separator", "-_.~")
def test_traefik_replaces_every_spelling(separator: str) -> None:
    forward_auth = read("traefik/credvend.yml")["http"]["middlewares"]["credvend"]["forwardAuth"]
    replaced = re.compile(forward_auth["authResponseHeadersRegex"])
    for name in [
        "X-M2M-Client-ID", "x-m2m-scope", "X-M2m-Issuer", "X-M2M-Anything", "X-Request-Id", "X-Original-URI",
        "X-Original-URL", "X-Original-Method", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Uri",
        "X-Forwarded-Method", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "Forwarded",
    ]:  # fmt: skip
        assert replaced.search(name.replace("-", separator)), name
    for name in ["Accept", "Content-Type", "X-Forwarded-For", "X-Forwarded-Host", "Traceparent", "Range", "X-Method-Not"]:
        assert not replaced.search(name.replace("-", separator)), name


def test_traefik_believes_no_caller() -> None:
    forward_auth = read("traefik/credvend.yml")["http"]["middlewares"]["credvend"]["forwardAuth"]
    assert not forward_auth.get("trustForwardHeader")
    assert forward_auth["authRequestHeaders"] == ["Authorization", "Traceparent"]
    router = read("traefik/credvend.yml")["http"]["routers"]["api"]
    assert router["middlewares"] == ["credvend", "without-token"]
    assert "forwardedHeaders" not in read("traefik/traefik.yml")["entryPoints"]["web"]


def test_envoy_asks_before_it_routes() -> None:
    listener = read("envoy/envoy.yaml")["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["normalize_path"] and manager["merge_slashes"]
    assert manager["common_http_protocol_options"]["headers_with_underscores_action"] == "REJECT_REQUEST"
    filters = {item["name"].rsplit(".", 1)[1]: item["typed_config"] for item in manager["http_filters"]}
    assert list(filters) == ["lua", "ext_authz", "header_mutation", "router"]
    ext_authz = filters["ext_authz"]
    assert ext_authz["failure_mode_allow"] is False
    assert ext_authz["http_service"]["path_prefix"] == "/auth"
    forwarded = [pattern["exact"] for pattern in ext_authz["allowed_headers"]["patterns"]]
    assert forwarded == ["x-request-id", "x-forwarded-for", "traceparent"]
