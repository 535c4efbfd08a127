"""Whether a text holds a telephone number. Numbers in dispatches grow old: an editor looks before they are sent."""

from __future__ import annotations

import regex

from bot.news.text import fold

# With a plus or with the zero that leads to another place: seven digits or more. Dates and sums begin with neither.
_LONG = regex.compile(r"(?<![\w/.,=-])(?!\d\d?[./]\d\d?[./]\d{4})(?:\+|\(?0)\d{0,3}\)?(?:[\s./()-]{0,2}\d){6,13}(?!\d)")
# A short number, where it is said that it is one to call.
_SHORT = regex.compile(
    fold(
        r"(?:\b(?:call|calls to|dial|phone|telephone|tel|helpline|hotline|toll[- ]free|short code|whatsapp|sms|text)|"
        r"телефон\p{L}*|номер\p{L}*|линия|линию|линии|звоните|рақам\p{L}*|raqam\p{L}*|telefon\p{L}*|hatti?|"
        r"شماره|تماس|خط|زنگ|نمبر|ہیلپ لائن|فون|رقم|هاتف|الخط الساخن|شمېره|হটলাইন|হেল্পলাইন|নম্বর\p{L}*|ফোন|ژمارەی?)"
    )
    + r"\.?(?:\s?(?:number|no|is|on|at|us|me|the|to|centre|line|по|على|به|پر|বা|:|-|\())*[\s:]{0,2}"
    + r"(?<![\d,.])\d{3,6}(?![\d%]|[.,:]\d|\s\d)(?!\s(?!for|to|from|in|at|if|or|and|free|any|day|between|on)\p{Ll})"
)


def has_phone(text: str) -> bool:
    folded = fold(text)
    return bool(_LONG.search(folded) or _SHORT.search(folded))
