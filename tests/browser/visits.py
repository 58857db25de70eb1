"""What a visitor of a page sees, and what the browser says about it meanwhile."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from playwright.sync_api import Browser, Page

_AXE = Path(__file__).with_name("axe.min.js")
_LISTEN = """
    window.refused = [];
    document.addEventListener("securitypolicyviolation", (event) => {
        window.refused.push(`${event.violatedDirective} ${event.blockedURI}`);
    });
"""
_REACHABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
_NUMBER_ALL = f"""() => {{
    const all = [...document.querySelectorAll("{_REACHABLE}")];
    const shown = all.filter((one) => one.checkVisibility() && !one.disabled);
    shown.forEach((one, number) => one.dataset.number = number);
    return shown.map((one) => one.outerHTML.slice(0, 120));
}}"""
_SERIOUS = ("serious", "critical")


class Sent(NamedTuple):
    path: str
    status: int
    size: int


class Visit:
    """One page in one browser window, with everything that went wrong on the way."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.sent: list[Sent] = []
        self.said: list[str] = []
        self.asked: list[str] = []
        self._address = address
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("response", lambda response: self.sent.append(_sent(response)))
        page.add_init_script(_LISTEN)

    def go(self, path: str) -> Visit:
        self.page.goto(self._address + path, wait_until="load")
        return self

    @property
    def refused(self) -> list[str]:
        """What the page's own policy has kept out."""
        return self.page.evaluate("window.refused")  # type: ignore[no-any-return]

    @property
    def elsewhere(self) -> list[str]:
        """What was asked of any other server."""
        return [url for url in self.asked if not url.startswith(f"{self._address}/")]

    def unfold(self) -> None:
        """Opens all that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")

    def findings(self) -> list[str]:
        """What axe calls serious or worse, each with the first place where it is so."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_axe())
        found: list[dict[str, Any]] = self.page.evaluate("axe.run().then((told) => told.violations)")
        serious = [one for one in found if one["impact"] in _SERIOUS]
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['failureSummary']} {one['nodes'][0]['html']}"
            for one in serious
        ]

    def out_of_reach(self) -> list[str]:
        """What can be clicked and is never reached with the tabulator key."""
        shown: list[str] = self.page.evaluate(_NUMBER_ALL)
        reached: set[int] = set()
        for _ in range(len(shown) + 1):
            self.page.keyboard.press("Tab")
            number = self.page.evaluate("document.activeElement.dataset.number ?? -1")
            if int(number) in reached:
                break
            reached.add(int(number))
        return [html for number, html in enumerate(shown) if number not in reached]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")  # type: ignore[no-any-return]


class Visits:
    """Windows of one browser at one service; closed together."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address
        self._pages: list[Page] = []

    def new(self, scheme: Literal["light", "dark"] = "light", width: int = 1100, *, script: bool = True) -> Visit:
        size = {"width": width, "height": 900}
        page = self._browser.new_page(color_scheme=scheme, viewport=size, java_script_enabled=script)  # type: ignore[arg-type]
        self._pages.append(page)
        return Visit(page, self._address)

    def close(self) -> None:
        for page in self._pages:
            page.close()


def _sent(response: Any) -> Sent:
    path = response.url.partition("//")[2].partition("/")[2]
    return Sent(f"/{path}", response.status, int(response.headers.get("content-length", 0)))


@cache
def _axe() -> str:
    return _AXE.read_text(encoding="utf-8")
