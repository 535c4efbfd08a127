"""The catalogues: whole, true to the English in all that the program fills in, and written as people write."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from bot.talk.words import STOP, key
from config import messages
from config.messages import language_name, languages, phrases

COMMAND = re.compile(r"(?<![\w/])/[a-z]+")
EDGES = re.compile(r"^(\s*).*?(\s*)$", re.DOTALL)


def catalogue(language: str) -> Catalog:
    with (messages.HERE / language / "serai.po").open("rb") as file:
        return read_po(file, locale=language.replace("-", "_"))


def forms(strings: object) -> tuple[str, ...]:
    return tuple(strings) if isinstance(strings, list | tuple) else (str(strings),)


ENTRIES = [
    pytest.param(entry, id=f"{language}: {forms(entry.id)[0][:40]}")
    for language in languages()
    for entry in catalogue(language)
    if entry.id and all(forms(entry.string))
]
every_entry = pytest.mark.parametrize("entry", ENTRIES)


def blanks(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@every_entry
def test_a_translation_fills_in_what_the_english_fills_in(entry: Message) -> None:
    """A form for one alone may leave its number out, as the English does: "the country that you chose"."""
    wanted = set().union(*map(blanks, forms(entry.id)))
    *few, many = map(blanks, forms(entry.string))
    assert many == wanted
    assert all(wanted - {"n"} <= form <= wanted for form in few)


@every_entry
def test_a_translation_names_the_commands_that_the_english_names(entry: Message) -> None:
    for translated in forms(entry.string):
        assert sorted(COMMAND.findall(translated)) == sorted(COMMAND.findall(forms(entry.id)[-1]))


@every_entry
def test_a_translation_begins_and_ends_with_the_same_space(entry: Message) -> None:
    for translated in forms(entry.string):
        assert EDGES.findall(translated) == EDGES.findall(forms(entry.id)[-1])


@every_entry
def test_only_a_translation_of_a_stop_word_is_a_stop_word(entry: Message) -> None:
    """Who types a button's words must not be taken for somebody who wants no more news."""
    for translated in forms(entry.string):
        if key(translated) in STOP:
            assert "stop" in forms(entry.id)[0].casefold()


@pytest.mark.parametrize("language", languages())
def test_plurals_are_those_of_cldr(language: str) -> None:
    """Babel's own table of them has a single form for Persian."""
    rule = Locale.parse(language, sep="-").plural_form
    p, order = phrases(language), {}
    for n in range(200):
        form = p._catalogue.plural(n)
        assert order.setdefault(rule(n), form) == form
    assert len(set(order.values())) == len(order)


def test_digits_are_those_that_people_read() -> None:
    dari, english = phrases("fa-AF"), phrases("en")
    assert (dari.number(4000), english.number(4000)) == ("۴۰۰۰", "4000")
    assert dari.t("Older than {n} days:", n=30).endswith("۳۰ روز:")
    assert dari.t("{town}, {country}", town="Camp 8", country="عراق").startswith("Camp 8")


def test_what_follows_a_command_is_to_be_typed() -> None:
    dari = phrases("fa-AF")
    assert dari._filled("/withdraw {number} {n}", {"number": 12, "n": 3}) == "/withdraw 12 ۳"


def test_languages_are_called_what_their_speakers_call_them() -> None:
    assert language_name("fa-AF") == "دری"
    assert language_name("fa-AF", said_in="en") == "Dari"
    assert language_name("en") == "English"
    assert language_name("ru") == "Русский"


def test_a_catalogue_counts_as_reviewed_when_it_says_so() -> None:
    assert phrases("en").reviewed
    for language in languages()[1:]:
        assert phrases(language).reviewed == (messages.REVIEWED in catalogue(language).header_comment)


def test_an_update_keeps_the_translations_and_what_is_said_of_them() -> None:
    theirs = catalogue("fa-AF")
    before, comment = {entry.id: entry.string for entry in theirs if entry.id}, theirs.header_comment
    theirs.update(messages.collect(), no_fuzzy_matching=True)
    assert theirs.header_comment == comment
    assert theirs.num_plurals == 2
    assert all(before[entry.id] == entry.string for entry in theirs if entry.id in before)
