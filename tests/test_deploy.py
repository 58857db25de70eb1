"""The files of ``deploy/`` name what exists, and hold in the programs that they are for, where these are there."""

import json
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

import httpx
import pytest

from cds_service.settings import Settings
from cds_service.web.metrics import REGISTRY
from tests.processes import ROOT, eventually, free_port, serving
from tests.real_parts import left_out
from tests.trust.ehr import BASE, CALL, REQUEST, clients_file, token

__all__ = ["clients_file"]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
SETTINGS = set(Settings().told())
METRICS = {metric.name for metric in REGISTRY.collect()}
RULES = (DEPLOY / "prometheus" / "rules.yaml").read_text()
PROXY = (DEPLOY / "nginx" / "cds-service.conf").read_text()


def program(name, package):
    return shutil.which(name) or left_out(f"{name} is not installed (Debian: apt-get install {package})")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_a_file_names_only_settings_and_metrics_that_exist(path):
    text = path.read_text()
    assert set(re.findall(r"\bCDS_[A-Z_]+", text)) <= SETTINGS
    named = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in re.findall(r"\brbd_cds_\w+", text)}
    assert named <= {re.sub(r"_total$", "", name) for name in METRICS}


def test_every_alarm_is_tried():
    tried = "".join((DEPLOY / "prometheus" / name).read_text() for name in ("rules_test.yaml", "trends_test.yaml"))
    alarms = re.findall(r"alert: (\w+)", RULES)
    rung = re.findall(r"alertname: (\w+)\n\s+exp_alerts:", tried)
    assert alarms
    assert set(alarms) == set(rung)


def test_the_alarms_ring_as_their_tests_say():
    promtool = program("promtool", "prometheus")
    folder = DEPLOY / "prometheus"
    for asked in (["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml", "trends_test.yaml"]):
        done = subprocess.run([promtool, *asked], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_graphs_are_json_with_a_query_each():
    panels = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    assert len({panel["title"] for panel in panels}) == len(panels)


def test_the_manifests_keep_their_schemas():
    if find_spec("kubernetes_validate") is None:
        pytest.skip("kubernetes-validate is not installed: pip install kubernetes-validate, 72 MB of schemas")
    manifests = DEPLOY / "kubernetes" / "cds-service.yaml"
    command = [sys.executable, "-W", "ignore", "-m", "kubernetes_validate", "--strict", manifests]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_proxy_lets_as_long_a_body_through_as_the_service():
    size = f"{Settings().max_body_mb:g}m"
    assert re.search(rf"client_max_body_size +{size};", PROXY)
    assert re.search(rf"client_body_buffer_size +{size};", PROXY)


@contextmanager
def proxied(folder, clients_file, restrictions=None):
    """The address of the service behind a real nginx with the shipped configuration."""
    with (
        serving(folder / "var", **behind_a_proxy(clients_file)) as (_, port),
        in_front(folder, [port], restrictions) as address,
    ):
        yield address


def behind_a_proxy(clients_file):
    return {"CDS_CLIENTS": str(clients_file), "CDS_PUBLIC_URL": BASE, "CDS_TODAY": "", "CDS_RECORD": "off"}


@contextmanager
def in_front(folder, ports, restrictions=None):
    """The address of nginx before the services on these ports."""
    nginx = program("nginx", "nginx-light")
    certificate(folder, "cds", "cds.example.org")
    listening = free_port()
    services = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
    assert "    server 127.0.0.1:8000 max_fails=0;\n" in PROXY
    (folder / "site.conf").write_text(
        PROXY.replace("    server 127.0.0.1:8000 max_fails=0;\n", f"    {services}\n")
        .replace("listen 443", f"listen 127.0.0.1:{listening}")
        .replace("/etc/nginx/tls", str(folder))
        .replace("/etc/nginx/cds-service.d", str(restrictions or folder / "none"))
    )
    (folder / "bodies").mkdir()
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log {folder}/error.log; daemon off; user root;\n"
        f"events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/bodies; include {folder}/site.conf; }}\n"
    )
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        address = f"https://127.0.0.1:{listening}"
        with calling(address, folder) as client:
            assert eventually(lambda: answers(client)), (folder / "error.log").read_text()
        yield address
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def behind(tmp_path, clients_file):
    """The service behind the proxy, and the folder in which nginx keeps bodies."""
    with proxied(tmp_path, clients_file) as address, calling(address, tmp_path) as client:
        yield client, tmp_path / "bodies"


def calling(address, folder, presenting=None):
    """A client that believes the proxy, with a certificate of its own where one is named."""
    trusting = ssl.create_default_context(cafile=folder / "cds.crt")
    if presenting:
        trusting.load_cert_chain(folder / f"{presenting}.crt", folder / f"{presenting}.key")
    return httpx.Client(base_url=address, verify=trusting, trust_env=False)


_NAMED = ["-addext", "subjectAltName=IP:127.0.0.1"]


def certificate(folder, name, subject, by=None):
    """A certificate and its key, signed by another one or by itself."""
    openssl = program("openssl", "openssl")
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={subject}", *_NAMED]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    signed = ["-CA", str(folder / f"{by}.crt"), "-CAkey", str(folder / f"{by}.key")] if by else []
    subprocess.run([openssl, *made, *files, *signed], check=True, capture_output=True)


def answers(client):
    try:
        return client.get("/catalogue").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def restricted(tmp_path, clients_file):
    """What the shipped restrictions make of a call: with whose certificate, from a network that is listed or not."""
    for authority in ("ehr-authorities", "elsewhere"):
        certificate(tmp_path, authority, authority)
    certificate(tmp_path, "ehr", "ehr.example.org", "ehr-authorities")
    certificate(tmp_path, "other", "other.example.org", "ehr-authorities")
    certificate(tmp_path, "disguised", "other.example.org/O=x,CN=ehr.example.org", "ehr-authorities")
    certificate(tmp_path, "longer", "ehr.example.org.evil.example", "ehr-authorities")
    certificate(tmp_path, "stranger", "ehr.example.org", "elsewhere")

    @contextmanager
    def from_network(network):
        folder = tmp_path / "restrictions"
        folder.mkdir()
        for path in (DEPLOY / "nginx" / "cds-service.d").iterdir():
            text = path.read_text().replace("/etc/nginx/tls", str(tmp_path)).replace("192.0.2.0/24", network)
            (folder / path.name).write_text(text)
        with proxied(tmp_path, clients_file, folder) as address:

            def called(presenting, path=CALL):
                headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token()}"}
                with calling(address, tmp_path, presenting) as client:
                    if path == CALL:
                        return client.post(path, content=REQUEST, headers=headers).status_code
                    return client.get(path).status_code

            yield called

    return from_network


@pytest.mark.attack(
    "A call without the certificate of an EHR, where the proxy asks for one",
    "403, or 400 for a certificate of a stranger",
)
def test_the_proxy_demands_a_certificate_of_an_ehr_where_it_is_told_to(restricted):
    with restricted("127.0.0.0/8") as called:
        assert called("ehr") == 200
        assert {name: called(name) for name in (None, "other", "disguised", "longer")} == {
            None: 403,
            "other": 403,
            "disguised": 403,
            "longer": 403,
        }
        assert called("stranger") == 400
        assert called(None, "/cds-services") == 403
        assert called(None, "//cds-services/../cds-services") == 403
        assert called(None, "/catalogue") == 200


def test_the_proxy_lets_in_nobody_from_elsewhere_where_it_is_told_to(restricted):
    with restricted("192.0.2.0/24") as called:
        assert called("ehr") == 403
        assert called(None, "/catalogue") == 200


def test_the_service_answers_through_the_proxy_and_keeps_inside_what_belongs_there(behind):
    client, bodies = behind
    changed = bodies.stat().st_mtime_ns
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token()}"}
    padded = REQUEST[:-1] + " " * 3_000_000 + "}"
    assert client.post(CALL, content=padded, headers=headers).status_code == 200
    assert client.post(CALL, content=REQUEST).status_code == 401
    oversized = {"Authorization": "Bearer " + 60_000 * "a" + ".b.c"}
    assert client.post(CALL, content=REQUEST, headers=oversized).status_code == 401
    assert client.post(CALL, content=b" " * 5_300_000).status_code == 413
    assert client.get("/catalogue").status_code == 200
    assert client.get("/rules/rbd-untreated/source-attributes.json").status_code == 200
    assert {client.get(path).status_code for path in ("/metrics", "/health/ready", "/")} == {404}
    time.sleep(0.1)
    assert bodies.stat().st_mtime_ns == changed, "a body went to the disk"


def called(client):
    """The status of one call, or what came in its place."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token()}"}
    try:
        return client.post(CALL, content=REQUEST, headers=headers, timeout=60).status_code
    except httpx.TransportError as fault:
        return repr(fault)


@pytest.mark.timing
def test_a_thousand_calls_go_through_while_one_service_after_the_other_is_restarted(tmp_path, clients_file):
    clients_file.write_text(clients_file.read_text() + "calls-per-minute = 1000000\n")
    set_so = behind_a_proxy(clients_file) | {"CDS_DRAIN_SECONDS": "0.5"}
    ports = [free_port(), free_port()]
    with ExitStack() as stack:

        def start(port):
            return stack.enter_context(serving(tmp_path / f"var-{port}", port=port, **set_so))[0]

        callers = stack.enter_context(ThreadPoolExecutor(4))
        processes = list(callers.map(start, ports))
        address = stack.enter_context(in_front(tmp_path, ports))
        client = stack.enter_context(calling(address, tmp_path))
        statuses = [callers.submit(called, client) for _ in range(100)]
        for port, process in zip(ports, processes, strict=True):
            process.terminate()
            statuses += [callers.submit(called, client) for _ in range(400)]
            process.wait(60)
            start(port)
        statuses += [callers.submit(called, client) for _ in range(100)]
        assert Counter(status.result() for status in statuses) == {200: 1000}
