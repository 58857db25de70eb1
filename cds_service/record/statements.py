"""What the store is told, in one set of statements for SQLite and PostgreSQL; each is made once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BindParameter, ColumnElement, Text, any_, bindparam, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cds_service.record.tables import ANSWERED, ANSWERS, CARDS, JOURNALS, LOCK, SHOWN, TALLIES, TOKENS, WITHDRAWALS

_CARD = CARDS.c
_ENCODER = msgspec.json.Encoder()


class Statements:
    """Those of one kind of database; ``listed`` is the parameter of those that are about a list."""

    def __init__(self, *, on_file: bool) -> None:
        self._on_file = on_file
        insert: Any = sqlite.insert if on_file else postgresql.insert
        self.add_cards = insert(CARDS).on_conflict_do_nothing()
        self.add_answers = insert(ANSWERS).on_conflict_do_nothing()
        withdrawal, journal, tally = insert(WITHDRAWALS), insert(JOURNALS), insert(TALLIES)
        self.put_withdrawals = _or_set(withdrawal, at=withdrawal.excluded.at)
        self.put_journal = _or_set(journal, applied=journal.excluded.applied)
        self.count = _or_set(tally, count=TALLIES.c.count + tally.excluded.count)
        self.use_token = insert(TOKENS).on_conflict_do_nothing().returning(TOKENS.c.mark)
        self.applied = select(JOURNALS.c.applied).where(JOURNALS.c.name == bindparam("name"))
        answered = exists().where(ANSWERS.c.card == _CARD.card, ANSWERS.c.client == _CARD.client)
        known = update(CARDS).where(self._is_listed(_CARD.card), _CARD.state == SHOWN, answered)
        self.mark_answered = known.values(state=ANSWERED)
        # Of two processes that store a card and its answer at once, the second sees what the first has stored.
        self.take_turns = None if on_file else select(func.pg_advisory_xact_lock(LOCK))
        shown_to = self._is_listed(_CARD.patient), _CARD.state >= SHOWN, _CARD.at < bindparam("before")
        self.shown_of = select(_CARD.patient, _CARD.findings).where(*shown_to)

    def listing(self, values: Collection[str]) -> dict[str, object]:
        """A long list as one value: as many parameters would be written out each time."""
        ordered = sorted(values)
        return {"listed": _ENCODER.encode(ordered).decode() if self._on_file else ordered}

    def _is_listed(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        if self._on_file:
            text: BindParameter[str] = bindparam("listed", type_=Text)
            return column.in_(select(func.json_each(text).table_valued("value").c.value))
        return column == any_(bindparam("listed", type_=ARRAY(Text)))


def _or_set(insert: Any, **changed: Any) -> Any:
    """Adds a row, or changes the one with the same key."""
    keys = [column.name for column in insert.table.primary_key]
    return insert.on_conflict_do_update(index_elements=keys, set_=changed)
