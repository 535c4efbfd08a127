from __future__ import annotations

import pytest

from bot.news.dateline import read_dateline
from bot.news.places import Gazetteer

DATELINES = [
    # text, places, country, body
    ("Kabul, Afghanistan: The centre opened.", "Kabul/AF", "AF", "The centre opened."),
    ("Baghdad and Erbil, Iraq: The support", "Baghdad/IQ Erbil/IQ", "IQ", "The support"),
    ("Baghdad, Erbil and Sulaymaniyah, Iraq: x", "Baghdad/IQ Erbil/IQ Sulaymaniyah/IQ", "IQ", "x"),
    ("Islamabad / Lahore, Pakistan: x", "Islamabad/PK Lahore/PK", "PK", "x"),
    ("Kabul, Afghanistan and Islamabad, Pakistan: x", "Kabul/AF Islamabad/PK", "AF", "x"),
    ("Dhaka, Bangladesh:“Quoted”", "Dhaka/BD", "BD", "“Quoted”"),
    ("Osh, Kyrgyzstan : x", "Osh/KG", "KG", "x"),
    ("KABUL, Afghanistan — The centre", "KABUL/AF", "AF", "The centre"),
    ("Vienna, Austria: x", "Vienna/AT", "AT", "x"),
    ("Kabul: x", "Kabul/AF", "AF", "x"),
    ("Hyderabad: x", "Hyderabad/IN", "IN", "x"),
    ("Hyderabad, Pakistan: x", "Hyderabad/PK", "PK", "x"),
    ("Ebril, Iraq: x", "Ebril/IQ", "IQ", "x"),
    ("Littletown, Iraq: x", "Littletown/IQ", "IQ", "x"),
    ("Iraq: x", "", "IQ", "x"),
    ("Cox’s Bazar, Bangladesh: x", "Cox’s_Bazar/BD", "BD", "x"),
    ("Sarajevo, Bosnia and Herzegovina: x", "Sarajevo/BA", "BA", "x"),
    ("Erbil, Kurdistan Region of Iraq: x", "Erbil/IQ", "IQ", "x"),
    ("کابل، افغانستان: متن", "کابل/AF", "AF", "متن"),
    ("کابل او کندهار، افغانستان: متن", "کابل/AF کندهار/AF", "AF", "متن"),
    ("أربيل، العراق: نص", "أربيل/IQ", "IQ", "نص"),
    ("ঢাকা, বাংলাদেশ: খবর", "ঢাকা/BD", "BD", "খবর"),
    ("Душанбе и Худжанд, Таджикистан: текст", "Душанбе/TJ Худжанд/TJ", "TJ", "текст"),
    ("Kabul, Afghanistan:", "Kabul/AF", "AF", ""),
]
NONE = """Note: x|Women, Peace and Security: x|Time: 10:00|https://example.org/: x|Minister: we will
|Lahore’s minister said: x|Return and reintegration: x
|The city of Kabul, Afghanistan: x|Contact us: x
|He said. Kabul: x|Kabul|the centre, Iraq: x|Open: x|“Kabul”: x""".replace("\n", "").split("|")


@pytest.mark.parametrize(("text", "places", "country", "body"), DATELINES, ids=[row[0] for row in DATELINES])
def test_a_dateline_says_where_a_text_was_written(
    gazetteer: Gazetteer, text: str, places: str, country: str, body: str
) -> None:
    dateline = read_dateline(text, gazetteer)
    assert dateline is not None
    found = " ".join(f"{place.name.replace(' ', '_')}/{place.country}" for place in dateline.places)
    assert (found, dateline.country, dateline.body) == (places, country, body)


@pytest.mark.parametrize("text", NONE)
def test_other_beginnings_are_no_dateline(gazetteer: Gazetteer, text: str) -> None:
    assert read_dateline(text, gazetteer) is None


WRITTEN = [
    # the beginning of a text, and the country of its dateline
    ("Kabul – 16 May 2024 – The centre", "AF"),
    ("Kabul, 16 May 2024 – The centre", "AF"),
    ("(Kabul, 16 May 2024): The", "AF"),
    ("KABUL (Pajhwok): Officials", "AF"),
    ("TEHRAN, Nov. 3 (IRNA) – Iran", "IR"),
    ("DUSHANBE, November 3 (Asia-Plus) -- Tajik", "TJ"),
    ("Dushanbe, 3 Nov. — Tajik", "TJ"),
    ("АШХАБАД, 5 мая – Текст", "TM"),
    ("Ташкент. 24 мая. Текст новости", "UZ"),
    ("Бишкек, 12 марта: Текст", "KG"),
    ("IOM-Baghdad: The", "IQ"),
    ("UNHCR, Islamabad: The", "PK"),
    ("UNHCR Islamabad: The", "PK"),
    ("Islambad, Pakistan: The", "PK"),
    ("Dakha, Bangladesh: The", "BD"),
    ("Duhsanbe, Tajikstan: The", "TJ"),
    ("Kabul ,Afghanistan : The", "AF"),
    ("Kabul,Afghanistan:The", "AF"),
    ("Kabul  ,  Afghanistan  :  The", "AF"),
    ("Kabul Afghanistan: The", "AF"),
    ("Kabul - Afghanistan: The", "AF"),
    ("Kabul (Afghanistan): The", "AF"),
    ("Kabul [Afghanistan]: The", "AF"),
    ("Geneva, Switzerland: The", "CH"),
    ("Brussels – The", "BE"),
    ("New York: The", "US"),
    ("Washington, D.C.: The", "US"),
    ("London: The", "GB"),
    ("Bonn, Germany: The", "DE"),
    ("The Hague, Netherlands: The", "NL"),
    ("Cox's Bazar: The", "BD"),
    ("Cox’s Bazar, 12 June: The", "BD"),
    ("Sulaymaniyah and Erbil: The", "IQ"),
    ("Sulaymaniyah, Erbil & Duhok, Kurdistan Region of Iraq: The", "IQ"),
    ("Erbil, KRI: The", "IQ"),
    ("Tashkent, Samarkand: The", "UZ"),
    ("Osh / Bishkek, Kyrgyzstan: The", "KG"),
    ("Osh city, Kyrgyzstan: The", "KG"),
    ("Nangarhar: The", "AF"),
    ("Nangarhar province, Afghanistan: The", "AF"),
    ("Quetta, Balochistan, Pakistan: The", "PK"),
    ("Istanbul, 14 December 2022: The", "TR"),
    ("İstanbul: Metin", "TR"),
    ("Istanbul/Ankara, Türkiye: The", "TR"),
    ("Sri Jayawardenepura Kotte, Sri Lanka: The", "LK"),
    ("Almaty, March 2023: The", "KZ"),
    ("Nur-Sultan, Kazakhstan: The", "KZ"),
    ("Monday, Kabul: The", "AF"),
    ("5 May 2021, Lahore: The", "PK"),
    ("LAHORE: The", "PK"),
    ("LAHORE: 12 agents arrested", "PK"),
    ("Lahore:12 agents arrested", "PK"),
    ("کابل – متن", "AF"),
    ("کابل: متن", "AF"),
    ("هرات، ۱۲ می: متن", "AF"),
    ("کندهار، افغانستان: متن", "AF"),
    ("لاہور (نمائندہ خصوصی): متن", "PK"),
    ("اسلام آباد، ۱۲ مارچ: متن", "PK"),
    ("بغداد / أربيل: نص", "IQ"),
    ("بغداد - نص الخبر هنا", "IQ"),
    ("ঢাকা, ১২ মার্চ: খবর", "BD"),
    ("ঢাকা ও কুমিল্লা: খবর", "BD"),
    ("دبي، الإمارات: نص", "AE"),
    ("الرياض: نص", "SA"),
    ("Toshkent, 5-may: Matn", "UZ"),
    ("Душанбе, 3 ноябри соли 2023: Матн", "TJ"),
    ("Хучанд, Точикистон: Матн", "TJ"),
    ("Mali: x", "ML"),
    ("Press release – Kabul, Afghanistan: The centre", "AF"),
    ("Kabul, Afghanistan: Update: The", "AF"),
    ("اسلام آباد (نمائندہ خصوصی) متن", "PK"),
    ("Erbil and Basra, June 2022. The", "IQ"),
]
UNLIKE = [
    "Note: The",
    "Women and work: The",
    "Minister: We",
    "Reuters: The",
    "5 May 2024: The",
    "May 2024: The",
    "Dhaka Tribune: The",
    "Tehran Times: The",
    "Kabul diary: The",
    "Afghan women: The",
    "Return to Iraq: what you need to know",
    "From Kabul to Calais: a family's story",
    "New centre in Erbil: The",
    "Migration and Development: The",
    "Iraq’s returnees: The",
    "Update: Kabul airport opens",
    "Opening hours: 9:00 to 17:00 in Kabul",
    "Time: 10:00",
    "Ali: I was in Kabul",
    "The Budapest Process: a dialogue",
    "UNHCR: Returns from Iran",
    "IOM: 300 people return",
    "Q: What is a visa?",
    "Step 1: Go to the office in Kabul",
    "Interview: Life in Lahore",
    "Video: Kabul after dark",
    "Scholarships: last call for Hungary",
    "A year on: Kabul today",
    "Hotline: 1414",
    "Silk Routes: The project",
    "Central Asia: The",
    "Europe: The",
    "Good news: Kabul",
    "Kabul is cold. The centre gives coats",
    "Iraq. The",
    "He said. Kabul: x",
    "Turkey shoot: x",
    "Jobs in Qatar: x",
    "Mary: x",
    "Victoria: x",
    "Rest: x",
    "Opinion: Pakistan and Iran",
    "PRESS RELEASE: The",
]


@pytest.mark.parametrize(("text", "country"), WRITTEN, ids=[row[0] for row in WRITTEN])
def test_a_dateline_is_known_however_it_is_written(gazetteer: Gazetteer, text: str, country: str) -> None:
    dateline = read_dateline(text, gazetteer)
    assert dateline is not None
    assert dateline.country == country


@pytest.mark.parametrize("text", UNLIKE)
def test_what_looks_like_a_dateline_and_is_none(gazetteer: Gazetteer, text: str) -> None:
    assert read_dateline(text, gazetteer) is None
