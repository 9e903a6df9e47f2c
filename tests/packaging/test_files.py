"""What lies in the packages, and that it is the same each time."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import yaml
from conftest import REPOSITORY, build
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

UNITS = {path.name for path in (REPOSITORY / "packaging/systemd").iterdir()}
COMMON = {"bin/credvend", "bin/credvend-s3", "share/man/man1/credvend.1.gz", "share/doc/credvend/credvend.cdx.json"}
COMMON |= {"share/bash-completion/completions/credvend", "share/fish/vendor_completions.d/credvend.fish"}


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_checksums(packages: Path) -> None:
    listed = {line.split()[1] for line in output("sha256sum", packages / "SHA256SUMS").splitlines()}
    assert listed
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=packages, check=True)
    named = {line.split()[1] for line in (packages / "SHA256SUMS").read_text().splitlines()}
    assert named == {path.name for path in packages.iterdir()} - {"SHA256SUMS"}
    assert len(named) == 5


def test_the_same_sources_make_the_same_files(packages: Path, tmp_path: Path) -> None:
    assert (build(tmp_path) / "SHA256SUMS").read_text() == (packages / "SHA256SUMS").read_text()


def test_deb(packages: Path) -> None:
    deb = next(packages.glob("*.deb"))
    listing = [line.split() for line in output("dpkg-deb", "--contents", deb).splitlines()]
    files = {fields[5].removeprefix("./"): fields for fields in listing if not fields[5].endswith("/")}
    system = {f"lib/systemd/system/{unit}" for unit in UNITS} | {"etc/credvend/config.toml"}
    assert {f"usr/{name}" for name in COMMON} | system <= files.keys()
    assert "usr/share/zsh/vendor-completions/_credvend" in files
    assert "usr/share/doc/credvend/copyright" in files
    assert {fields[1] for fields in listing} == {"root/root"}
    assert files["etc/credvend/config.toml"][0] == "-rw-r-----"
    control = output("dpkg-deb", "--field", deb)
    assert "Depends: ca-certificates, passwd" in control
    assert "libc6 (>= 2." in control
    conffiles = output("dpkg-deb", "--info", deb, "conffiles")
    assert conffiles.split() == ["/etc/credvend/config.toml"]


def test_rpm(packages: Path) -> None:
    rpm = next(packages.glob("*.rpm"))
    files = set(output("rpm", "-qpl", rpm).split())
    system = {f"/usr/lib/systemd/system/{unit}" for unit in UNITS} | {"/etc/credvend", "/etc/credvend/config.toml"}
    assert {f"/usr/{name}" for name in COMMON} | system <= files
    assert {"/usr/share/zsh/site-functions/_credvend", "/usr/share/licenses/credvend/LICENSE"} <= files
    assert not any(name.startswith("/usr/lib/.build-id") for name in files)
    details = output("rpm", "-qplv", rpm)
    assert any(line.startswith("-rw-r-----    1 root     credvend") for line in details.splitlines())
    assert output("rpm", "-qpc", rpm).split() == ["/etc/credvend/config.toml"]
    # A macro of several lines loses all but the first.
    assert "useradd --system" in output("rpm", "-qp", "--scripts", rpm)


def test_tarball(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        members = archive.getmembers()
    name = tarball.name.removesuffix(".tar.gz")
    assert {f"{name}/{member}" for member in COMMON | {"LICENSE", "etc/config.toml"}} <= {member.name for member in members}
    assert {(member.uid, member.gid) for member in members} == {(0, 0)}
    assert len({member.mtime for member in members}) == 1


def test_sbom(packages: Path) -> None:
    text = next(packages.glob("*.cdx.json")).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    components = {component["name"]: component for component in bom["components"]}
    assert components["rustls"]["purl"].startswith("pkg:cargo/rustls@")
    assert components["aws-lc-sys"]["hashes"][0]["alg"] == "SHA-256"
    # What only the service and the tests have is not in the client.
    assert not {"lambda_http", "jsonwebtoken", "tests", "vending-lambda"} & components.keys()
    references = {component["bom-ref"] for component in bom["components"]} | {"credvend"}
    assert {dependency["ref"] for dependency in bom["dependencies"]} == references


def test_oci_image(packages: Path) -> None:
    with tarfile.open(next(packages.glob("*.oci.tar"))) as archive:
        blobs = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}
    assert json.loads(blobs["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}

    def blob(descriptor: dict) -> bytes:
        content = blobs["blobs/" + descriptor["digest"].replace(":", "/")]
        assert len(content) == descriptor["size"]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
        return content

    manifest = json.loads(blob(json.loads(blobs["index.json"])["manifests"][0]))
    config = json.loads(blob(manifest["config"]))
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Entrypoint"] == ["/usr/bin/credvend"]
    assert config["config"]["Cmd"][0] == "serve"
    assert config["architecture"] == "amd64"
    with tarfile.open(fileobj=io.BytesIO(blob(manifest["layers"][0]))) as layer:
        plain = {member.name: member for member in layer.getmembers()}
        assert b"BEGIN CERTIFICATE" in layer.extractfile("etc/ssl/certs/ca-certificates.crt").read()
    assert plain["usr/bin/credvend"].mode == 0o755
    assert (plain["run/credvend"].uid, plain["run/credvend"].mode) == (65532, 0o750)
    assert not any(member.mode & 0o022 for member in plain.values())


def test_the_sidecar_runs_the_image_as_it_is_made() -> None:
    path = REPOSITORY / "deploy/kubernetes/sidecar.yaml"
    validate = Path(os.sys.executable).parent / "kubernetes-validate"
    subprocess.run([validate, "--strict", path], check=True, capture_output=True)
    pod = next(found for found in yaml.safe_load_all(path.read_text()) if found["kind"] == "Deployment")["spec"]["template"]["spec"]
    (sidecar,), (app,) = pod["initContainers"], pod["containers"]
    assert pod["securityContext"]["runAsUser"] == 65532
    assert sidecar["restartPolicy"] == "Always"
    assert "command" not in sidecar
    mounted = {mount["mountPath"] for mount in sidecar["volumeMounts"]}
    assert {"/run/credvend", "/var/cache/credvend"} <= mounted
    environment = {variable["name"]: variable["value"] for variable in app["env"]}
    assert environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == "/run/credvend/token"
    assert environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "http://127.0.0.1:9911/credentials"
