"""Which part a country plays in a sentence: its subject, or a donor, a guest, a name on somebody's door.

English is read with its capitals and commas; the other languages word by word, folded: in some the giver's word comes
before the country ("при поддержке Японии", "بتمويل من الدنمارك"), in others after it ("Danimarka'nın desteğiyle").
"""

from __future__ import annotations

from enum import StrEnum

import regex

from bot.news.text import fold, listed


class Role(StrEnum):
    """Why a country that is named is concerned, or is not."""

    CONCERNED = "concerned"
    NAME = "part of a name"
    PROJECT = "name of a project"
    LANGUAGE = "a language"
    DONOR = "gives money"
    GUEST = "a visitor"
    LISTED = "one of many who take part"
    OFFICE = "where an office is"
    VENUE = "where people met"
    EXAMPLE = "an example"
    ELSEWHERE = "outside the region"


# --- Names that only hold a place's name ---------------------------------------------------------------------------

_CAP = r"\p{Lu}[\w’'-]*"
_MEDIA = (
    r"(?:Times|Tribune|Post|Herald|Observer|Gazette|Star|Mail|Journal|Press|Radio|TV|Television|News|News\sAgency|"
    r"Today|"
    r"Daily|Chronicle|Express|Mirror|Standard|Broadcasting|International\sNews)\b"
)
_ORGANISATION = (
    r"(?:Foundation|Agency|Charity|Council|Red\s(?:Cross|Crescent)|Bank|University|Institute|Institution|Embassy|"
    r"Fund|"
    r"Association|Federation|Airlines|Airways|Company|Corporation|Society|Committee|Commission|Church|Aid|College|"
    r"School|Exchange|Trust|Network|Academy|Relief|Secretariat|Office|Group|Street|Road|Avenue|Square|Hotel|Hall|"
    r"Boulevard|Palace|Tower|Mall|Process|Dialogue|Conventions?|Declaration|Agreement|Protocol|Accords?|Principles|"
    r"Statement|Consensus|Regulation|Treaty|Pact|Charter|Compact)\b"
)
_CEREMONY = (
    r"(?:Process|Dialogue|Conventions?|Declaration|Agreement|Protocol|Accords?|Principles|Statement|Consensus|"
    r"Regulation|"
    r"Treaty|Pact|Charter|Compact|Street|Road|Avenue|Square|Hotel|Boulevard|Palace)\b"
)
# What a mention's end is looked at for.
PAPER = regex.compile(rf"(?:\s{_CAP}){{0,2}}\s{_MEDIA}(?!-)")
PAPER_BEFORE = regex.compile(
    r"(?:\b(?:Radio|Voice\sof|Daily|Agence|Sputnik|Azattyk|Azattyq|The\sDaily|TOLO|Ariana|Asia-Plus)\s|"
    r"(?:газет\w+|изданиe|صحيفة|جريدة|روزنامه|روزنامهٔ|اخبار روزنامہ|দৈনিক)\s[«\"“]?)$"
)
CEREMONY = regex.compile(rf"(?:\s(?:{_CAP}|on|of|for)){{0,4}}\s{_CEREMONY}")
ORGANISATION = regex.compile(rf"(?:\s(?:{_CAP}|of|for|and|&)){{0,5}}\s{_ORGANISATION}")
TITLED = regex.compile(r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sheikh|Sir|Capt|Col|Gen|Judge)\.?\s$")
# Countries and cities that are first names too, before a surname.
GIVEN = listed("jordan georgia chad india kenya israel ireland cyprus paris london sydney austin florence victoria")
SURNAME = regex.compile(r"\s\p{Lu}\p{Ll}+")
_PAPERS = listed(fold("تایمز ٹائمز تایمس تریبیون ٹریبیون ٹربیون نیوز ট্রিবিউন টাইমস নিউজ таймс ньюс"))
_PROCESSES = listed(
    fold("روند پروسه پروسه\u200cی فرایند عملیه عملية اعلامیه اعلان процесс процесса процессе раванди протокол")
)

# A project is known by its quotation marks, or by its capitals.
_PROJECT_WORD = fold(
    r"(?:projects?|programmes?|programs?|initiatives?|проект\w*|программ\w*|مشروع|برنامج|پروژه|برنامه|پروگرام|"
    r"منصوب\w*|"
    r"proje\w*|program\w*|loyiha\w*|dastur\w*|প্রকল্প\w*|কর্মসূচি\w*|долбоор\w*|лоиҳа\w*|барнома\w*|жоба\w*|پڕۆژە\w*)"
)
_QUOTED = r"(?:[“\"«„][^”\"»“]{5,200}[”\"»“]|‘[^‘]{5,200}?’(?!\w))"
PROJECTS = tuple(
    regex.compile(pattern, regex.IGNORECASE if n < 2 else 0)
    for n, pattern in enumerate(
        (
            rf"\b{_PROJECT_WORD}[^\w“”\"«»‘]{{0,3}}(?:(?:namely|called|named|entitled|titled)\s)?(?P<name>{_QUOTED})",
            rf"(?P<name>{_QUOTED})\s?(?:\([^)]{{0,40}}\)\s)?(?:[\w-]+\s){{0,2}}{_PROJECT_WORD}\b",
            rf"(?P<name>(?:{_CAP}(?:\s(?:of|for|the|in|and|to|on|from|&)){{0,2}}\s){{3,14}})(?i:project|programme)\b",
            rf"\b[Pp]ro(?:ject|gramme)\s(?P<name>(?:{_CAP}(?:\s(?:of|for|the|in|and|to|on|from|"
            rf"&)){{0,2}}\s){{2,14}}{_CAP})",
        )
    )
)

# --- Languages -------------------------------------------------------------------------------------------------------

_TONGUE = (
    r"(?:Dari|Pashto|Pashtu|Urdu|Bangla|Bengali|Russian|English|Arabic|Persian|Farsi|Kurdish|Sorani|Kurmanji|Tamil|"
    r"Sinhala|Sinhalese|Punjabi|Sindhi|Balochi|Korean|German|French|Italian|Spanish|Chinese|Hindi|Japanese|Polish|"
    r"Tajik|Uzbek|Kyrgyz|Kazakh|Turkmen|Turkish|Uyghur|Malay|Greek)"
)
TONGUES = regex.compile(
    rf"\b(?:in|into|speaks?|spoken|speaking|from|with)\s(?:both\s)?{_TONGUE}(?:(?:,\s|,?\s(?:and|"
    rf"or)\s){_TONGUE})+(?!\s\p{{Lu}})|"
    rf"\b{_TONGUE}(?:(?:,\s|,?\s(?:and|or|as well as)\s){_TONGUE})*(?:[\s-](?:languages?|speak\w*|subtitles?|"
    rf"versions?|translations?|editions?|lessons?|alphabet)\b)"
    rf"|\b(?:translated|written|printed|published|available|answered?|explained?|read)\s(?:it\s)?(?:in|"
    rf"into)\s{_TONGUE}\b"
)
_TONGUE_BEFORE = listed(fold("زبان زبانها زبانهای زبانی لغه اللغه باللغه لغات اللغات забони забонхои ژبه ژبو زمانی"))
_TONGUE_AFTER = listed(
    fold(
        "языке языках язык языки языков тилинде тилиндеги тили тилда tilida tili tillarida dilinde dilleri زبان زبانوں "
        "ভাষায় ভাষা тілінде тілі"
    )
)

# --- Donors ----------------------------------------------------------------------------------------------------------

_MONEY = (
    r"(?:co-?)?(?:fund|financ|sponsor|donat|contribut|bankroll)(?:ed|ing|s|ion|ions)?|back(?:ed|ing)|support(?:ed|"
    r"ing)?|grants?|donors?|"
    r"generosity|assistance|aid|help|money|partnership|cooperation|collaboration|behalf|auspices|patronage|paid"
)
_HOUSE = (
    r"secretariats?|agenc(?:y|ies)|departments?|directorates?|embass(?:y|ies)|consulates?|"
    r"ministr(?:y|ies)(?=\sof\s(?:Foreign|External|International|Development))"
)
_SMALL = (
    r"(?:,?\s+(?:of|from|by|the|and|&|its|their|both|generous|financial|technical|joint|governments?|kingdom|people|"
    r"republic|state|federal|islamic|royal|countries|donors?|including|partners?|such|as|like|an?|banks?|embass(?:y|"
    r"ies)|foundations?|\p{Lu}[\w&’'-]*))*,?\s*$"
)
MONEY_FROM = regex.compile(rf"\b(?i:{_MONEY})(?:\s+for)?\s+(?:of|from|by|with)\b{_SMALL}|\b(?i:thanks)\s+to\b{_SMALL}")
HOUSE_OF = regex.compile(
    rf"\b(?i:{_HOUSE})(?:\s+of|\s+from|\s+in)\b{_SMALL}|"
    rf"\b(?:hosted|organi[sz]ed|chaired|led|facilitated|implemented|delivered|trained|taught|presented|produced|"
    rf"developed)\sby\b{_SMALL}"
)
_HELPED = r"(?:has|have|had|is|are|was|were|will|also|generously|jointly|together|kindly)"
_GAVE = (
    r"(?:co-?)?(?:funds?|finances?|sponsors?|donates?|donated|contributes?|contributed|funded|financed|funding|"
    r"financing|"
    r"sponsored|pledges?|pledged|bankrolls?|pays?\sfor|paid\sfor)\b"
)
GIVES = regex.compile(
    r"(?:[’'`]s)?[\s-](?:co-?)?(?:funded|financed|backed|supported|sponsored|led|donated)\b|"
    rf"(?:[’'`]s)?(?:\s(?:government|people|embassy|ministry|taxpayers|{_CAP})){{0,4}}(?:\s{_HELPED})*\s{_GAVE}|"
    rf"(?:[’'`]s)?(?:\s(?:government|people|embassy|{_CAP})){{0,4}}(?:\s{_HELPED})*\s(?:gave|given|gives|"
    rf"provide[sd]?|allocate[sd]?|commit(?:s|ted)|announce[sd]?)\s"
    r"[^.;:]{0,40}(?:million|billion|euros?|dollars?|[€$£]|funds?|funding|grant|vehicles|equipment|tents|computers|"
    r"francs|kroner)"
)
OWNS = regex.compile(
    rf"[’'`]s?\s+(?:\p{{Lu}}{{2,6}}\b|(?:{_CAP}\s+|and\s+|for\s+)*(?:Secretariat|Embass|(?:Aid|Cooperation|"
    rf"Development)\sAgency|Foreign|Development|Cooperation|Ministry\sof\s(?:Foreign|External|International|"
    rf"Development)|embassy|aid|generosity|support|government-funded))|"
    r"(?:\s(?:also|will|has|have|is|are))*\s(?:supports?|supported|supporting|hosts?|hosted|chairs?|chaired|"
    r"co-chaired|"
    r"(?:extend|renew|increas|doubl|continu)\w*\s(?:its|their|to)?\s?(?:support|funding|assistance|aid|"
    r"contribution))\b"
)

# Between the giver's word and the country, in languages that begin with the giver.
_STATE = fold(
    """من از سوی طرف توسط حکومت حکومه حکومات دولت دولتهای وزاره وزارت امور خارجه خارجیه الخارجیه مملکه کشور کشورهای
    پادشاهی شاهی سفارت سفاره الاتحاد الاوروبی اتحادیه اروپا و جمهوری جمهوریه مردم شعب سازمان موسسه همکاری انکشاف بین
    المللی مالی المالی مالی مادی مشترک مقدم مقدمه حکومتی لحکومه ی د په له څخه خوا مرسته پوهنی
    правительства правительств правительством министерства министерством иностранных дел королевства стороны со и от ес
    европейского союза посольства народа агентства финансовой финансовом финансовую технической республики из при
    хукумати вазорати корхои хорича молиявии молии ва давлати ҷумҳурии аз ҷониби тарафи сафорати
    hikumeta wezareta ji aliye u ya yen dewleta
    حکومەتی وەزارەتی دەرەوەی دارایی لەلایەن لایەن بە و یەکێتی ئەوروپا"""
).split()
_GAP = "(?:" + "|".join(sorted(map(regex.escape, set(_STATE)), key=len, reverse=True)) + ")"
_GIVER_BEFORE = fold(
    r"(?:بتمویل|بدعم|ممول|ممولة|الممول|الممولة|تموله|تمولها|یموله|مول|مولت|بمساعده|بمنحة|منحة|تبرع|تبرعت|بمساهمة|"
    r"بمساهمه|بالتعاون مع|بتمويل|"
    r"حمایت|پشتیبانی|تمویل|بودجه|کمک|کمکهای|مساعدت|همکاری مالی|"
    r"پاڵپشتی|پشتیوانی|بە هاوکاری|کۆمەکی|یارمەتی|بەپارەی|پارەی|piştgiriya|alikariya|alîkariya|fînansekirina|"
    r"дастгирии|маблағгузории|кӯмаки|мусоидати|ҳисоби|"
    r"поддержке|финансируется|финансируемый|финансируемого|финансируемой|профинансирован\w*|финансировани\w+|"
    r"средства|средств|счет|счёт|грант\w*|(?:при|за) (?:\w+ )?помощи|содействии|спонсор\w*|донор\w*|деньги)"
)
BEFORE_GIVES = regex.compile(rf"(?:^|\s){_GIVER_BEFORE}(?:\s{_GAP}){{0,7}}$")
_MIDDLE = fold(
    r"(?:کی|کے|کا|حکومت|حکومتِ|وزارت|خارجہ|مالی|فنی|او|د|په|له|سره|سرہ|حکومتی|"
    r"সরকারের|সরকার|আর্থিক|কারিগরি|এর|দূতাবাসের|পররাষ্ট্র|মন্ত্রণালয়ের|"
    r"hükümeti\w*|hukumeti\w*|hukumati\w*|devleti\w*|moliyaviy|moddiy|mali|maddi|büyükelçiliği\w*|dışişleri|"
    r"bakanlığı\w*|"
    r"ҳукумати\w*|молиявий|моддий|ташқи|ишлар|вазирлиги\w*|өкмөтү\w*|үкіметі\w*|каржылык|қаржылай|финансылык|nin|"
    r"ning|нинг|ның)"
)
_GIVER_AFTER = fold(
    r"(?:معاونت|مدد سے|تعاون|فنڈ\w*|امداد سے|اشتراک|عطیہ|"
    r"مرست\w* سره|په مرسته|مرسته|مرستې|ملاتړ|تمویل|"
    r"অর্থায়ন\w*|সহায়তায়|সহযোগিতায়|অনুদানে|অর্থে|টাকায়|"
    r"destegi\w*|finansman\w*|katki\w*|hibe\w*|fonla\w*|tarafindan (?:finanse|fonlan|desteklen)\w*|yardimi\w*|"
    r"ko\s?magi\w*|ko\s?magida|yordamida|mablag\s?\w*|tomonidan (?:moliya|ajrat)\w*|hisobidan|granti\w*|"
    r"кўмаги\w*|ёрдамида|маблағ\w*|томонидан (?:молия|ажрат)\w*|"
    r"колдоосу\w*|каржылоо\w*|тарабынан каржы\w*|жардамы менен|қолдауы\w*|қаржыландыр\w*|көмегімен)"
)
AFTER_GIVES = regex.compile(rf"^(?:{_MIDDLE}\s){{0,5}}{_GIVER_AFTER}(?:\s|$)")

# --- Guests ----------------------------------------------------------------------------------------------------------

_ENVOY = r"delegat\w+|ambassadors?|envoys?|diplomats?"
_EXPERT = (
    r"representatives?|officials?|experts?|trainers?|instructors?|officers?|visitors?|participants?|guests?|"
    r"observers?|"
    r"ministers?|speakers?|colleagues?|specialists?|consultants?|volunteers?|lawyers?|judges?|prosecutors?|teachers?|"
    r"team|mission|partners?|counterparts?|member\sstates|countries"
)
_COME = r"(?:\s(?:came|come|had\scome|were|are|arrived|flew\sin|invited|travelled|drawn))?"
ENVOY_OF = regex.compile(rf"\b(?i:{_ENVOY}){_COME}\s+(?:of|from|to)\b{_SMALL}")
EXPERT_FROM = regex.compile(rf"\b(?i:{_EXPERT}){_COME}\s+(?:of|from)\b{_SMALL}")
ENVOY_AFTER = regex.compile(
    rf"(?:[’'`]s?)?(?:\s(?:government|embassy|new|visiting|high-level|deputy|\p{{Lu}}\w*))?\s(?i:{_ENVOY}|guests?|"
    rf"visitors?)\b"
)
EXPERT_AFTER = regex.compile(
    rf"(?:[’'`]s?)?(?:\s(?:government|border|police|migration|labour|senior|"
    rf"high-level))?\s(?i:{_EXPERT})\s(?:have\s|had\s|who\s)?"
    r"(?:visit|tour|travel|arriv|came|paid|flew|attend|took part)"
)
VISITS = regex.compile(
    r"\b(?:visit(?:s|ed|ing)?|tour(?:s|ed)|travelled\sto|paid\sa|hosted|received|welcomed|study\s(?:visit|tour)|"
    r"came\sto|"
    r"were\sshown|was\sshown)\b",
    regex.I,
)
TAKE_PART = regex.compile(
    r"\b(?:visit(?:s|ed|ing|ors?)?|delegations?|delegates|missions?|representatives|participants?|attend\w*|joined|"
    r"hosted|member\sstates|donors?|meeting|conference|workshop|officials|took\spart|gather(?:ed|ing)|"
    r"brought\stogether|"
    r"ministers|experts|observers|speakers)\b",
    regex.I,
)
CHAIRED = regex.compile(r"\b(?:co-)?chair(?:ed|s|ing)\b", regex.I)
# "This includes Bangladesh, Iraq and Pakistan", after a sentence about participants.
THEY_ARE = regex.compile(
    r"(?:This|These|They|Among\sthem|The\slist|Those)\b[^.;:]{0,40}?\b(?:includ\w+|were|are|came)\b|Among\sthem\b"
)
TOOK_PART = regex.compile(
    r"\b(?:member\sstates|participants?|delegates|attend\w*|took\spart|brought\stogether)\b", regex.I
)
_ENVOY_BEFORE = fold(
    r"(?:ال)?(?:وفد|وفود|وفدا|سفیر|سفیره|سفرا|سفراء|سفير|هیات|هیئت|هیاتی|هیئتی|شاند\w*|بالیوز\w*|sanda\w*|şanda\w*|"
    r"balyoz\w*|heyeta|"
    r"делегаци\w+|посол|посла|послы|послом|послу|сафир\w*|ҳайат\w*|پلاوی|پلاوي)"
)
_EXPERT_BEFORE = fold(
    r"(?:ال)?(?:ممثل\w*|خبرا\w*|خبراء|مندوب\w*|مسوول\w*|مسؤول\w*|مدرب\w*|ضباط|مشارک\w*|نمایندگان|نماینده|کارشناسان|"
    r"متخصصان|شرکت کنندگان|اشتراک کنندگان|مقامات|"
    r"نوینەر\w*|شارەزا\w*|nunere\w*|представител\w+|эксперт\w+|специалист\w+|участник\w+|гост\w+|тренер\w+|"
    r"инструктор\w+|"
    r"намояндагон\w*|коршинос\w*)"
)
BEFORE_HOUSE = regex.compile(
    fold(rf"(?:^|\s)(?:ال)?(?:سفارت|سفارة|посольств\w+|сафорат\w*|کنسولگری)(?:\s{_GAP}){{0,5}}$")
)
BEFORE_ENVOY = regex.compile(rf"(?:^|\s){_ENVOY_BEFORE}(?:\s{_GAP}){{0,5}}$")
BEFORE_EXPERT = regex.compile(rf"(?:^|\s){_EXPERT_BEFORE}(?:\s{_GAP}){{0,5}}$")
AFTER_ENVOY = regex.compile(
    fold(
        rf"^(?:{_MIDDLE}\s|سے\s|آئے\s|ہوئے\s){{0,4}}"
        r"(?:وفد|سفیر\w*|پلاو\w*|هیئت|هیات|মিশন|রাষ্ট্রদূত\w*|প্রতিনিধি\w*|হাইকমিশনার\w*|heyet\w*|buyukelci\w*|"
        r"büyükelçi\w*|delegasyon\w*|"
        r"delegatsiya\w*|elchi\w*|делегация\w*|элчи\w*|елші\w*|ҳайъати\w*)(?:\s|$)"
    )
)
AFTER_EXPERT = regex.compile(
    fold(
        rf"^(?:{_MIDDLE}\s|سے\s|dan\s|den\s|gelen\s|kelgan\s|келген\s){{0,4}}"
        r"(?:نمائند\w*|ماہرین|مندوب\w*|استاز\w*|বিশেষজ্ঞ\w*|temsilci\w*|uzman\w*|yetkili\w*|vakil\w*|mutaxassis\w*|"
        r"ekspert\w*|"
        r"өкүл\w*|эксперт\w*|вакил\w*|мутахассис\w*|өкіл\w*)(?:\s|$)"
    )
)
TAKE_PART_WORDS = regex.compile(
    fold(
        r"(?:شارک\w*|مشارک\w*|حضر\w*|ممثل\w*|اجتماع\w*|شرکت|نمایندگان|اشتراک|نشست|شرکاء|نمائند\w*|اجلاس|ګډون|استازي|"
        r"участ\w+|представител\w+|делегат\w+|собра\w+|встреч\w+|katil\w+|temsilci\w*|toplanti\w*|অংশ|প্রতিনিধি\w*|"
        r"বৈঠক\w*|সম্মেলন\w*|"
        r"qatnash\w*|ishtirok\w*|vakil\w*|қатнаш\w*|иштирок\w*|намоянда\w*|катыш\w*|өкүл\w*|қатыс\w*|بەشدار\w*)"
    )
)

# --- Offices, meetings, examples ------------------------------------------------------------------------------------

OFFICE_IN = regex.compile(
    r"\b(?:regional|liaison|head|main|country|field|its|our|the|their|"
    r"\p{Lu}{2,8})(?:[’']s)?\soffices?\b[^.;:,]{0,60}\sin\s(?:the\s)?$|"
    r"\b(?:headquarters|headquartered|secretariat|based|seat)\s(?:is\s)?(?:based\s)?in\s$",
    regex.I,
)
BASED = regex.compile(r"-based\b")
MET_IN = regex.compile(
    r"\b(?:held|takes?\splace|took\splace|taking\splace|met|meeting|conference|workshop|seminar|summit|forum|"
    r"gathered|convened|round\stable)\b"
    rf"[^.;]{{0,60}}?\s(?:in|at)\s(?:{_CAP}(?:\s{_CAP})?,\s)?(?:the\s)?$|"
    rf"\b(?:study\s)?(?:visit|trip|tour|mission)s?\b[^.;]{{0,100}}\sto\s(?:{_CAP},\s)?(?:the\s)?$"
)
LIKE = regex.compile(
    r"\b(?:modelled\son|model\sof|inspired\sby|similar\sto|like\sin|as\sin|unlike(?:\sin)?|example\sof|"
    r"experience\sof|"
    r"lessons?\s(?:from|of)|learned\sfrom|practices?\sof)\s(?:the\s)?$",
    regex.I,
)
# What only a state or its people do: with these a destination's adjective counts ("Malaysian authorities").
OF_A_STATE = regex.compile(
    r"\s(?:(?:migration|immigration|labour|border|interior|health|city|federal|state|construction|farm|coast)\s)?"
    r"(?:authorities|government|police|parliament|courts?|borders?|guards?|gendarmes?|soldiers|visas?|employers?|"
    r"compan(?:y|ies)|farms?|market|law|cabinet|"
    r"president|coast|waters|islands|soil|cities|citizenship|residence|employer|hospitals|gendarmerie|prisons?|"
    r"jails?|"
    r"(?:interior|labour|migration|home)\sminist(?:er|ry))\b",
    regex.IGNORECASE,
)
WORKERS = regex.compile(
    fold(
        r"\b(?:workers?|migrants?|labourers?|drivers?|nationals|refugees?|students?|diaspora|citizens|foreigners?|"
        r"stranded|detained|"
        r"deported|jobs?|employers?|visas?|permits?|maids?|nurses?|builders|residents?|temporary protection|"
        r"building sites|"
        r"asylum seekers|exploit\w*|"
        r"рабоч\w*|работник\w*|мигрант\w*|студент\w*|граждан\w*|стройк\w*|"
        r"العمال|عمال|مهاجر\w*|المهاجر\w*|لاجی\w*|اللاجی\w*|العامل\w*|کارگر\w*|پناهند\w*|پناهجو\w*|اتباع|مزدور\w*|"
        r"کارکن\w*|تارکین|مہاجر\w*|کډوال\w*|کارګر\w*|"
        r"শ্রমিক\w*|কর্মী\w*|প্রবাসী\w*|অভিবাসী\w*|isci\w*|gocmen\w*|yabanci\w*|multeci\w*|siginmaci\w*|koruma|"
        r"ishchi\w*|muhojir\w*|fuqaro\w*|"
        r"жумуш\w*|жаран\w*|жұмысшы\w*|муҳоҷир\w*|коргар\w*)"
    )
)
MEETS = regex.compile(
    fold(
        r"\b(?:meetings?|conference|workshop|seminar|summit|forum|round table|dialogue|talks|training|trained|"
        r"course|study visit|project|"
        r"programme|partners?|officials|experts|handbook|manual|reporters|experience|"
        r"встреч\w*|конференц\w*|семинар\w*|совещани\w*|форум\w*|процесс\w*|заседани\w*|اجتماع\w*|الاجتماع|موتمر|"
        r"ورشه|منتدی|عملیه|نشست|کنفرانس|"
        r"کارگاه|گفتگو|روند|اجلاس|کانفرنس|ورکشاپ|বৈঠক\w*|সম্মেলন\w*|কর্মশালা\w*|toplanti\w*|konferans\w*|"
        r"calistay\w*|surec\w*|konferensiya\w*)"
    )
)
WIDE = regex.compile(
    r"\b(?:silk routes?|central asian?|south asian?|region-?wide|regional|across the region|of the region|"
    r"countries of origin|"
    r"регион\w*|центральной азии|منطقه\w*|المنطقه|اقلیمی|الاقلیمی|bolgesel|bolge\w*|আঞ্চলিক|علاقائی)"
)
# With these before it, an everyday word is a place after all: "ولایت فراه".
KINDS_OF_PLACE = listed(
    fold("ولایت ولایات شهر استان محافظه محافظة مدینه مدينة ضلع صوبہ پارێزگای شاری город города области вилояти шаҳри")
)
# Where organisations have their seats: what is said there is about somebody else.
SEATS = listed("vienna geneva brussels strasbourg budapest prague luxembourg bangkok istanbul washington")


def names_a_paper(after: str) -> bool:
    return after in _PAPERS


def names_a_process(before: str) -> bool:
    return before in _PROCESSES


def is_tongue(before: str, after: str) -> bool:
    """Whether the words beside an adjective make it a language: "به زبان ازبکی", "на таджикском языке"."""
    return before in _TONGUE_BEFORE or after in _TONGUE_AFTER
