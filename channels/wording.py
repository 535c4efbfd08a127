"""Neutral text to plain text or HTML, in parts that a platform takes. Pure.

A *text* is a tuple of paragraphs. It is split first, by the unit that the platform counts, and marked up after: so a
cut never falls inside a tag or an escaped character. ``split`` measures the plain form, which spells links out and is
therefore the longest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import accumulate
from typing import Literal, TypeAlias

import regex

from channels.contract import Attachment, Choice, Message, Paragraph, Span

Text: TypeAlias = tuple[Paragraph, ...]
Unit: TypeAlias = Literal["characters", "utf16", "bytes"]

GAP = "\n\n"  # between paragraphs
RLM, FSI, PDI = "\u200f", "\u2068", "\u2069"  # right-to-left mark; first strong isolate … pop directional isolate

# ── A message as text ────────────────────────────────────────────────────────────────────────────────────────────────


def plain(message: Message) -> str:
    """The whole message without markup: ``label (https://…)`` for a link."""
    return as_plain(text_of(message), rtl=message.rtl)


def html(message: Message) -> str:
    """The whole message in Telegram's subset of HTML: ``b``, ``a``, and & < > escaped."""
    return as_html(text_of(message))


def text_of(message: Message) -> Text:
    """The title as a bold paragraph, then the paragraphs, made ready for right-to-left where need be."""
    title = ((Span(message.title, bold=True),),) if message.title.strip() else ()
    text = tuple(
        tuple(span for span in paragraph if span.text)
        for paragraph in title + message.paragraphs
        if _visible(paragraph).strip()
    )
    return dressed(text) if message.rtl else text


def described(attachments: Iterable[Attachment]) -> Text:
    """Attachments where they cannot be shown: their alternative text, linked where there is a public address."""
    return tuple(
        (Span(attachment.alt or attachment.kind, link=attachment.url if _public(attachment.url) else ""),)
        for attachment in attachments
    )


def numbered(choices: Sequence[Choice]) -> Paragraph:
    """Choices as lines to answer with a number, for channels without buttons."""
    return (Span("\n".join(f"{number}. {choice.label}" for number, choice in enumerate(choices, 1))),)


def as_plain(text: Text, *, rtl: bool = False) -> str:
    return GAP.join("".join(_plain(span, rtl) for span in paragraph) for paragraph in text)


def as_html(text: Text) -> str:
    return GAP.join("".join(_html(span) for span in paragraph) for paragraph in text)


def measure(text: str, unit: Unit) -> int:
    """The length of a text as the platform counts it."""
    match unit:
        case "characters":
            return len(text)
        case "utf16":
            return len(text) + sum(character > "\uffff" for character in text)
        case "bytes":
            return len(text.encode("utf-8", "surrogatepass"))


def _plain(span: Span, rtl: bool) -> str:
    return span.text + _address(span, rtl)


def _address(span: Span, rtl: bool) -> str:
    """What the plain form adds to a link's text."""
    if not span.link or span.text.strip(RLM + FSI + PDI + " ") == span.link:
        return ""
    return f" ({FSI}{span.link}{PDI})" if rtl else f" ({span.link})"


def _html(span: Span) -> str:
    text = escape(span.text, quote=False)
    if span.link:
        text = f'<a href="{escape(span.link)}">{text}</a>'
    return f"<b>{text}</b>" if span.bold else text


def _visible(paragraph: Paragraph) -> str:
    return "".join(span.text for span in paragraph)


def _public(url: str) -> bool:
    return url.startswith(("https://", "http://"))


# ── Right to left ────────────────────────────────────────────────────────────────────────────────────────────────────

# An address, a telephone number, or a run of Latin words, with the sign that belongs to it ("/news", "@name").
# Unwrapped, a reader would see "news/", and a number back to front.
_FOREIGN = regex.compile(
    r"""
      https?://[^\s\u2000-\u206f،؛؟"<>]*[^\s\u2000-\u206f،؛؟"<>.,;:!?)\]]
    | [+(]?\p{Nd}[\p{Nd}\ ().\-/]{4,}\p{Nd}
    | [/@\#]?\p{Latin}[\p{Latin}\p{M}0-9]*(?:[\ \-._'’/&@:+]{1,3}[\p{Latin}0-9][\p{Latin}\p{M}0-9]*)*
    """,
    regex.VERBOSE,
)
_ISOLATE = regex.compile("[\u2066-\u2069]")
_ISOLATED = regex.compile("[\u2066-\u2068][^\u2066-\u2069]*(?:\u2069|\\Z)")
_STRONG = regex.compile(r"\p{L}|[\u200e\u200f]")
_RIGHT_TO_LEFT = regex.compile(r"[\p{Arabic}\p{Hebrew}\p{Syriac}\p{Thaana}\p{Nko}\u200f]")


def dressed(text: Text) -> Text:
    """A right-to-left text: foreign runs are isolated, and each line's first letter tells its direction.

    A line that is foreign as a whole (a title, a summary) is left as it is: it is read in its own direction.
    """
    return tuple(_joined(map(_dressed, _lines(paragraph))) for paragraph in text)


def _dressed(line: Paragraph) -> Paragraph:
    if _STRONG.search(_visible(line)) and not _RIGHT_TO_LEFT.search(_visible(line)):
        return line
    return _led(tuple(replace(span, text=_isolated(span.text)) for span in line))


def _lines(paragraph: Paragraph) -> list[Paragraph]:
    lines: list[list[Span]] = [[]]
    for span in paragraph:
        for number, text in enumerate(span.text.split("\n")):
            if number:
                lines.append([])
            if text:
                lines[-1].append(replace(span, text=text))
    return [tuple(line) for line in lines]


def _joined(lines: Iterable[Paragraph]) -> Paragraph:
    first, *others = lines
    return (*first, *(span for line in others for span in (Span("\n"), *line)))


def _isolated(text: str) -> str:
    if _ISOLATE.search(text):  # the author did it already
        return text
    return str(_FOREIGN.sub(rf"{FSI}\g<0>{PDI}", text))


def _led(paragraph: Paragraph) -> Paragraph:
    """A line that holds right-to-left letters begins with one, or with a mark."""
    line = _visible(paragraph).partition("\n")[0]
    strong = _STRONG.search(line)
    if strong is None or _RIGHT_TO_LEFT.match(strong[0]) or not _RIGHT_TO_LEFT.search(line):
        return paragraph
    return (Span(RLM), *paragraph)


# ── Splitting ────────────────────────────────────────────────────────────────────────────────────────────────────────

_GRAPHEME = regex.compile(r"\X")
_SPACE = regex.compile(r"[^\S\u00a0\u202f\u2007]+")  # a no-break space is none
_SENTENCE = regex.compile(r"[.!?؟۔।…]+[)\]\"'»”’\u2069]*\Z")


def split(text: Text, limit: int, unit: Unit, *, rtl: bool = False, marks: int = 0) -> tuple[Text, ...]:
    """Cut a text into parts of at most ``limit`` in their plain form: between paragraphs, else sentences, else words.

    A cut never falls inside a grapheme, nor inside a link or an isolated run unless that alone is longer than a part;
    such a link then loses its address, not its words. ``marks``: most bold or linked runs in one part, 0 for any
    number.
    """
    parts: list[Text] = []
    part: Text = ()
    waiting = list(reversed(text))
    while waiting:
        paragraph = waiting.pop()
        room = limit - (measure(as_plain(part, rtl=rtl) + GAP, unit) if part else 0)
        crowded = bool(part) and 0 < marks < sum(map(_marks, (*part, paragraph)))
        if not crowded and measure(as_plain((paragraph,), rtl=rtl), unit) <= room:
            part = (*part, paragraph)
            continue
        # What is left of a half-empty part is used up, so that a title does not stand alone.
        worthwhile = not crowded and (not part or room > limit / 2)
        cut = _cut(paragraph, room, unit, rtl, whole=not part) if worthwhile else None
        if cut is None:
            parts.append(part)
            part = ()
            waiting.append(paragraph)
            continue
        head, tail = cut
        parts.append((*part, head))
        part = ()
        if tail:
            waiting.append(_led(tail) if rtl else tail)
    return tuple([*parts, part] if part or not parts else parts)


def _marks(paragraph: Paragraph) -> int:
    return sum(span.bold + bool(span.link) for span in paragraph)


@dataclass(frozen=True, slots=True)
class _Place:
    end: int  # where the head ends
    start: int  # where the tail begins, after the space between
    rank: int  # 2 sentence, 1 word, 0 grapheme


def _cut(paragraph: Paragraph, room: int, unit: Unit, rtl: bool, *, whole: bool) -> tuple[Paragraph, Paragraph] | None:
    """The head that fits in ``room``, and the rest. None when it is better to begin a new part."""
    if whole:
        paragraph = _unlinked(paragraph, room, unit, rtl)
    near = _slice(paragraph, 0, room + 32)  # no unit counts a character for less than one
    visible = _visible(near)
    widths = _widths(near, unit, rtl)
    # A tail may need a right-to-left mark, and must still be no longer than what it was cut from.
    room -= measure(RLM, unit) if rtl else 0
    furthest = bisect_right(widths, room) - 1
    least_head = len(visible) - len(visible.lstrip(RLM + " \n\t")) + 1  # a head says something, or we would never end
    fitting = [place for place in _places(near, visible) if least_head <= place.end <= furthest]
    for rank, least in ((2, room / 2), (1, room / 4)):
        if good := [place for place in fitting if place.rank >= rank and widths[place.end] >= least]:
            return _at(paragraph, good[-1])
    if not whole:
        return None
    return _at(paragraph, fitting[-1] if fitting else _forced(visible, least_head, furthest))


def _widths(paragraph: Paragraph, unit: Unit, rtl: bool) -> list[int]:
    """How long the plain form is up to each character: ``widths[i]`` for the first ``i``."""
    steps = [measure(character, unit) for character in _visible(paragraph)]
    end = 0
    for span in paragraph:
        end += len(span.text)
        if span.text:
            steps[end - 1] += measure(_address(span, rtl), unit)
    return list(accumulate(steps, initial=0))


def _unlinked(paragraph: Paragraph, room: int, unit: Unit, rtl: bool) -> Paragraph:
    """Without those links that no part can hold whole."""
    marks = 2 * RLM if rtl else ""  # one before the link, and one that its tail may need
    return tuple(
        replace(span, link="") if span.link and measure(marks + _plain(span, rtl), unit) > room else span
        for span in paragraph
    )


def _places(paragraph: Paragraph, visible: str) -> list[_Place]:
    """Where a paragraph may be cut, in order."""
    edges = [0, *(match.end() for match in _GRAPHEME.finditer(visible))]
    shut = _inside(paragraph, visible)
    open_edges = {edge for edge in edges if edge not in shut}
    places = {edge: _Place(edge, edge, 0) for edge in open_edges}
    for space in _SPACE.finditer(visible):
        end, start = space.span()
        if end in open_edges and start in open_edges and end > 0:
            ends_here = "\n" in space[0] or _SENTENCE.search(visible, max(0, end - 8), end)
            places[end] = _Place(end, start, 2 if ends_here else 1)
            for within in range(end + 1, start + 1):
                places.pop(within, None)
    return [places[end] for end in sorted(places)]


def _inside(paragraph: Paragraph, visible: str) -> set[int]:
    """Positions inside a link or an isolated run."""
    shut: set[int] = set()
    start = 0
    for span in paragraph:
        if span.link:
            shut.update(range(start + 1, start + len(span.text)))
        start += len(span.text)
    for run in _ISOLATED.finditer(visible):
        shut.update(range(run.start() + 1, run.end()))
    return shut


def _forced(visible: str, least: int, furthest: int) -> _Place:
    """Where there is no good place: at a grapheme's edge, else (a grapheme longer than a part) at a character's."""
    edges = [match.end() for match in _GRAPHEME.finditer(visible) if least <= match.end() <= furthest]
    end = edges[-1] if edges else max(least, furthest)
    return _Place(end, end, 0)


def _at(paragraph: Paragraph, place: _Place) -> tuple[Paragraph, Paragraph]:
    return _slice(paragraph, 0, place.end), _slice(paragraph, place.start, len(_visible(paragraph)))


def _slice(paragraph: Paragraph, start: int, end: int) -> Paragraph:
    spans: list[Span] = []
    position = 0
    for span in paragraph:
        text = span.text[max(0, start - position) : max(0, end - position)]
        position += len(span.text)
        if text:
            spans.append(replace(span, text=text))
    return tuple(spans)
