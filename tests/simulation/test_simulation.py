"""The courier, the inbox and their SQL through days on which things go wrong, each drawn from a seed.

The promises that these days are held to are in ``checks``; ``test_mutations`` shows that they notice.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation import checks
from tests.simulation.day import SIZE, live
from tests.simulation.figures import Figures

SEEDS = 200


@pytest.fixture(scope="module")
def figures() -> Iterator[Figures]:
    """Printed at the end, for who looks (``-s``)."""
    kept = Figures()
    yield kept
    print(f"\n{kept}")


def holds(seed: int, figures: Figures, size: int = SIZE) -> None:
    day = live(seed, size=size)
    figures.add(day)
    again = f"again: {sys.executable} -m tests.simulation {seed} --size {size}"
    assert not (found := checks.found(day)), "\n".join([*found, again])


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_goes_wrong_everybody_is_served_and_little_comes_twice(seed: int, figures: Figures) -> None:
    holds(seed, figures)


@pytest.mark.parametrize("seed", range(2))
def test_also_where_there_are_many(seed: int, figures: Figures) -> None:
    holds(seed, figures, size=100)


@pytest.mark.parametrize("seed", [1, 7])
def test_a_seed_is_the_same_day_each_time(seed: int) -> None:
    first, second = live(seed), live(seed)
    assert (first.world.trace, first.world.lines) == (second.world.trace, second.world.lines)


def test_a_seed_is_the_same_day_in_every_process() -> None:
    def trace(hash_seed: str) -> str:
        root = Path(__file__).parents[2]
        command = [sys.executable, "-m", "tests.simulation", "3-5"]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        ran = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
        return ran.stdout.splitlines()[-1]

    assert trace("1") == trace("2")


def test_where_nothing_goes_wrong_nothing_comes_twice() -> None:
    day = live(0, kinds=())
    assert not day.world.faults
    assert not checks.found(day)
    assert not checks.copies(day)
    assert not checks.lost_in_doubt(day)
