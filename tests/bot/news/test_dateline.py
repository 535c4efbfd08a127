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
