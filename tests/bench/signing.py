"""What a signed request costs over the ceiling with the bare verification of its signature."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.bench import charts, load
from tests.bench.figures import Figure
from tests.bench.servers import BASE, PATH, SIGNED_CEILING, SIGNED_SERVICE, running

_KEY = ECKey.generate_key("P-384", {"kid": "bench", "use": "sig"})


def figures(repeats: int, requests: int) -> Iterator[Figure]:
    """CPU of 10 KB with ES384, for a silent chart and for one with a merged card."""
    keys = json.dumps({"keys": [_KEY.as_dict(private=False)]}).encode()
    with running(SIGNED_CEILING, SIGNED_SERVICE, keys=keys) as servers:
        for chart in charts.CHARTS:
            body = charts.request(chart, charts.SIZES["10 KB"])
            ratios = []
            for turn in range(repeats + 1):
                tokens = _tokens(requests, f"{chart} {turn}")
                ceiling, service = (load.signed(server, body, tokens).cpu for server in servers)
                ratios.append(service / ceiling)
            aim = f"CPU of 10 KB with ES384, {chart}: (c) over (b) and the bare verification"
            yield Figure(aim, statistics.median(ratios[1:]), 1.25)


def _tokens(count: int, turn: str) -> list[str]:
    """As a client makes them, a new one for each call."""
    now = int(time.time())
    head = {"alg": "ES384", "kid": "bench", "typ": "JWT"}
    claims = {"iss": "https://ehr.example", "aud": BASE + PATH, "iat": now, "exp": now + 300}
    return [
        jwt.encode(head, {**claims, "jti": f"{turn}-{number}"}, _KEY, algorithms=["ES384"]) for number in range(count)
    ]
