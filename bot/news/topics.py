"""What a text is about, and which topic a person means who types a word. The taxonomy is ``config/topics.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import regex
from rapidfuzz.distance import OSA

import config
from bot.news.text import Word, clean, listed, phrases, words

LONGEST = 8  # words in a keyword or a masked name

# Folded: as ``words`` gives them.
_BRITISH = {
    "center": "centre",
    "centers": "centres",
    "labor": "labour",
    "program": "programme",
    "programs": "programmes",
    "counselor": "counsellor",
    "counselors": "counsellors",
    "counseling": "counselling",
    "organized": "organised",
    "rumors": "rumours",
}
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


@dataclass(frozen=True)
class Topics:
    """The taxonomy. Built once by ``load``; reads only, so safe in threads."""

    slugs: tuple[str, ...]  # in the order in which they are shown
    _labels: Mapping[str, str] = field(repr=False)
    _keywords: Mapping[str, tuple[tuple[str, str], ...]] = field(repr=False)  # singular -> (as written, slug)
    _masked: frozenset[str] = field(repr=False)
    _openers: frozenset[str] = field(repr=False)  # the first words of keywords and masked names
    _typed: Mapping[str, str] = field(repr=False)  # singular words that a person types -> slug

    @classmethod
    def load(cls) -> Topics:
        table = tomllib.loads((Path(config.__file__).parent / "topics.toml").read_text("utf-8"))
        keywords: dict[str, tuple[tuple[str, str], ...]] = {}
        typed: dict[str, str] = {}
        for topic in table["topic"]:
            for keyword in topic["keywords"]:
                written = _key(keyword)
                keywords[_singular(written)] = (*keywords.get(_singular(written), ()), (written, topic["slug"]))
        # Slugs, labels and aliases first, of all topics: a keyword of one may be the name of another.
        for field_ in ("slug", "label", "aliases", "keywords"):
            for topic in table["topic"]:
                for said in [topic[field_]] if isinstance(topic[field_], str) else topic[field_]:
                    bare = _without_small_words(_key(said))
                    # "walk-in" is a topic, "walk" is not.
                    if field_ != "keywords" or " " in bare or bare == _singular(_key(said)):
                        typed.setdefault(bare, topic["slug"])
        typed.pop("", None)
        masked = frozenset(_singular(_key(name)) for name in table["mask"])
        return cls(
            tuple(topic["slug"] for topic in table["topic"]),
            {topic["slug"]: topic["label"] for topic in table["topic"]},
            keywords,
            masked,
            frozenset(phrase.split(" ")[0] for phrase in (*keywords, *masked)),
            typed,
        )

    def label(self, slug: str) -> str:
        """The English label, which is also the sentence to translate."""
        return self._labels[slug]

    def of(self, text: str, title: str = "") -> tuple[str, ...]:
        """The topics of a text, in the order of the taxonomy. A keyword seen once is enough."""
        text = f"{title}\n{text}"
        found = [word._replace(folded=_BRITISH.get(word.folded, word.folded)) for word in words(text)]
        singular = [word._replace(folded=_one(word.folded)) for word in found]
        masked = _bodies(text, found)
        hits: list[tuple[int, int, str, str]] = []
        for at, word in enumerate(singular):
            if word.folded in self._openers:
                for stop, phrase in phrases(text, singular, at, LONGEST):
                    if phrase in self._masked:
                        masked.update(range(at, stop))
                    hits += [(at, stop, written, slug) for written, slug in self._keywords.get(phrase, ())]
        seen = {
            slug
            for at, stop, written, slug in hits
            if masked.isdisjoint(range(at, stop)) and _same(found[at:stop], written)
        }
        return tuple(slug for slug in self.slugs if slug in seen)

    def named(self, text: str) -> str | None:
        """The topic that a person means who types this and nothing else; None if it is none, or a longer story."""
        said = _without_small_words(_key(clean(text)))
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


def _key(text: str) -> str:
    """A phrase as ``phrases`` gives it: "Pre-departure orientation" is "pre departure orientation"."""
    return " ".join(_BRITISH.get(word.folded, word.folded) for word in words(text))


def _singular(phrase: str) -> str:
    return " ".join(map(_one, phrase.split(" ")))


def _one(word: str) -> str:
    """An English word without its plural ending. "customs" comes out wrong, and alike in a keyword and in a text."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word[:-1]


def _same(said: Sequence[Word], keyword: str) -> bool:
    """A text may have the plural of a keyword, but not its singular: "custom" is not "customs"."""
    pairs = zip(said, keyword.split(" "), strict=True)
    return all(word.folded == wanted or _one(word.folded) == wanted for word, wanted in pairs)


def _without_small_words(phrase: str) -> str:
    kept = [_one(word) for word in phrase.split(" ") if word not in _AROUND]
    return " ".join(kept)
