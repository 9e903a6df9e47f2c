"""Writes an OCI image of one static binary: `oci_image.py PROGRAM BINARY ARCHITECTURE VERSION CA_BUNDLE COMPRESSION OUTPUT`.

A tar of an image layout (OCI image specification 1.1): `skopeo copy oci-archive:FILE docker://…`, `podman load`. No base
image: the binary, the certificate authorities, a user, and the client's two folders to mount volumes on. The same input
makes the same digests.
"""

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

USER = 65532  # "nonroot" by the habit of distroless images
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
CREATED = datetime.fromtimestamp(EPOCH, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def main(program: str, binary: str, architecture: str, version: str, ca_bundle: str, compression: str, output: str) -> None:
    layer = file_system(program, Path(binary).read_bytes(), Path(ca_bundle).read_bytes())
    compressed = gzip.compress(layer, compresslevel=int(compression), mtime=0)
    blobs: dict[str, bytes] = {}
    config = descriptor(blobs, CONFIG, as_json(configuration(program, architecture, digest(layer))))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [descriptor(blobs, LAYER, compressed)],
        "annotations": {
            "org.opencontainers.image.title": program,
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.created": CREATED,
        },
    }
    entry = descriptor(blobs, MANIFEST, as_json(manifest))
    entry["platform"] = {"os": "linux", "architecture": architecture}
    entry["annotations"] = {"org.opencontainers.image.ref.name": version}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    with tarfile.open(output, "w", format=tarfile.USTAR_FORMAT) as archive:
        add_file(archive, "oci-layout", as_json({"imageLayoutVersion": "1.0.0"}))
        add_file(archive, "index.json", as_json(index))
        for name in sorted(blobs):
            add_file(archive, f"blobs/sha256/{name}", blobs[name])


def configuration(program: str, architecture: str, diff_id: str) -> dict:
    command, environment = [], ["PATH=/usr/bin"]
    if program == "credvend":
        command = ["serve", "--listen", "127.0.0.1:9911", "--token-file", "/run/credvend/token"]
        # A volume belongs to root and is open to all; the cache makes a folder of its own in it.
        environment.append("CREDVEND_CACHE_DIR=/var/cache/credvend/own")
    return {
        "created": CREATED,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "Env": environment,
            "Entrypoint": [f"/usr/bin/{program}"],
            "Cmd": command,
            "WorkingDir": "/",
            "StopSignal": "SIGTERM",
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": CREATED, "created_by": "scripts/package oci"}],
    }


def file_system(program: str, binary: bytes, ca_bundle: bytes) -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in ("etc", "etc/ssl", "etc/ssl/certs", "run", "usr", "usr/bin", "var", "var/cache"):
            add_folder(archive, folder)
        if program == "credvend":
            add_folder(archive, "run/credvend", USER, 0o750)
            add_folder(archive, "var/cache/credvend", USER, 0o700)
        add_file(archive, "etc/passwd", f"nonroot:x:{USER}:{USER}::/nonexistent:/sbin/nologin\n".encode())
        add_file(archive, "etc/group", f"nonroot:x:{USER}:\n".encode())
        add_file(archive, "etc/nsswitch.conf", b"hosts: files dns\n")
        add_file(archive, "etc/ssl/certs/ca-certificates.crt", ca_bundle)
        add_file(archive, f"usr/bin/{program}", binary, 0o755)
    return layer.getvalue()


def add_folder(archive: tarfile.TarFile, name: str, owner: int = 0, mode: int = 0o755) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime, member.uid, member.gid = tarfile.DIRTYPE, mode, EPOCH, owner, owner
    archive.addfile(member)


def add_file(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), mode, EPOCH
    archive.addfile(member, io.BytesIO(content))


def descriptor(blobs: dict[str, bytes], media_type: str, content: bytes) -> dict:
    blobs[hashlib.sha256(content).hexdigest()] = content
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def as_json(value: dict) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


if __name__ == "__main__":
    main(*sys.argv[1:])
