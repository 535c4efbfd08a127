"""The sentences of the program in each language: Babel catalogues, read from their .po files at the start.

``python -m config.messages --update`` collects the sentences out of the code, ``--check`` fails when a catalogue lacks
one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from babel.support import Translations

HERE = Path(__file__).parent / "locales"
TEMPLATE = HERE / "serai.pot"
KEYWORDS = {"t": None, "tn": (1, 2)}
TYPED = re.compile(r"/[a-z]+ \{(\w+)\}")  # the argument of a command
REVIEWED = "# Reviewed: yes"  # at the top of a catalogue, once a native speaker has read all of it
ZEROS = {"arab": 0x660, "arabext": 0x6F0, "beng": 0x9E6}  # of CLDR's numbering systems; Babel does not have them


@dataclass(frozen=True)
class Phrases:
    """The sentences in one language. ``t`` and ``tn`` take the English sentence and fill in ``{name}``.

    An ``int`` is written as people write it: 12 is ۱۲ in Dari. Not after a command ("/show {id}"), where it is to be
    typed; and what is filled in as a ``str`` stays as it is.
    """

    language: str
    locale: Locale
    _catalogue: Translations
    reviewed: bool = True  # by a native speaker

    def t(self, sentence: str, **filled: Any) -> str:
        return self._filled(self._catalogue.gettext(sentence), filled) if sentence else ""

    def tn(self, one: str, many: str, n: int, **filled: Any) -> str:
        return self._filled(self._catalogue.ngettext(one, many, n), {"n": n, **filled})

    def number(self, n: int) -> str:
        """A quantity in the language's own digits."""
        return self.digits(str(n))

    def digits(self, text: str) -> str:
        """A text with its ASCII digits as the language writes them."""
        zero = ZEROS.get(self.locale.default_numbering_system, ord("0"))
        return text.translate({ord("0") + digit: zero + digit for digit in range(10)})

    def _filled(self, sentence: str, values: dict[str, Any]) -> str:
        typed = TYPED.findall(sentence)
        quantities = {name for name, value in values.items() if isinstance(value, int)}.difference(typed)
        return sentence.format(**values | {name: self.number(values[name]) for name in quantities})

    @property
    def rtl(self) -> bool:
        return self.locale.text_direction == "rtl"


def languages() -> list[str]:
    """BCP 47 codes of the languages that have a catalogue, English first."""
    found = sorted(folder.name for folder in HERE.iterdir() if (folder / "serai.po").exists())
    return sorted(found, key=lambda code: code != "en")


def language_name(language: str, *, said_in: str = "") -> str:
    """What a language is called by those who speak it, or in another language: fa-AF is دری and Dari.

    Babel's own ``get_language_name`` would say فارسی and Persian. The code itself where there is no name for it.
    """
    locale = Locale.parse(language, sep="-")
    names = Locale.parse(said_in or language, sep="-").languages
    name = str(names.get(str(locale)) or names.get(locale.language) or language)
    return name[0].upper() + name[1:]


@lru_cache
def phrases(language: str) -> Phrases:
    """The sentences in ``language``; English where there is no such catalogue."""
    code = language if language in languages() else "en"
    with (HERE / code / "serai.po").open("rb") as file:
        catalogue = read_po(file, locale=code.replace("-", "_"))
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    reviewed = code == "en" or REVIEWED in catalogue.header_comment
    return Phrases(code, Locale.parse(code, sep="-"), Translations(compiled), reviewed)


def collect() -> Catalog:
    """All sentences in the code, with where they stand."""
    root = HERE.parent.parent
    catalogue = Catalog(project="serai", charset="utf-8", header_comment="# The sentences of Serai.")
    methods = [("**.py", "python"), ("**.html", "jinja2")]
    for room in ("bot", "channels", "config"):
        for file, line, sentence, comments, context in extract_from_dir(
            root / room, methods, keywords=KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
        ):
            where = [(f"{room}/{file}", line)]
            catalogue.add(sentence, locations=where, auto_comments=comments, context=context)
    return catalogue


def missing(catalogue: Catalog, wanted: Catalog) -> Iterable[str]:
    """What ``catalogue`` lacks, and what it holds for nothing."""
    for entry in wanted:
        if entry.id and (theirs := catalogue.get(entry.id)) is None:
            yield f"lacks {entry.id!r}"
        elif entry.id and catalogue.locale and catalogue.locale.language != "en" and not all(_strings(theirs)):
            yield f"has no translation of {entry.id!r}"
    for entry in catalogue:
        if entry.id and wanted.get(entry.id) is None:
            yield f"still has {entry.id!r}, which no code says"


def _strings(entry: Any) -> tuple[str, ...]:
    return entry.string if isinstance(entry.string, tuple) else (entry.string,)


def main(arguments: list[str]) -> int:
    wanted = collect()
    if "--update" in arguments:
        for file in (TEMPLATE, *(HERE / code / "serai.po" for code in languages())):
            code = None if file == TEMPLATE else file.parent.name.replace("-", "_")
            old = read_po(file.open("rb"), locale=code) if file.exists() else Catalog(locale=code)
            if code:
                old.update(wanted, no_fuzzy_matching=True)
                old.obsolete.clear()
            else:
                old = wanted
            with file.open("wb") as out:
                write_po(out, old, width=120, sort_by_file=True, include_lineno=False, omit_header=False)
        return 0
    faults = 0
    for code in languages():
        file = HERE / code / "serai.po"
        for fault in missing(read_po(file.open("rb"), locale=code.replace("-", "_")), wanted):
            print(f"{file.relative_to(HERE.parent.parent)}: {fault}; run `make messages` and translate it")
            faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
