"""What goes on the wire for a delivery: a reply as it was queued, a dispatch as a card in the person's language.

News is worded and fitted once for all who get the same of it in the same language, not for each person.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from channels.contract import Channel, Message, Part
from config.messages import Phrases
from storage import dispatches, pictures, planning
from storage.database import Database
from storage.deliveries import Marked
from storage.dispatches import Stored
from storage.pictures import Picture

KEPT = 200  # of (what is said, language)


def encode(message: Message) -> bytes:
    """A message as it is kept until it is sent."""
    return msgspec.json.encode(message)


def decode(kept: bytes) -> Message:
    return msgspec.json.decode(kept, type=Message)


class CannotBeWorded(Exception):
    """This message never, however often it is tried; its cause says why."""


Content = Mapping[str, Any]  # of ``broadcasts.content``


class Wording(Protocol):
    """Who knows how things are said."""

    def news(self, found: Sequence[Stored], p: Phrases, *, digest: bool) -> Message:
        """One dispatch, or several in one message. ``digest``: it is what a day or a week brought."""

    def announcement(self, content: Content, p: Phrases, picture: Picture | None) -> Message:
        """What staff wrote to many."""


class Composer:
    """Makes the parts of each delivery of one account."""

    def __init__(
        self, db: Database, channel: Channel, wording: Wording, speak: Callable[[str | None], Phrases]
    ) -> None:
        self._db = db
        self._channel = channel
        self._wording = wording
        self._speak = speak
        self._fitted: OrderedDict[Hashable, tuple[Part, ...]] = OrderedDict()

    async def parts(self, marked: Marked) -> tuple[Part, ...]:
        """Its parts; none when there is no longer anything to say. A fault of the database is not
        ``CannotBeWorded``."""
        if marked.message is not None:
            kept = marked.message
            return self._fit(lambda: decode(kept))
        p = self._speak(marked.language)
        key = (marked.kind, marked.broadcast_id, marked.dispatch_ids, marked.digest, marked.group, p.language)
        if key not in self._fitted:
            word = await self._word(marked, p)
            if word is None:
                return ()
            self._fitted[key] = self._fit(word)
            while len(self._fitted) > KEPT:
                self._fitted.popitem(last=False)
        return self._fitted[key]

    async def _word(self, marked: Marked, p: Phrases) -> Callable[[], Message] | None:
        if marked.kind != "dispatch" and (content := await self._db.read(planning.content, marked.broadcast_id or 0)):
            name = (content.get("picture") or {}).get("name")
            picture = await self._db.read(pictures.get, name) if name else None
            return lambda: self._to(marked, self._wording.announcement(content, p, picture))
        found = [await self._db.read(dispatches.get, dispatch_id) for dispatch_id in marked.dispatch_ids]
        there = [dispatch for dispatch in found if dispatch is not None]
        if not there:
            return None
        return lambda: self._to(marked, self._wording.news(there, p, digest=marked.digest))

    @staticmethod
    def _to(marked: Marked, message: Message) -> Message:
        """The buttons under it are one person's; in a group they would be everybody's."""
        return replace(message, choices=()) if marked.group else message

    def _fit(self, word: Callable[[], Message]) -> tuple[Part, ...]:
        try:
            return self._channel.fit(word())
        except Exception as error:
            raise CannotBeWorded from error
