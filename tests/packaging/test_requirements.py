"""The Python tools of tests and releases: pinned with the hash of every file, and nothing installed beside them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*requirements.in"],
    cwd=REPOSITORY, capture_output=True, text=True, check=True,
).stdout.split()  # fmt: skip


def requirements(text: str) -> list[str]:
    """Logical lines, as pip reads them."""
    lines = re.sub(r"\\\n", "", text).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def name_and_version(requirement: str) -> tuple[str, str]:
    name, version = re.match(r"([A-Za-z0-9._-]+)(?:\[[a-z,-]+])?==([^ ;]+)", requirement).groups()
    return re.sub("[-_.]+", "-", name).lower(), version


@pytest.mark.parametrize("source", LISTED)
def test_everything_is_pinned_by_hash(source: str) -> None:
    pinned = requirements((REPOSITORY / source).with_suffix(".txt").read_text())
    for requirement in pinned:
        # A version, perhaps a marker, and hashes: no option (--index-url), no URL, no range.
        pattern = r"[A-Za-z0-9._-]+(\[[a-z,-]+])?==[\w.!]+( ; [^@]*?)?( +--hash=sha256:[0-9a-f]{64})+"
        assert re.fullmatch(pattern, requirement), requirement[:100]
    versions = dict(map(name_and_version, pinned))
    wanted = dict(map(name_and_version, requirements((REPOSITORY / source).read_text())))
    assert wanted.items() <= versions.items()


def test_setup_takes_no_file_but_those_that_were_pinned() -> None:
    setup = (REPOSITORY / "scripts/setup").read_text()
    assert "--require-hashes --only-binary :all:" in setup
    installed = re.findall(r"\S+requirements\.txt", setup)
    assert sorted(installed) == sorted(source.removesuffix(".in") + ".txt" for source in LISTED)
    # Nothing else here installs from an index.
    assert len(re.findall("pip\" install", setup)) == 1


@pytest.mark.parametrize("tampered", ["hash", "none"])
def test_another_file_of_the_same_version_is_refused(tampered: str, tmp_path: Path) -> None:
    """pip's own promise, with the options that scripts/setup gives it; no index is asked."""
    wheel = tmp_path / "example-1.0-py3-none-any.whl"
    build = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1], 'w'); d = 'example-1.0.dist-info/'; " \
        "z.writestr(d + 'METADATA', 'Metadata-Version: 2.1\\nName: example\\nVersion: 1.0\\n'); " \
        "z.writestr(d + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'); z.writestr(d + 'RECORD', '')"  # fmt: skip
    subprocess.run([sys.executable, "-c", build, wheel], check=True)
    file = tmp_path / "requirements.txt"
    file.write_text("example==1.0" + (f" --hash=sha256:{'0' * 64}" if tampered == "hash" else "") + "\n")
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", tmp_path, "--target", tmp_path / "installed"]
    result = subprocess.run([*command, "--require-hashes", "--only-binary", ":all:", "-r", file], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "hash" in result.stderr.lower()
