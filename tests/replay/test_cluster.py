"""Beyond one machine: a scheduler and two workers of dask, processes of their own, and not a line of other code."""

import subprocess
import sys
from pathlib import Path

from tests.clusters import dask
from tests.replay.test_replay import found

SECONDS = 60


def test_a_cluster_gives_the_same(bulk, judged, tmp_path):
    out = tmp_path / "cluster"
    program = Path(sys.executable).with_name("cds-service")
    with dask(tmp_path, workers=2) as (scheduler, _):
        command = [program, "replay", bulk, "--as-of", "2026-06-15", "--cluster", scheduler, "--out", out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=tmp_path, timeout=SECONDS)
    assert found(out) == found(judged[1])
