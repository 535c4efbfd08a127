from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from bot.news.places import CountryGuess, Gazetteer

TYPED = [
    # what a person types, country, how, what else they said
    ("Iraq", "IQ", "name", ""),
    ("news Iraq", "IQ", "name", "news"),
    ("jobs iraq", "IQ", "name", "jobs"),
    ("🇮🇶", "IQ", "flag", ""),
    ("news 🇦🇫 please", "AF", "flag", "news please"),
    ("irak", "IQ", "name", ""),
    ("Pakstan", "PK", "fuzzy", ""),
    ("Bangaldesh", "BD", "fuzzy", ""),
    ("Tajikstan news", "TJ", "fuzzy", "news"),
    ("Islambad", "PK", "fuzzy", ""),
    ("what is new in Kabul?", "AF", "city", "what is new"),
    ("Afghan", "AF", "adjective", ""),
    ("Iraqis", "IQ", "adjective", ""),
    ("العراق", "IQ", "name", ""),
    ("عراق", "IQ", "name", ""),
    ("كابول", "AF", "city", ""),
    ("کندهار", "AF", "city", ""),
    ("پاکستان", "PK", "name", ""),
    ("বাংলাদেশ", "BD", "name", ""),
    ("বাংলাদেশের খবর", "BD", "name", "খবর"),
    ("ঢাকা", "BD", "city", ""),
    ("Тоҷикистон", "TJ", "name", ""),
    ("Ўзбекистон", "UZ", "name", ""),
    ("Oʻzbekiston", "UZ", "name", ""),
    ("uzbekiston", "UZ", "name", ""),
    ("работа в Кыргызстане", "KG", "name", "работа"),
    ("ош", "KG", "city", ""),
    ("Қўқон", "UZ", "city", ""),
    ("هەولێر", "IQ", "city", ""),
    ("Ebril", "IQ", "city", ""),
    ("Cumilla", "BD", "city", ""),
    ("iq", "IQ", "code", ""),
    ("IQ", "IQ", "code", ""),
    ("jobs PK", "PK", "code", "jobs"),
    ("news in bd", "BD", "code", "news"),
    ("Irag", "IQ", "name", ""),
    ("كردستان", "IQ", "name", ""),
    ("AFG", "AF", "code", ""),
    ("US", "US", "code", ""),
    ("Karachi please", "PK", "city", "please"),
    ("the Kurdistan region", "IQ", "name", ""),
    ("USA", "US", "name", ""),
    ("UK", "GB", "name", ""),
    ("U.K.", "GB", "name", ""),
    ("South Korea", "KR", "name", ""),
    ("Deutschland", "DE", "name", ""),
    ("Türkiye", "TR", "name", ""),
    ("visa for Germany", "DE", "name", "visa"),
    ("jobs in oman", "OM", "name", "jobs"),
    ("news about scholarships in Pakistan for women", "PK", "name", "news about scholarships for women"),
    ("Islamabad", "PK", "city", ""),
    ("Hyderabad", "IN", "city", ""),
    ("Chad?", "TD", "name", ""),
    ("Того", "TG", "name", ""),
    ("Islamic Republic of Iran", "IR", "name", ""),
    ("\u2067عراق\u2069", "IQ", "name", ""),
]
NOWHERE = """
no|NO|in|id|it|hello|hi|stop|STOP|help|HELP US|more|menu|start|ok|thank you|can you help me|I am in trouble|
my name is Ali|i ran away|how can I register for the next session|what are the opening hours|i need a visa|
I want to go home|my name is Hasan Khan|I feel sad and alone|where is your office|they took my passport|
he is from my village|New Mexico|Budapest Process|family reunion|salam|سلام|کار|اردو|من به کمک نیاز دارم|
مالی مشکل ہے|Того времени нет|работа|как дела|что нового|আমার কাজ দরকার|ben bir sey||😀|...|/start|12345|
the rest of the day|turn left|Mary is here|women|jobs|scholarship|
I am hungry|urgent|this is urgent|a mountain of work|news in id
""".replace("\n", "").split("|")


@pytest.mark.parametrize(("typed", "country", "how", "rest"), TYPED, ids=[row[0] for row in TYPED])
def test_a_person_names_a_country_in_their_own_way(
    gazetteer: Gazetteer, typed: str, country: str, how: str, rest: str
) -> None:
    guess = gazetteer.country(typed)
    assert (guess.country, guess.how, guess.rest) == (country, how, rest)


@pytest.mark.parametrize("typed", NOWHERE)
def test_what_names_no_country_is_left_as_it_is(gazetteer: Gazetteer, typed: str) -> None:
    assert gazetteer.country(typed).country is None


def test_what_was_matched_is_in_the_writers_own_spelling(gazetteer: Gazetteer) -> None:
    assert gazetteer.country("news from Türkiye!") == CountryGuess("TR", "name", "Türkiye", "news")


ALSO = [
    (typed, country if country != "--" else None)
    for line in (Path(__file__).parent / "typed.tsv").read_text("utf-8").splitlines()[1:]
    for country, _, rest in [line.partition("\t")]
    for typed in rest.split("|")
]


@pytest.mark.parametrize(("typed", "country"), ALSO, ids=[row[0] for row in ALSO])
def test_people_type_in_many_ways(gazetteer: Gazetteer, typed: str, country: str | None) -> None:
    assert gazetteer.country(typed).country == country


@given(text=st.text(max_size=80))
def test_any_text_has_an_answer(gazetteer: Gazetteer, text: str) -> None:
    guess = gazetteer.country(text)
    assert (guess.country is None) == (guess.how is None) == (not guess.matched)


def test_a_country_is_called_by_its_name_in_each_language(gazetteer: Gazetteer) -> None:
    names = [gazetteer.name("IQ", language) for language in ("en", "ar-IQ", "bn", "ru", "ku-Arab", "xx", "")]
    assert names == ["Iraq", "العراق", "ইরাক", "Ирак", gazetteer.name("IQ", "ku"), "Iraq", "Iraq"]
    assert gazetteer.name("Q1", "en") == "Q1"


def test_the_atlas_is_small_and_each_of_its_names_is_found(gazetteer: Gazetteer) -> None:
    packed = (Path(config.__file__).parent / "places.tsv.gz").read_bytes()
    assert len(packed) < 1_600_000
    names = [name for line in gzip.decompress(packed).decode().splitlines() for name in line.split("\t")[1].split("|")]
    assert len(names) > 50_000
    silenced = [name for name in names[::50] if not gazetteer.called(name)]
    assert len(silenced) < 20, "more than everyday words are lost"
