"""The reader beside a careful editor, on the half of the bench that the rules were made on: so that none of it rots.

How well it does on what nobody looked at says ``make bench-reading``.
"""

from __future__ import annotations

import pytest

from bot.news.read import Reader
from tests.bench.reading.score import Half, Scores, Share, score

FLOORS = {
    "dateline": 0.99,
    "event": 0.98,
    "phones": 0.98,
    "lead": 0.95,
    "queries": 0.99,
    "nonsense": 1.0,
    "pairs": 0.94,
}


@pytest.fixture(scope="module")
def scores(reader: Reader) -> Scores:
    return score(reader, Half.load("tuned"))


@pytest.mark.parametrize("what", FLOORS)
def test_it_is_as_good_as_it_was(scores: Scores, what: str) -> None:
    share: Share = getattr(scores, what)
    assert share.share >= FLOORS[what], "\n".join(share.remarks)


def test_it_knows_which_countries_are_concerned(scores: Scores) -> None:
    assert scores.countries.f1 >= 0.97, "\n".join(scores.countries.remarks)


@pytest.mark.parametrize("half", ["tuned", "held_back"])
def test_the_labels_can_be_read(half: str) -> None:
    labels = Half.load(half)
    assert len(labels.cases) > 40
    assert len(labels.queries) > 100
    assert len(labels.pairs) >= 20
    assert all(len(code) == 2 for case in labels.cases for code in case.countries)
