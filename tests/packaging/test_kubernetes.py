"""The manifests of the gateway and of oauth2-proxy's metrics: rendered by kubectl, valid in two versions, and of one piece."""

import copy
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from conftest import REPOSITORY

GATEWAY = REPOSITORY / "deploy/kubernetes/gateway"
# The oldest that the manifests are for, and the newest whose schemas there are.
VERSIONS = ["1.29.0", "1.37.0"]
SERVICE_MONITOR = json.loads((Path(__file__).parent / "service_monitor.schema.json").read_text())
OVERLAYS = {"direct": "http", "forward-auth": "auth"}
# The gateway's variables.
VARIABLES = {
    "COGNITO_ISSUER", "COGNITO_REGION", "COGNITO_USER_POOL_ID", "TRUSTED_ISSUERS", "JWKS_URI", "ALLOWED_AUDIENCES",
    "REQUIRED_SCOPES", "UPSTREAM_URL", "LISTEN_ADDRESS", "METRICS_ADDRESS", "AUTH_LISTEN_ADDRESS", "GATEWAY_CONFIG",
    "RATE_LIMIT_PER_MINUTE", "MAX_BODY_BYTES", "UPSTREAM_TIMEOUT_SECONDS", "MAX_CONNECTIONS", "FORWARD_AUTHORIZATION",
    "TRUSTED_PROXY_CIDRS", "DRAIN_DELAY_SECONDS", "LOG_LEVEL",
}  # fmt: skip
NAME = {"app.kubernetes.io/name": "credvend-gateway"}
OAUTH2_PROXY = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: oauth2-proxy}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: oauth2-proxy}}
  template:
    metadata: {labels: {app.kubernetes.io/name: oauth2-proxy}}
    spec:
      containers:
        - name: oauth2-proxy
          image: quay.io/oauth2-proxy/oauth2-proxy:v7.12.0
          args: [--http-address=0.0.0.0:4180]
          env: [{name: OAUTH2_PROXY_CLIENT_ID, value: people}]
          ports: [{name: http, containerPort: 4180}]
"""


def render(folder: Path) -> list[dict]:
    made = subprocess.run(
        ["kubectl", "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return list(yaml.safe_load_all(made.stdout))


def one(objects: list[dict], kind: str) -> dict:
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


def validate(objects: list[dict], version: str) -> None:
    for each in objects:
        if each["kind"] == "ServiceMonitor":
            jsonschema.validate(each, SERVICE_MONITOR)
        else:
            kubernetes_validate.validate(each, version, strict=True)


def environment(objects: list[dict]) -> dict[str, str]:
    """What the container gets: its ConfigMap, and what the Deployment says itself."""
    container = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    variables: dict[str, str] = {}
    for source in container["envFrom"]:
        variables |= next(each["data"] for each in objects if each["metadata"]["name"] == source["configMapRef"]["name"])
    return variables | {variable["name"]: variable["value"] for variable in container["env"]}


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> tuple[str, list[dict]]:
    return request.param, render(GATEWAY / "overlays" / request.param)


@pytest.mark.parametrize("version", VERSIONS)
def test_valid(overlay: tuple[str, list[dict]], version: str) -> None:
    objects = overlay[1]
    validate(objects, version)
    kinds = sorted(each["kind"] for each in objects)
    assert kinds == sorted([
        "ConfigMap", "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "PodDisruptionBudget",
        "Service", "ServiceAccount", "ServiceMonitor",
    ])  # fmt: skip


@pytest.mark.parametrize(
    "break_it",
    [
        lambda objects: one(objects, "Deployment")["spec"]["template"]["spec"].update(terminationGracePeriod=45),
        lambda objects: one(objects, "NetworkPolicy")["spec"]["ingress"][0]["from"][0].update(podSelectors={}),
        lambda objects: one(objects, "ServiceMonitor")["spec"]["endpoints"][0].update(interval="30 s"),
        lambda objects: one(objects, "ServiceMonitor")["spec"]["endpoints"][0].update(targetport="metrics"),
        lambda objects: one(objects, "ServiceMonitor")["spec"].pop("selector"),
        lambda objects: one(objects, "PodDisruptionBudget")["spec"].update(maxUnavailable=1.5),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_schemas_refuse_what_kubernetes_would(break_it: Callable[[list[dict]], object], version: str) -> None:
    objects = copy.deepcopy(render(GATEWAY / "overlays/direct"))
    break_it(objects)
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        validate(objects, version)


def test_every_port_is_there_and_open_to_its_callers_alone(overlay: tuple[str, list[dict]]) -> None:
    name, objects = overlay
    container = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports.keys() == {OVERLAYS[name], "metrics"}
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": "metrics"}
    service = one(objects, "Service")["spec"]["ports"]
    assert {port["name"]: port["port"] for port in service} == ports
    assert all(port["targetPort"] == port["name"] for port in service)
    assert [endpoint["port"] for endpoint in one(objects, "ServiceMonitor")["spec"]["endpoints"]] == ["metrics"]
    # Each listener is open to one kind of caller.
    rules = one(objects, "NetworkPolicy")["spec"]["ingress"]
    callers = {rule["ports"][0]["port"]: rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for rule in rules}
    assert callers == {ports[OVERLAYS[name]]: "ingress-nginx", ports["metrics"]: "prometheus"}
    assert all(len(rule["ports"]) == len(rule["from"]) == 1 and rule["from"][0].keys() == {"namespaceSelector", "podSelector"} for rule in rules)


def test_the_listeners_are_those_of_the_ports(overlay: tuple[str, list[dict]]) -> None:
    name, objects = overlay
    variables = environment(objects)
    assert variables.keys() <= VARIABLES
    container = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    listening = {"http": "LISTEN_ADDRESS", "auth": "AUTH_LISTEN_ADDRESS", "metrics": "METRICS_ADDRESS"}
    for port, number in ports.items():
        assert variables[listening[port]] == f"0.0.0.0:{number}"
    if name == "forward-auth":
        # What is not published does not listen: only peers that are trusted may ask, and nobody is proxied.
        assert variables["LISTEN_ADDRESS"].startswith("127.0.0.1:")
        assert variables["TRUSTED_PROXY_CIDRS"]


def test_the_selectors_match(overlay: tuple[str, list[dict]]) -> None:
    objects = overlay[1]
    deployment = one(objects, "Deployment")
    pod = deployment["spec"]["template"]
    assert NAME.items() <= pod["metadata"]["labels"].items()
    spread = [constraint["labelSelector"]["matchLabels"] for constraint in pod["spec"]["topologySpreadConstraints"]]
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        one(objects, "Service")["spec"]["selector"],
        one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *spread,
    ]
    assert selectors == [NAME] * (4 + len(spread))
    assert one(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items() <= one(objects, "Service")["metadata"]["labels"].items()
    target = one(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"]
    assert pod["spec"]["serviceAccountName"] == one(objects, "ServiceAccount")["metadata"]["name"]


def test_the_pod_may_do_nothing_but_serve(overlay: tuple[str, list[dict]]) -> None:
    objects = overlay[1]
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is one(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["containers"][0]["resources"]["limits"].keys() == {"memory"}
    # 30 s for what is under way, after the delay.
    assert pod["terminationGracePeriodSeconds"] > int(environment(objects)["DRAIN_DELAY_SECONDS"]) + 30
    version = re.search(r'^version = "(.*)"', (REPOSITORY / "Cargo.toml").read_text(), re.MULTILINE)[1]
    assert pod["containers"][0]["image"] == f"registry.example.com/credvend-gateway:{version}"


def test_the_ways_out(overlay: tuple[str, list[dict]]) -> None:
    name, objects = overlay
    rules = one(objects, "NetworkPolicy")["spec"]["egress"]
    ports = [sorted({port["port"] for port in rule["ports"]}) for rule in rules]
    upstream = environment(objects)["UPSTREAM_URL"]
    assert ports == ([[int(upstream.rpartition(":")[2])]] if name == "direct" else []) + [[53], [443]]
    anywhere = [to["ipBlock"] for to in rules[-1]["to"]]
    assert "169.254.0.0/16" in anywhere[0]["except"]
    assert {block["cidr"] for block in anywhere} == {"0.0.0.0/0", "::/0"}


def test_the_routes_are_mounted_where_they_are_looked_for(overlay: tuple[str, list[dict]]) -> None:
    objects = overlay[1]
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]
    (volume,), (mount,) = pod["volumes"], pod["containers"][0]["volumeMounts"]
    assert (volume["name"], mount["readOnly"]) == (mount["name"], True)
    files = next(each["data"] for each in objects if each["metadata"]["name"] == volume["configMap"]["name"])
    assert [f"{mount['mountPath']}/{file}" for file in files] == [environment(objects)["GATEWAY_CONFIG"]]
    routes = tomllib.loads(files["gateway.toml"])
    # A genuine token of the pool that is meant for something else opens nothing.
    assert routes["only_listed"] is True
    assert all(route["scopes"] and route.keys() <= {"path", "methods", "scopes", "rate_limit_per_minute"} for route in routes["route"])


def test_only_tls_comes_in(overlay: tuple[str, list[dict]]) -> None:
    name, objects = overlay
    ingress = one(objects, "Ingress")
    (tls,), (rule,) = ingress["spec"]["tls"], ingress["spec"]["rules"]
    assert tls["hosts"] == [rule["host"]]
    assert tls["secretName"]
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/force-ssl-redirect"] == "true"
    assert not any("snippet" in annotation for annotation in annotations)
    backend = rule["http"]["paths"][0]["backend"]["service"]
    if name == "direct":
        service = one(objects, "Service")
        assert backend == {"name": service["metadata"]["name"], "port": {"name": "http"}}
        assert int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) > 30
    else:
        assert backend["name"] != "credvend-gateway"


@pytest.mark.parametrize("namespace", ["api", "another-namespace"])
def test_forward_auth_asks_the_service_where_it_is(namespace: str, tmp_path: Path) -> None:
    copied = tmp_path / "gateway"
    shutil.copytree(GATEWAY, copied)
    kustomization = copied / "overlays/forward-auth/kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("namespace: api", f"namespace: {namespace}"))
    objects = render(kustomization.parent)
    service, annotations = one(objects, "Service"), one(objects, "Ingress")["metadata"]["annotations"]
    port = next(port["port"] for port in service["spec"]["ports"] if port["name"] == "auth")
    host = f"{service['metadata']['name']}.{namespace}.svc.cluster.local"
    assert annotations["nginx.ingress.kubernetes.io/auth-url"] == f"http://{host}:{port}/auth"
    # Without a method, ingress-nginx names the request's URL in a header of another form.
    assert annotations["nginx.ingress.kubernetes.io/auth-method"] == "GET"
    assert annotations["nginx.ingress.kubernetes.io/auth-response-headers"] == "X-M2M-Client-ID,X-M2M-Scope,X-M2M-Issuer"
    assert {each["metadata"]["namespace"] for each in objects} == {namespace}


def kustomization(folder: Path, **content: list) -> list[dict]:
    """Rendered, as a kustomization of the user's own in `folder` that names ours by relative paths."""
    up = "../" * (len(folder.resolve().parts) - 1)
    paths = {kind: [f"{up}{path.relative_to('/')}" if isinstance(path, Path) else path for path in paths] for kind, paths in content.items()}
    (folder / "kustomization.yaml").write_text(yaml.dump(paths))
    return render(folder)


def test_the_service_monitor_can_be_dropped_as_the_readme_says(tmp_path: Path) -> None:
    readme = (GATEWAY / "README.md").read_text()
    (patches,) = re.findall(r"```yaml\n(patches:.*?)```", readme, re.DOTALL)
    objects = kustomization(tmp_path, resources=[GATEWAY / "overlays/direct"], **yaml.safe_load(patches))
    assert "ServiceMonitor" not in {each["kind"] for each in objects}
    assert len(objects) == 9


@pytest.mark.parametrize("version", VERSIONS)
def test_oauth2_proxy_gets_its_metrics_port(version: str, tmp_path: Path) -> None:
    (tmp_path / "deployment.yaml").write_text(OAUTH2_PROXY)
    objects = kustomization(tmp_path, resources=["deployment.yaml"], components=[REPOSITORY / "deploy/oauth2-proxy"])
    validate(objects, version)
    deployment, service, monitor = (one(objects, kind) for kind in ("Deployment", "Service", "ServiceMonitor"))
    pod = deployment["spec"]["template"]
    container = pod["spec"]["containers"][0]
    # What was there stays.
    before = yaml.safe_load(OAUTH2_PROXY)["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["args"]) == (before["image"], before["args"])
    assert {variable["name"]: variable["value"] for variable in container["env"]} == {
        "OAUTH2_PROXY_CLIENT_ID": "people",
        "OAUTH2_PROXY_METRICS_ADDRESS": "0.0.0.0:44180",
    }
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"http": 4180, "metrics": 44180}
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert service["spec"]["ports"] == [{"name": "metrics", "port": 44180, "targetPort": "metrics"}]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]] == ["metrics"]
