"""Words that mean something without being a command, in every language that people write to us in.

Compared as ``key`` gives them: capitals, accents, look-alike letters and punctuation make no difference.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import regex

from bot.news.text import words

_NUMBER = regex.compile(r"\W*(\d{1,3})\W*")


def key(text: str) -> str:
    """A text for comparing, its words alone: "To‘xtat!" is "to xtat"."""
    return " ".join(word.folded for word in words(text))


def _table(lines: str) -> frozenset[str]:
    """One language a line; phrases parted by ``|``. People write a space for a joiner, or nothing."""
    phrases = [phrase for line in lines.splitlines() for phrase in line.split("|")]
    return frozenset(key(spelt) for phrase in phrases for spelt in (phrase, phrase.replace("\u200c", " "))) - {""}


def _each(lines: str) -> frozenset[str]:
    """Single words, parted by spaces."""
    return frozenset(map(key, lines.split()))


# English, Dari and Persian, Pashto, Urdu, Bangla, Arabic, Sorani, Kurmanji, Tajik, Uzbek, Kyrgyz, Kazakh,
# Russian (and Turkish). Each is the whole of a message: "stop the war" stops nothing.
STOP: Final = _table("""
stop|stop it|stop all|stopall|stop news|stop the news|please stop|stop please|unsubscribe|end|quit|opt out
optout|remove me|no more news
توقف|توقف کن|متوقف کن|متوقف کنید|لغو|لغو اشتراک|قطع|قطع کن|بس|بس است|بس کن|کافی است|نفرست|نفرستید|دیگر نفرست
توقف کنید|توقف خبرها|توقف همه خبرها|توقف اخبار|توقف شود|لغو کنید|قطع کنید|بس کنید|بس کو|کافیست|ایستاد کنید|خبر نفرست
خبر نفرستید|اخبار نفرستید|دیگر نفرستید|دیگر خبر نفرستید|دیگر روان نکنید|روان نکنید|خبر نمی‌خواهم|دیگر خبر نمی‌خواهم
ودروه|ودروئ|بند کړه|بند کړئ|بس|بس دی|بس کړه|نور نه
بند|بند کرو|بند کریں|بند کر دیں|روکو|روکیں|روک دیں|بس|بس کرو|ختم|ختم کریں
বন্ধ|বন্ধ কর|বন্ধ করো|বন্ধ করুন|বন্ধ করেন|থামো|থামুন|থামাও|থামান|স্টপ|আর না
توقف|توقفوا|قف|أوقف|أوقفوا|إيقاف|وقف|إلغاء|إلغاء الاشتراك|الغ الاشتراك|كفى|كفاية|بس|خلص|ستوب
بوەستە|بوەستێنە|وەستان|وەستاندن|ڕایبگرە|ڕاگرتن|بەسە|بەس
raweste|rawestîne|rawestin|bisekine|bisekinin|bes|bes e|dawî|betal|betal bike
қатъ|қатъ кун|қатъ кунед|бас|бас аст|бас кун|ист|манъ кун|дигар нафирист
to'xta|to'xtat|to'xtating|toxtat|toxtating|bas|bas qil|yetar|bekor qilish|obunani bekor qilish|тўхтат
тўхтатинг|бас|етар
токто|токтот|токтотуңуз|токтотуу|болду|жетишет|жетиштүү
тоқта|тоқтат|тоқтатыңыз|тоқтату|жетер|жетеді|болды
стоп|хватит|довольно|прекрати|прекратить|прекратите|остановить|остановите|отписка|отписаться|отпишите|отмена
dur|durdur|durdurun|iptal|yeter
""")

CANCEL: Final = _table("""
cancel|never mind|nevermind|forget it|no thanks|no thank you
انصراف|منصرف شدم|پشیمان شدم|نه تشکر|هیچ|فراموشش کنید
""")

START: Final = _table("""
start|begin|restart|unstop|resume|join|sign up|register|start news
شروع|شروع کن|آغاز|آغاز کن|ثبت نام|شروع کنید|شروع دوباره|دوباره شروع|آغاز کنید|خبر بفرستید|خبرها را بفرستید
پیل|پیل کړه|شروع کړه
شروع کریں|شروع کرو|آغاز کریں
শুরু|শুরু কর|শুরু করুন|স্টার্ট
ابدأ|ابدؤوا|بدء|البدء|بداية|اشتراك|اشترك
دەستپێکردن|دەست پێ بکە|دەستپێبکە
dest pê bike|destpêk|destpê
оғоз|оғоз кун|оғоз кунед|сар кун
boshla|boshlash|boshlang|бошла|бошлаш|obuna
башта|баштоо|баштаңыз
баста|бастау|бастаңыз
старт|начать|начни|начало|подписаться|подписка
başla|başlat
""")

GREETING: Final = _table("""
hi|hi there|hello|hello there|hey|hallo|helo|good morning|good afternoon|good evening|good day|dear sir|greetings
salam|salaam|salom|selam|slm|salam alaikum|salam aleikum|as salam alaikum|assalam alaikum|assalamu alaikum
asalamualaikum|assalamualaikum|assalamu alaykum
سلام|سلام علیکم|السلام علیکم|سلام علیک|درود|وقت بخیر|روز بخیر|صبح بخیر
سلام و احترام|سلام و احترامات|سلام دوستان|وقت به خیر|روز به خیر|صبح به خیر|شب بخیر|شب به خیر|مانده نباشید|خسته نباشید
چطور هستید|چطور استید|خوب هستید|سلام چطور هستید
سلامونه|ستړی مه شې|هیلو|ہیلو|آداب
সালাম|আসসালামু আলাইকুম|নমস্কার|হ্যালো|হাই
مرحبا|مرحبًا|أهلا|أهلا وسهلا|هلا|هلو|السلام عليكم ورحمة الله|صباح الخير|مساء الخير
سڵاو|سلاو|slaw|silav|roj baş|rojbaş
салом|ассалом|ассалому алайкум|ассалому алейкум|салом алейкум
assalomu alaykum|assalom|assalomu aleykum
салам|саламатсызбы|ассалам алейкум|ассаламу алейкум|салам алейкум
сәлем|сәлеметсіз бе|ассалаумағалейкум
привет|здравствуйте|здравствуй|добрый день|доброе утро|добрый вечер|хай|алло
merhaba|iyi günler|günaydın
""")

# Answers to "I agree" and "Not now".
YES: Final = _table("""
yes|y|yes please|i agree|agreed|بله|بلی|هو|ہاں|جی ہاں|হ্যাঁ|نعم|أوافق|بەڵێ|erê|ҳа|бале|ha|ооба|иә|да|evet
آری|ها|بلی لطفا|موافق هستم|موافقم|بلی موافق هستم|قبول دارم|قبول است|درست است
""")
NO: Final = _table("""
no|n|not now|نه|نخیر|نہیں|না|لا|نەخێر|na|не|йўқ|yo'q|жок|жоқ|нет|hayır
نی|حالا نه|فعلا نه|موافق نیستم|قبول ندارم|نمی‌خواهم
""")

THANKS: Final = _table("""
thanks|thank you|thank you very much|thanks a lot|thank u|thx|ok|okay|ok thanks|good|great|bye|goodbye
تشکر|ممنون|مرسی|متشکرم|مننه|ډېره مننه|شکریہ|ধন্যবাদ|شكرا|شكرًا جزيلا|سوپاس|spas|ташаккур|рахмат|rahmat
рақмет|спасибо|teşekkürler|خداحافظ|مع السلامة
تشکر از شما|بسیار تشکر|یک جهان تشکر|سپاس|سپاسگزارم|زنده باشید|خانه آباد|خوب|خوب است|صحیح است|خدا حافظ|به امان خدا
""")

NEWS: Final = _table("""
news|latest|latest news|headlines|what's new|whats new|what is new|updates
خبر|خبرها|اخبار|اخبار تازه|خبر تازه|چه خبر|خبرهای تازه|تازه‌ترین خبرها|تازه‌ترین اخبار|آخرین خبرها|آخرین اخبار
خبر نو|خبرهای نو|اخبار نو|همه خبرها|خواندن خبرها
خبرونه|تازه خبرونه
خبریں|تازہ خبریں
খবর|সংবাদ|খবরাখবর
أخبار|الأخبار|اخر الاخبار
هەواڵ|هەواڵەکان|دەنگوباس
nûçe|nuçe|nûce
хабар|хабарҳо|ахбор
yangiliklar|yangilik|xabarlar|янгиликлар
кабарлар|жаңылыктар
жаңалықтар|жаңалық|хабарлар
новости|новость
haber|haberler
""")

HELP: Final = _table("""
help|help me|menu|commands|what can you do|how does this work
کمک|راهنما|مرسته|مدد|সাহায্য|مساعدة|المساعدة|یارمەتی|alîkarî|кӯмак|yordam|ёрдам|жардам|көмек|помощь|помогите
меню|yardım
راهنمایی|رهنمایی|رهنما|منو|مینو|چه کرده می‌توانید|چطور کار می‌کند
""")

COUNSELLOR: Final = _table("""
counsellor|counselor|counselling|a person|a human|human|talk to a person|talk to a human|talk to someone
ask a counsellor
ask a counselor|advice|i need advice|مشاور|مشاوره|مشوره|পরামর্শ|مستشار|استشارة|консультант|maslahatchi
با مشاور|پرسیدن از مشاور|سوال از مشاور|مشاوره می‌خواهم|مشوره می‌خواهم|با مشاور گپ می‌زنم|می‌خواهم با مشاور گپ بزنم
می‌خواهم با کسی گپ بزنم|با کسی گپ بزنم|سوال دارم|یک سوال دارم|یک انسان
""")

ALL: Final = _table("""
all|everything|everywhere|any|anything
همه|تمام|همگی|ټول|سب|সব|সবকিছু|الكل|كل|کل|هەموو|hemû|ҳама|barchasi|hammasi|бардыгы|баары|барлығы|бәрі|все|всё|всі|hepsi
""")

# Small words around what somebody wants to read about; they are never searched for.
FILLERS: Final = _each("""
a an the and or of in on at to from for with about into by as is are was be been am it its this that these those
there here i i'm im me my we you your please pls kindly can could would will do does did have has had want wants
need like know read see find get give show send tell look what whats what's which who when where why how some
more most latest new news recent today now update updates information info country countries topic topics happen
happens happening happened going days hi hello dear sir madam thanks thank so just also only not no than then if
but s t
из в на о про и с по для мне что как новости последние
از در به با برای و که چه را من ما این آن است های ها اخبار خبر
باره درباره مورد راجع یا هم هست بود شد می تان شما خبرها خبرهای تازه نو جدید امروز لطفا میخواهم خواهم بدهید بده
بفرستید بگویید نشان کشور کشورها موضوع موضوعها معلومات چیست کجا کی چطور
في من عن على إلى ما هو هي أخبار الأخبار
کے کی کا میں سے پر اور ہے خبریں خبر
এর এবং কি খবর সংবাদ
""")

# Somebody speaks of themselves or their people: that is a story for a person, not words to look up.
PERSONAL: Final = _each("""
we us our my mine myself he him his she her they them their brother sister mother father husband wife son
daughter child children baby family friend cousin uncle aunt afraid scared hurt hungry sick lost died dead dying
killed kill beat beaten beating hit raped rape stole stolen robbed arrested prison jailed kidnapped threatened
threaten smuggler smugglers alone
برادرم خواهرم مادرم پدرم شوهرم پسرم دخترم فرزندم ما مرا زدند
خانمم همسرم زنم بچیم طفلم اطفالم اولادم فامیلم خانوادهام کاکایم مامایم لت کشتند مرده زخمی مریض گرسنه ترسیدهام میترسم
دزدیدند زندان زندانی بندی اختطاف تهدید قاچاقبر قاچاقبران تنهایم
أخي أختي أمي أبي زوجي ابني بنتي ضربونا
мой моя мои меня нас наш брат сестра муж жена сын дочь избили бьют
আমার আমাদের ভাই বোন
""")


# Who asks for help and names nothing asks for a person.
PLEA: Final = _each("""
help me please rescue save urgent urgently emergency sos danger
فوری عاجل خطر جرړني ضروری জরুরি срочно acil shoshilinch шұғыл тез
کمک مساعدة ساعدوني مدد مرسته یارمەتی alîkarî সাহায্য
помогите помощь помоги yordam жардам көмек ёрӣ кумак yardım imdat
""")


def is_stop(text: str) -> bool:
    """Whether the whole message asks us to stop."""
    return key(text) in STOP


def number(text: str) -> int | None:
    """The number that is all of a message, in digits of any script."""
    match = _NUMBER.fullmatch(text)
    return int("".join(str(unicodedata.decimal(digit)) for digit in match[1])) if match else None


def plain_words(text: str) -> list[str]:
    """Folded words without the small ones."""
    return [word.folded for word in words(text) if word.folded not in FILLERS]
