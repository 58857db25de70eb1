"""What the service is made of: pinned with hashes, listed with licences, and installed whole or not at all."""

import json
import os
import re
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

from cds_service import __version__
from cds_service.cli.main import main
from cds_service.cli.sbom import installed, licence
from tests.processes import ROOT

FILES = ("constraints.txt", "constraints-build.txt", "constraints-test.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file):
    """The version of each package and how many of its files have a hash."""
    entries = re.split(r"\n(?=\S)", (ROOT / file).read_text().strip())
    found = [(re.match(r"([\w.-]+)==(\S+)", entry), entry.count("--hash=sha256:")) for entry in entries]
    return {plain(match[1]): (match[2], hashes) for match, hashes in found}


def test_the_service_is_pinned_to_all_that_it_runs_with_and_to_nothing_else():
    assert {name: version for name, (version, _) in pinned(FILES[0]).items()} == {
        name: package.version for name, package in installed().items()
    }


@pytest.mark.parametrize("file", FILES)
def test_everything_pinned_has_the_hashes_of_its_files(file):
    assert all(hashes for _, hashes in pinned(file).values())


def test_what_tests_and_build_need_besides_is_pinned_apart_and_once():
    held = [name for file in FILES for name in pinned(file)]
    assert len(held) == len(set(held))
    named = {plain(re.match(r"[\w.-]+", one)[0]) for one in PROJECT["optional-dependencies"]["test"]}
    assert named <= set(held)
    assert named.isdisjoint(pinned(FILES[0]))


@pytest.mark.parametrize("file", [*FILES, ".ci/pins", ".ci/audit", "Makefile", "deploy/container/Containerfile"])
def test_no_file_names_an_index_of_packages(file):
    assert not re.search(r"pypi\.|://(?!127)|(?<!no-emit-)(index-url|find-links)", (ROOT / file).read_text())


def test_the_bill_of_materials_names_each_package_with_version_licence_and_needs():
    bill = json.loads(CliRunner().invoke(main, ["sbom"], catch_exceptions=False).stdout)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    assert bill["metadata"]["component"]["version"] == __version__
    assert {one["name"]: one["version"] for one in bill["components"]} == {
        name: version for name, (version, _) in pinned(FILES[0]).items()
    }
    refs = {one["bom-ref"] for one in bill["components"]}
    needs = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    assert needs.keys() == refs | {"rbd-cds"}
    assert set().union(*needs.values()) == refs
    assert any(ref.startswith("pkg:pypi/greenlet@") for ref in refs), "of an extra that is asked for"


def test_every_licence_is_listed_as_the_package_tells_it():
    text = (ROOT / "docs/licences.md").read_text()
    rows = text.partition("| --- | --- |\n")[2]
    written = dict(re.findall(r"^\| ([a-z0-9-]+) \| (.+) \|$", rows, re.MULTILINE))
    assert written == {name: licence(package) for name, package in installed().items()}


# The Makefile, by what it would do


@pytest.fixture
def copy(tmp_path):
    for name in ("Makefile", "pyproject.toml", *FILES):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def make(folder, *words):
    words = ["make", f"PYTHON={sys.executable}", *words]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(words, cwd=folder, env=kept, capture_output=True, text=True, timeout=60)


def environment(folder, *, python=sys.executable, installing=None):
    """A .venv that is whole, but for what a test breaks."""
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(python)
    if installing is not None:
        (folder / ".venv/.installing").write_text(str(installing))
    for stamp in (".serve", ".test"):
        (folder / ".venv" / stamp).touch()


def test_too_old_a_python_is_told_in_a_line_before_anything_is_made(copy):
    old = copy / "python3.10"
    old.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys; sys.version_info = (3, 10, 13)\n"
        'sys.version = "3.10.13 (main)"; exec(sys.argv[1])\' "$2"\n'
    )
    old.chmod(0o755)
    done = make(copy, "serve", f"PYTHON={old}")
    needed = PROJECT["requires-python"].removeprefix(">=")
    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith(f"cds-service needs Python {needed} or newer; {old} is 3.10.13.")
    assert not (copy / ".venv").exists()


def test_a_python_that_is_not_there_is_told_in_a_line(copy):
    said = make(copy, "serve", "PYTHON=nopython").stderr
    assert said.startswith("cds-service needs Python 3.11 or newer: there is no")


def test_a_whole_environment_is_left_alone(copy):
    environment(copy)
    assert make(copy, "-n", "serve").stdout.splitlines() == [".venv/bin/cds-service serve"]


@pytest.mark.parametrize("broken", ["no python", "no pip", "cut off"])
def test_a_half_made_environment_is_made_anew_and_filled_again(copy, broken):
    without_pip = copy / "without-pip"
    without_pip.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    without_pip.chmod(0o755)
    python = {"no python": copy / "gone", "no pip": without_pip}.get(broken, sys.executable)
    environment(copy, python=python, installing=2**22 + 1 if broken == "cut off" else None)
    said = make(copy, "-n", "serve").stdout
    assert f"{sys.executable} -m venv --clear .venv" in said
    assert "install --require-hashes --requirement constraints.txt" in said


def test_an_install_that_goes_on_elsewhere_is_not_swept_away(copy):
    environment(copy, installing=os.getpid())
    assert "--clear" not in make(copy, "-n", "serve").stdout
