"""Words for days, weeks and months in English, Arabic, French of the Maghreb, and Arabic in Latin letters (Arabizi).

They match text normalised by `spelling.normalise`: no capitals, diacritics or apostrophes, one alef, `ه` for `ة`, `ي` for `ى`.
"""

# Patterns and lists of words are easier to keep without breaks.
# ruff: noqa: E501, SIM905

_WEEKDAYS = [
    ("monday|mon|lundi", "اثنين|اتنين", "etnen|ithnayn|itnein|thnin|tnin"),
    ("tuesday|tues|tue|mardi", "ثلاثاء|ثلاثا|تلات|ثلاث", "tlat|thalatha|talat|thulatha"),
    ("wednesday|wed|mercredi", "اربعاء|اربعا", "arba3a|arbi3a|arbaa|arb3a"),
    ("thursday|thurs|thu|jeudi", "خميس", "khamis|khamees|5amis|5amees|5mis"),
    ("friday|fri|vendredi", "جمعه", "jom3a|jum3a|joma3a|gom3a|jumaa|jem3a"),
    (r"saturday|samedi|(?<=\bon )sat|(?<=\bby )sat|(?<=\bthis )sat|(?<=\bnext )sat", "سبت", "sabt|sebt"),
    ("sunday|sun|dimanche", "احد|حد", "a7ad|ahad|7ad"),
]
_MONTHS = [
    "january|jan|janvier|يناير|جانفي|كانون الثاني",
    "february|feb|fevrier|فبراير|فيفري|شباط",
    "march|mar|مارس|اذار",
    "april|apr|avril|ابريل|افريل|نيسان",
    "may|مايو|ماي|ايار",
    "june|jun|juin|يونيو|جوان|حزيران",
    "july|jul|juillet|يوليو|يوليوز|جويليه|تموز",
    "august|aug|aout|اغسطس|غشت|اوت|اب",
    "september|sept|sep|septembre|سبتمبر|شتنبر|ايلول",
    "october|oct|octobre|اكتوبر|تشرين الاول",
    "november|nov|novembre|نوفمبر|نونبر|تشرين الثاني",
    "december|dec|decembre|ديسمبر|دجنبر|كانون الاول",
]


def _weekday(english: str, arabic: str, arabizi: str) -> str:
    """Return the pattern of a weekday. In Arabic the article or the word for 'day' is required before it."""
    with_article = rf"(?:يوم )?(?:[وفبل]?ال|لل)(?:{arabic})|يوم (?:{arabic})"
    return rf"{english}|{with_article}|(?:el|al|il|l) ?(?:{arabizi})|(?:yom|youm|yawm|nhar) (?:el |al |l)?(?:{arabizi})"


MONTH = "|".join(f"(?P<m{number}>{names})" for number, names in enumerate(_MONTHS, start=1))
WEEKDAY = "|".join(f"(?P<d{number}>{_weekday(*names)})" for number, names in enumerate(_WEEKDAYS))
PAST = r"(?:الماضي|الماضيه|اللي فات|اللي فاتت|الفايت|المنصرم|li fat|elli fat|elmadi)"
NUMBERS = {
    word: number
    for number, words in enumerate(
        (
            "one|a|an|واحد",
            "two|couple of|a couple of|couple|اثنين|تومين",
            "three|ثلاثه|ثلاث|تلات|تلت|tlat",
            "four|اربعه|اربع|اربعة",
            "five|خمسه|خمس",
            "six|سته|ست",
            "seven|سبعه|سبع",
            "eight|ثمانيه|ثماني|تمان",
            "nine|تسعه|تسع",
            "ten|عشره|عشر",
        ),
        start=1,
    )
    for word in words.split("|")
}
COUNTS = "|".join(sorted(NUMBERS, key=len, reverse=True))
COUNT = rf"(?P<count>\d{{1,2}}|{COUNTS})"
DAYS = "(?:days?|ايام|يوم|يوما|ayam|ayyam|yom|jours?)"
WEEKS = "weeks?|اسابيع|اسبوع|asabi3"
IN = "max|maximum|in|within|after|بعد|خلال|في خلال|في غضون|ba3d|b3d|khilal|dans"
SINCE = "قبل|من|منذ|من حوالي|men|2abl"
TOMORROW = (
    "tomorrow|tommorow|tommorrow|tomorow|tomorro|tmrw|tmrow|tmr|tmw|2moro|غدا|الغد|غد|بكره|بكرا|بكرى|باكر|باجر|غدوه"
    "|غدوا|bokra|bukra|bokrah|bukrah|bacher|bachir|ghadan|ghodwa|ghedwa|demain"
)
AFTER_TOMORROW = (
    "(?:the )?day after tomorrow|overmorrow|بعد (?:ال)?(?:غد|بكره|بكرا|باكر|باجر|غدوه)|ba3d (?:bokra|bukra)"
    "|apres demain|عقب باجر|عقب باكر"
)
YESTERDAY = "yesterday|yday|امس|البارحه|البارح|امبارح|مبارح|لبارح|بالامس|mbare7|embare7|imbarih|mbarih|lbareh|ams|hier"
BEFORE_YESTERDAY = "(?:the )?day before yesterday|اول (?:امس|امبارح|مبارح|البارح|البارحه)|قبل امس|awal ams|avant hier"
TODAY = (
    "today|tonight|this (?:morning|afternoon|evening)|end of (?:the )?day|eod|cob|اليوم|الليله|النهارده|النهاردا|اليومه"
    "|هاليوم|elyom|el yom|elyoum|el youm|alyoum|al yom|lyoum|enaharda|elnaharda|aujourdhui"
)
NEXT_WEEK = "next week|الاسبوع (?:القادم|المقبل|الجاي|اللي جاي)|بعد اسبوع|خلال اسبوع|(?:el )?esbo3 el ?(?:gay|jay|jai)"
ON = (
    "on|by|before|until|till|dated|date|latest|for|since|from|due|at|around|يوم|بتاريخ|تاريخ|في|قبل|لتاريخ|حتي|ليوم|بيوم"
    "|le|youm|yom"
)
DAY_WORD = "(?:يوم|تاريخ|yom|youm|day)"
# 'invoice 12/2026', 'no 3/4'
NUMBERED = (
    "invoices?|inv|ref|reference|no|number|nr|order|po|lpo|unit|villa|flat|apartment|office|shop|contract|clause|page"
    "|part|batch|ticket|case|فاتوره|الفاتوره|رقم|شقه|مكتب|عقد|امر"
)
# '2nd reminder', '3rd party': an ordinal number, not a day.
COUNTED_THINGS = (
    "reminders?|notices?|invoices?|time|times|messages?|emails?|mails?|texts?|sms|payments?|instal\\w*|floor|party|quarter"
    "|half|one|calls?|letters?|week|weeks|batch|delivery|shipment|year|years|person|street|order|request|warning|attempt"
    "|follow|copy|cheque|part|tranche|option|point|issue|day|working|business|and final|or"
)
# What may follow a bare number that is a day: 'on 25 inshallah'.
AFTER_A_DAY = (
    "inshallah|insha|in|ان|please|pls|plz|thanks|thank|at|latest|the latest|morning|evening|or|and|of this|of the|of next"
    "|this month|next month|when|after|once|as|we|i|he|she|they|it|you|because|but|so|by|from|for|to|via|with|الشهر"
    "|من الشهر|باذن|والله|شكرا|بعد|عند|لما|لان|صباحا|مساء|sure|max|maximum|okay|ok|إن|هذا|من هذا|cash|cheque|nchallah"
    "|inchallah|enshallah|ishallah"
)
EITHER = {"or", "او", "or on", "or by", "ولا", "aw", "او يوم", "وإلا", "walla", "or maybe", "ou"}
UNTIL = {"to", "till", "until", "and", "-", "الي", "حتي", "و", "لحد", "or latest", "latest", "max", "or latest by"}
# Words that may accompany a day in a reply that is hardly more than a day.
BESIDE_A_DAY = frozenset(
    (
        "on by the this next coming of at in for sure ok okay maybe around yes please thanks thank you inshallah "
        "insha allah hi hello dear sir morning noon evening afternoon latest before end month max god willing "
        "nchallah inchallah enshallah ishallah hopefully brother bro madam all until till first thing well "
        "without fail definitely guaranteed ان شاء الله انشاءالله انشالله يوم في باذن بإذن القادم المقبل الجاي "
        "تاريخ بتاريخ حتي قبل مساء صباحا الصبح العصر الظهر ممكن طيب تمام نعم شكرا خلال اوكي حاضر الي اقصي حد بحول "
        "والله اخي استاذ ابشر حبيبي يا هذا الاسبوع"
    ).split()
)
