"""The messages that show staff their broadcasts: a draft once its people are counted, then progress, then the report.

One message for each, edited in its place where the channel can. What they show is counted outside of the transactions
that people wait for, so it is not part of an answer; it comes a moment after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from bot.clock import Clock
from bot.delivery.brake import Event
from bot.delivery.compose import encode
from bot.delivery.fault import named
from bot.talk import draft, report
from bot.talk.announce import kind_of
from bot.talk.progress import name, progress
from bot.talk.turn import Turn
from channels.contract import Channel, Choice, Message
from storage import broadcasts, deliveries, people, pictures, reach, staff
from storage.broadcasts import Broadcast
from storage.database import Connection, Database, Priority
from storage.keys import KeyStore
from storage.people import Address, Person
from storage.reach import Reach
from storage.rhythms import Timing

log = structlog.get_logger()

LEAST, MOST = 3.0, 60.0  # seconds between two edits of a message that shows progress …
OF_ITS_AGE: Final = 0.05  # … and between them this share of how long it goes on already
SOON: Final = timedelta(minutes=1)  # within it whoever sent it still looks at it, and needs no word that it is done

Beginning = Callable[[Connection, Person, datetime], Turn]


class Cards:
    """``look`` each second or so, in one process only; ``told`` hears from the brake, in its transaction."""

    def __init__(
        self,
        *,
        db: Database,
        keys: KeyStore,
        clock: Clock,
        channels: Mapping[str, Channel],
        begin: Beginning,
        timing: Timing,
        queued: Callable[[], None],
    ) -> None:
        """``begin`` makes the turn that a message is worded in; ``queued`` is called when there is something to
        send."""
        self._db = db
        self._keys = keys
        self._clock = clock
        self._channels = channels
        self._begin = begin
        self._timing = timing
        self._queued = queued
        self._stale: set[int] = set()
        self._shown_at: dict[int, float] = {}

    async def look(self) -> None:
        now = self._clock.now()
        for one in await self._db.read(broadcasts.drafts_to_do, now):
            try:
                await self._work_at(one)
            except Exception as error:  # one draft is not to hold up the others
                log.error("draft not shown", broadcast=one.id, fault=named(error))
        for broadcast_id in list(self._stale):
            kept = await self._db.read(broadcasts.get, broadcast_id)
            if kept is None or self._is_time(kept, now):
                self._stale.discard(broadcast_id)
                await self._db.write(self._show, broadcast_id)
                self._queued()

    def _is_time(self, kept: Broadcast, now: datetime) -> bool:
        """More and more seldom: it may go on for hours."""
        if not kept.running:
            return True
        age = (now - kept.created_at).total_seconds()
        apart = min(MOST, max(LEAST, OF_ITS_AGE * age))
        return self._clock.monotonic() >= self._shown_at.get(kept.id, float("-inf")) + apart

    # ── Under way ────────────────────────────────────────────────────────────────────────────────────────────────────

    def told(self, conn: Connection, kept: Broadcast, event: Event, now: datetime) -> None:
        """What the brake saw or did."""
        if event == "moved":
            self._stale.add(kept.id)
            return
        self._stale.discard(kept.id)
        self._show(conn, kept.id)
        if event == "paused":
            sender = list(self._sender(conn, kept)) if kept.kind != "dispatch" else []
            for address in sender:  # who may have stopped looking at the message that shows it
                self._put(conn, kept, address, "", lambda turn: progress(turn, kept))
            for address in () if sender else self._editors(conn):
                self._write(conn, address, lambda turn: progress(turn, kept))
        elif kept.kind != "dispatch" and now - kept.created_at > SOON:
            for address in self._sender(conn, kept):
                self._write(conn, address, lambda turn: _done(turn, kept))

    @staticmethod
    def _editors(conn: Connection) -> Iterator[Address]:
        for member in staff.bound(conn, "editor"):
            if address := staff.address(conn, member):
                yield address

    @staticmethod
    def _sender(conn: Connection, kept: Broadcast) -> Iterator[Address]:
        member = staff.called(conn, kept.created_by)
        at_work = member is not None and member.person_id is not None and member.may("editor")
        if member and at_work and (address := staff.address(conn, member)):
            yield address

    def _show(self, conn: Connection, broadcast_id: int) -> None:
        """Bring the message that shows it up to date."""
        kept = broadcasts.get(conn, broadcast_id)
        if kept is None or kept.kind == "dispatch":
            return
        place = self._place(conn, kept)
        if place is None:
            self._stale.add(broadcast_id)  # our last edit is still on its way
            return
        address, on = place
        if address is None or (on and not self._channels[address.account].limits.edits):
            return
        self._shown_at[broadcast_id] = self._clock.monotonic()
        self._put(conn, kept, address, on, lambda turn: progress(turn, kept, here=True))

    def _place(self, conn: Connection, kept: Broadcast) -> tuple[Address | None, str] | None:
        """Where it is shown, and in the place of which message. None: that is not known yet."""
        card, on = kept.card, str(kept.card.get("on", ""))
        if "delivery" in card:
            shown = broadcasts.shown(conn, card["delivery"])
            if shown is None:
                return None
            on = shown
        address = broadcasts.chat(conn, card["address"]) if card else next(self._sender(conn, kept), None)
        return (address if address and address.account in self._channels else None), on

    # ── Drafts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _work_at(self, one: Broadcast) -> None:
        picture = one.content.get("picture") or {}
        if "file" in picture:
            data = await self._fetched(picture["account"], picture["file"])
            await self._db.write(self._keep_picture, one.id, picture["file"], data)
        counted: Reach | None = None
        if one.kind == "staff" and one.reach is None:
            now, audience, timing = self._clock.now(), one.audience, self._timing
            counted = await self._db.read(reach.size_up, audience, now, timing, urgent=one.urgent)
        await self._db.write(self._show_draft, one, counted, priority=Priority.result)
        self._queued()

    async def _fetched(self, account: str, file: str) -> bytes | None:
        try:
            return await self._channels[account].fetch(file) if account in self._channels else None
        except Exception as error:
            log.warning("picture not fetched", account=account, fault=named(error))
            return None

    def _keep_picture(self, conn: Connection, draft_id: int, file: str, data: bytes | None) -> None:
        kept = broadcasts.lock(conn, draft_id)
        picture = (kept.content.get("picture") or {}) if kept else {}
        if kept is None or picture.get("file") != file:
            return
        mime = kind_of(data) if data else None
        content = {key: value for key, value in kept.content.items() if key != "picture"}
        if data and mime:
            name = pictures.keep(conn, data, mime, self._clock.now())
            content["picture"] = {"name": name, "alt": picture.get("alt", "")}
        else:
            broadcasts.note(conn, draft_id, no_picture=True)
        broadcasts.edit(conn, draft_id, content=content)

    def _show_draft(self, conn: Connection, seen: Broadcast, counted: Reach | None) -> None:
        """Its previews, its card, and the question to the second editor, as far as they are to be shown."""
        kept = broadcasts.lock(conn, seen.id)
        if kept is None or kept.state != "draft" or (kept.audience, kept.urgent) != (seen.audience, seen.urgent):
            return  # counted once more
        if counted is not None:
            limits = {name: channel.limits for name, channel in self._channels.items()}
            course = {"seconds": report.takes(counted, limits), "sitting": report.sits(counted, limits)}
            broadcasts.note(conn, kept.id, reach=msgspec.to_builtins(counted), **course)
            kept = broadcasts.get(conn, kept.id) or kept
        if "ask" in kept.todo:
            self._ask(conn, kept)
        if "card" in kept.todo:
            self._show_card(conn, kept)
        broadcasts.note(conn, kept.id, todo=None, no_picture=None)

    def _show_card(self, conn: Connection, kept: Broadcast) -> None:
        address, on = self._place(conn, kept) or (None, "")
        if address is None:
            return
        if "preview" in kept.todo and kept.content:
            self._write(conn, address, lambda turn: draft.previews(turn, kept.content))
        trouble = bool(kept.outcome.get("no_picture"))
        self._put(conn, kept, address, on, lambda turn: draft.card(turn, kept, _trouble(turn, trouble), here=True))

    def _ask(self, conn: Connection, kept: Broadcast) -> None:
        for member in draft.others(conn, kept.created_by):
            if address := staff.address(conn, member):
                self._write(
                    conn, address, lambda turn: [*draft.previews(turn, kept.content), draft.ask_second(turn, kept)]
                )

    # ── Words to one of the staff ────────────────────────────────────────────────────────────────────────────────────

    def _put(
        self, conn: Connection, kept: Broadcast, address: Address, on: str, say: Callable[[Turn], Message]
    ) -> None:
        """In the place of the message that shows it, or as a new one; remembered as the one that does."""
        delivery = self._write(conn, address, say, on)
        broadcasts.note(conn, kept.id, card={"address": address.id, "delivery": delivery})

    def _write(
        self, conn: Connection, address: Address, say: Callable[[Turn], Message | list[Message]], on: str = ""
    ) -> int:
        """Returns the id of the last delivery."""
        now = self._clock.now()
        turn = self._begin(conn, people.get(conn, address.person_id), now)
        channel = self._channels.get(address.account)
        if channel:
            turn.limits = channel.limits
        turn.on = on
        said, last = say(turn), 0
        for message in said if isinstance(said, list) else [said]:
            last = deliveries.reply(
                conn,
                self._keys,
                address=address,
                message=encode(message),
                purpose=str(message.purpose),
                now=now,
            )
        return last


def _trouble(turn: Turn, trouble: bool) -> str:
    t = turn.p.t
    sorry = t("I could not get that picture. It has to be a JPEG, PNG or WebP of at most 5 MB. Please send it again.")
    return sorry if trouble else ""


def _done(turn: Turn, kept: Broadcast) -> Message:
    t, got = turn.p.t, report.people(turn.p, kept.got_it, crowd=kept.crowd)
    return turn.reply(
        t("{broadcast} is over. {people} got it.", broadcast=name(turn, kept), people=got),
        choices=[Choice(t("Look at {number}", number=str(kept.id)), f"/broadcasts {kept.id}")],
    )
