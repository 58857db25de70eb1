"""The test bench as a browser without script has it: a page, its one form, and its buttons."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx

URL = "/bench"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Page(HTMLParser):
    """A page that came back: what its form would send, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.pairs: list[tuple[str, str]] = []
        self.buttons: dict[str, str] = {}
        self._select = self._area = self._button = ""
        self._options: list[tuple[str, bool]] = []
        self.feed(text)

    @property
    def words(self) -> str:
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())

    def part(self, name: str) -> str:
        """The words of the section whose heading has this id."""
        found = re.search(rf'<section aria-labelledby="{name}">(.*?)</section>', self.text, re.DOTALL)
        return Page(found[1]).words if found else ""

    def value(self, name: str) -> str:
        return dict(self.pairs)[name]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        name = told.get("name", "")
        if tag == "input" and name and (told.get("type") != "checkbox" or "checked" in told):
            self.pairs.append((name, told.get("value", "")))
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((told.get("value", ""), "selected" in told))
            self._area = "" if "value" in told else "option"
        elif tag == "textarea" and name:
            self._area = name
            self.pairs.append((name, ""))
        elif tag == "button" and name:
            self._button = told["value"]

    def handle_data(self, data: str) -> None:
        if self._button:
            self.buttons[data.strip()] = self._button
            self._button = ""
        elif self._area == "option":
            self._options[-1] = (data, self._options[-1][1])
            self._area = ""
        elif self._area:
            name, value = self.pairs[-1]
            self.pairs[-1] = (name, value + (data.removeprefix("\n") if not value else data))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            chosen = [value for value, is_chosen in self._options if is_chosen] or [self._options[0][0]]
            self.pairs.append((self._select, chosen[0]))
            self._select = ""
        elif tag == "textarea":
            self._area = ""


class Bench:
    """Somebody at the test bench."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.page = Page("")

    async def open(self, address: str = URL) -> Page:
        answer = await self._client.get(address)
        assert answer.status_code == 200, answer.text
        self.page = Page(answer.text)
        return self.page

    async def press(self, do: str = "fire", **changed: str) -> Page:
        """Presses a button by its value, with some fields changed before; ``fact_N`` is not a field of any form."""
        answer = await self.send(do, changed)
        assert answer.status_code == 200, answer.text
        self.page = Page(answer.text)
        return self.page

    async def change(self, field: str, value: str) -> Page:
        answer = await self.send("", {field: value})
        assert answer.status_code == 200, answer.text
        self.page = Page(answer.text)
        return self.page

    async def send(self, do: str, changed: dict[str, str], **headers: str) -> httpx.Response:
        known = {name for name, _ in self.page.pairs}
        assert changed.keys() <= known, f"no field {changed.keys() - known}"
        pairs = [(name, changed.get(name, value)) for name, value in self.page.pairs]
        body = urlencode([*pairs, ("do", do)])
        return await self._client.post(URL, content=body, headers={**FORM, **headers})
