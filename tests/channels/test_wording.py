"""Splitting loses nothing and cuts nothing apart; markup comes after."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels import wording
from channels.contract import Attachment, Choice, Message, Paragraph, Span, paragraph
from channels.wording import FSI, PDI, RLM, Text, Unit

FAMILY = "👨‍👩‍👧‍👦"
UNITS: list[Unit] = ["characters", "utf16", "bytes"]


def visible(text: Text) -> str:
    return "\n\n".join("".join(span.text for span in each) for each in text)


def bare(text: str) -> str:
    """Without what a cut may add or drop."""
    return str(regex.sub(rf"[\s{RLM}]+", "", text))


# ── A message as text ──


def test_html_has_two_tags_and_escapes_the_rest() -> None:
    message = Message(
        paragraphs=(
            paragraph("1 < 2 & 3 > 2: ", Span("see <here>", link='https://iom.int/?a=1&b="2"')),
            paragraph(Span("now", bold=True), "."),
        ),
        title="Return & visas",
    )
    assert wording.html(message) == (
        "<b>Return &amp; visas</b>\n\n"
        '1 &lt; 2 &amp; 3 &gt; 2: <a href="https://iom.int/?a=1&amp;b=&quot;2&quot;">see &lt;here&gt;</a>\n\n'
        "<b>now</b>."
    )


def test_plain_spells_links_out_once() -> None:
    message = Message(
        paragraphs=(
            paragraph("Read ", Span("the guide", link="https://iom.int/g"), "."),
            paragraph(Span("https://iom.int", link="https://iom.int")),
        )
    )
    assert wording.plain(message) == "Read the guide (https://iom.int/g).\n\nhttps://iom.int"


def test_an_empty_title_or_paragraph_leaves_no_gap() -> None:
    assert (
        wording.plain(Message(paragraphs=(paragraph("a"), (), paragraph(" "), paragraph("b")), title=" ")) == "a\n\nb"
    )


def test_choices_become_lines_with_ascii_digits() -> None:
    choices = (Choice("کابل", "/a"), Choice("هرات", "/b"))
    assert wording.numbered(choices) == (Span("1. کابل\n2. هرات"),)


def test_an_attachment_that_cannot_be_shown_is_described() -> None:
    film = Attachment(kind="video", url="https://iom.int/v", alt="How to register")
    own = Attachment(kind="image", url="file:///etc/x", alt="A map")
    assert wording.as_plain(wording.described([film, own])) == "How to register (https://iom.int/v)\n\nA map"


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("añ", "characters", 2),
        ("añ", "bytes", 3),
        ("👍", "characters", 1),
        ("👍", "utf16", 2),
        ("👍", "bytes", 4),
        ("", "utf16", 0),
    ],
)
def test_each_platform_counts_in_its_own_way(text: str, unit: Unit, expected: int) -> None:
    assert wording.measure(text, unit) == expected


# ── Right to left ──

DRESSED = [
    ("only Arabic letters", "سلام به همه", "سلام به همه"),
    ("a name inside", "دفتر IOM در کابل", f"دفتر {FSI}IOM{PDI} در کابل"),
    ("two words are one run", "با United Nations کار", f"با {FSI}United Nations{PDI} کار"),
    ("a name first", "IOM در کابل", f"{RLM}{FSI}IOM{PDI} در کابل"),
    ("a command keeps its stroke", "بنویسید /news", f"بنویسید {FSI}/news{PDI}"),
    ("a telephone number", "زنگ: +93 70 123 4567", f"زنگ: {FSI}+93 70 123 4567{PDI}"),
    ("a web address whole", "ببینید https://iom.int/a/b?c=1.", f"ببینید {FSI}https://iom.int/a/b?c=1{PDI}."),
    ("a short number stays", "ساعت 10 صبح", "ساعت 10 صبح"),
    ("the text's own digits are not foreign", "در Telegram ۳ پیام", f"در {FSI}Telegram{PDI} ۳ پیام"),
    ("a command with a time", "بفرستید: /when daily 18:30", f"بفرستید: {FSI}/when daily 18:30{PDI}"),
    ("a line that is foreign as a whole", "In Erbil, Iraq: +964 1 000 000.", "In Erbil, Iraq: +964 1 000 000."),
    ("each line by itself", "In Erbil, Iraq.\nIOM در کابل", f"In Erbil, Iraq.\n{RLM}{FSI}IOM{PDI} در کابل"),
    ("a number alone on its line", "+964 1 000 000", f"{FSI}+964 1 000 000{PDI}"),
    ("the author did it", f"دفتر {FSI}IOM{PDI} x", f"دفتر {FSI}IOM{PDI} x"),
    ("Hebrew and digits", "שלום 123", "שלום 123"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in DRESSED], ids=[row[0] for row in DRESSED])
def test_foreign_runs_are_isolated_in_right_to_left_text(text: str, expected: str) -> None:
    assert wording.plain(Message(paragraphs=(paragraph(text),), rtl=True)) == expected


def test_left_to_right_text_is_left_alone() -> None:
    assert wording.plain(Message(paragraphs=(paragraph("IOM در کابل"),))) == "IOM در کابل"


def test_a_plain_link_in_right_to_left_text_is_isolated() -> None:
    message = Message(paragraphs=(paragraph("خبر ", Span("اینجا", link="https://iom.int")),), rtl=True)
    assert wording.plain(message) == f"خبر اینجا ({FSI}https://iom.int{PDI})"


def test_the_tail_of_a_cut_paragraph_begins_right_to_left_again() -> None:
    text = wording.text_of(Message(paragraphs=(paragraph("سلام دوست من. IOM در کابل است"),), rtl=True))
    head, tail = wording.split(text, 20, "characters", rtl=True)
    assert visible(head) == "سلام دوست من."
    assert visible(tail) == f"{RLM}{FSI}IOM{PDI} در کابل است"


# ── Splitting ──


def parts(*paragraphs: str, limit: int, unit: Unit = "characters") -> list[str]:
    return [visible(part) for part in wording.split(tuple(map(paragraph, paragraphs)), limit, unit)]


def test_a_short_text_is_one_part() -> None:
    assert parts("one", "two", limit=20) == ["one\n\ntwo"]


def test_paragraphs_are_kept_whole_where_possible() -> None:
    assert parts("first paragraph", "second paragraph", limit=20) == ["first paragraph", "second paragraph"]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    assert parts("It is cold. Bring a coat. Come at ten o'clock.", limit=30) == [
        "It is cold. Bring a coat.",
        "Come at ten o'clock.",
    ]


def test_a_long_sentence_is_cut_between_words() -> None:
    assert parts("alpha beta gamma delta epsilon", limit=12) == ["alpha beta", "gamma delta", "epsilon"]


def test_a_long_word_is_cut_between_graphemes() -> None:
    assert parts(FAMILY * 4, limit=22, unit="utf16") == [FAMILY * 2, FAMILY * 2]


def test_a_title_does_not_stand_alone() -> None:
    first, *_ = parts("Title", "A sentence here. " * 6, limit=60)
    assert first.startswith("Title\n\nA sentence here.")


def test_the_other_full_stops_end_a_sentence_too() -> None:
    assert parts("هوا سرد است۔ کوٹ لائیں۔ دس بجے آئیں", limit=24) == ["هوا سرد است۔ کوٹ لائیں۔", "دس بجے آئیں"]
    assert parts("আজ ঠান্ডা। কোট আনুন। দশটায় আসুন", limit=22) == ["আজ ঠান্ডা। কোট আনুন।", "দশটায় আসুন"]


def test_a_no_break_space_is_no_place_to_cut() -> None:
    assert parts("ten 10\u00a0000 people", limit=8) == ["ten", "10\u00a0000", "people"]


def test_a_link_is_never_cut_and_counts_with_its_address() -> None:
    link = Span("the long guide", link="https://iom.int/guide")
    text = (paragraph("Before you leave home read ", link, " and then come to see us."),)
    split = wording.split(text, 60, "characters")
    assert sum(link in each for part in split for each in part) == 1
    assert all(len(wording.as_plain(part)) <= 60 for part in split)


def test_a_link_longer_than_a_part_keeps_its_words() -> None:
    text = (paragraph(Span("guide", link="https://iom.int/" + "x" * 50)),)
    assert wording.split(text, 20, "characters") == (((Span("guide"),),),)


def test_bold_goes_on_in_the_next_part() -> None:
    split = wording.split((paragraph(Span("alpha beta gamma", bold=True)),), 12, "characters")
    assert [wording.as_html(part) for part in split] == ["<b>alpha beta</b>", "<b>gamma</b>"]


def test_marks_are_counted_as_telegram_loses_those_after_the_hundredth() -> None:
    item = paragraph(Span("a", bold=True), " ", Span("b", link="https://x.org"))
    split = wording.split((item,) * 7, 4096, "utf16", marks=6)
    assert [len(part) for part in split] == [3, 3, 1]


def test_a_sixty_thousand_letter_text_is_split() -> None:
    split = wording.split((paragraph("ঢাকা " * 12_000),), 4096, "utf16")
    assert len(split) == 15


LETTERS = st.one_of(
    st.sampled_from([FAMILY, "👍🏽", "🇦🇫", "é", "e\u0301", "ক্ষ", "ন্ত্র", "می‌", "<", "&", "IOM", "+93701234567"]),
    st.sampled_from(["کابل ", "Душанбе. ", "word ", "\n", "؟ ", "। ", " ", "a", "ب", "\u00a0", "https://iom.int/a "]),
    st.text(alphabet=st.characters(exclude_categories=("Cs", "Mn", "Me", "Mc", "Cf", "Cc")), max_size=12),
)
SPANS = st.builds(
    Span,
    text=st.lists(LETTERS, max_size=12).map("".join),
    bold=st.booleans(),
    link=st.sampled_from(["", "", "", "https://iom.int/x", "https://iom.int/?a=1&b=2"]),
)
PARAGRAPHS = st.lists(st.lists(SPANS, max_size=5).map(tuple), min_size=1, max_size=5).map(tuple)


class Reader(HTMLParser):
    """What a strict reader sees: only b and a, properly nested."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown = ""
        self.opened: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert tag in ("a", "b")
        self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.shown += data


def shown(html: str) -> str:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.opened
    return reader.shown


def graphemes(text: str) -> list[str]:
    return regex.findall(r"\X", text)  # type: ignore[no-any-return]


@settings(deadline=None)
@given(paragraphs=PARAGRAPHS, limit=st.integers(60, 400), unit=st.sampled_from(UNITS), rtl=st.booleans())
@example(paragraphs=((Span("a" * 61),),), limit=60, unit="bytes", rtl=True)
def test_parts_lose_nothing_fit_and_cut_no_grapheme(
    paragraphs: tuple[Paragraph, ...], limit: int, unit: Unit, rtl: bool
) -> None:
    whole = wording.text_of(Message(paragraphs=paragraphs, rtl=rtl))
    split = wording.split(whole, limit, unit, rtl=rtl)

    assert bare("".join(map(visible, split))) == bare(visible(whole))
    for part in split:
        plain = wording.as_plain(part, rtl=rtl)
        assert wording.measure(plain, unit) <= limit
        assert shown(wording.as_html(part)) == visible(part)
    pieces = [g for part in split for g in graphemes(visible(part)) if bare(g)]
    assert pieces == [g for g in graphemes(visible(whole)) if bare(g)]


@settings(deadline=None)
@given(paragraphs=PARAGRAPHS, limit=st.integers(120, 400), unit=st.sampled_from(UNITS))
def test_links_survive_whole(paragraphs: tuple[Paragraph, ...], limit: int, unit: Unit) -> None:
    whole = wording.text_of(Message(paragraphs=paragraphs))
    before = [span for each in whole for span in each if span.link and span.text.strip()]
    short = [span for span in before if wording.measure(wording.as_plain(((span,),)), unit) <= limit - 3]
    after = [span for part in wording.split(whole, limit, unit) for each in part for span in each if span.link]
    assert [span for span in after if span in short] == short
