"""Who works here: ``serai staff …``; and what they look after: ``serai questions``, ``serai db upgrade``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from bot.cli import data
from bot.cli.terminal import Json, Stop, iso, local, say, say_json

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.database import Database
    from storage.staff import Member

Role = Literal["editor", "counsellor", "supervisor", "admin", "partner"]
Name = Annotated[str, Parameter(name="NAME", help="What the staff call them.")]
LONGEST = 40  # characters of a name


# ── Who works here ───────────────────────────────────────────────────────────────────────────────────────────────────


def list_all(*, as_json: Json = False) -> None:
    """Who works here, since when, and whose code waits.

    Example: serai staff list
    """
    from storage import staff

    found: list[Member] = data.read(data.settings_for_looking(), staff.members, otherwise=[])
    now = datetime.now(UTC)
    if as_json:
        say_json([_as_json(member, now) for member in found])
        return
    if not found:
        say("Nobody yet. `serai staff add NAME --role editor` adds somebody.")
    width = max((len(member.name) for member in found), default=0)
    for member in found:
        say(f"{member.name:<{width}}  {member.role:<10}  {_how(member, now)}")


def add(
    name: Name,
    /,
    *,
    role: Annotated[Role, Parameter(show_choices=False, help="editor, counsellor, supervisor, admin or partner.")],
) -> None:
    """Somebody new; prints a code of one use that makes a chat theirs.

    Editors decide on news; admins do as well, and are told what broke;
    partners hand in news; counsellors and supervisors answer questions.

    Example: serai staff add Leila --role editor
    """
    from storage import staff

    _must_be_a_name(name)
    settings = data.settings()
    data.must_be_there(settings)

    async def here(db: Database) -> str | None:
        try:
            return await db.write(staff.add, name, role, datetime.now(UTC))
        except staff.Taken:
            return None

    code, by_hub = data.change(settings, "staff_add", {"name": name, "role": role}, here)
    if code is None:
        raise Stop(f"There is somebody called {name} already. A new code for them: `serai staff code`.")
    say(f"{name} is {'an' if role[0] in 'aeiou' else 'a'} {role} now.")
    _tell_code(settings, code, by_hub)


def code(name: Name, /) -> None:
    """Another code, when one was too old or a telephone is lost; their chat is unbound.

    Example: serai staff code Leila
    """
    from storage import staff

    settings = data.settings()
    data.must_be_there(settings)

    async def here(db: Database) -> str | None:
        return await db.write(staff.new_code, name, datetime.now(UTC))

    made, by_hub = data.change(settings, "staff_code", {"name": name}, here)
    if made is None:
        raise _nobody(name)
    say(f"A new code for {name}; any other, and the chat that they had, is theirs no more.")
    _tell_code(settings, made, by_hub)


def off(name: Name, /) -> None:
    """Somebody leaves: neither chat nor code is theirs any more, at once.

    Example: serai staff off Leila
    """
    from storage import staff

    settings = data.settings()
    data.must_be_there(settings)

    async def here(db: Database) -> bool:
        return await db.write(staff.switch_off, name, datetime.now(UTC))

    if not data.change(settings, "staff_off", {"name": name}, here).answer:
        raise _nobody(name)
    say(f"{name} works here no more. `serai staff code` lets them in again.")


def log(
    *,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000), show_default=True)] = 20,
    as_json: Json = False,
) -> None:
    """What the staff did, the latest first.

    Example: serai staff log --limit 50

    Parameters
    ----------
    limit
        How many, at the most.
    """
    from storage import staff

    found: list[staff.Note] = data.read(
        data.settings_for_looking(), lambda conn: staff.notes(conn, limit), otherwise=[]
    )
    if as_json:
        say_json([{"at": iso(n.at), "who": n.who, "deed": n.deed, "about": n.about, "why": n.why} for n in found])
        return
    if not found:
        say("Nothing yet.")
    for note in found:
        why = f"({note.why})" if note.why else ""
        say("  ".join(filter(None, (local(note.at), note.who, f"{note.deed} {note.about}".rstrip(), why))))


def _must_be_a_name(name: str) -> None:
    from storage.staff import SHELL

    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > LONGEST:
        raise Stop(f"A name is one line of {LONGEST} characters at the most, such as Leila.")
    if name.casefold() == SHELL:
        raise Stop(f"“{name}” stands for this shell in `serai staff log`. Please take another name.")


def _nobody(name: str) -> Stop:
    return Stop(f"Nobody here is called {name}. `serai staff list` shows all.")


def _tell_code(settings: Settings, code: str, by_hub: bool) -> None:
    """What to do with a code, and where."""
    say(f"\n    /staff {code}\n", "bold")
    say("They send this line to the hub from their own chat, within two days. It works once.")
    for place in _places(settings, _links(settings) if by_hub else {}):
        say(f"  {place}")


def _links(settings: Settings) -> dict[str, str]:
    """By account, where anybody can write to it: a hub that runs has asked the platforms."""

    async def here(_: Database) -> dict[str, str]:
        return {}

    found: dict[str, str] = data.change(settings, "links", {}, here).answer
    return found


def _places(settings: Settings, links: dict[str, str]) -> list[str]:
    accounts = settings.accounts.values()
    places = [f"{one.channel}: {links.get(one.name) or f'the account {one.name}'}" for one in accounts]
    return [*places, *([f"web chat: {settings.web.public_url}"] if settings.web.chat else [])]


def _how(member: Member, now: datetime) -> str:
    if member.state == "off":
        return "works here no more"
    if member.person_id is not None and member.bound_at:
        return f"at work since {member.bound_at.astimezone():%d %b %Y}"
    if member.code_until and member.code_until > now:
        return f"a code waits until {local(member.code_until)}"
    return "no chat: `serai staff code` gives a code"


def _as_json(member: Member, now: datetime) -> dict[str, object]:
    return {
        "name": member.name,
        "role": member.role,
        "state": member.state,
        "bound": member.person_id is not None,
        "bound_at": iso(member.bound_at),
        "code_until": iso(member.code_until if member.code_until and member.code_until > now else None),
        "created_at": iso(member.created_at),
    }


# ── What they look after ─────────────────────────────────────────────────────────────────────────────────────────────


def questions(*, as_json: Json = False) -> None:
    """What people asked a counsellor and nobody has answered yet.

    Example: serai questions
    """
    from storage import people

    settings = data.settings()
    found: list[dict[str, object]] = []
    if known := data.read(settings, people.count, otherwise=0):
        keys = data.keys(settings, known)
        try:
            found = data.read(settings, lambda conn: people.waiting_questions(conn, keys), otherwise=[])
        finally:
            keys.close()
    if as_json:
        say_json([{**question, "asked_at": iso(question["asked_at"])} for question in found])  # type: ignore[arg-type]
        return
    for question in found:
        head = f"{question['asked_at']:%d %b %H:%M}  {question['person']}  {question['language'] or ''}"
        say(head.rstrip(), "dim")
        say(f"{question['words']}\n")
    if not found:
        say("No question waits.")


def upgrade() -> None:
    """Bring the tables to the version that this program needs.

    Example: serai db upgrade
    """
    before, after = data.upgrade(data.settings())
    was = "" if before == after else f" (it was {f'at {before}' if before else 'empty'})"
    say(f"The database is at version {after}{was}.")
