"""A message as Telegram takes it: parts of HTML, a caption, rows of buttons. Pure, and without python-telegram-bot."""

from __future__ import annotations

from collections.abc import Sequence

from channels import wording
from channels.contract import Attachment, Choice, Message, Part

TEXT, CAPTION, CALLBACK_DATA, BUTTONS, MARKS, REMOVED_AT_ONCE = 4096, 1024, 64, 100, 100, 100
SHORT_LABEL = 20  # up to this length two buttons share a row


def fit(message: Message) -> tuple[Part, ...]:
    """The choices under the last part. A picture carries the text as its caption where that is short."""
    if message.removes:
        return tuple(
            Part("", "", language=message.language, purpose=message.purpose, removes=ids)
            for ids in _batches(message.removes, REMOVED_AT_ONCE)
        )
    rows(message.choices)
    picture, text = _captioned(message)
    if not text and not picture:
        raise ValueError("a message must say something")
    texts = wording.split(text, TEXT, "utf16", rtl=message.rtl, marks=MARKS)
    return tuple(_part(message, texts, number, picture) for number in range(len(texts)))


def _batches(ids: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(ids[first : first + size]) for first in range(0, len(ids), size)]


def _part(message: Message, texts: Sequence[wording.Text], number: int, picture: Attachment | None) -> Part:
    text, last = texts[number], number == len(texts) - 1
    spelled = text + wording.described([picture]) if picture else text
    return Part(
        text=wording.as_html(text),
        plain=wording.as_plain(spelled, rtl=message.rtl),
        choices=message.choices if last else (),
        attachment=picture,
        language=message.language,
        rtl=message.rtl,
        purpose=message.purpose,
        replaces=message.replaces if number == 0 else "",
    )


def _captioned(message: Message) -> tuple[Attachment | None, wording.Text]:
    """The first picture that Telegram could fetch or be given, when the text is short enough to go under it; what is
    said in words.

    An edit cannot add a picture.
    """
    text = wording.text_of(message)
    pictures = (a for a in message.attachments if a.kind == "image" and (a.data or _fetchable(a.url)))
    if not message.replaces and (picture := next(pictures, None)):
        caption = text + wording.described(other for other in message.attachments if other is not picture)
        if wording.measure(wording.as_plain(caption, rtl=message.rtl), "utf16") <= CAPTION:
            return picture, caption
    return None, text + wording.described(message.attachments)


def _fetchable(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def rows(choices: Sequence[Choice]) -> list[list[Choice]]:
    """Two short buttons in a row. ``ValueError`` for what no keyboard may hold."""
    if len(choices) > BUTTONS:
        raise ValueError(f"{len(choices)} choices, but Telegram takes {BUTTONS}")
    laid: list[list[Choice]] = []
    open_row = False
    for choice in choices:
        if not 1 <= len(choice.say.encode()) <= CALLBACK_DATA:
            raise ValueError(f"a choice must say 1 to {CALLBACK_DATA} bytes: {choice.say!r}")
        alone = choice.wide or len(choice.label) > SHORT_LABEL
        if open_row and not alone:
            laid[-1].append(choice)
            open_row = False
        else:
            laid.append([choice])
            open_row = not alone
    return laid
