"""Whether the server stays as it is under load (``python -m tests.soak``); exits 1 where a bound is broken."""

from __future__ import annotations

import argparse
import sys

from tests.soak.bounds import Ended, bounds
from tests.soak.run import soak


def main(minutes: float) -> int:
    ended = soak(minutes * 60)
    for line in told(ended):
        print(line)
    return 0 if all(bound.is_kept for bound in bounds(ended)) else 1


def told(ended: Ended) -> list[str]:
    """The report: what was sent, the samples, and each bound with what was found."""
    lines = [f"{ended.calls} calls, {ended.acknowledged} of them feedback that was acknowledged"]
    lines += ["memory MB  descriptors  median ms"]
    lines += [f"{one.memory_mb:9.1f}  {one.descriptors:11}  {one.latency_ms:9.2f}" for one in ended.samples]
    lines += [f"unexpected: {what}, {times} times" for what, times in ended.unexpected.items()]
    for bound in bounds(ended):
        kept = "kept" if bound.is_kept else "BROKEN"
        lines.append(f"{kept:7}{bound.name}: {bound.found}, at most {bound.at_most}")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    sys.exit(main(parser.parse_args().minutes))
