"""Words within their limits, and the record's own made safe for Markdown."""

from __future__ import annotations

import re
import string
import unicodedata
from functools import cache

SUMMARY_LIMIT = 139
RECORD_LIMIT = 80
_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>()#+!|~&$"})
_ESCAPED = re.compile(r"\\([^A-Za-z0-9\s])")
_EMPHASIS = re.compile(r"(?<!\\)\*+")
_ADDRESS = re.compile(
    r"""
    (?<=[^\W\d])(?=:\S)        # a scheme, whatever stands before it
    | (?<=www)(?=\.)
    | (?<=[^\W_]{2})(?=\.[^\W\d_]{2})  # a name of the web: no e.g., no 0.5
    | (?<=\S)(?=@) | (?<=@)(?=\S)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Where a blank keeps renderers that make links of bare addresses from doing so."""
_OF_ADDRESSES = frozenset(":.@")


@cache
def placeholders(template: str) -> frozenset[str]:
    """The names in braces of a template; templates are few, and each is filled again and again."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


@cache
def compiled(template: str) -> tuple[str, tuple[str, ...]]:
    """A template as a pattern for ``%``, and the names of the values that it takes, in their order."""
    parts = [(literal.replace("%", "%%"), name) for literal, name, _, _ in string.Formatter().parse(template)]
    pattern = "".join([literal if name is None else f"{literal}%s" for literal, name in parts])
    return pattern, tuple([name for _, name in parts if name is not None])


def names_alone(template: str) -> frozenset[str]:
    """The names in braces; ValueError for a brace left open or doubled, or for anything but a name in them."""
    for _, name, spec, conversion in string.Formatter().parse(template):
        if name is not None and (spec or conversion or not name or set(name) & set(".[")):
            raise ValueError(f"write a name alone in braces, not {{{name}}}")
    if "{{" in template or "}}" in template:
        raise ValueError("write a name alone in braces, and no brace twice")
    return placeholders(template)


def escape(words: str) -> str:
    """Chart text as inert Markdown on one line: punctuation escaped, links broken, control characters gone."""
    if not words.isprintable():
        words = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in words)
    flat = " ".join(words.split())
    short = flat if len(flat) <= RECORD_LIMIT else flat[: RECORD_LIMIT - 1].rstrip() + "…"
    if not _OF_ADDRESSES.isdisjoint(short):
        short = _ADDRESS.sub(" ", short)
    return short.translate(_MARKDOWN)


def plain(markdown: str) -> str:
    """Our own Markdown as plain text: emphasis gone, escapes undone."""
    return _ESCAPED.sub(r"\1", _EMPHASIS.sub("", markdown))


def count_of_words(markdown: str) -> int:
    """Words as a reader counts them: the marks of Markdown are none."""
    return len(plain(markdown).split())


def clipped(summary: str) -> str:
    """A summary within its limit: one that a name makes too long is cut between words, so that no card is lost."""
    if len(summary) <= SUMMARY_LIMIT:
        return summary
    return summary[: SUMMARY_LIMIT - 1].rpartition(" ")[0].rstrip(" ,;:") + "…"
