# ruff: noqa: E501 — sentences as sources write them
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.news.concerned import concern
from bot.news.places import Gazetteer
from bot.news.roles import Role

CONCERNED = [
    # --- of the region: by name, people, city, province
    ("Migrants from Afghanistan, Iraq and Pakistan travel through Iran.", "AF IQ IR PK"),
    ("Uzbek and Tajik workers must register.", "TJ UZ"),
    ("Returnees in Nangarhar and Kunar provinces", "AF"),
    ("In the Kurdistan Region, a new centre opened in Sulaymaniyah.", "IQ"),
    ("MRC Afghanistan answers on WhatsApp.", "AF"),
    ("IRAQ: NEW CENTRE OPENS IN BAGHDAD", "IQ"),
    ("В Душанбе открылся центр для мигрантов из Афганистана.", "AF TJ"),
    ("иракские специалисты приехали", "IQ"),
    ("زار الوفد مدينة أربيل في العراق", "IQ"),
    ("وزارت مهاجرین در کابل گفت که مهاجران از ایران برگشتند", "AF IR"),
    ("ঢাকায় শ্রমিকদের জন্য নতুন কেন্দ্র", "BD"),
    ("پشاور میں افغان مہاجرین", "AF PK"),
    ("لە هەولێر سەنتەرێکی نوێ کرایەوە", "IQ"),
    ("Afgʻonistondan kelgan muhojirlar Toshkentda", "AF UZ"),
    # --- outside it: by name only
    ("Germany opens a new visa route for Afghan nurses.", "AF DE"),
    ("Visa rules for Germany, France and Italy have changed.", "DE FR IT"),
    ("Jobs in Saudi Arabia, Qatar and the United Arab Emirates for Bangladeshi workers", "AE BD QA SA"),
    ("He was deported from Germany to Afghanistan.", "AF DE"),
    ("A German expert and an Austrian one flew from Istanbul to Berlin.", ""),
    # --- donors
    ("The training, financed by the Kingdom of the Netherlands and the Federal Republic of Germany, ended.", ""),
    ("The project, which is co-funded by Switzerland, Denmark and the Netherlands, ends.", ""),
    ("Funded by the European Union and Germany, the centre helps people who return to Iraq.", "IQ"),
    ("Funded by the Ministry of Foreign Affairs of the Kingdom of Norway, courses began in Lahore.", "PK"),
    ("With support from Japan, returnees in Herat get training.", "AF"),
    ("The Denmark-funded project in Lahore ended.", "PK"),
    ("The Government of Germany has funded a project in Kabul.", "AF"),
    ("Switzerland’s State Secretariat for Migration pays for the course in Colombo.", "LK"),
    # --- visitors and envoys
    ("A delegation from Norway visited the centre in Dushanbe.", "TJ"),
    ("Participants from Austria, Czech Republic, Denmark, Iraq and Norway attended.", "IQ"),
    ("The visit brought Austria, Sweden, Finland and Norway to Islamabad.", "PK"),
    ("The Ambassador of Sweden to Iraq opened it.", "IQ"),
    ("The Embassy of Italy in Islamabad has moved.", "PK"),
    # --- names that only hold a place's name
    ("Ministers adopted the Almaty Process and the Tashkent Declaration.", ""),
    ("The Regional Office for Central Asia in Almaty invites offers.", ""),
    ("The Budapest Process met experts of the Danish Refugee Council.", ""),
    ("New Mexico, Latin America and the Indian Ocean", ""),
    # --- everyday words
    ("Rest of the women turned to Mary. Can they work in Van?", ""),
    ("we eat turkey on plates of china", ""),
    ("قوم کے لوگ ساری رات مردان میں", ""),
    ("Для того чтобы помочь, нужно время.", ""),
    # --- as sources write, and in other languages
    (
        "The programme is financed by the European Union and implemented with the support of the Swiss Agency for Development and Cooperation (SDC) in Tajikistan.",
        "TJ",
    ),
    (
        "With the generous contribution of the Government of the Republic of Korea, IOM opened a centre in Dushanbe.",
        "TJ",
    ),
    (
        "Thanks to funding from USAID and the United Kingdom's Foreign, Commonwealth and Development Office, returnees in Herat got tools.",
        "AF",
    ),
    (
        "The initiative, made possible by a grant from the Danish Ministry of Immigration and Integration, reached 400 women in Sylhet.",
        "BD",
    ),
    ("Germany's GIZ and Pakistan's Ministry of Overseas Pakistanis signed a plan.", "PK"),
    ("A joint delegation of Belgium, Finland and Germany travelled to Baghdad to discuss returns.", "IQ"),
    ("Representatives of the embassies of Sweden, Canada and Australia attended the ceremony in Dhaka.", "BD"),
    ("The Dutch ambassador to Pakistan, Ms Jansen, handed over the keys in Lahore.", "PK"),
    ("Norwegian experts shared their experience with Kyrgyz colleagues in Bishkek.", "KG"),
    ("Officials from the Netherlands and Norway met Iraqi counterparts.", "IQ"),
    (
        "Representatives of Afghanistan, Bangladesh, Iran, Iraq, Pakistan and Türkiye as well as of European states discussed the Call for Action.",
        "",
    ),
    (
        "Some 40 participants from Azerbaijan, Georgia, Kazakhstan, Kyrgyzstan, Tajikistan and Uzbekistan attended the training in Vienna.",
        "",
    ),
    ("The meeting gathered 15 countries, among them Iraq, Pakistan, Bangladesh, Denmark and Austria.", ""),
    ("Uzbek workers in Russia face new checks.", "RU UZ"),
    ("Bangladeshi women working as maids in Saudi Arabia and Jordan can call a helpline.", "BD JO SA"),
    ("Pakistan and Saudi Arabia agreed on skills verification.", "PK SA"),
    ("Saudi authorities freed 120 Pakistani prisoners.", "PK SA"),
    ("German embassy in Islamabad resumes student visa interviews.", "PK"),
    ("Kazakhstan's labour ministry sets a quota for foreign workers from Uzbekistan.", "KZ UZ"),
    ("An Afghan family in Athens waits for a decision.", "AF"),
    ("Afghan refugees in Indonesia protest for resettlement.", "AF ID"),
    ("The Afghan Independent Human Rights Commission warned.", "AF"),
    ("According to Dawn and Pakistan Today, the rules changed for Iraqi pilgrims.", "IQ"),
    ("Radio Azadi and the Kabul Times reported on returns from Turkey.", "TR"),
    ("The Islamabad Process and the Kabul Declaration are named in the paper.", ""),
    ("The book was printed on Tashkent Street.", ""),
    ("Training took place in Ankara for officials of the Iraqi Ministry of Interior.", "IQ"),
    ("Iraqi officials paid a study visit to Denmark and Germany.", "IQ"),
    (
        "The Turkish Cooperation and Coordination Agency (TIKA) gave sewing machines to a school in Mazar-e-Sharif.",
        "AF",
    ),
    ("Türkiye's coast guard rescued 61 people, most of them Afghans, off Bodrum.", "AF TR"),
    ("Turkish police detained 200 Pakistanis in Istanbul.", "PK TR"),
    ("The leaflet is in Urdu, Pashto and Uzbek.", ""),
    ("Uzbek-speaking staff answer questions in Termez.", "UZ"),
    ("An Uzbek translation of the guide is out.", ""),
    ("Tajik and Uzbek language lessons start in Moscow for children of migrants.", "RU"),
    ("Sri Lankan and Nepali workers at a plant in Romania went on strike over wages.", "LK NP RO"),
    ("Lawyers from Bangladesh's BRAC visited the camp in Bosnia and Herzegovina.", "BA BD"),
    ("ICMPD's office in Islamabad supports the MRC Afghanistan.", "AF"),
    ("The MRC in Kabul and the Peshawar-based NGO signed a note.", "AF"),
    ("People from Khatlon and Sughd can register online.", "TJ"),
    ("Fewer people left Balochistan and Khyber Pakhtunkhwa for Europe last year.", "PK"),
    ("Punjab's labour secretary opened a desk in Gujrat.", "PK"),
    ("Families in Batken oblast got cash.", "KG"),
    ("The Ministry of Employment and Poverty Reduction of Uzbekistan published vacancies in Poland.", "PL UZ"),
    ("The Kurdistan Regional Government and the Joint Crisis Coordination Centre met ERRIN.", "IQ"),
    ("A ship with 90 Sri Lankans was stopped near Réunion.", "LK"),
    ("He studied at the University of Dhaka and works in Erbil.", "BD IQ"),
    ("The workshop was hosted by Hungary in Budapest for Silk Routes partner countries.", ""),
    ("Sweden has extended its support to the MRC in Dhaka with 2 million euros.", "BD"),
    ("The United States has donated 5 million dollars for Rohingya refugees in Cox's Bazar.", "BD"),
    ("Japan will provide 20 vehicles to the Tajik border guards.", "TJ"),
    ("Poland opens its labour market to seasonal workers from Uzbekistan.", "PL UZ"),
    (
        "Croatia, Serbia and Bosnia report more arrivals of Afghans and Pakistanis on the Balkan route.",
        "AF BA HR PK RS",
    ),
    ("Belarus flights: Iraqi Airways suspends Minsk route for Iraqis.", "BY IQ"),
    ("Qatar Charity and the Kuwait Red Crescent built houses in Nangarhar.", "AF"),
    (
        "Migrants from Afghanistan, Iran, Iraq, Pakistan and Bangladesh sleep in the woods of northern France.",
        "AF BD FR IQ IR PK",
    ),
    ("The European Commission proposes visa measures against Bangladesh, Iraq and Gambia.", "BD GM IQ"),
    ("پروژه با حمایت مالی اتحادیه اروپا و دولت سویس در ولایت بدخشان آغاز شد.", "AF"),
    ("وفد هولندي زار كربلاء والتقى بالعائدين من هولندا.", "IQ NL"),
    ("بدعم من حكومة اليابان والسويد افتتح مركز للتدريب المهني في نينوى.", "IQ"),
    ("التقى السفير التركي بوزير الهجرة العراقي.", "IQ"),
    ("При финансовой поддержке правительства Швейцарии и Европейского союза в Оше открыт центр.", "KG"),
    ("Посол Германии в Узбекистане посетил Ташкент.", "UZ"),
    ("Узбекские рабочие в Польше жалуются на условия.", "PL UZ"),
    ("Эксперты из Австрии и Чехии обучили таджикских пограничников.", "TJ"),
    ("Россия депортировала граждан Таджикистана.", "RU TJ"),
    ("সুইডেন সরকারের সহায়তায় খুলনায় প্রশিক্ষণ শুরু হয়েছে।", "BD"),
    ("লিবিয়া থেকে ফিরলেন ১৪৪ বাংলাদেশি।", "BD LY"),
    ("ইতালির রাষ্ট্রদূত ঢাকায় কৃষিকাজের ভিসা নিয়ে কথা বলেন।", "BD"),
    ("جرمنی کے سفیر نے لاہور میں مرکز کا افتتاح کیا۔", "PK"),
    ("یونان کے قریب کشتی ڈوبنے سے پاکستانی ہلاک ہو گئے۔", "GR PK"),
    ("ناروے کے تعاون سے کوئٹہ میں تربیت دی گئی۔", "PK"),
    ("د جرمني په مالي مرسته په کندز کې یو مرکز جوړ شو.", "AF"),
    ("په ترکیه کې افغان کډوال نیول شوي دي.", "AF TR"),
    ("Shveytsariya elchisi Toshkentdagi markazga tashrif buyurdi.", "UZ"),
    ("Yaponiya hukumati ko‘magida Xorazmda kurslar ochildi.", "UZ"),
    ("Rossiyada ishlayotgan o‘zbekistonliklar uchun yangi qoida.", "RU UZ"),
    ("Almanya'nın desteğiyle Erbil'de yeni bir merkez açıldı.", "IQ"),
    ("İsviçre büyükelçisi Kabil'deki merkezi ziyaret etti.", "AF"),
    ("Türkiye'deki Afgan göçmenler geri gönderiliyor.", "AF TR"),
    ("Бо дастгирии молиявии Швейтсария дар Кӯлоб марказ кушода шуд.", "TJ"),
    ("Шаҳрвандони Тоҷикистон дар Русия бояд сабти ном шаванд.", "RU TJ"),
    ("Япониянын каржылык колдоосу менен Таласта курс ачылды.", "KG"),
    ("Германиянын элчиси Бишкекте мигранттар менен жолукту.", "KG"),
    ("بە پشتیوانی حکومەتی ئەڵمانیا لە دهۆک بنکەیەک کرایەوە.", "IQ"),
    ("Bi piştgiriya hikûmeta Almanyayê li Duhokê navendek vebû.", "IQ"),
    ("تورکیا ژمارەیەک کۆچبەری عێراقی گەڕاندەوە.", "IQ TR"),
    (
        "The event brings together participants from member states. This includes Bangladesh, Iraq, Pakistan and Tajikistan.",
        "",
    ),
    (
        "The working tables of the Silk Routes meeting were chaired by (1) Switzerland and Norway and (2) Hungary and Pakistan.",
        "",
    ),
    ("It is co-funded by Bulgaria, Hungary (lead partner), Norway and Turkey, and helps Iraq.", "IQ"),
    ("The meeting is part of project ‘Long-term return to Afghanistan and Iraq’ (CAIR) and took place in Basra.", "IQ"),
    ("Libyan Interior Minister said that the Bangladeshis would leave.", "BD LY"),
    ("Өзбекстандык мигранттар Орусияда кармалды.", "RU UZ"),
    ("Посольство Таджикистана в Москве помогает задержанным гражданам.", "RU TJ"),
    ("Families in ولایت فراه wait.", "AF"),
    ("The study visit of officials of Pakistan to Vienna, Austria raised awareness.", "PK"),
    # --- two towns of one name
    ("Hyderabad, in Pakistan, has a new centre.", "PK"),
    ("Hyderabad has a new centre.", ""),
]


@pytest.mark.parametrize(("text", "countries"), CONCERNED, ids=[row[0][:50] for row in CONCERNED])
def test_a_text_concerns_the_countries_that_it_is_about(gazetteer: Gazetteer, text: str, countries: str) -> None:
    assert concern(gazetteer, text).countries == tuple(countries.split())


def test_where_a_text_was_written_counts_only_in_the_region(gazetteer: Gazetteer) -> None:
    assert concern(gazetteer, "The centre opened.", ["TJ"]).countries == ("TJ",)
    assert concern(gazetteer, "The centre opened.", ["AT"]).countries == ()
    assert concern(gazetteer, "The centre opened.", ["TR"]).countries == ()


def test_a_dateline_decides_between_towns_of_one_name(gazetteer: Gazetteer) -> None:
    assert concern(gazetteer, "People in Hyderabad wait.", ["PK"]).countries == ("PK",)


def test_it_says_which_words_count_for_what(gazetteer: Gazetteer) -> None:
    marks = concern(
        gazetteer, "A delegation from Norway met Tajik workers; Japan paid for tea and the Herat Times wrote."
    ).marks
    assert [(mark.words, mark.country, mark.role) for mark in marks] == [
        ("Norway", "NO", Role.GUEST),
        ("Tajik", "TJ", Role.CONCERNED),
        ("Japan", "JP", Role.DONOR),
        ("Herat", "AF", Role.NAME),
    ]


def test_from_a_seat_of_organisations_a_text_is_about_somebody_else(gazetteer: Gazetteer) -> None:
    text = "The meeting was held in Vienna, Austria. Refugees in Herat need help."
    assert concern(gazetteer, text, ["AT"]).countries == ("AF",)


@pytest.mark.parametrize(("dateline", "countries"), [("SA", ("PK", "SA")), ("AT", ("PK",))])
def test_where_people_of_the_region_work_is_concerned_too(
    gazetteer: Gazetteer, dateline: str, countries: tuple[str, ...]
) -> None:
    assert concern(gazetteer, "Pakistani drivers may change their sponsor online.", [dateline]).countries == countries


@given(text=st.text(max_size=120), title=st.text(max_size=40))
def test_any_text_has_an_answer(gazetteer: Gazetteer, text: str, title: str) -> None:
    found = concern(gazetteer, text, title=title)
    assert list(found.countries) == sorted(set(found.countries))
