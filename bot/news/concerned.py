"""Which countries a text is about, and why: not its donors, its guests, or the places that lend a treaty their name."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import regex

from bot.news import roles
from bot.news.places import LARGE, PREPOSITIONS, REGION, Candidate, Gazetteer, Mention
from bot.news.roles import Role
from bot.news.text import Word, fold, listed, words

READ = 20_000  # characters: what a text is about, it says before
MANY = 7  # countries in a row: so many take part in something, or are counted
FEW = 2  # countries that only pay or visit are what it is about, when there is nobody else
BEFORE, AFTER = 8, 6  # words beside a country that say which part it plays
# Where people of the region work: what is said there about workers is about this country too.
DESTINATIONS = listed("SA AE QA KW OM BH MY RU TR LB JO SG KR")

_STOP = regex.compile(r"(?<!\b(?:Mr|Mrs|Ms|Dr|St|No|Prof|г|ул|им))[.!?؟۔।]+[”\"»)]*\s+(?!\p{Ll})|\n+")
_BREAK = regex.compile(r"[,;:،؛()«»“”\"]|\s[–—]\s")
# Between the members of a list of countries, in the languages of the region.
_AND = regex.compile(
    r"[\s,،;/&’'-]*(?:\([^()]{0,40}\)[\s,،;]*)?(?:(?:and|or|as well as|the|kingdom of|republic of|و|او|اور|এবং|ও|и|"
    r"ва|va|және|жана|мен|менен|bilan|ve|ile|û|s)(?!\w)[\s,،]*)*",
    regex.IGNORECASE,
)


class Mark(NamedTuple):
    """Words of a text that name a place, and what they count for."""

    words: str
    country: str
    role: Role


@dataclass(frozen=True)
class Concern:
    countries: tuple[str, ...]  # sorted; none: regional
    marks: tuple[Mark, ...]


class _Run(NamedTuple):
    """Places in a row ("Austria, Denmark and the Netherlands"), which play one part together."""

    mentions: list[Mention]
    start: int  # characters
    end: int
    opens: int  # … of its sentence
    closes: int
    lands: int  # how many of them are countries
    outside: int  # … outside the region


def concern(gazetteer: Gazetteer, text: str, dateline: Collection[str] = (), title: str = "") -> Concern:
    """The countries that a text is about. ``dateline`` are the countries where it was written.

    A country of the region counts where it is named, also by its people, its cities and its ministries. One outside
    counts when it is named as itself, or by what its authorities do, or by a city in which people of the region work.
    """
    return _Text.of(gazetteer, f"{title}\n{text}"[:READ], frozenset(dateline)).concern()


@dataclass(frozen=True)
class _Text:
    text: str
    folded: str
    found: list[Word]
    mentions: list[Mention]
    stops: list[int]  # where sentences begin
    projects: list[tuple[int, int]]
    tongues: list[tuple[int, int]]
    dateline: frozenset[str]

    @classmethod
    def of(cls, gazetteer: Gazetteer, text: str, dateline: frozenset[str]) -> _Text:
        found = words(text)
        mentions = [m for m in gazetteer.mentions(text, found) if _is_said(gazetteer, m, text, found)]
        return cls(
            text,
            " ".join(word.folded for word in found),
            found,
            mentions,
            [0, *(stop.end() for stop in _STOP.finditer(text))],
            [match.span("name") for form in roles.PROJECTS for match in form.finditer(text)] if mentions else [],
            [match.span() for match in roles.TONGUES.finditer(text)] if mentions else [],
            dateline,
        )

    def concern(self) -> Concern:
        played = [(mention, self._role(run, mention)) for run in self._runs() for mention in run.mentions]
        named = {m.country for m, role in played if m.kind != "city" and role is not Role.NAME} | self.dateline
        marks = [Mark(self._written(m), self._here(m, named).country, role) for m, role in played]
        concerned = {mark.country for mark in marks if mark.role is Role.CONCERNED}
        concerned |= {country for country in self.dateline if country in REGION or self._is_there(country)}
        if not concerned & REGION:
            concerned |= self._recovered(marks)
        return Concern(tuple(sorted(concerned)), tuple(marks))

    def _recovered(self, marks: Sequence[Mark]) -> set[str]:
        """With nobody else to be about, a text is about its guests: "A delegation from Iraq visited Vienna"."""
        may = {Role.GUEST, Role.PROJECT}
        if not roles.WIDE.search(self.folded):
            may |= {Role.DONOR, Role.LISTED, Role.OFFICE}
        aside = {mark.country for mark in marks if mark.role in may and mark.country in REGION}
        return aside if len(aside) <= FEW else set()

    def _is_there(self, country: str) -> bool:
        """Whether a dateline outside the region is where it happens: to workers and students, not at a meeting."""
        return (
            country in DESTINATIONS and bool(roles.WORKERS.search(self.folded)) and not roles.MEETS.search(self.folded)
        )

    def _written(self, mention: Mention) -> str:
        return self.text[self.found[mention.first].start : self.found[mention.last - 1].end]

    @staticmethod
    def _here(mention: Mention, named: Collection[str]) -> Candidate:
        """Of towns of one name, the one in a country that is named."""
        return next((c for c in mention.candidates if c.country in named), mention.candidates[0])

    # --- Places in a row ---------------------------------------------------------------------------------------------

    def _runs(self) -> Iterator[_Run]:
        row: list[Mention] = []
        for mention in self.mentions:
            between = (self.found[row[-1].last - 1].end, self.found[mention.first].start) if row else (0, 0)
            if row and not _AND.fullmatch(self.text, *between):
                yield self._run(row)
                row = []
            row.append(mention)
        if row:
            yield self._run(row)

    def _run(self, row: list[Mention]) -> _Run:
        start, end = self.found[row[0].first].start, self.found[row[-1].last - 1].end
        at = bisect_right(self.stops, start)
        opens = max(self.stops[at - 1], start - 400)
        after = bisect_right(self.stops, end)
        closes = self.stops[after] if after < len(self.stops) else len(self.text)
        lands = [m.country not in REGION for m in row if m.kind != "city"]
        return _Run(row, start, end, opens, min(closes, end + 400), len(lands), sum(lands))

    # --- Which part it plays ---------------------------------------------------------------------------------------

    def _role(self, run: _Run, mention: Mention) -> Role:
        if self._is_a_name(mention):
            return Role.NAME
        start = self.found[mention.first].start
        if any(first <= start < last for first, last in self.tongues) and mention.kind in ("adjective", "people"):
            return Role.LANGUAGE
        if any(first <= start < last for first, last in self.projects):
            return Role.PROJECT
        if role := self._beside(run, mention):
            return role
        if mention.kind == "people" or (mention.kind == "city" and not mention.candidates[0].region):
            return Role.CONCERNED if self._acts(run, mention) else Role.ELSEWHERE
        return Role.CONCERNED

    def _is_a_name(self, mention: Mention) -> bool:
        start, end = self.found[mention.first].start, self.found[mention.last - 1].end
        before, after = self._word(mention.first - 1), self._word(mention.last)
        abroad = mention.country not in REGION
        ceremony = mention.kind != "adjective" and roles.CEREMONY.match(self.text, end)
        return bool(
            roles.PAPER.match(self.text, end)
            or ceremony
            or (abroad and roles.ORGANISATION.match(self.text, end))
            or roles.names_a_paper(after)
            or roles.names_a_process(before)
            or roles.PAPER_BEFORE.search(self.text[max(0, start - 40) : start])
            or roles.TITLED.search(self.text[max(0, start - 10) : start])
            or (mention.phrase in roles.GIVEN and roles.SURNAME.match(self.text, end))
        )

    def _word(self, at: int) -> str:
        return self.found[at].folded if 0 <= at < len(self.found) else ""

    def _beside(self, run: _Run, mention: Mention) -> Role | None:
        """What the words before and after a run of places make of it; None: nothing."""
        abroad = mention.country not in REGION
        if mention.kind in ("adjective", "people") and roles.is_tongue(
            self._word(mention.first - 1), self._word(mention.last)
        ):
            return Role.LANGUAGE
        before, after = self._before(run), self._after(run)
        if mention.kind == "city":
            return self._of_a_city(run, mention)
        if self._gives(run, before, after, abroad):
            return Role.DONOR
        if self._is_many(run, mention) or roles.CHAIRED.search(self.text, run.opens, run.closes):
            return Role.LISTED
        if self._is_guest(run, before, after, abroad):
            return Role.GUEST
        lead = self.text[max(run.opens, run.start - 160) : run.start]
        if abroad and (roles.MET_IN.search(lead) or self._is_where_written(run, mention)):
            return Role.VENUE
        if abroad and roles.LIKE.search(lead):
            return Role.EXAMPLE
        return None

    def _is_where_written(self, run: _Run, mention: Mention) -> bool:
        """ "Vienna, Austria" in a text from there, which is about somebody else."""
        if mention.country not in self.dateline:
            return False
        return any(m.last == mention.first and m.country == mention.country for m in run.mentions)

    def _of_a_city(self, run: _Run, mention: Mention) -> Role | None:
        start, end = self.found[mention.first].start, self.found[mention.last - 1].end
        lead = self.text[max(run.opens, start - 100) : start]
        if roles.OFFICE_IN.search(lead) or roles.BASED.match(self.text, end):
            return Role.OFFICE
        return None

    def _gives(self, run: _Run, before: str, after: str, abroad: bool) -> bool:
        lead = self.text[max(run.opens, run.start - 160) : run.start]
        return bool(
            roles.MONEY_FROM.search(lead)
            or roles.GIVES.match(self.text, run.end, run.closes)
            or (abroad and (roles.HOUSE_OF.search(lead) or roles.OWNS.match(self.text, run.end, run.closes)))
            or roles.BEFORE_GIVES.search(before)
            or roles.AFTER_GIVES.search(after)
        )

    def _is_guest(self, run: _Run, before: str, after: str, abroad: bool) -> bool:
        lead = self.text[max(run.opens, run.start - 160) : run.start]
        if (
            roles.ENVOY_OF.search(lead)
            or roles.ENVOY_AFTER.match(self.text, run.end, run.closes)
            or roles.EXPERT_AFTER.match(self.text, run.end, run.closes)
            or roles.BEFORE_ENVOY.search(before)
            or roles.AFTER_ENVOY.search(after)
        ):
            return True
        if abroad:
            return bool(
                roles.EXPERT_FROM.search(lead)
                or roles.BEFORE_EXPERT.search(before)
                or roles.BEFORE_HOUSE.search(before)
                or roles.AFTER_EXPERT.search(after)
            )
        return bool(roles.EXPERT_FROM.search(lead)) and bool(roles.VISITS.search(self.text, run.start, run.closes))

    def _is_many(self, run: _Run, mention: Mention) -> bool:
        if run.lands < 3 or run.lands >= MANY:
            return run.lands >= MANY
        sentence = self.text[run.opens : run.closes]
        if roles.THEY_ARE.match(sentence) and roles.TAKE_PART.search(self.text, max(0, run.opens - 300), run.opens):
            return True
        if mention.country not in REGION and run.outside > 2 and roles.TAKE_PART.search(sentence):
            return True
        if roles.TOOK_PART.search(sentence) or roles.EXPERT_FROM.search(self.text, run.opens, run.start):
            return True
        folded = fold(sentence)
        return run.lands > 3 and bool(
            (run.outside and roles.TAKE_PART.search(sentence))
            or (not folded.isascii() and roles.TAKE_PART_WORDS.search(folded))
        )

    def _acts(self, run: _Run, mention: Mention) -> bool:
        """Whether what is said of a destination's people or city concerns it: "Malaysian police", "jobs in Dubai"."""
        if mention.kind == "people":
            return bool(roles.OF_A_STATE.match(self.text, self.found[mention.last - 1].end))
        sentence = fold(self.text[run.opens : run.closes])
        if mention.phrase in roles.SEATS or roles.MEETS.search(sentence):
            return False
        return mention.country == "TR" or bool(roles.WORKERS.search(sentence))

    # --- The words beside a run, folded -----------------------------------------------------------------------------

    def _before(self, run: _Run) -> str:
        at = run.mentions[0].first
        said: list[str] = []
        while at > 0 and len(said) < BEFORE and not self._parted(at - 1, run.opens):
            at -= 1
            said.append(self.found[at].folded)
        return " ".join(reversed(said))

    def _after(self, run: _Run) -> str:
        at = run.mentions[-1].last
        said: list[str] = []
        while at < len(self.found) and len(said) < AFTER and not self._parted(at - 1, run.opens):
            if self.found[at].start >= run.closes:
                break
            said.append(self.found[at].folded)
            at += 1
        return " ".join(said)

    def _parted(self, at: int, opens: int) -> bool:
        """Whether a comma, a bracket or the end of a sentence parts word ``at`` from the next."""
        if at + 1 >= len(self.found) or self.found[at].start < opens:
            return True
        return bool(_BREAK.search(self.text, self.found[at].end, self.found[at + 1].start))


def _is_said(gazetteer: Gazetteer, mention: Mention, text: str, found: Sequence[Word]) -> bool:
    """Whether a text that says this means the place: written with a capital, if its script has them, and large."""
    first = found[mention.first]
    before = found[mention.first - 1].folded if mention.first > 0 else ""
    sure = before in roles.KINDS_OF_PLACE or (first.cased and first.capital and mention.first > 0)
    if gazetteer.is_shy(mention.phrase) and not sure:
        return False
    place = mention.candidates[0]
    if mention.kind != "city":
        # Russian and its neighbours write "афганский" small.
        local = mention.inflected or mention.kind == "adjective" or place.region
        people = mention.inflected and place.region and len(mention.phrase) > 6  # "o'zbekistonliklar"
        return first.capital or people or (local and not mention.phrase.isascii())
    if not first.capital:
        return False
    written = text[first.start : found[mention.last - 1].end]
    if len(written) < 5 and written.isupper() and first.cased and not text.isupper():
        return False
    if not any(c.region for c in mention.candidates):
        return place.size in "cx" and len(mention.phrase) > 4
    if before in PREPOSITIONS or before in roles.KINDS_OF_PLACE:
        return True
    return place.size in LARGE
