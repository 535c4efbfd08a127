from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.news.concerned import concern
from bot.news.places import Gazetteer
from bot.news.roles import Role

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
    assert concern(gazetteer, text).countries == tuple(countries.split())


def test_where_a_text_was_written_counts_only_in_the_region(gazetteer: Gazetteer) -> None:
    assert concern(gazetteer, "The centre opened.", ["TJ"]).countries == ("TJ",)
    assert concern(gazetteer, "The centre opened.", ["AT"]).countries == ()
    assert concern(gazetteer, "The centre opened.", ["TR"]).countries == ()


def test_a_dateline_decides_between_towns_of_one_name(gazetteer: Gazetteer) -> None:
    assert concern(gazetteer, "People in Hyderabad wait.", ["PK"]).countries == ("PK",)


@given(text=st.text(max_size=120), title=st.text(max_size=40))
def test_any_text_has_an_answer(gazetteer: Gazetteer, text: str, title: str) -> None:
    found = concern(gazetteer, text, title=title)
    assert list(found.countries) == sorted(set(found.countries))
