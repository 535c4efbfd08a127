"""What goes on the wire for a delivery: a reply as it was queued, a dispatch as a card in the person's language.

A dispatch is worded and fitted once for each (broadcast, language), not for each person.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from channels.contract import Channel, Message, Part
from config.messages import Phrases
from storage import dispatches
from storage.database import Database
from storage.deliveries import Marked
from storage.dispatches import Stored

KEPT = 200  # of (broadcast, language)


def encode(message: Message) -> bytes:
    """A message as it is kept until it is sent."""
    return msgspec.json.encode(message)


def decode(kept: bytes) -> Message:
    return msgspec.json.decode(kept, type=Message)


class CannotBeWorded(Exception):
    """This message never, however often it is tried; its cause says why."""


class Composer:
    """Makes the parts of each delivery of one account."""

    def __init__(
        self,
        db: Database,
        channel: Channel,
        card: Callable[[Stored, Phrases], Message],
        speak: Callable[[str | None], Phrases],
    ) -> None:
        self._db = db
        self._channel = channel
        self._card = card
        self._speak = speak
        self._fitted: OrderedDict[tuple[int, str], tuple[Part, ...]] = OrderedDict()

    async def parts(self, marked: Marked) -> tuple[Part, ...]:
        """Its parts; none when the dispatch is no longer there. A fault of the database is not ``CannotBeWorded``."""
        if marked.message is not None:
            kept = marked.message
            return self._fit(lambda: decode(kept))
        phrases = self._speak(marked.language)
        key = (marked.broadcast_id or 0, phrases.language)
        if key not in self._fitted:
            dispatch = await self._db.read(dispatches.get, marked.dispatch_id or 0)
            if dispatch is None:
                return ()
            self._fitted[key] = self._fit(lambda: self._card(dispatch, phrases))
            while len(self._fitted) > KEPT:
                self._fitted.popitem(last=False)
        return self._fitted[key]

    def _fit(self, word: Callable[[], Message]) -> tuple[Part, ...]:
        try:
            return self._channel.fit(word())
        except Exception as error:
            raise CannotBeWorded from error
