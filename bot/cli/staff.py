"""What the people who keep the hub look after: ``serai questions``, ``serai db upgrade``."""

from __future__ import annotations

from bot.cli import data
from bot.cli.terminal import Json, iso, say, say_json


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
