"""The catalogue: the rules, found by word, drug, hook, indicator and family, and what stands beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from pathlib import Path

import msgspec
from markupsafe import Markup

from cds_service.authoring import rows
from cds_service.authoring.examples import Examples
from cds_service.content import forms
from cds_service.content.model import WEIGHT_OF, Content, Statement
from cds_service.content.overlay import CardFiles
from cds_service.content.source_attributes import path, source_attributes
from cds_service.hooks.hooks import HOOKS
from cds_service.web import rule_pages, value_set_pages
from cds_service.web.endpoints import document
from cds_service.web.pages import Site, as_html, asked_page, page, page_headers, title_of
from cds_service.web.routes import Address, get
from cds_service.web.search import Asked, Entry, entries

_STATEMENTS = "statements"
_PAGE_LINK = re.compile(r'href="(?:\.\./)?([a-z0-9-]+)(/README)?\.md(#[^"]*)?"')


class _Statement(msgspec.Struct, frozen=True):
    """A statement with the rules it lives in, and the rule and case that show it."""

    name: str
    statement: Statement
    rules: tuple[str, ...]
    rule: str
    case: str

    @property
    def text(self) -> str:
        """What it is found by."""
        return "\n".join((self.name, self.statement.says, *self.rules)).casefold()


def addresses(content: Content, site: Site, examples: Examples) -> dict[str, Address]:
    """``/catalogue`` and every page below it."""
    headers = page_headers(script=True, form=True)
    written = _written(content.files)
    listing = partial(_listing, content, site, written, cache(lambda: tuple(entries(content, examples))))
    statements = partial(_statements, site, list(_homes(content)))
    texts = {f"/catalogue/{name}": partial(_text, site, file) for name, file in written.items()}
    return {
        "/catalogue": get(asked_page("catalogue.html", Asked.of, listing, headers)),
        f"/catalogue/{_STATEMENTS}": get(asked_page("statements.html", Asked.of, statements, headers)),
        "/catalogue/screening-form": get(page("form.html", partial(_form, content, site))),
        **{address: get(page("written.html", names)) for address, names in texts.items()},
        **rule_pages.addresses(content, site, examples),
        **value_set_pages.addresses(content, site),
    }


def attributes(content: Content) -> dict[str, Address]:
    """The source attributes of each rule as JSON."""
    return {
        path(name): get(document(msgspec.json.encode(source_attributes(content, rule))))
        for name, rule in content.rules.items()
    }


def _listing(
    content: Content, site: Site, written: Mapping[str, Path], every: Callable[[], tuple[Entry, ...]], asked: Asked
) -> dict[str, object]:
    found = [entry for entry in every() if entry.meets(asked)]
    drugs = sorted({drug for entry in every() for drug in entry.drugs}, key=str.casefold)
    return {
        "site": site,
        "asked": asked,
        "all": len(every()),
        "count": len(found),
        "found": [(family, list(group)) for family, group in groupby(found, key=lambda entry: entry.family)],
        "drugs": {drug: drug for drug in drugs},
        "hooks": {hook: hook for hook in HOOKS},
        "indicators": {indicator: indicator for indicator in WEIGHT_OF},
        "families": {key: family.title for key, family in content.families.family.items()},
        "leaflets": {name: leaflet.label for name, leaflet in content.leaflets.items() if leaflet.enabled},
        "statements": len(content.statements),
        "written": {f"/catalogue/{name}": title_of(file.read_text(encoding="utf-8")) for name, file in written.items()},
        "form": forms.PATH,
        "grades": rows.GRADES,
    }


def _written(files: CardFiles) -> dict[str, Path]:
    """The Markdown files beside the rules that are written by hand."""
    found = {Path(name).stem: files.path(name) for name in files.names("*.md")}
    return {name: file for name, file in found.items() if name not in ("README", _STATEMENTS)}


def _text(site: Site, file: Path) -> dict[str, object]:
    text = file.read_text(encoding="utf-8")
    return {"site": site, "title": title_of(text), "body": rendered(text)}


def rendered(text: str) -> Markup:
    """A page as HTML; links between pages lead within the catalogue."""
    return Markup(_PAGE_LINK.sub(r'href="/catalogue/\1"', str(as_html(text))))  # noqa: S704  of escaped Markdown


def _form(content: Content, site: Site) -> dict[str, object]:
    form = json.loads(forms.screening_form(content.files, site.settings.public_url))
    return {"site": site, "form": form, "address": forms.PATH}


def _homes(content: Content) -> Iterator[_Statement]:
    for name, statement in content.statements.items():
        rules = tuple(rule for rule, text in content.rules.items() if name in text.statements)
        rule, _, case = (statement.case or "").partition("/")
        yield _Statement(name, statement, rules, rule, case)


def _statements(site: Site, every: Sequence[_Statement], asked: Asked) -> dict[str, object]:
    found = [one for one in every if asked.is_in(one.text)]
    return {"site": site, "asked": asked, "found": found, "all": len(every)}
