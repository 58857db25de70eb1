"""What is asked about an export, of these cards or of others: the options, and the question that they come to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from click.core import ParameterSource

from cds_service.facts.queries import MAY_BE_UNSERVED
from cds_service.hooks.hooks import HOOKS
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.replay.judge import Asked
    from cds_service.replay.run import Question

_DATE = click.DateTime(["%Y-%m-%d"])


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """The options as they were given, by the names of their parameters."""

    hook: str
    as_of: datetime | None
    events: bool
    since: datetime | None
    with_memory: bool
    not_exported: frozenset[str]
    keep_all_lines: bool
    hash_ids: bool

    def question(self, settings: Settings, source: str, out: Path, cards: Path) -> Question:
        """What is asked of the cards of a folder, at the site of the settings."""
        from cds_service.replay.judge import Site
        from cds_service.replay.run import Question

        return Question(
            source=source,
            out=out.absolute(),
            site=Site(cards, settings.time_zone, settings.show == "signed"),
            asked=self._asked(settings),
            push_down=not self.keep_all_lines,
            id_key=_id_key(settings) if self.hash_ids else "",
        )

    def _asked(self, settings: Settings) -> Asked:
        from cds_service.replay.judge import Asked

        return Asked(
            hooks=tuple(HOOKS) if self.hook == "all" else (self.hook,),
            mode="events" if self.events else "as-of",
            day=self.as_of.date() if self.as_of else settings.today(),
            since=self.since.date() if self.since else None,
            is_past=self.as_of is not None and not self.events,
            with_memory=self.with_memory,
            not_exported=self.not_exported,
        )


def question_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a question, which the command gets as one ``asking``."""

    @wraps(command)
    def called(**told: Any) -> None:
        asking = Asking(**{name: told.pop(name) for name in Asking.__struct_fields__})
        if asking.since and not asking.events:
            raise click.UsageError("--since limits the days of --events.")
        if asking.since and asking.as_of and asking.since > asking.as_of:
            raise click.UsageError("--since is later than --as-of: there is no day to judge.")
        command(asking=asking, **told)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


def refuse_given(*others: str) -> None:
    """Ends where a part of a question, or one of the other parameters, was given and nothing is replayed."""
    context = click.get_current_context()
    names = (*Asking.__struct_fields__, *others)
    if given := [name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"Without SOURCE nothing is replayed, and these are of no use: {told}.")


def _keys(_: click.Context, __: click.Parameter, written: str) -> frozenset[str]:
    keys = frozenset(filter(None, (key.strip() for key in written.split(","))))
    if unknown := keys - MAY_BE_UNSERVED:
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: no prefetch key that is searched.")
    return keys


def _id_key(settings: Settings) -> str:
    from cds_service.record.pseudonyms import keys_of

    return keys_of(settings).name("ids of a replay")


_OPTIONS = (
    click.option("--hook", type=click.Choice((*HOOKS, "all")), default="all", show_default=True, help="What happens."),
    click.option("--as-of", type=_DATE, help="Judge each chart as it was known on this day; else as it stands."),
    click.option("--events", is_flag=True, help="Judge each patient at each encounter and each order instead."),
    click.option("--since", type=_DATE, help="With --events, only those from this day on."),
    click.option("--with-memory", is_flag=True, help="Leave unsaid what was shown before, as the service does."),
    click.option(
        "--not-exported",
        default="",
        callback=_keys,
        metavar="KEYS",
        help="Prefetch keys that exist and are not in the export.",
    ),
    click.option("--keep-all-lines", is_flag=True, help="Drop no results at the split; slower, and the same answers."),
    click.option("--hash-ids", is_flag=True, help="Write keyed hashes in place of ids."),
)
