"""One piece of news, as it was read; and how it looks as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


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
        }
