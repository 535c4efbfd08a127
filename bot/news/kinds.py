"""What each kind of source needs besides its address, to be asked and to be watched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.news import reliefweb
from bot.news.fetch import Request
from config.settings import Source
from storage.sources import Wanted


def request_for(kind: str, url: str, options: Mapping[str, Any]) -> Request:
    """What is asked of a source. A saved answer is a file like any other."""
    if kind == "reliefweb" and re.match("https?:", url, re.IGNORECASE):
        return reliefweb.request(url, options)
    return Request(url)


def wanted(source: Source) -> Wanted:
    """A source of the settings as it is kept. One that cannot be asked as it is stays off, and says why."""
    url = source.url or reliefweb.ADDRESS
    options = source.options()
    hindrance = request_for(source.kind, url, options).hindrance
    return Wanted(
        name=source.name,
        kind=source.kind,
        url=url,
        every_seconds=source.every.total_seconds(),
        trusted=source.trusted,
        allow_private=source.allow_private,
        options=options,
        hindrance=hindrance.why if hindrance else "",
    )
