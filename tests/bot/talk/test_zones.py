"""The time zone of a country."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.core import get_global

from bot.talk.zones import LARGEST, zone_of

NO_COUNTRY = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
COUNTRIES = sorted(code for code in map(str, Locale("en").territories) if len(code) == 2 and code.isalpha())


@pytest.mark.parametrize("country", [code for code in COUNTRIES if code not in NO_COUNTRY])
def test_every_country_has_a_zone_of_its_own(country: str) -> None:
    zone = zone_of(country)
    assert ZoneInfo(zone).key != "UTC"
    assert zone_of(country.lower()) == zone
    assert country in {"BV", "HM", "XK"} or zone in get_global("territory_zones")[country]


def test_each_country_with_several_zones_is_decided_and_no_other() -> None:
    several = {code for code in COUNTRIES if len(get_global("territory_zones").get(code, ())) > 1} - NO_COUNTRY
    assert set(LARGEST) - {"BV", "HM", "XK"} == several


@pytest.mark.parametrize(
    ("country", "zone"),
    [
        ("AF", "Asia/Kabul"),
        ("BD", "Asia/Dhaka"),
        ("IQ", "Asia/Baghdad"),
        ("KG", "Asia/Bishkek"),
        ("KZ", "Asia/Almaty"),
        ("LK", "Asia/Colombo"),
        ("PK", "Asia/Karachi"),
        ("TJ", "Asia/Dushanbe"),
        ("TR", "Europe/Istanbul"),
        ("UZ", "Asia/Tashkent"),
        ("RU", "Europe/Moscow"),
    ],
)
def test_the_zones_of_the_network(country: str, zone: str) -> None:
    assert zone_of(country) == zone


@pytest.mark.parametrize("code", ["", "ZZ", "ZZZ", "EU", "QO"])
def test_what_is_no_country_has_none(code: str) -> None:
    assert zone_of(code) == "UTC"
