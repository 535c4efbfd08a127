"""How often news comes to somebody, and when not: reading what people type of it, and saying what holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import time
from typing import Final

from babel.dates import get_timezone_location

from bot.delivery.when import MORNING, Local, local
from bot.talk.turn import Turn
from bot.talk.words import NO, key
from bot.talk.zones import zone_of
from storage import deliveries
from storage.rhythms import Rhythm

# ── What people type ─────────────────────────────────────────────────────────────────────────────────────────────────

_TIME = r"(\d{1,2})(?:[:.h]?(\d\d))? ?([ap]\.?m\b\.?)?"
_TIMES: Final = re.compile(rf"(?<!\d){_TIME}(?!\d)")
_SPAN: Final = re.compile(rf"(?:from |between )?{_TIME} ?(?:-|to|till|until|and| ) ?{_TIME}")
_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−~〜"), "-")
_NOON: Final = 12

# English, Dari, Pashto, Urdu, Bangla, Arabic, Sorani, Kurmanji, Tajik, Uzbek, Kyrgyz, Kazakh, Russian, Turkish.
_OFTEN: Final = {
    "now": """now|at once|immediately|instantly|instant|always|soon|right away|asap|every time|as it comes
        فوری|فوراً|همین حالا|سمدستي|فوراً|এখনই|فورا|حالا|ھەر ئێستا|niha|зуд|darhol|дароо|бірден|сразу|hemen""",
    "daily": """daily|day|a day|once a day|every day|everyday|each day|one a day|once daily|per day|every morning|digest
        روزانه|هر روز|روز یکبار|روز یک بار|ورځنی|هره ورځ|روزانہ|ہر روز|প্রতিদিন|দৈনিক|يوميا|يومي|كل يوم|ڕۆژانە|rojane
        ҳаррӯза|ҳар рӯз|har kuni|kunlik|күн сайын|күнүнө|ежедневно|каждый день|раз в день|günlük|her gün""",
    "weekly": """weekly|week|a week|once a week|every week|each week|one a week|once weekly|per week|monday|mondays
        every monday|هفته وار|هفته‌وار|هر هفته|هفته یکبار|هفته یک بار|اونیز|هره اونۍ|ہفتہ وار|ہر ہفتے|সাপ্তাহিক
        প্রতি সপ্তাহে|أسبوعيا|أسبوعي|كل أسبوع|هەفتانە|heftane|ҳар ҳафта|har hafta|haftalik|жума сайын|апта сайын
        еженедельно|каждую неделю|раз в неделю|haftalık|her hafta""",
}
_SMALL: Final = frozenset(["at", "on", "o", "clock", "please", "me", "send", "news", "in", "the", "ساعت", "в"])
_OFF: Final = frozenset(map(key, ("off", "none", "never", "nothing", "without", "no quiet hours"))) | NO


def _phrase(text: str) -> str:
    """For comparing: without the small words around what is meant."""
    return " ".join(word for word in key(text).split() if word not in _SMALL)


_WORDS: Final = {
    _phrase(spelt): often
    for often, lines in _OFTEN.items()
    for phrase in lines.replace("\n", "|").split("|")
    for spelt in (phrase, phrase.replace("\u200c", " "))
    if phrase.strip()
}


def read_frequency(text: str) -> str | None:
    """ "daily 18:30": what somebody means who writes "once a day at 6.30 pm". None: it can't be read."""
    text = _plain(text)
    times = [_time(*found.groups()) for found in _TIMES.finditer(text)]
    words = _phrase(_TIMES.sub(" ", text))
    often = _WORDS.get(words) if words else "daily" if times else None
    if often is None or len(times) > 1 or None in times or (times and often == "now"):
        return None
    at = times[0] if times else MORNING
    return often if at in (MORNING, None) else f"{often} {at:%H:%M}"


def read_quiet(text: str) -> str | None:
    """ "22:00-07:00", or "off": what somebody means who writes "10pm to 7am". None: it can't be read."""
    text = _plain(text)
    if key(text) in _OFF:
        return "off"
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    start, end = _time(*found.groups()[:3]), _time(*found.groups()[3:])
    halves, hours = (found[3], found[6]), (int(found[1]), int(found[4]))
    unsaid = any(half is None and hour <= _NOON for half, hour in zip(halves, hours, strict=True))
    if start is None or end is None or start == end or (any(halves) and unsaid):
        return None  # "10-7am" may be of the morning or of the evening
    return f"{start:%H:%M}-{end:%H:%M}"


def _plain(text: str) -> str:
    """Small letters, our digits, and one kind of dash."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_DASHES)
    return " ".join("".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded).split())


def _time(hour: str, minute: str | None, half: str | None) -> time | None:
    h, m = int(hour), int(minute or 0)
    if half:
        if not 1 <= h <= _NOON:
            return None
        h = h % _NOON + (_NOON if half.startswith("p") else 0)
    if (h, m) == (24, 0):
        h = 0
    return time(h, m) if h < 24 and m < 60 else None


# ── What holds ───────────────────────────────────────────────────────────────────────────────────────────────────────


def theirs(turn: Turn) -> Local:
    person, house = turn.person, turn.house
    rhythm = Rhythm(person.zone, person.frequency, person.quiet)
    return local(rhythm, zone=house.zone, quiet=house.delivery.quiet_hours, night=turn.limits.night)


def change(turn: Turn, **values: str | None) -> None:
    """Set zone, frequency or quiet; what waits for them is looked at anew."""
    if any(getattr(turn.person, name) != value for name, value in values.items()):
        turn.change(**values)
        deliveries.retime(turn.conn, turn.person.id, turn.now)


def settle(turn: Turn, names: Iterable[str] = ()) -> None:
    """They live by the clock of the first country that they chose, as long as they follow it. ``names``: those chosen
    now, in their order."""
    followed = turn.person.countries
    if followed and turn.person.zone not in [zone_of(country) for country in followed]:
        first = next((name for name in names if name in followed), min(followed))
        change(turn, zone=zone_of(first))


# ── What is said of it ───────────────────────────────────────────────────────────────────────────────────────────────


def comes(turn: Turn) -> str:
    """Exactly how often news comes, and when."""
    t, their, cap = turn.p.t, theirs(turn), turn.house.delivery.daily_cap
    at = clock(turn, their.evening if their.often == "now" else their.at)
    where = place(turn, their)
    if their.often == "weekly":
        weekly = t("What is new comes together once a week, on Monday at {time} ({place} time).", time=at, place=where)
        return _joined(weekly, _moved(turn, their))
    if their.often == "daily" or cap == 0:
        daily = t(
            "What is new comes together once a day, at {time} ({place} time). Some days that is nothing.",
            time=at,
            place=where,
        )
        return _joined(daily, _moved(turn, their))
    return _joined(
        t("We write to you soon after there is something new. Some days that is nothing."),
        turn.p.tn(
            "At most {n} message with news comes in a day; the rest comes together at {time} ({place} time).",
            "At most {n} messages with news come in a day; the rest comes together at {time} ({place} time).",
            cap,
            time=at,
            place=where,
        ),
    )


def nights(turn: Turn) -> str:
    """When nothing comes."""
    t, their = turn.p.t, theirs(turn)
    if not turn.limits.night:
        return t("You need no quiet hours here: our messages do not ring.")
    if their.quiet is None:
        return t("News may come at any hour, also at night.")
    start, end = clock(turn, their.quiet.start), clock(turn, their.quiet.end)
    return t(
        "No news comes from {start} to {end} ({place} time). Only an urgent warning may come then.",
        start=start,
        end=end,
        place=place(turn, their),
    )


def clock(turn: Turn, at: time) -> str:
    return turn.p.digits(f"{at:%H:%M}")


def place(turn: Turn, their: Local) -> str:
    """The city whose time it is."""
    return str(get_timezone_location(their.zone.key, locale=turn.p.locale, return_city=True))


def _moved(turn: Turn, their: Local) -> str:
    """That a time which was asked for is another."""
    if their.often == "now" or their.asked == their.at:
        return ""
    return turn.p.t(
        "You wanted {time}. That is in your quiet hours, so it comes when they end.", time=clock(turn, their.asked)
    )


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
