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


@given(text=st.text(max_size=80))
def test_any_text_has_an_answer(gazetteer: Gazetteer, text: str) -> None:
    guess = gazetteer.country(text)
    assert (guess.country is None) == (guess.how is None) == (not guess.matched)
    gazetteer.concerned(text)


CONCERNED = [
    # --- of the region: by name, people, city, province
    ("Migrants from Afghanistan, Iraq and Pakistan travel through Iran.", "AF IQ IR PK"),
    ("Uzbek and Tajik workers must register.", "TJ UZ"),
    ("Returnees in Nangarhar and Kunar provinces", "AF"),
    ("In the Kurdistan Region, a new centre opened in Sulaymaniyah.", "IQ"),
    ("MRC Afghanistan answers on WhatsApp.", "AF"),
    ("IRAQ: NEW CENTRE OPENS IN BAGHDAD", "IQ"),
    ("В Душанбе открылся центр для мигрантов из Афганистана.", "AF TJ"),
    ("иракские специалисты приехали", "IQ"),
    ("زار الوفد مدينة أربيل في العراق", "IQ"),
    ("وزارت مهاجرین در کابل گفت که مهاجران از ایران برگشتند", "AF IR"),
    ("ঢাকায় শ্রমিকদের জন্য নতুন কেন্দ্র", "BD"),
    ("پشاور میں افغان مہاجرین", "AF PK"),
    ("لە هەولێر سەنتەرێکی نوێ کرایەوە", "IQ"),
    ("Afgʻonistondan kelgan muhojirlar Toshkentda", "AF UZ"),
    # --- outside it: by name only
    ("Germany opens a new visa route for Afghan nurses.", "AF DE"),
    ("Visa rules for Germany, France and Italy have changed.", "DE FR IT"),
    ("Jobs in Saudi Arabia, Qatar and the United Arab Emirates for Bangladeshi workers", "AE BD QA SA"),
    ("He was deported from Germany to Afghanistan.", "AF DE"),
    ("A German expert and an Austrian one flew from Istanbul to Berlin.", ""),
    # --- donors
    ("The training, financed by the Kingdom of the Netherlands and the Federal Republic of Germany, ended.", ""),
    ("The project, which is co-funded by Switzerland, Denmark and the Netherlands, ends.", ""),
    ("Funded by the European Union and Germany, the centre helps people who return to Iraq.", "IQ"),
    ("Funded by the Ministry of Foreign Affairs of the Kingdom of Norway, courses began in Lahore.", "PK"),
    ("With support from Japan, returnees in Herat get training.", "AF"),
    ("The Denmark-funded project in Lahore ended.", "PK"),
    ("The Government of Germany has funded a project in Kabul.", "AF"),
    ("Switzerland’s State Secretariat for Migration pays for the course in Colombo.", "LK"),
    # --- visitors and envoys
    ("A delegation from Norway visited the centre in Dushanbe.", "TJ"),
    ("Participants from Austria, Czech Republic, Denmark, Iraq and Norway attended.", "IQ"),
    ("The visit brought Austria, Sweden, Finland and Norway to Islamabad.", "PK"),
    ("The Ambassador of Sweden to Iraq opened it.", "IQ"),
    ("The Embassy of Italy in Islamabad has moved.", "PK"),
    # --- names that only hold a place's name
    ("Ministers adopted the Almaty Process and the Tashkent Declaration.", ""),
    ("The Regional Office for Central Asia in Almaty invites offers.", ""),
    ("The Budapest Process met experts of the Danish Refugee Council.", ""),
    ("New Mexico, Latin America and the Indian Ocean", ""),
    # --- everyday words
    ("Rest of the women turned to Mary. Can they work in Van?", ""),
    ("we eat turkey on plates of china", ""),
    ("قوم کے لوگ ساری رات مردان میں", ""),
    ("Для того чтобы помочь, нужно время.", ""),
    # --- two towns of one name
    ("Hyderabad, in Pakistan, has a new centre.", "PK"),
    ("Hyderabad has a new centre.", ""),
]


@pytest.mark.parametrize(("text", "countries"), CONCERNED, ids=[row[0][:50] for row in CONCERNED])
def test_a_text_concerns_the_countries_that_it_is_about(gazetteer: Gazetteer, text: str, countries: str) -> None:
    assert gazetteer.concerned(text) == tuple(countries.split())


def test_where_a_text_was_written_counts_only_in_the_region(gazetteer: Gazetteer) -> None:
    assert gazetteer.concerned("The centre opened.", ["TJ"]) == ("TJ",)
    assert gazetteer.concerned("The centre opened.", ["AT"]) == ()
    assert gazetteer.concerned("The centre opened.", ["TR"]) == ()


def test_a_dateline_decides_between_towns_of_one_name(gazetteer: Gazetteer) -> None:
    assert gazetteer.concerned("People in Hyderabad wait.", ["PK"]) == ("PK",)


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
