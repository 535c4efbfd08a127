"""One piece of news, as it was read; and how it looks as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple


class Event(NamedTuple):
    """The days on which something takes place; one day is its own last."""

    first: date
    last: date

    def as_json(self) -> dict[str, str]:
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    country: str | None  # ISO 3166 alpha-2


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What a source says, read. Plain text throughout: no markup survives reading.

    ``identity`` names it within its source: the item's own id, else its link, else its title and date.
    ``published`` is the source's date (aware UTC) or None; never a guess.
    """

    identity: str
    title: str
    text: str
    link: str = ""
    places: tuple[Place, ...] = ()  # where it was written
    dateline_country: str | None = None
    countries: tuple[str, ...] = ()  # concerned, sorted; none: regional
    topics: tuple[str, ...] = ()  # slugs, in the taxonomy's order
    language: str | None = None  # BCP 47, None when it cannot be told
    published: datetime | None = None
    summary: str = ""
    event: Event | None = None  # when what it tells of takes place, where the text says so to the day
    phones: bool = False  # it holds a telephone number: an editor looks first

    @property
    def regional(self) -> bool:
        """It concerns no country more than another."""
        return not self.countries

    def as_json(self) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "title": self.title,
            "text": self.text,
            "link": self.link,
            "places": [{"name": place.name, "country": place.country} for place in self.places],
            "dateline_country": self.dateline_country,
            "countries": sorted(self.countries),
            "topics": list(self.topics),
            "language": self.language,
            "published": self.published.astimezone(UTC).isoformat().replace("+00:00", "Z") if self.published else None,
            "summary": self.summary,
            "regional": self.regional,
            "event": self.event.as_json() if self.event else None,
            "phones": self.phones,
        }
