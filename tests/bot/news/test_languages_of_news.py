from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bot.news.language import Languages

TEXTS = [
    ("en", "The centre opened its doors to families this morning."),
    ("ru", "Центр открыл сегодня свои двери для семей мигрантов."),
    ("ur", "مرکز نے آج صبح خاندانوں کے لیے اپنے دروازے کھول دیے۔"),
    ("bn", "কেন্দ্রটি আজ সকালে পরিবারগুলোর জন্য তার দরজা খুলে দিয়েছে।"),
    ("de", "Das Zentrum hat heute Morgen seine Türen für Familien geöffnet."),
    (None, "Kabul"),
    (None, ""),
    (None, "1234567890 1234567890 1234567890"),
]
SETS = {
    "eng_Latn": "en", "prs_Arab": "fa", "pes_Arab": "fa", "pbt_Arab": "ps", "urd_Arab": "ur", "ben_Beng": "bn",
    "arb_Arab": "ar", "ckb_Arab": "ckb", "kmr_Latn": "ku", "tgk_Cyrl": "tg", "uzn_Latn": "uz", "kir_Cyrl": "ky",
    "kaz_Cyrl": "kk", "rus_Cyrl": "ru", "tur_Latn": "tr",
}  # fmt: skip


@pytest.fixture(scope="module")
def languages() -> Languages:
    return Languages()


@pytest.mark.parametrize(("code", "text"), TEXTS)
def test_the_language_of_a_text_is_told(languages: Languages, code: str | None, text: str) -> None:
    assert languages.of(text) == code


@pytest.mark.parametrize("name", SETS)
def test_the_languages_of_the_hub_are_told_apart(languages: Languages, shared: Path, name: str) -> None:
    with (shared / "sib200" / f"{name}.tsv").open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    told = [languages.of(text) for text in texts]
    assert told.count(SETS[name]) >= 0.98 * len(texts)
    assert len(texts) - told.count(SETS[name]) - told.count(None) <= 1  # rather no answer than a wrong one
