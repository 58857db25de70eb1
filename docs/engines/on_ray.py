"""A replay over Ray, to the same bytes as `cds-service replay SOURCE --as-of DAY --out OUT`.

    python docs/engines/on_ray.py SOURCE DAY OUT

Every worker needs this program and reaches SOURCE, the cards and OUT under the same paths. Settings are read from the
environment, as ever; RAY_ADDRESS names a cluster. A run that was stopped goes on where it was when it is given again.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from cds_service.content import places
from cds_service.content.load import load
from cds_service.decisions.ruleset import assemble
from cds_service.hooks.hooks import HOOKS
from cds_service.replay.judge import Asked, Site
from cds_service.replay.run import Question, replay_with
from cds_service.settings import Settings


class Ray:
    """Workers of a replay: each of its tasks is one of Ray's."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def run(self, work: Callable[[Any], object], tasks: Sequence[Any]) -> Iterator[Any]:
        remote = self._ray.remote(work)
        waiting = {remote.remote(task): task for task in tasks}
        while waiting:
            (done,), _ = self._ray.wait(list(waiting))
            self._ray.get(done)
            yield waiting.pop(done)


def main(source: str, day: str, out: str) -> None:
    import ray

    settings = Settings.in_force()
    site = Site(places.cards(settings).resolve(), settings.time_zone, settings.show == "signed")
    asked = Asked(hooks=tuple(HOOKS), day=date.fromisoformat(day), is_past=True)
    question = Question(source=source, out=Path(out), site=site, asked=asked)
    ray.init()
    try:
        run = replay_with(Ray(ray), question, assemble(load(site.cards)), lambda *_: None)
    finally:
        ray.shutdown()
    print(f"{run.patients} patients, {run.judgements} judgements; now: cds-service replay report {out}")


if __name__ == "__main__":
    main(*sys.argv[1:])
