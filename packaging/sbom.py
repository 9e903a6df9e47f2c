"""Writes what is linked into the binaries as CycloneDX 1.6 JSON: `sbom.py PRODUCT TARGET OUTPUT PACKAGE...`.

The source is `cargo tree`, which knows the features that these packages are built with; `cargo metadata` would list what
the tests and the service need as well. The output depends on the sources and SOURCE_DATE_EPOCH alone.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562 appendix A: URLs


def main(product: str, target: str, output: str, packages: list[str]) -> None:
    version, components, dependencies = read_tree(product, target, packages)
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": product,
                "name": product,
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
                "properties": [{"name": "cdx:cargo:target", "value": target}],
            },
        },
        "components": [components[reference] for reference in sorted(components)],
        "dependencies": [
            {"ref": reference, "dependsOn": sorted(dependencies[reference])} for reference in sorted(dependencies)
        ],
    }
    # The serial number is derived from the content.
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(NAMESPACE, json.dumps(bom, sort_keys=True))}"
    Path(output).write_text(json.dumps(bom, indent=1) + "\n")


def read_tree(product: str, target: str, packages: list[str]) -> tuple[str, dict[str, dict], dict[str, set[str]]]:
    """The version of the first package; every linked crate; who links whom, from the product down."""
    chosen = [argument for package in packages for argument in ("--package", package)]
    command = ["cargo", "tree", "--locked", *chosen, "--target", target, "--edges", "normal,no-proc-macro"]
    command += ["--prefix", "depth", "--format", "|{p}|{l}"]
    tree = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout
    hashes = checksums()
    components, dependencies, above = {}, {product: set()}, [product]
    for line in tree.splitlines():
        if not line:
            continue
        depth, package, licence = line.removesuffix(" (*)").split("|")
        name, version = re.match(r"(\S+) v(\S+)", package).groups()
        found = component(name, version, licence, hashes)
        reference = found["bom-ref"]
        components[reference] = found
        dependencies.setdefault(reference, set())
        above[int(depth) + 1 :] = [reference]
        dependencies[above[int(depth)]].add(reference)
    first = min(dependencies[product], key=lambda reference: packages.index(components[reference]["name"]))
    return components[first]["version"], components, dependencies


def component(name: str, version: str, licence: str, hashes: dict[tuple[str, str], str]) -> dict:
    checksum = hashes.get((name, version))
    found = {"type": "library", "name": name, "version": version}
    # Old manifests write a slash for OR.
    found["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", licence)}]
    if checksum is None:  # one of this repository
        return found | {"bom-ref": f"credvend/{name}@{version}"}
    purl = f"pkg:cargo/{name}@{version.replace('+', '%2B')}"
    return found | {"bom-ref": purl, "purl": purl, "hashes": [{"alg": "SHA-256", "content": checksum}]}


def checksums() -> dict[tuple[str, str], str]:
    lock = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())
    return {(package["name"], package["version"]): package["checksum"] for package in lock["package"] if "checksum" in package}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
