"""How well and how fast the reader reads: ``make bench-reading``, or ``python -m tests.bench.reading [--misses]``.

``--misses`` tells what went wrong in the tuned half. The other half is held back: nobody looks into it, so that its
figures say how well the rules do on what they were not made for.
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.reading.score import HALVES, Case, Half, Scores, Share, Tally, read_all, score

if TYPE_CHECKING:
    from bot.news.read import Reader


def main() -> None:
    before = memory()
    started = time.perf_counter()
    from bot.news.read import Reader

    reader = Reader.load()
    reader.languages.of("The detector of languages is loaded when it is first asked.")
    ready = time.perf_counter() - started
    held = memory()
    halves = {name: Half.load(name) for name in HALVES}
    scores = {name: score(reader, half) for name, half in halves.items()}
    print(f"{'':24}" + "".join(f"{name.replace('_', ' '):>20}" for name in HALVES))
    for row in zip(*(figures(scores[name]) for name in HALVES), strict=True):
        print(f"{row[0][0]:24}" + "".join(f"{said:>20}" for _, said in row))
    took = speed(reader, [case for half in halves.values() for case in half.cases])
    print(f"\n{took:.2f} ms a dispatch, ready in {ready:.2f} s")
    print(f"{held:.0f} MB with everything loaded, of which the reader {held - before:.0f} MB")
    if "--misses" in sys.argv:
        misses(scores["tuned"])


def figures(scores: Scores) -> list[tuple[str, str]]:
    rows = []
    for name, part in vars(scores).items():
        if isinstance(part, Tally):
            rows += [(f"{name} {figure}", f"{getattr(part, figure):.3f}") for figure in ("precision", "recall", "f1")]
        elif isinstance(part, Share):
            rows.append((name, f"{part.right}/{part.all}  {part.share:.3f}"))
    return rows


def misses(scores: Scores) -> None:
    for name, part in vars(scores).items():
        for remark in part.remarks:
            print(f"{name:10} {remark}")


def speed(reader: Reader, cases: list[Case]) -> float:
    """Milliseconds of processor time a dispatch, once everything is warm."""
    read_all(reader, cases)
    started = time.process_time()
    for _ in range(5):
        read_all(reader, cases)
    return (time.process_time() - started) * 1000 / (5 * len(cases))


def memory() -> float:
    """What this process holds, in MB. Half as much again is taken for a moment while the detector is unpacked."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1024**2


if __name__ == "__main__":
    main()
