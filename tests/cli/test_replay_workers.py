"""How the processes of a replay are started."""

import subprocess
import sys
import threading

import pytest

from cds_service.cli.replay_workers import _way_to_start

ASKING = "from cds_service.cli.replay_workers import _way_to_start; print(_way_to_start())"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a forked process is not safe")
def test_alone_a_process_is_forked_and_has_program_and_cards_already():
    told = subprocess.run([sys.executable, "-c", ASKING], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "fork"


def test_beside_another_thread_it_is_started_anew():
    waiting = threading.Event()
    other = threading.Thread(target=waiting.wait)
    other.start()
    try:
        assert _way_to_start() == "spawn"
    finally:
        waiting.set()
        other.join()
