"""``python -m tests.simulation 17``: the trace of one seed, and what is wrong with it. ``0-10000``: of many, what is
wrong. ``--size 100``: with so many people."""

from __future__ import annotations

import argparse
import hashlib

from tests.simulation import checks
from tests.simulation.day import SIZE, live
from tests.simulation.figures import Figures


def seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", type=seeds)
    parser.add_argument("--size", type=int, default=SIZE)
    given = parser.parse_args()
    figures, digest, wrong = Figures(), hashlib.blake2b(digest_size=8), 0
    for seed in given.seeds:
        day = live(seed, size=given.size, tell=print if len(given.seeds) == 1 else None)
        figures.add(day)
        digest.update(day.world.trace.encode())
        for sentence in (found := checks.found(day)):
            print(f"seed {seed}: {sentence}")
        wrong += bool(found)
    print(f"{figures}\ntrace {digest.hexdigest()}; {wrong} seeds are wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
