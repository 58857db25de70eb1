"""The wheel carries all that the service needs: built, installed elsewhere, and asked from another folder."""

import os
import subprocess
import sys
import tarfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.processes import free_port

ROOT = Path(__file__).parents[1]


def run(*command, cwd, **environment):
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(target, source, folder):
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder), cwd=source)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of the installed wheel; what it depends on comes from the environment of the tests."""
    site = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps")
    run(*pip, "--target", str(site), str(wheel), cwd=site)
    return site


@contextmanager
def served(site, elsewhere):
    port = free_port()
    environment = os.environ | {"PYTHONPATH": str(site), "CDS_PORT": str(port), "CDS_RECORD": "off"}
    command = (sys.executable, "-m", "cds_service", "serve")
    with subprocess.Popen(
        command, cwd=elsewhere, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as service:
        try:
            yield httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        finally:
            service.terminate()


def asked(client, path):
    for _ in range(2400):
        try:
            return client.get(path)
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the service does not answer")


def test_the_wheel_holds_the_cards_and_the_examples_inside_the_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "cds_service/_data/cards/services.toml" in names
    assert "cds_service/_data/fhir_examples/expected.toml" in names
    assert {name.split("/")[0] for name in names} == {"cds_service", f"{wheel.name.rsplit('-', 3)[0]}.dist-info"}


def test_the_wheel_holds_nothing_that_was_left_lying_about(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".sqlite", ".log", "secret"))]


def test_what_is_installed_is_not_the_checkout(installed, tmp_path):
    where = run(
        sys.executable, "-c", "import cds_service; print(cds_service.__file__)", cwd=tmp_path, PYTHONPATH=str(installed)
    )
    assert Path(where.strip()).is_relative_to(installed)


def test_discovery_is_answered_from_another_folder(installed, tmp_path):
    with served(installed, tmp_path) as client, client:
        answer = asked(client, "/cds-services")
        assert answer.status_code == 200
        assert {service["hook"] for service in answer.json()["services"]} == {
            "patient-view",
            "order-select",
            "order-sign",
        }
        example = installed / "cds_service/_data/fhir_examples/requests/order-select-rbd-dementia.json"
        headers = {"Content-Type": "application/json"}
        card = client.post("/cds-services/rbd-order-select", content=example.read_bytes(), headers=headers)
        assert card.json()["cards"]
    assert not any(tmp_path.iterdir())


def test_the_installed_cards_pass_their_own_check(installed, tmp_path):
    run(sys.executable, "-m", "cds_service", "check", cwd=tmp_path, PYTHONPATH=str(installed))


def test_a_wheel_made_from_the_source_distribution_is_the_same(wheel, tmp_path):
    archive = built("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(archive) as held:
        held.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    again = built("wheel", source, tmp_path / "again")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())
    assert (source / "tests").is_dir()
    assert (source / "LICENSE").is_file()
