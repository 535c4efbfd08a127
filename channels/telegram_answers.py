"""What Telegram's answers mean. Pure, and without python-telegram-bot.

The texts are those of the Bot API server's source. Only texts that are known exactly remove anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import regex

from channels import exchange
from channels.contract import Broken, Finding, Gone, Later, Moved, Outcome, Part, Refused, Sent

WAITING = 100  # updates that nobody fetches: more than a hub at work leaves
LATELY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Declined:
    """An answer that is no result. ``description`` is empty when it was not in Telegram's words."""

    status: int
    description: str
    retry_after: float | None = None  # seconds
    moved_to: int | None = None  # the chat's new id

    @property
    def said(self) -> str:
        """Its words without the kind of error."""
        return str(regex.sub(r"^(?:Bad Request|Forbidden): ", "", self.description))

    @property
    def why(self) -> str:
        """A reason for the log: no URL, nothing quoted out of a message, no ids of people."""
        return f"{self.status} {_bare(self.description)}".strip()


def _bare(said: str) -> str:
    return str(regex.sub(r"\"[^\"]*\"|https?://\S+|\d{5,}", "…", said))[:120]


# ── To a message ─────────────────────────────────────────────────────────────────────────────────────────────────────

_CHAT = r"(?:basic )?(?:group|supergroup|channel)(?: chat)?"
_GONE = {
    400: r"chat not found|private chat not found|PEER_ID_INVALID",
    403: (
        r"bot was blocked by the user|user is deactivated|bot can't initiate conversation with a user"
        r"|bot can't send messages to bots|the group chat was deleted"
        rf"|bot was kicked from the {_CHAT}|bot is not a member of the {_CHAT}"
    ),
}
_NO_RIGHT = (
    r"(?:not enough rights|have no rights) to send .*|CHAT_WRITE_FORBIDDEN"
    r"|need administrator rights in the channel chat"
)
_UNEDITABLE = (
    r"message to edit not found|message can't be edited|MESSAGE_ID_INVALID|there is no text in the message to edit.*"
)
_NO_MEMBER = r"user not found|member not found|participant_id_invalid|USER_ID_INVALID|invalid user_id specified"


def judged(declined: Declined, part: Part) -> Outcome:
    status, why = declined.status, declined.why
    if outcome := exchange.from_status(status, declined.retry_after):
        return outcome
    if not declined.description:
        return exchange.not_the_platform(status)
    if declined.moved_to:
        return Moved(str(declined.moved_to))
    match status:
        case 400 | 403 if regex.fullmatch(_GONE[status], declined.said, regex.IGNORECASE):
            return Gone(why)
        case 400:
            return _bad_request(declined.said, why, part)
        case 401 | 404:
            return Broken(why)
        case 409:
            return Later(exchange.AGAIN, "account", why)
        case _:
            return Refused(why)


def _bad_request(said: str, why: str, part: Part) -> Outcome:
    if part.removes:  # gone already, or too old: as good as we can do
        return Sent("")
    if part.replaces and said.startswith("message is not modified"):
        return Sent(part.replaces)
    if part.replaces and regex.fullmatch(_UNEDITABLE, said, regex.IGNORECASE):
        return Refused("cannot edit")
    if said.startswith("can't parse entities"):
        return Refused("markup refused", markup=True)
    if part.attachment:  # most often a picture that Telegram cannot fetch; the words go without it
        return Refused(why, markup=True)
    if regex.fullmatch(_NO_RIGHT, said, regex.IGNORECASE):
        return Gone("no right to write")
    return Refused(why)


def no_such_file(declined: Declined) -> bool:
    """A file that was uploaded once is no longer there."""
    return declined.status == 400 and bool(regex.match(r"wrong (?:remote )?file identifier", declined.said))


def no_picture(declined: Declined) -> bool:
    """What was uploaded is no picture, or none that is shown."""
    return declined.status == 400 and bool(regex.match(r"IMAGE_PROCESS_FAILED|PHOTO_[A-Z_]+", declined.said))


def no_member(declined: Declined) -> bool:
    """Asked about somebody who is no member of the chat, or nobody at all."""
    return declined.status == 400 and bool(regex.fullmatch(_NO_MEMBER, declined.said, regex.IGNORECASE))


# ── To a check ───────────────────────────────────────────────────────────────────────────────────────────────────────

NO_GROUPS = Finding(
    None, "the bot cannot be added to groups", "If partners' groups shall subscribe: /setjoingroups at @BotFather."
)


def unsound(where: str, fault: Declined | str) -> Finding:
    """``fault``: what was answered, or why there was no answer."""
    match fault:
        case Declined(description="") | Declined(status=500 | 502 | 503 | 504):
            what = f"Telegram is in trouble, or something else answers in its place ({fault.why})"
        case Declined(status=401 | 404):
            return Finding(
                False,
                f"Telegram does not know this token ({fault.why})",
                f"Get the token from @BotFather (/mybots), and set {where}.token to it.",
            )
        case Declined(status=429):
            return Finding(None, "Telegram asks us to wait", "Check again in some minutes.")
        case Declined():
            what = f"Telegram refuses to answer ({fault.why})"
        case _:
            what = f"Telegram cannot be reached ({fault})"
    return Finding(False, what, f"Look at the network of this machine, its firewall, and {where}.base_url.")


def trouble(
    webhook: bool, pending: int, failed_at: datetime | None, said: str | None, now: datetime
) -> Sequence[Finding]:
    """What Telegram remembers of handing updates over: how many wait, and when and why it failed last."""
    findings = []
    if webhook and failed_at and failed_at > now - LATELY:
        findings.append(
            Finding(
                None if not pending else False,
                f"Telegram could not hand over an update at {failed_at:%H:%M} UTC: {_bare(said or 'no reason')}",
                "Look whether web.public_url can be reached from outside, by HTTPS with a valid certificate.",
            )
        )
    if pending > WAITING:
        findings.append(Finding(None, f"{pending} updates wait to be fetched", "Look whether the hub is running."))
    return findings
