"""A replay over Spark, to the same bytes as `cds-service replay SOURCE --as-of DAY --out OUT`.

    spark-submit docs/engines/on_spark.py SOURCE DAY OUT

Every worker needs this program and reaches SOURCE, the cards and OUT under the same paths. Settings are read from the
environment, as ever. A run that was stopped goes on where it was when it is given again.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from cds_service.content import places
from cds_service.content.load import load
from cds_service.decisions.ruleset import assemble
from cds_service.hooks.hooks import HOOKS
from cds_service.replay.judge import Asked, Site
from cds_service.replay.run import Question, replay_with
from cds_service.settings import Settings


def each_done(work: Callable[[Any], object], tasks: Iterable[Any]) -> Iterator[Any]:
    """The function for each partition: `work` is `split` or `judge_partition`, which leave their results in files."""
    for task in tasks:
        work(task)
        yield task


class Spark:
    """Workers of a replay: each stage is a collection of its tasks, one in each partition."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def run(self, work: Callable[[Any], object], tasks: Sequence[Any]) -> Iterable[Any]:
        if not tasks:
            return ()
        return self._context.parallelize(tasks, len(tasks)).mapPartitions(partial(each_done, work)).collect()


def main(source: str, day: str, out: str) -> None:
    from pyspark.sql import SparkSession

    settings = Settings.in_force()
    site = Site(places.cards(settings).resolve(), settings.time_zone, settings.show == "signed")
    asked = Asked(hooks=tuple(HOOKS), day=date.fromisoformat(day), is_past=True)
    question = Question(source=source, out=Path(out), site=site, asked=asked)
    session = SparkSession.builder.appName("cds-service replay").getOrCreate()
    try:
        spark = Spark(session.sparkContext)
        run = replay_with(spark, question, assemble(load(site.cards)), lambda *_: None)
    finally:
        session.stop()
    print(f"{run.patients} patients, {run.judgements} judgements; now: cds-service replay report {out}")


if __name__ == "__main__":
    main(*sys.argv[1:])
