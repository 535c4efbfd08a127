"""A short form of a text that is still the author's own words: whole sentences from its beginning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex

from bot.news.text import one_line

LIMIT = 300  # characters: what fits a push without "more"
PROPER = 50  # characters: less is a heading or a cry
READ = 20_000  # characters: what comes later is never in a summary

_END = regex.compile(r"(?P<mark>[.!?؟۔।…]+)(?P<close>[\"”’»)\]]*)(?=\s|$)")
_QUOTES = "\"“”„«»'‘’"
_ABBREVIATION = regex.compile(
    r"(?:^|[\s(\"“«])(?:Mr|Mrs|Ms|Dr|Prof|Eng|Gen|Col|Lt|St|Sr|Jr|No|Nos|Art|vs|approx|incl|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|"
    r"e\.g|i\.e|cf|al|г|гг|ш|ул|им|тыс|млн|млрд|т\.е|т\.д|т\.п|т\.к|см|стр|руб|ড|ডা|মো|নং|\p{Lu}|(?:\p{Lu}\.)+\p{Lu})\.$"
)
_CLAUSE = regex.compile(r"[,;:،؛](?=\s)|\s[–—-](?=\s)")
_DONOR = regex.compile(
    r"(?:The|This|Our)\s(?:[\w’'“”\"-]+\s){0,8}?(?:is|are|was|were|has been|have been)\s(?:generously\s)?"
    r"(?:co-?|jointly )?(?:funded|financed|sponsored|supported)\b|"
    r"(?:(?:Co-?)?[Ff](?:unded|inanced)|Sponsored|"
    r"With (?:the )?(?:generous )?(?:financial )?(?:support|funding))\b"
)


def summarise(text: str, limit: int = LIMIT) -> str:
    """At most ``limit`` characters of ``text``. Sentences are whole, unless the first alone is too long."""
    text = text.strip()
    sentences = list(_sentences(text[:READ]))
    lead = _lead(sentences)
    if len(text) <= limit and not any(map(_is_left_out, sentences[:lead] + sentences[lead + 1 :])):
        return text
    summary = sentences[lead] if sentences else ""
    if len(summary) > limit:
        return _cut(summary, limit)
    for sentence in sentences[lead + 1 :]:
        if _DONOR.match(sentence):
            continue
        # A sentence that announces a list is nothing without it.
        if sentence.endswith(":") or len(summary) + 1 + len(sentence) > limit:
            break
        summary += " " + sentence
    return summary


def _lead(sentences: Sequence[str]) -> int:
    """Which sentence says the news. Who paid is no news, yet "Funded by …, the school has taught …" may be."""
    proper = [at for at, sentence in enumerate(sentences) if _is_proper(sentence)]
    says = [
        at for at in proper if not (_DONOR.match(sentences[at]) and sentences[at].startswith(("The", "This", "Our")))
    ]
    whole = [at for at, sentence in enumerate(sentences) if not sentence.endswith(":")]
    return next(iter(says or proper or whole), 0)


def _is_left_out(sentence: str) -> bool:
    return sentence.endswith(("?", "؟")) or bool(_DONOR.match(sentence))


def _sentences(text: str) -> Iterator[str]:
    """The sentences of a text; the end of a line ends one too."""
    for line in text.splitlines():
        line, start = one_line(line), 0
        for match in _END.finditer(line):
            if _ends(line, start, match):
                yield line[start : match.end()].strip()
                start = match.end()
        if rest := line[start:].strip():
            yield rest


def _ends(line: str, start: int, match: regex.Match[str]) -> bool:
    following = line[match.end() + 1 : match.end() + 2]
    if following and following.lower() == following != following.upper():
        return False  # a small letter goes on with the sentence
    if match["mark"] != "." or match["close"]:
        return True
    return not _ABBREVIATION.search(line, max(start, match.end() - 20), match.end())


def _is_proper(sentence: str) -> bool:
    """Whether a sentence can lead: it says something, and says it itself."""
    said = sentence.rstrip(_QUOTES + ")]")
    quoted = sentence[0] in _QUOTES and sentence[-1] in _QUOTES
    return len(sentence) >= PROPER and said[-1:] in tuple(".!۔।…") and not quoted


def _cut(sentence: str, limit: int) -> str:
    """The beginning of a sentence, up to a clause or a word, and "…"; never inside what a reader sees as one letter."""
    room, whole = limit - 1, 0
    for cluster in regex.finditer(r"\X", sentence):
        if cluster.end() > room:
            break
        whole = cluster.end()
    start = sentence[:whole]
    clauses = [match.start() for match in _CLAUSE.finditer(start) if match.start() > limit * 3 // 4]
    # Outside a bracket if there is such a place.
    clauses = [at for at in clauses if start.count("(", 0, at) == start.count(")", 0, at)] or clauses
    word = start.rfind(" ") if not sentence[whole : whole + 1].isspace() else whole
    end = clauses[-1] if clauses else word if word > 0 else whole
    return start[:end].rstrip(" ,;:،؛–—-") + "…"
