"""Which language a text is in."""

from __future__ import annotations

from collections import defaultdict
from threading import Lock
from typing import Any

SHORTEST = 20  # letters: with fewer, the guess is wrong too often
SURE = 0.65  # on four words of SIB-200 under 1 % are then wrong, on eight none
READ = 2_000  # characters: more makes no difference

# Near relatives, which the detector cannot tell apart on a few sentences: it takes all Sorani for Southern Kurdish, and
# half of written Arabic for perhaps Moroccan.
_FAMILY = {
    **dict.fromkeys(("arz", "ary", "arq", "apc", "ajp", "acm", "ars", "aeb", "afb"), "ar"),
    **{
        "sdh": "ckb",
        "kmr": "ku",
        "prs": "fa",
        "pes": "fa",
        "pbt": "ps",
        "pbu": "ps",
        "uzn": "uz",
        "uzs": "uz",
        "pcm": "en",
    },
}


class Languages:
    """A language detector. It takes most of a second to load, so it is loaded when first asked."""

    def __init__(self) -> None:
        self._detector: Any = None
        self._loading = Lock()

    def of(self, text: str) -> str | None:
        """The BCP 47 code of the language, or None if it cannot be told. Dari and Persian are both ``fa``."""
        text = text[:READ]
        if sum(letter.isalpha() for letter in text) < SHORTEST:
            return None
        sure: dict[str, float] = defaultdict(float)
        for code, probability in self._loaded().rank(text):
            sure[_FAMILY.get(code, code)] += float(probability)
        best = max(sure, key=sure.__getitem__)
        return best if sure[best] >= SURE else None

    def _loaded(self) -> Any:
        with self._loading:
            if self._detector is None:
                from py3langid.langid import MODEL_FILE, LanguageIdentifier

                self._detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
            return self._detector
