"""`cds-service probe` against a service that runs, by its real path."""

import json
import sqlite3
import stat

import httpx
import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from tests.processes import free_port, serving
from tests.trust.ehr import CLIENTS, EC_KEY

DAY = {"CDS_TODAY": "2026-06-15"}
RULES = 33


def run(*args, code, **environ):
    result = CliRunner().invoke(main, args, env={**DAY, **environ}, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def kept(folder):
    with sqlite3.connect(folder / "cds-service.sqlite") as database:
        queries = ("SELECT count(*) FROM tallies", "SELECT count(*) FROM cards")
        return [database.execute(query).fetchone()[0] for query in queries]


def counted(text, name):
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


@pytest.fixture(scope="module")
def open_service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open")
    with serving(folder) as (_, port):
        yield folder, f"http://127.0.0.1:{port}"


def test_every_card_comes_night_after_night_and_nothing_is_kept_or_counted(open_service):
    folder, url = open_service
    for _ in range(2):
        assert run("probe", url, code=0).stdout == f"{RULES} of {RULES} rules showed their card.\n"
    text = httpx.get(f"{url}/metrics").text
    assert counted(text, "rbd_cds_calls_total") == 2 * RULES
    for name in ("rule_outcomes_total", "cards_total", "charts_read_total", "prefetch_keys_total"):
        assert counted(text, f"rbd_cds_{name}") == 0, name
    assert counted(text, "rbd_cds_record_queue") == 0
    assert kept(folder) == [0, 0]


def test_each_result_is_written_as_json(open_service):
    told = json.loads(run("probe", open_service[1] + "/", "--json", code=0).stdout)["rules"]
    assert {one["result"] for one in told} == {"shown"}
    assert len(told) == RULES


def test_a_rule_that_the_service_does_not_ask_is_named_and_the_code_is_1(tmp_path):
    cards = tmp_path / "cards"
    (cards / "clonazepam-falls").mkdir(parents=True)
    (cards / "clonazepam-falls" / "card.toml").write_text('status = "retired"\n')
    with serving(tmp_path / "var", CDS_CARDS=str(cards)) as (_, port):
        lines = run("probe", f"http://127.0.0.1:{port}", code=1).stdout.splitlines()
        assert lines[0].startswith("missing: clonazepam-falls at rbd-")
        assert lines[1:] == [f"{RULES - 1} of {RULES} rules showed their card."]
        said = run("probe", f"http://127.0.0.1:{port}", code=0, CDS_CARDS=str(cards)).stdout
        assert said.startswith("off: clonazepam-falls: no service asks it\n")


def test_in_silent_mode_all_are_told_as_not_shown_and_none_is_a_fault(tmp_path):
    with serving(tmp_path / "var", CDS_MODE="silent") as (_, port):
        lines = run("probe", f"http://127.0.0.1:{port}", code=0).stdout.splitlines()
    assert lines[-1] == f"0 of {RULES} rules showed their card."
    assert all(line.startswith("shadowed: ") for line in lines[:-1])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A service with two clients, one of them the probe; its folder, its address and what the command needs."""
    folder = tmp_path_factory.mktemp("guarded")
    public = run("probe-key", str(folder / "probe.jwk"), code=0).stdout
    (folder / "probe-keys.json").write_text(public)
    (folder / "ehr.jwk").write_text(json.dumps(EC_KEY.as_dict(private=True)))
    (folder / "keys.json").write_text(json.dumps({"keys": [EC_KEY.as_dict(private=False)]}))
    ehr = CLIENTS.replace('services = ["rbd-patient-view"]\n', "")
    own = '[[client]]\nname = "probe"\nissuer = "urn:probe"\njwks = "probe-keys.json"\nprobe = true\ntenants = ["t"]\n'
    (folder / "clients.toml").write_text(ehr + own)
    trusted = {"CDS_CLIENTS": str(folder / "clients.toml"), "CDS_PUBLIC_URL": "http://127.0.0.1:8149"}
    with serving(folder / "var", **trusted) as (_, port):
        yield folder, f"http://127.0.0.1:{port}", trusted


def test_with_clients_the_probe_has_a_token_of_its_own_and_enters_nothing(guarded):
    folder, url, trusted = guarded
    said = run("probe", url, "--client", "probe", "--key", str(folder / "probe.jwk"), code=0, **trusted)
    assert said.stdout == f"{RULES} of {RULES} rules showed their card.\n"
    assert kept(folder / "var") == [0, 0]


def test_the_private_key_is_its_owners_alone_and_never_overwritten(guarded):
    key = guarded[0] / "probe.jwk"
    before = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "d" not in json.loads((guarded[0] / "probe-keys.json").read_text())["keys"][0]
    assert "File exists" in run("probe-key", str(key), code=1).stderr
    assert key.read_bytes() == before


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ((), "With CDS_CLIENTS, and only then, give --client and --key."),
        (("--client", "probe"), "With CDS_CLIENTS, and only then, give --client and --key."),
        (("--client", "test-ehr", "--key", "probe.jwk"), "'test-ehr' is no client of"),
        (("--client", "probe", "--key", "clients.toml"), "the file is no JWK"),
        (("--client", "probe", "--key", "ehr.jwk"), "does not trust the token"),
    ],
)
def test_a_probe_that_cannot_ask_says_so_with_2(guarded, monkeypatch, args, why):
    folder, url, trusted = guarded
    monkeypatch.chdir(folder)
    said = run("probe", url, *args, code=2, **trusted)
    assert said.stderr.startswith("Could not ask: ")
    assert why in said.stderr


def test_a_service_that_is_not_there_cannot_be_asked():
    assert "does not answer" in run("probe", f"http://127.0.0.1:{free_port()}", code=2).stderr
