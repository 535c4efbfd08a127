"""The time zone of a country: that of its most populous place, which most of its people live by."""

from __future__ import annotations

from typing import Final

from babel.core import get_global

# Countries with several zones: the zone of the largest city by GeoNames (cities of 500 and more people). For the last
# line, where CLDR has no zone or nobody lives: Kosovo has its neighbours' time; the others that of who keeps them.
LARGEST: Final = {
    "AR": "America/Argentina/Buenos_Aires", "AU": "Australia/Sydney", "BR": "America/Sao_Paulo",
    "CA": "America/Toronto", "CD": "Africa/Kinshasa", "CL": "America/Santiago", "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia", "DE": "Europe/Berlin", "EC": "America/Guayaquil", "ES": "Europe/Madrid",
    "FM": "Pacific/Chuuk", "GL": "America/Nuuk", "ID": "Asia/Jakarta", "KI": "Pacific/Tarawa", "KZ": "Asia/Almaty",
    "MH": "Pacific/Majuro", "MN": "Asia/Ulaanbaatar", "MX": "America/Mexico_City", "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland", "PF": "Pacific/Tahiti", "PG": "Pacific/Port_Moresby", "PS": "Asia/Hebron",
    "PT": "Europe/Lisbon", "RU": "Europe/Moscow", "UA": "Europe/Kyiv", "US": "America/New_York",
    "UZ": "Asia/Tashkent",
    "AQ": "Antarctica/McMurdo", "BV": "Europe/Oslo", "HM": "Australia/Perth", "UM": "Pacific/Wake",
    "XK": "Europe/Belgrade",
}  # fmt: skip


def zone_of(country: str) -> str:
    """An IANA name for an ISO 3166 alpha-2 code; "UTC" for what is no country."""
    code = country.upper()
    if zone := LARGEST.get(code):
        return zone
    zones: list[str] = get_global("territory_zones").get(code, [])
    return zones[0] if len(zones) == 1 else "UTC"
