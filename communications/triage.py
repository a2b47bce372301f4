"""What an answer seems to say, by rules, in English and Arabic. Only `stop` acts; the rest a person confirms."""

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass

from communications import dates
from communications.models import Triage

MAX_BYTES = 4096

_MARKS = re.compile("[\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_FORMS = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"),
        "ى": "ي",
        "ی": "ي",
        "ئ": "ي",
        "ؤ": "و",
        "ة": "ه",
        "ک": "ك",
        "گ": "ك",
        **{chr(0x660 + digit): str(digit) for digit in range(10)},
        **{chr(0x6F0 + digit): str(digit) for digit in range(10)},
        **dict.fromkeys("'’‘`´", None),
    }
)
_APART = re.compile(r"(?!(?<=\d)[./-](?=\d))[\W_]")
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_POLITE = re.compile(
    r"\b(?:please|pls|plz|thanks|thank you|now|kindly|hi|hello|من فضلك|من فضلكم|لو سمحت|رجاء|شكرا|الرجاء)\b"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """`promised_on`: the day on which somebody says that they will pay."""

    triage: Triage
    promised_on: dt.date | None = None


def safe(text: str) -> str:
    """Text that may be kept and shown: no control characters and none that turn the page around, 4 KiB at most."""
    text = _UNSAFE.sub("", text.replace("\r\n", "\n")).strip()
    return text.encode()[:MAX_BYTES].decode(errors="ignore")


def normalise(text: str) -> str:
    """One spelling: alef, hamza and taa forms, digits and case made equal; no tatweel, diacritics or punctuation, but
    for what stands between the digits of a date."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(_FORMS)
    text = _MARKS.sub("", text)
    text = _APART.sub(
        lambda match: match[0] if match[0] in "./-" and len(match[0]) == 1 and _joins(match) else " ", text
    )
    return " ".join(text.split())


def _joins(match: re.Match[str]) -> bool:
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return before.isdecimal() and after.isdecimal()


def read(text: str, today: dt.date) -> Reading:
    """`today` is the account's. The first that fits: stop, wrong person, dispute, will pay, has paid."""
    words = normalise(text)
    bare = " ".join(_POLITE.sub(" ", words).split())
    if _STOP_ALONE.fullmatch(bare) or _STOP.search(words):
        return Reading(Triage.STOP)
    if _WRONG_PERSON.search(words):
        return Reading(Triage.WRONG_PERSON)
    if _REFUSES.search(words):
        return Reading(Triage.DISPUTE)
    day = dates.find(words, today)
    if _WILL_PAY.search(words):
        return Reading(Triage.PROMISE, day)
    has_paid = _HAS_PAID.search(_NOT_PAID.sub(" ", words))
    if has_paid:
        return Reading(Triage.PAID)
    if _DISPUTE.search(words):
        return Reading(Triage.DISPUTE)
    if day and dates.is_nothing_else(words, today):
        return Reading(Triage.PROMISE, day)
    return Reading(Triage.OTHER)


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b")


# All on normalised text: no apostrophes, one alef, `ه` for `ة`.
_STOP_ALONE = re.compile(
    "(?:stop|stop ?all|unsubscribe|cancel|end|quit|revoke|opt ?out|stop it|stop this|no more|remove|remove me|enough"
    "|الغاء|الالغاء|الغي|الغ|ايقاف|الايقاف|ستوب|توقف|توقفوا|قف|اوقف|اوقفوا|وقف|وقفوا|كفي|كفايه|ازاله|خلاص بس)"
    "(?: (?:stop|الغاء|ايقاف))*"
)
_STOP = _any(
    r"stop (?:all )?(?:texting|messaging|sending|emailing|contacting|writing|bothering|spamming|harassing)",
    r"stop (?:all |these |this |the |your |any )*(?:messages?|texts?|emails?|sms|reminders?|spam)",
    r"(?:do not|dont|never) (?:ever )?(?:text|message|contact|email|write|send)(?: to)? "
    r"(?:me|us|this|again|any|anymore|more)",
    r"unsubscribe",
    r"opt (?:me |us )?out",
    r"(?:remove|delete|take) (?:me|us|my number|this number|my email)",
    r"leave me alone",
    r"الغاء الاشتراك",
    r"الغ(?:ي|وا|اء)? (?:اشتراكي|الاشتراك|اشتراك)",
    r"(?:ايقاف|اوقف|اوقفوا|وقف|وقفوا|توقف عن|توقفوا عن) (?:هذه |كل |جميع )?(?:ال)?(?:رسائل|رسايل|ارسال|مراسل\w*)",
    r"لا تراسل\w*",
    r"لا ترسل(?:وا|و|ي)? (?:لي|لنا|اي|رسائل|رسايل|المزيد|مره)",
    r"(?:احذف|احذفوا|ازل|ازيلوا) (?:رقمي|اسمي|بريدي)",
    r"عدم مراسلتي",
)
_WRONG_PERSON = _any(
    r"wrong (?:number|person|contact|email|address|guy)",
    r"(?:not|isnt|aint) (?:the right person|my (?:invoice|company|debt|account))",
    r"(?:i am|im) not (?:him|her|that person|mr|mrs|ms)\b.*",
    r"(?:i )?(?:dont|do not) know (?:him|her|them|this (?:person|company|man))",
    r"no longer (?:work|works|working|with)",
    r"(?:dont|do not|doesnt|does not) work (?:there|here|for)",
    r"(?:has )?left the company",
    r"(?:ال)?رقم (?:خطا|غلط|خاطي|غير صحيح)",
    r"(?:لست|مش|مو|ما) انا(?: صاحب)?",
    r"لست (?:الشخص|المعني|صاحب)",
    r"شخص (?:خطا|غلط|خاطي)",
    r"(?:لا اعرف|ما اعرف) (?:هذا|هذه|هالشخص|الشخص)\w*",
    r"(?:لم اعد|ما عدت) اعمل",
    r"(?:ترك|تركت) (?:الشركه|العمل)",
)
_REFUSES = _any(
    r"(?:will not|wont|not going to|refuse to|never) pay",
    r"لن (?:ادفع|ندفع|اسدد|نسدد)",
    r"(?:ارفض|نرفض) (?:ال)?(?:دفع|سداد|\w+)",
)
_DISPUTE = _any(
    r"disput(?:e|ed|ing)",
    r"disagree",
    r"(?:not|isnt) (?:correct|right|what (?:i|we) (?:ordered|agreed))",
    r"incorrect",
    r"wrong (?:amount|invoice|price|total|quantity|goods|items?|bill|order|charge)",
    r"(?:amount|invoice|price|total|quantity|bill) (?:is|looks|seems) wrong",
    r"(?:damaged|defective|faulty|broken|overcharged|incomplete|missing items?)",
    r"(?:never|did not|didnt|have not|havent|not) (?:ordered|order|received|receive|delivered|arrived|got|requested)"
    r"(?! (?:the |an |any |your |this )?(?:invoice|email|message|reminder))",
    r"complaint|complain|refund|lawyer",
    r"(?:اعترض|نعترض|اعتراض|معترض|نزاع|شكوي)",
    r"(?:غير صحيح|غير صحيحه|غير دقيق|مو صحيح|مش صحيح)",
    r"(?:خطا|غلط|خاطيه|خاطي)",
    r"(?:لم|ما) (?:استلم|نستلم|استلمت|استلمنا|اطلب|نطلب|طلبت|طلبنا|يصل|تصل|وصلت|وصل)"
    r"(?! (?:الفاتوره|فاتوره|رساله|الرساله))",
    r"(?:تالف|تالفه|معيب|معيبه|مكسور|مكسوره|ناقص|ناقصه|البضاعه سييه)",
)
_WILL_PAY = _any(
    r"(?:will|ill|well|shall|gonna|going to|plan to|able to|promise to|intend to) (?:\w+ )?"
    r"(?:pay|settle|transfer|clear|deposit|wire)",
    r"(?:will|shall|going to) be (?:\w+ )?(?:paid|settled|transferred|paying|made|cleared)",
    r"(?:i|we) (?:can|could) (?:pay|settle|transfer)",
    r"(?:will|ill|shall|going to) (?:come|stop|pass|drop|visit)\b.* to (?:pay|settle)",
    r"(?:paying|settling|transferring)",
    r"(?:pay|settle|transfer)(?: \w+)? (?:you )?(?:on|by|tomorrow|next|in|before|at the end|end of|today)",
    r"payment (?:will|is (?:scheduled|planned|due to)|by|on the way|is coming)",
    r"(?:give|need|allow) (?:me|us)?(?: \w+)* (?:days?|weeks?|time|until|till)",
    r"(?:س|ح|ه|ب|راح |سوف |رح )(?:ادفع|ندفع|اسدد|نسدد|احول|نحول|دفع|سدد|حول)\w*",
    r"س(?:يتم|نقوم|اقوم) (?:ب)?(?:ال)?(?:دفع|سداد|تحويل)",
    r"(?:ادفع|ندفع|اسدد|نسدد) (?:لك|لكم|يوم|غدا|بكره|المبلغ|في|خلال|قبل|بعد|الاسبوع|نهايه|اخر)",
    r"(?:الدفع|السداد|التحويل) (?:يوم|غدا|بكره|الاسبوع|خلال|قبل|بعد|نهايه|سيكون|سيتم)",
    r"(?:امهلوني|امهلني|امهلونا|اعطوني|اعطني|نحتاج|احتاج) .*(?:مهله|يوم|ايام|اسبوع|وقت)",
)
_NOT_PAID = _any(
    r"(?:not|never|havent|hasnt|have not|has not|didnt|did not)(?: yet| been)* paid",
    r"(?:get|getting|got|be|when|until|once|after|am|im) paid",
    r"ما (?:دفعت|دفعنا|سددت|سددنا|حولت)",
    r"لم يتم (?:ال)?(?:دفع|سداد|تحويل)",
)
_HAS_PAID = _any(
    r"paid",
    r"payment (?:was |has been |is |already )*(?:made|sent|done|transferred|completed|processed|released)",
    r"(?:made|sent|completed|processed|released) (?:the |a |our |my )?(?:payment|transfer|money|amount|funds)",
    r"(?:i|we|already|was|been|has|have) (?:\w+ )?(?:settled|transferred|deposited|wired|remitted)",
    r"(?:transfer|payment) (?:receipt|slip|proof|confirmation)|proof of payment",
    r"(?:و|لقد |قد )?(?:دفعت|دفعنا|دفعته|دفعتها|سددت|سددنا|حولت|حولنا|دفعناها|سددناها)",
    r"(?:و)?تم (?:ال)?(?:دفع|سداد|تحويل|ايداع|تسديد)\w*",
    r"(?:مدفوع|مدفوعه|مسدد|مسدده)",
)
