"""What a signed request costs over the ceiling with the bare verification of its signature."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from functools import partial

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.bench import charts, load
from tests.bench.cells import Cell, Found, Run
from tests.bench.in_process import Profiled, profile
from tests.bench.load import Post
from tests.bench.servers import BASE, SIGNED_CEILING, SIGNED_SERVICE, running

_CHART = "unrelated order"
_KEY = ECKey.generate_key("P-384", {"kid": "bench", "use": "sig"})
_KEYS = json.dumps({"keys": [_KEY.as_dict(private=False)]}).encode()
_PROFILED = 300


def cells() -> Iterator[Cell]:
    profiled = partial(profile, Profiled(lambda: _posts(_PROFILED, "profiled"), SIGNED_SERVICE, _KEYS))
    name, what = f"{_CHART}, 10 KB, ES384", "CPU over (b) and the bare verification"
    yield Cell("signed", name, what, 1.4, _measured, 15, profiled)


def _measured(run: Run) -> Found:
    ratios, spent = [], []
    with running(SIGNED_CEILING, SIGNED_SERVICE, keys=_KEYS) as servers:
        for turn in range(run.effort.repeats + 1):
            posts = _posts(run.effort.sequence, str(turn))
            ceiling, service = (load.in_sequence(server, posts, len(posts)).cpu for server in servers)
            ratios.append(service / ceiling)
            spent.append(service)
    return Found(statistics.median(ratios[1:]), f"{statistics.median(spent[1:]) * 1e3:.2f} ms")


def _posts(count: int, turn: str) -> list[Post]:
    """As a client makes them, with a new token for each call."""
    body, path = charts.request(_CHART, charts.SIZES["10 KB"]), charts.CHARTS[_CHART].path
    now = int(time.time())
    head = {"alg": "ES384", "kid": "bench", "typ": "JWT"}
    claims = {"iss": "https://ehr.example", "aud": BASE + path, "iat": now, "exp": now + 300}
    tokens = [jwt.encode(head, {**claims, "jti": f"{turn}-{n}"}, _KEY, algorithms=["ES384"]) for n in range(count)]
    return [Post(body, path, token) for token in tokens]
