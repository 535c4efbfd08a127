"""What a text is about, and which topic a person means who types a word. The taxonomy is ``config/topics.toml``."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import regex
from rapidfuzz.distance import OSA

import config
from bot.news.lexicon import Hit, Lexicon, Phrase, Read, key, singular
from bot.news.text import Word, clean, listed

ENOUGH = 0.99  # the weight of a keyword, or of two hints of which one is in the first sentence
TWICE = 2  # a hint that is repeated says more; said ten times it says no more than that
FAR = 1_500  # characters: what comes later is detail, and needs a keyword twice

# Small words around a topic in what people type: "show me news about jobs please".
_AROUND = listed(
    """
    a an the of on in about for to from and or me my i im am we us you your please pls hi hello show give send
    tell get find see want need like know read looking interested news new latest update updates information
    info topic topics what is are any more some all with how can could do help
    """
)


def labels(t: Callable[[str], str]) -> dict[str, str]:
    """The labels of the topics that we ship, in the language of ``t``."""
    return {
        "safe-migration": t("Safe migration and risks of irregular travel"),
        "labour-migration": t("Work abroad, recruitment and skills"),
        "visas-pathways": t("Visas, documents and legal pathways"),
        "education-scholarships": t("Study abroad and scholarships"),
        "return-reintegration": t("Return and reintegration"),
        "border-management": t("Border management"),
        "trafficking-smuggling": t("Trafficking, smuggling and scams"),
        "rights-protection": t("Rights, legal help and protection"),
        "women-gender": t("Women and gender"),
        "asylum-refugees": t("Asylum, refugees and displacement"),
        "psychosocial": t("Mental health and psychosocial support"),
        "diaspora-development": t("Diaspora, remittances and development"),
        "policy-dialogue": t("Migration policy, governance and dialogue"),
        "services-contacts": t("MRC services and contacts"),
    }


class Because(NamedTuple):
    """A topic of a text, and the words in it that decided."""

    topic: str
    words: tuple[str, ...]  # as written, in the order of the text


@dataclass(frozen=True)
class Topics:
    """The taxonomy. Built once by ``load``; reads only, so safe in threads."""

    slugs: tuple[str, ...]  # in the order in which they are shown
    _labels: Mapping[str, str] = field(repr=False)
    _lexicon: Lexicon = field(repr=False)
    _masks: Lexicon = field(repr=False)
    _typed: Mapping[str, str] = field(repr=False)  # singular words that a person types -> slug

    @classmethod
    def load(cls) -> Topics:
        table = tomllib.loads((Path(config.__file__).parent / "topics.toml").read_text("utf-8"))
        lexicon, masks = Lexicon(), Lexicon()
        for topic in table["topic"]:
            for written in (*topic["keywords"], *chain.from_iterable(topic["in"].values())):
                lexicon.add(topic["slug"], written)
        for name in table["mask"]:
            masks.add("", name)
        return cls(
            tuple(topic["slug"] for topic in table["topic"]),
            {topic["slug"]: topic["label"] for topic in table["topic"]},
            lexicon,
            masks,
            _typed_names(table["topic"]),
        )

    def label(self, slug: str) -> str:
        """The English label, which is also the sentence to translate."""
        return self._labels[slug]

    def of(self, text: str, title: str = "") -> tuple[str, ...]:
        """The topics of a text, in the order of the taxonomy."""
        return tuple(because.topic for because in self.explained(text, title))

    def explained(self, text: str, title: str = "") -> tuple[Because, ...]:
        """The topics of a text, in the order of the taxonomy, each with the words that decided.

        A keyword seen once is enough; hints need each other, and weigh more in the title and the first sentence.
        """
        read = Read.of(f"{title}\n{text}" if title else text)
        masked = _bodies(read.text, read.found)
        masked.update(at for hit in self._masks.hits(read) for at in range(hit.first, hit.after))
        hits: dict[str, list[Hit]] = defaultdict(list)
        for hit in set(self._lexicon.hits(read, masked)):
            hits[hit.phrase.topic].append(hit)
        decided = ((slug, _evidence(read, hits[slug], bool(title))) for slug in self.slugs if slug in hits)
        return tuple(Because(slug, _as_written(read, found)) for slug, found in decided if found)

    def named(self, text: str) -> str | None:
        """The topic that a person means who types this and nothing else; None if it is none, or a longer story."""
        said = _without_small_words(key(clean(text)))
        if not said or len(said) > 60:
            return None
        if said in self._typed:
            return self._typed[said]
        if len(said) < 5:
            return None
        allowed = 1 if len(said) < 8 else 2
        near: dict[str, int] = {}
        for name, slug in self._typed.items():
            if len(name) >= 4 and abs(len(name) - len(said)) <= allowed:
                distance = OSA.distance(said, name, score_cutoff=allowed)
                if distance <= allowed:
                    near[slug] = min(distance, near.get(slug, distance))
        closest = [slug for slug, distance in near.items() if distance == min(near.values())]
        return closest[0] if len(closest) == 1 else None


def _bodies(text: str, found: Sequence[Word]) -> set[int]:
    """The words that only name a body: "the Ministry of Labour and Social Affairs"."""
    spans = [match.span() for pattern in (_BODY, _COUNCIL) for match in pattern.finditer(text)]
    return {at for at, word in enumerate(found) for start, end in spans if start <= word.start < end}


_CAPITALS = r"\p{Lu}[\w’'-]*"
_LINK = r"(?:and|&|of|the|for|on)"
# "ministries of Foreign Affairs, Migration and Displacement, Labour & Social Affairs and the Interior"
_BODY = regex.compile(
    rf"\b(?:[Mm]inistr(?:y|ies)|[Mm]inisters?|Department|Directorate|Bureau|Secretariat|Commission(?:er)?|Agency|Organi[sz]ation|"
    rf"Office|Council|Network|Federation|Foundation|Committee|Authority)\s+(?:of|for|on)\s+(?:the\s+)?{_CAPITALS}"
    rf"(?:,?\s+(?:{_LINK}\s+){{0,3}}{_CAPITALS})*"
)
# "Norwegian Refugee Council", "Federal Office …" comes under _BODY
_COUNCIL = regex.compile(
    rf"(?:{_CAPITALS}\s+){{1,4}}(?<=\b(?:Refugees?|Asylum|Migration|Immigration|Labour|Labor|Employment|Rights|Women|Return|Reintegration)\s)"
    rf"(?:{_CAPITALS}\s+){{0,2}}(?:Office|Agency|Council|Commission|Organi[sz]ation|Network|Secretariat|Watch|Committee|Federation)\b"
)


def _evidence(read: Read, hits: Iterable[Hit], titled: bool) -> list[Hit]:
    """The hits that together are enough, in the order of the text; none if they are not.

    Longer phrases first, and no word counts twice: "counselling hub" is one hint, not two.
    """
    hits = list(hits)
    taken = {at for hit in hits if hit.phrase.void for at in range(hit.first, hit.after)}
    counted: dict[Phrase, int] = defaultdict(int)
    found, weight = [], 0.0
    for hit in sorted(hits, key=lambda hit: (hit.phrase.hint, hit.first - hit.after, hit.first)):
        if not taken.isdisjoint(range(hit.first, hit.after)):
            continue
        taken.update(range(hit.first, hit.after))
        if hit.phrase.hint and counted[hit.phrase] == TWICE:
            continue
        counted[hit.phrase] += 1
        found.append(hit)
        weight += _weight(read, hit, titled)
    return sorted(found, key=lambda hit: hit.first) if weight >= ENOUGH else []


def _weight(read: Read, hit: Hit, titled: bool) -> float:
    if read.found[hit.first].start > FAR:
        return 0.0 if hit.phrase.hint else 0.5
    if not hit.phrase.hint:
        return 1.0
    if titled and hit.sentence == 0:
        return 1.0
    return 0.6 if hit.sentence == (1 if titled else 0) else 0.4


def _as_written(read: Read, found: Iterable[Hit]) -> tuple[str, ...]:
    spans = [read.text[read.found[hit.first].start : read.found[hit.after - 1].end] for hit in found]
    return tuple(dict.fromkeys(spans))


def _typed_names(table: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    typed: dict[str, str] = {}
    # Slugs, labels and aliases first, of all topics: a keyword of one may be the name of another.
    for column in ("slug", "label", "aliases", "keywords"):
        for topic in table:
            for said in [topic[column]] if isinstance(topic[column], str) else topic[column]:
                bare = _without_small_words(key(said))
                # "walk-in" is a topic, "walk" is not.
                whole = " " in bare or bare == singular(key(said))
                if column != "keywords" or (whole and "*" not in said and " & " not in said):
                    typed.setdefault(bare, topic["slug"])
    typed.pop("", None)
    return typed


def _without_small_words(phrase: str) -> str:
    kept = [singular(word) for word in phrase.split(" ") if word not in _AROUND]
    return " ".join(kept)
