"""A fault for the log: what it was and where, not its words, for those may quote somebody's."""

from __future__ import annotations

import traceback
from pathlib import Path

FRAMES = 6


def named(error: BaseException) -> str:
    """Like ``KeyError at compose.py:57 ← session.py:210``, the innermost place first."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = " ← ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}" if places else type(error).__name__
