"""How well the reader reads: its answers beside those of a careful editor, counted.

``Half.load("tuned")`` may be looked at while the rules are made; of ``"held_back"`` only the figures are.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import regex

from bot.news.dispatch import Dispatch
from bot.news.read import Reader
from bot.news.samenews import ALIKE, Facts, fingerprint, likeness, runs, two_events

HERE = Path(__file__).parent
HALVES = ("tuned", "held_back")
_SENTENCE = regex.compile(r".+?[.!?؟۔।][”\"»]?(?=\s|$)")


@dataclass(frozen=True)
class Case:
    """A dispatch, and what an editor would say of it."""

    text: str
    title: str
    dateline: str | None
    countries: frozenset[str]
    topics: frozenset[str]
    event: tuple[date, date] | None
    lead: int
    phones: bool

    @classmethod
    def of(cls, row: dict[str, Any]) -> Case:
        first, _, last = row.get("event", "").partition("/")
        return cls(
            text=row["text"],
            title=row.get("title", ""),
            dateline=row["dateline"] or None,
            countries=frozenset(row["countries"].split()),
            topics=frozenset(row["topics"].split()),
            event=(date.fromisoformat(first), date.fromisoformat(last)) if first else None,
            lead=row.get("lead", 0),
            phones=row.get("phones", False),
        )


@dataclass(frozen=True)
class Half:
    cases: list[Case]
    queries: list[tuple[str, str | None]]
    pairs: list[tuple[str, str, bool]]

    @classmethod
    def load(cls, name: str) -> Half:
        rows = tomllib.loads((HERE / f"dispatches.{name}.toml").read_text("utf-8"))["dispatch"]
        lines = (HERE / f"queries.{name}.tsv").read_text("utf-8").splitlines()
        queries = [line.split("\t") for line in lines if not line.startswith("# ")]
        stories = tomllib.loads((HERE / f"pairs.{name}.toml").read_text("utf-8"))["story"]
        pairs = [
            (story["text"], again, same)
            for story in stories
            for same in (True, False)
            for again in story["same" if same else "other"]
        ]
        return cls([Case.of(row) for row in rows], [(typed, code or None) for typed, code in queries], pairs)


@dataclass
class Tally:
    """Right, wrong and missed, over all dispatches together; and the misses in words."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    remarks: list[str] = field(default_factory=list)

    def add(self, said: Iterable[str], wanted: Iterable[str], where: str) -> None:
        said, wanted = set(said), set(wanted)
        self.right += len(said & wanted)
        self.wrong += len(said - wanted)
        self.missed += len(wanted - said)
        if said != wanted:
            extra, lacks = " ".join(sorted(said - wanted)), " ".join(sorted(wanted - said))
            self.remarks.append(f"+[{extra}] -[{lacks}]  {where[:110]}")

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong or 1)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed or 1)

    @property
    def f1(self) -> float:
        return 2 * self.right / (2 * self.right + self.wrong + self.missed or 1)


@dataclass
class Share:
    """How many of all were right; and the others in words."""

    right: int = 0
    all: int = 0
    remarks: list[str] = field(default_factory=list)

    def add(self, said: object, wanted: object, where: str) -> None:
        self.all += 1
        self.right += said == wanted
        if said != wanted:
            self.remarks.append(f"{said} for {wanted}  {where[:110]}")

    @property
    def share(self) -> float:
        return self.right / (self.all or 1)


@dataclass
class Scores:
    dateline: Share = field(default_factory=Share)
    countries: Tally = field(default_factory=Tally)
    topics: Tally = field(default_factory=Tally)
    event: Share = field(default_factory=Share)
    phones: Share = field(default_factory=Share)
    lead: Share = field(default_factory=Share)
    queries: Share = field(default_factory=Share)
    nonsense: Share = field(default_factory=Share)
    pairs: Share = field(default_factory=Share)


def score(reader: Reader, half: Half) -> Scores:
    scores = Scores()
    for case, read in zip(half.cases, read_all(reader, half.cases), strict=True):
        where = f"{case.title} | {case.text}" if case.title else case.text
        scores.dateline.add(read.dateline_country, case.dateline, where)
        scores.countries.add(read.countries, case.countries, where)
        scores.topics.add(read.topics, case.topics, where)
        scores.event.add(read.event and (read.event.first, read.event.last), case.event, where)
        scores.phones.add(read.phones, case.phones, where)
        wanted = lead_of(read.text, case.lead)
        scores.lead.add(read.summary.startswith(wanted), True, where)
    for typed, country in half.queries:
        (scores.queries if country else scores.nonsense).add(reader.gazetteer.country(typed).country, country, typed)
    for one, other, same in half.pairs:
        scores.pairs.add(is_same(reader, one, other), same, f"{one[:50]} ~ {other}")
    return scores


def read_all(reader: Reader, cases: Iterable[Case]) -> tuple[Dispatch, ...]:
    """Each as an item of a feed, with its title where it has one."""
    items = [{"id": str(n), "title": case.title, "content_text": case.text} for n, case in enumerate(cases)]
    raw = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items})
    return reader.read(raw.encode()).dispatches


def lead_of(text: str, at: int) -> str:
    """The beginning of a sentence: enough to know it by, and short of where a summary might cut it."""
    sentences = _SENTENCE.findall(text.replace("\n", " ")) or [text]
    return str(sentences[min(at, len(sentences) - 1)]).strip()[:60]


def is_same(reader: Reader, one: str, other: str) -> bool:
    """As the hub decides: the same words, or nearly so without anything that tells two events apart."""
    first, second = (_alone(reader, text) for text in (one, other))
    if two_events(*(Facts.of("", [p.name for p in item.places], item.countries) for item in (first, second))):
        return False
    if fingerprint(first.title, first.text) == fingerprint(second.title, second.text):
        return True
    alike = likeness(runs(first.text), runs(second.text)) >= ALIKE
    return alike and not two_events(_facts(first), _facts(second))


def _alone(reader: Reader, text: str) -> Dispatch:
    title, _, body = text.rpartition("\n")
    [item] = read_all(reader, [Case(body, title, None, frozenset(), frozenset(), None, 0, False)])
    return item


def _facts(item: Dispatch) -> Facts:
    return Facts.of(item.text, [place.name for place in item.places], item.countries)
