"""How one piece of news looks: pushed as a message of its own, or as an entry of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.news.places import Gazetteer
from bot.news.text import fold, one_line
from bot.talk.turn import dated, listed, parted
from channels.contract import Choice, Message, Paragraph, Purpose, Span
from config.messages import Phrases
from storage.dispatches import Stored

HEAD: Final = 60  # characters of first words, where there is no title
TITLE: Final = 120
IN_FULL: Final = 12  # dispatches of one message that are shown with their summaries
PAUSES: Final = (", ", "; ", ". ", "، ", "؛ ", "۔ ", "। ")


def card(stored: Stored, p: Phrases, gazetteer: Gazetteer, *, full: bool = True) -> Message:
    """The push of one dispatch. Not ``full``: without its buttons, for where several share one message."""
    title, summary = _heading(stored)
    choices = (
        Choice(p.t("Why do I get this?"), f"/why {stored.id}"),
        Choice(p.t("Fewer like this"), f"/fewer {stored.id}"),
    )
    paragraphs = ((Span(_where_and_when(stored, p, gazetteer)),), summary, (_source(stored, p),))
    return Message(
        title=title,
        # Without a title the bold first words lead.
        paragraphs=_present(paragraphs if title else (summary, paragraphs[0], paragraphs[2])),
        choices=choices if full else (),
        language=p.language,
        rtl=p.rtl,
        purpose=Purpose.news,
    )


def bundle(found: Sequence[Stored], p: Phrases, gazetteer: Gazetteer, *, digest: bool) -> Message:
    """The push of several dispatches in one message, by country; those that come last in a long one with their titles
    only."""
    paragraphs: list[Paragraph] = []
    shown = 0
    groups = _by_country(found, p, gazetteer)
    for country, news in groups.items():
        if len(groups) > 1:
            paragraphs.append((Span(country or p.t("The region"), bold=True),))
        for stored in news:
            shown += 1
            paragraphs.append(entry(stored, p, gazetteer) if shown <= IN_FULL else _headline(stored))
    count = p.tn("{n} piece of news", "{n} pieces of news", len(found))
    return Message(
        title=p.t("Your news: {count}", count=count) if digest else count,
        paragraphs=tuple(paragraphs),
        choices=(Choice(p.t("What I get"), "/mine"), Choice(p.t("How often"), "/when")),
        language=p.language,
        rtl=p.rtl,
        purpose=Purpose.news,
    )


def _by_country(found: Sequence[Stored], p: Phrases, gazetteer: Gazetteer) -> dict[str, list[Stored]]:
    """Under the names of the countries that they are about, by name; what is about the region comes last."""
    groups: dict[str, list[Stored]] = {}
    for stored in found:
        names = sorted(gazetteer.name(country, p.language) for country in stored.countries)
        groups.setdefault(listed(p, names), []).append(stored)
    return {name: groups[name] for name in sorted(groups, key=lambda name: (not name, name))}


def _headline(stored: Stored) -> Paragraph:
    title, summary = _heading(stored)
    return (Span(f"• {title or _cut(''.join(span.text for span in summary), TITLE)}", link=stored.link),)


def entry(stored: Stored, p: Phrases, gazetteer: Gazetteer) -> Paragraph:
    """The same as one paragraph of a list."""
    title, summary = _heading(stored)
    where = Span(_where_and_when(stored, p, gazetteer))
    head: Paragraph = (Span(title, bold=True),) if title else ()
    lines = _present((head, summary, (where,), (_source(stored, p),)))
    spans: list[Span] = []
    for line in lines:
        spans += [Span("\n"), *line] if spans else line
    return tuple(spans)


def _present(paragraphs: Sequence[Paragraph]) -> tuple[Paragraph, ...]:
    return tuple(paragraph for paragraph in paragraphs if any(span.text for span in paragraph))


def _heading(stored: Stored) -> tuple[str, Paragraph]:
    """The title and the summary. No words twice: a title that only repeats the first words is none."""
    title, summary = one_line(stored.title), one_line(stored.summary or stored.text)
    if title and not fold(summary).startswith(fold(title.rstrip(" .…"))):
        return _cut(title, TITLE), (Span(summary),)
    head = _first_words(summary)
    return "", (Span(head, bold=True), Span(summary[len(head) :]))


def _first_words(text: str) -> str:
    """What leads where there is no title: up to where the thought pauses, or whole words."""
    head = _cut(text, HEAD, mark="")
    pause = max(head.rfind(mark) for mark in PAUSES) if head != text else -1
    return head[: pause + 1] if pause + 1 >= HEAD // 2 else head


def _cut(text: str, size: int, mark: str = "…") -> str:
    """At most ``size`` characters, whole words."""
    if len(text) <= size:
        return text
    head = text[: size + 1 - len(mark)]
    return (head.rpartition(" ")[0] or head[: size - len(mark)]) + mark


def _where_and_when(stored: Stored, p: Phrases, gazetteer: Gazetteer) -> str:
    """ "Baghdad and Erbil, Iraq · 24 Nov 2026"."""
    if stored.published:
        when = dated(p, stored.published.date())
    else:
        when = p.t("seen on {date}", date=dated(p, stored.first_seen.date()))
    where = _where(stored, p, gazetteer)
    return f"{where} · {when}" if where else when


def _where(stored: Stored, p: Phrases, gazetteer: Gazetteer) -> str:
    """Where it was written; else the countries that it is about."""
    towns: dict[str | None, list[str]] = {}
    for place in stored.places:
        towns.setdefault(place.get("country"), []).append(place["name"])
    if not towns:
        return listed(p, sorted(gazetteer.name(country, p.language) for country in stored.countries))
    written = []
    for country, names in towns.items():
        land = gazetteer.name(country, p.language) if country else ""
        here = listed(p, [name for name in names if name != land])
        written.append(p.t("{town}, {country}", town=here, country=land) if here and land else here or land)
    return parted(p, written)


def _source(stored: Stored, p: Phrases) -> Span:
    return Span(p.t("Source: {name}", name=stored.source), link=stored.link)
