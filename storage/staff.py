"""Who works here, what they may do, and what they did. A member works from a chat that a one-use code bound."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.people import Address
from storage.rows import insert
from storage.schema import addresses, audit, people, staff

ROLES: Final = ("editor", "counsellor", "supervisor", "admin", "partner")
# What a role includes besides itself. A partner may hand in news, and nothing else.
INCLUDES: Final = {
    "admin": frozenset(["editor", "partner"]),
    "editor": frozenset(["partner"]),
    "supervisor": frozenset(["counsellor"]),
}
SHELL: Final = "shell"  # who did it, where it was typed at the shell: no member has this name
CODE: Final = timedelta(days=2)  # that a code waits to be used
_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Member:
    """One of the staff. ``person_id``: the chat that they work from, once they used their code."""

    id: int
    name: str
    role: str
    person_id: int | None
    state: str  # on | off
    created_at: datetime
    bound_at: datetime | None
    code_until: datetime | None

    def may(self, role: str) -> bool:
        """Whether they may do what is for ``role``."""
        return self.state == "on" and (self.role == role or role in INCLUDES.get(self.role, ()))


class Taken(ValueError):
    """There is a member of this name already."""


_MEMBER = sa.select(*(staff.c[name] for name in Member.__dataclass_fields__))


def add(conn: Connection, name: str, role: str, now: datetime, by: str = SHELL) -> str:
    """A new member; returns the code that binds a chat to them, once. ``Taken``: the name is in use."""
    code = _code()
    made = conn.execute(
        insert(conn, staff)
        .values(name=name, role=role, code=_hash(code), code_until=now + CODE, created_at=now)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    if not made.rowcount:
        raise Taken(name)
    note(conn, now, by, "added to the staff", name, role)
    return code


def new_code(conn: Connection, name: str, now: datetime, by: str = SHELL) -> str | None:
    """Another code for this member, in the place of any other; their chat is bound no longer. None: no such member."""
    code = _code()
    values = {"code": _hash(code), "code_until": now + CODE, "person_id": None, "bound_at": None, "state": "on"}
    if not conn.execute(staff.update().where(staff.c.name == name).values(**values)).rowcount:
        return None
    note(conn, now, by, "gave a new code to", name)
    return code


def switch_off(conn: Connection, name: str, now: datetime, by: str = SHELL) -> bool:
    """They leave, or lost their telephone: no code and no chat is theirs any more. False: no such member."""
    values = {"state": "off", "code": None, "code_until": None, "person_id": None, "bound_at": None}
    done = conn.execute(staff.update().where(staff.c.name == name).values(**values)).rowcount == 1
    if done:
        note(conn, now, by, "took off the staff", name)
    return done


def bind(conn: Connection, code: str, person_id: int, now: datetime) -> Member | None:
    """This chat is theirs from now on, and the code is used up. None: no such code, or it is too old."""
    mine = sa.and_(staff.c.code == _hash(code), staff.c.code_until > now, staff.c.state == "on")
    member_id = conn.scalar(sa.select(staff.c.id).where(mine).with_for_update())
    if member_id is None:
        return None
    conn.execute(staff.update().where(staff.c.person_id == person_id).values(person_id=None, bound_at=None))
    values = {"person_id": person_id, "bound_at": now, "code": None, "code_until": None}
    conn.execute(staff.update().where(staff.c.id == member_id).values(**values))
    member = of_person(conn, person_id)
    assert member is not None  # noqa: S101
    note(conn, now, member.name, "bound a chat")
    return member


def unbind(conn: Connection, member: Member, now: datetime) -> None:
    """They leave their chat, and need a new code to come back."""
    note(conn, now, member.name, "left the chat")
    conn.execute(staff.update().where(staff.c.id == member.id).values(person_id=None, bound_at=None))


def of_person(conn: Connection, person_id: int) -> Member | None:
    """The member of staff who works from this person's chat."""
    row = conn.execute(_MEMBER.where(staff.c.person_id == person_id, staff.c.state == "on")).first()
    return Member(*row) if row else None


def called(conn: Connection, name: str) -> Member | None:
    row = conn.execute(_MEMBER.where(staff.c.name == name)).first()
    return Member(*row) if row else None


def members(conn: Connection) -> list[Member]:
    return [Member(*row) for row in conn.execute(_MEMBER.order_by(staff.c.name))]


def bound(conn: Connection, role: str) -> list[Member]:
    """Those on duty in a chat who may do what is for ``role``."""
    here = _MEMBER.where(staff.c.state == "on", staff.c.person_id.is_not(None)).order_by(staff.c.id)
    return [member for row in conn.execute(here) if (member := Member(*row)).may(role)]


def address(conn: Connection, member: Member, *, rather_not: str = "") -> Address | None:
    """Where they can be written to: the open address that was heard last; on the account ``rather_not`` only where
    there is no other."""
    found = conn.execute(
        sa.select(*(addresses.c[name] for name in Address.__dataclass_fields__))
        .where(addresses.c.person_id == member.person_id, addresses.c.state == "open")
        .order_by(addresses.c.account == rather_not, addresses.c.heard_at.desc().nulls_last(), addresses.c.id.desc())
        .limit(1)
    ).first()
    return Address(*found) if found else None


def language(conn: Connection, member: Member) -> str | None:
    return conn.scalar(sa.select(people.c.language).where(people.c.id == member.person_id))


# ── What they did ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Note:
    at: datetime
    who: str  # a name of the staff, or ``SHELL``
    deed: str
    about: str
    why: str


_NOTE = sa.select(*(audit.c[name] for name in Note.__dataclass_fields__)).order_by(audit.c.id.desc())


def note(conn: Connection, now: datetime, who: str, deed: str, about: str = "", why: str = "") -> None:
    """Write down a deed of the staff; never what people wrote."""
    conn.execute(audit.insert().values(at=now, who=who, deed=deed, about=about, why=why))


def notes(conn: Connection, limit: int = 50) -> list[Note]:
    """The latest deeds first."""
    return [Note(*row) for row in conn.execute(_NOTE.limit(limit))]


def last(conn: Connection, about: str, deeds: Sequence[str]) -> Note | None:
    """The latest of these deeds on it."""
    row = conn.execute(_NOTE.where(audit.c.about == about, audit.c.deed.in_(deeds)).limit(1)).first()
    return Note(*row) if row else None


# ── Codes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _code() -> str:
    """Sixteen letters in groups of four: 79 bits, so that a plain hash keeps it and nobody can try them all."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def _hash(code: str) -> bytes:
    bare = "".join(letter for letter in code.casefold() if letter.isalnum())
    return hashlib.sha256(b"serai staff code\0" + bare.encode()).digest()
