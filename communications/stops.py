"""Requests to stop writing, in English, Arabic, French and Arabizi.

A request is unmistakable if it is (nearly) the whole message: everything but the request itself is courtesy. The same
words among others are noticed, and left to a person. All patterns work on text as `spelling.normalise` leaves it.
"""

# Patterns and lists of words are easier to keep without breaks.
# ruff: noqa: E501, SIM905, S105

import re
from collections.abc import Iterable

from communications.spelling import Clause

_ACT = (
    "text|texting|messag(?:e|ing)|email(?:ing)?|e mail(?:ing)?|mail(?:ing)?|contact(?:ing)?|writ(?:e|ing)|bother(?:ing)?"
    "|spam(?:ming)?|harass(?:ing)?|call(?:ing)?|chas(?:e|ing)|disturb(?:ing)?|pester(?:ing)?|annoy(?:ing)?|bug(?:ging)?"
    "|remind(?:ing)?|msg(?:ing)?|whatsapp(?:ing)?|sms(?:ing)?|ping(?:ing)?|phon(?:e|ing)|reach(?:ing)? out to"
)
_THING = (
    "messages?|msgs?|texts?|text messages|emails?|e mails?|mails?|sms|reminders?|spam|notifications?|notices?"
    "|communications?|calls?|whatsapps?|contact|correspondence|newsletters?|alerts?|messaging|texting|mailings?"
)
_SUCH = (
    "all|these|this|the|your|any|such|those|me|us|my|automated|automatic|annoying|constant|payment|further|more|of|with"
    "|out|other|unwanted|stupid|so|many|future|marketing|daily|email|text|sms|whatsapp|sending|to|for|same|kind|type|voice"
)
_THINGS = rf"(?:(?:{_SUCH}) )*(?:{_THING})"
_ME = "me|us|this number|this phone|this email|this address|this mailbox|my number|my email|my phone|our office|here"
_NOT = "do not|dont|never|must not|no need to|please not|pls not|not to|quit|cease|refrain from|stop|stopped|avoid"
_ARABIC_THING = (
    "(?:و|ب|ل|هال|هل)?(?:ال)?(?:رسايل|رساله|رسالات|مسجات|مسج|ايميلات|ايميل|اميلات|مكالمات|مكالمه|اتصالات|اتصال|تذكيرات"
    "|تذكير|اشعارات|مراسلات|مراسله|مراسلتي|مراسلتنا|واتساب|ازعاج|سبام|ميساجات|ميساج|مسدجات|مسيجات|تنبيهات|تواصل"
    "|بريد الكتروني|بريد|رسايلكم|اتصالاتكم|ايميلاتكم|رسايل نصيه)"
)
_ARABIC_ME = (
    "لي|لنا|الي|الينا|علي|علينا|ليا|لينا|معي|معنا|معايا|بي|بنا|عليا|هذا الرقم|هذا الايميل|هذا البريد|هالرقم|ع رقمي"
    "|علي رقمي|علي هذا الرقم|علي هالرقم|الي هذا الرقم|لهذا الرقم"
)
_ARABIC_SUCH = (
    "عن|من|لي|الي|علينا|علي|كل|جميع|هذه|هذا|هاي|هاذي|هذي|دي|في|اي|ارسال|بعث|استلام|استقبال|تلقي|باستلام|بتلقي|باستقبال"
    "|وصول|منكم|مزيد|المزيد|مزيدا|لو سمحت|لو سمحتم|ان|استلم|استقبل|اتلقي|توصلني|تجيني|تيجيني|يجيني|الارسال|بارسال"
    "|اليوميه|بعد|تبعكم|اكثر|تاني|هاد|هادي|ديال|شي|حتي|تكرار|هالكم|مرسل|اليكم|الرجاء|مني|عدم"
)
_ARABIC_NOT = (
    "لا|ما|مش|مو|مب|بلاش|بطل|بطلوا|بطلو|وقفوا|وقفو|اوقفوا|توقفوا|توقفو|كفايه|خلاص|ماعاد|لاعاد|ولا|محدش|من غير ما"
)
_ARABIC_WISH = (
    r"عايز|عاوز|عايزه|عايزين|ابي|ابغي|ابغا|اريد|نريد|نبي|بدي|بدنا|احب|ارغب|احد|حد|حدا|عاد|ان|انكم|انك|في|بقي|بعد|يا جماعه|تعاود\w*|تعود\w*|ترجع\w*|ترد\w*|تقعد\w*"
    r"|تبقاش|تبقاوش|تحاول\w*"
)
_ARABIC_CONTACT = "بعت|بعث|رسل|راسل|صيفط|سيفط|طرش|تصل|تواصل|كلم|حاكي|كتب|زعج|ضايق|عيط|خابر|دز|دق"
_ARABIC_THINGS = rf"(?:(?:{_ARABIC_SUCH}) )*{_ARABIC_THING}"
_ARABIZI_THING = (
    "(?:el |al |l)?(?:rasa?yel|rasa2el|rsa2el|resayel|rassayel|rsayl|rasael|msg|msgs|messages?|mesajat|messajat|masegat"
    "|massegat|sms|emails?|emailat|etesalat|itisalat|messaget|des messages|de messages|les messages|des sms)"
)

_REQUESTS = re.compile(
    r"\b(?:و|ف)?(?:"
    + "|".join(
        (
            rf"(?:{_NOT}) (?:ever |again |please |keep |to |be )*(?:{_ACT})(?: (?:or|and|nor) (?:{_ACT}))*(?: to)?(?: (?:{_ME}))?(?: (?:{_THINGS}))?",
            rf"(?:{_NOT}) (?:ever |again |please |keep |to |any |more )*send(?:ing)?(?: to)?"
            rf"(?: (?:{_ME}|this|that|these|those))*(?: (?:{_THINGS})| anything| any ?more$| more$| again|$)(?: to (?:{_ME}))?",
            rf"(?:stop|cease|end|quit|enough|no more|no further)(?: with| of)? {_THINGS}",
            "unsubscribe|unsubscribed|unsub|desabonn\\w+|cease and desist|leave (?:me|us) be|(?:lose|block) (?:my|this|our) (?:number|email)(?! plate)",
            rf"(?:discontinue|halt|suspend|terminate|end) {_THINGS}|(?:want|wish|need|would like|like|ask for|demand)(?: for)? {_THINGS} to (?:stop|end|cease)|get (?:me|us) (?:off|out of)(?: (?:the|your|this|all|any|mailing|contact|sms|email|distribution))+ (?:lists?|database|system)|remove from(?: (?:the|your|this|all|mailing|contact|sms|email))* lists?",
            rf"desist from (?:{_ACT})(?: (?:{_ME}))?",
            r"(?:stop|quit|cease|dont|do not|never|no more) send(?:ing)?(?: (?:me|us))* (?:these|this|stuff|such things|crap|rubbish|nonsense)(?=$| (?:to (?:me|us|this|my)|here|again|any|every|all the time|at|please|now|thanks|anymore))",
            r"(?:do not|dont|no longer|not|never) (?:want|wish|like|need|care)(?: to)?(?: (?:be|get|getting|receive|receiving))+ (?:any |more )*(?:of )?(?:these|those|them|this)(?=$| (?:any ?more|again|please|from|at all|thanks|messages|things))",
            rf"(?:forbidden|not allowed|not permitted|not authori[sz]ed|no right|no permission|no longer allowed|no longer permitted|prohibited|banned)(?: (?:to|from))? (?:keep )?(?:{_ACT}) (?:{_ME})(?: again)?",
            r"(?:do not|dont) have (?:my |our )?(?:permission|consent) to (?:contact|text|message|email|call|write to)(?: (?:me|us))?",
            r"(?:لا|ما|مش|مو|مب) ?(?:اريد|ابي|ابغي|بدي|عايز|عاوز|عايزه|حاب|حابب|نبي|نريد) ?(?:ان )?(?:اسمع|نسمع|اشوف|نشوف) (?:منكم|عنكم|منك|رسايل\\w*|شي منكم)",
            r"(?:(?:احذفونا|شيلونا|طلعونا|ازيلونا|امسحونا)(?: من (?:القايمه|القوايم|قايمتكم|قوايمكم|عندكم))?|(?:احذفنا|حذفنا|حذفي|ازالتنا|ازالتي) من (?:القايمه|القوايم|قايمتكم|قوايمكم|قايمه|قوايم)(?: (?:المراسلات|الرسايل|البريد|البريديه))?)",
            r"(?:كفايه|بطلوا|بطلو|بلاش) (?:زن|ازعاج|دوشه)",
            rf"(?:do not|dont|never|no longer|did not|didnt) (?:give (?:my |any )?|have my |gave (?:my |any )?)?consent(?:ed)? (?:to|for) (?:(?:be|being|receive|receiving|get|getting|any) )*(?:(?:contacted|messaged|texted|called|emailed)|{_THINGS})",
            rf"(?:(?:would|had|d|id|wed) )?rather not (?:be|get|receive|have|hear|see)(?: (?:contacted|messaged|texted|called|emailed|from you|{_THINGS}))",
            rf"stop (?:(?:you|your|youre|are|this|now|guys|all|please) )+(?:{_ACT})",
            r"(?:msgs?|messages?|sms|texts|calls?)(?: \w+)? (?:mat|na) (?:bhej\w*|kar(?:o|na|iye|en)|kijiye)|(?:mat|na) bhej\w*(?: (?:mujhe|ye|yeh|dobara|phir))* (?:msgs?|messages?|sms|texts|calls?)|(?:msgs?|messages?|sms|texts|calls?)(?: (?:bhejna|karna))? band (?:karo|kar do|kare|karen|kijiye)",
            rf"(?:turn|switch) off (?:{_THINGS})|(?:disable|deactivate|cancel|mute|unsubscribe from) (?:{_THINGS})",
            r"(?:exclude|omit|drop|unlist|unregister) (?:me|us)(?: (?:from|off|out of)(?: (?:the|your|this|all|any|mailing|contact|sms|email|distribution|reminders?|messages?|messaging))* lists?)?",
            r"(?:be|been|get|getting) (?:removed|taken off|unsubscribed|excluded|deleted|unlisted)(?: (?:from|off|of)(?: (?:the|your|this|all|any|mailing|contact|sms|email|distribution|reminders?|messages?|messaging))*"
            r"(?: (?:lists?|database|system|records))?)?",
            rf"(?:withdraw|withdrawing|revoke|revoking) (?:my |our |any )?consent(?: (?:to|for) (?:(?:be|being|receive|receiving|get|getting|any) )*(?:(?:contacted|messaged|texted|called|emailed)(?: by (?:you|sms|texts?|emails?|phone|whatsapp))?|{_THINGS}))?|cancel (?:my |our )?subscription to (?:these|this|the|your) (?:messages|emails|texts|reminders)",
            r"(?:^|(?<=please )|(?<=pls ))no (?:messages|msgs|texts|sms|reminders|spam|emails|reminder)",
            r"opt(?:ing)? (?:me |us )?out|opted out",
            r"(?:remove|delete|erase|drop|unlist) (?:my|our|this) (?:name|address|contact|details)(?: details)? (?:from|off|out of)(?: (?:the|your|this|all|any|mailing|contact|sms|email|distribution))* (?:lists?|database|system|records|contacts)",
            r"(?:remove|delete|erase|drop|unlist) (?:me|us|my (?:number|email|phone|data|contact)"
            r"|this (?:number|email|email address|address|contact|phone|mailbox)|our (?:number|email)(?: address)?)"
            r"(?: (?:from|off|out of)(?: (?:the|your|this|all|any|mailing|contact|sms|email|distribution))*"
            r" (?:lists?|database|system|records|contacts|file|broadcasts?|groups?|campaigns?|mailings?|texts|messages|emails|reminders|sms))?",
            r"take (?:my|our) (?:name|address) (?:off|out)(?: of)?(?: (?:the|your|this|all|any|mailing|contact|sms|email|distribution))* (?:lists?|database|system|records|contacts)",
            r"take (?:me|us|my (?:number|email|phone)|this (?:number|email|address|phone|mailbox)|our (?:number|email)) (?:off|out)(?! (?:speaker|hold|mute|loud|work|the phone|the call))"
            r"(?: of)?(?: (?:the|your|this|all|any|mailing|contact|sms|email|distribution))*"
            r"(?: (?:lists?|database|system|records|contacts))?",
            rf"(?:do not|dont|no longer|not|never) (?:want|wish|like|need|care|interested)(?: (?:to|in|for))?"
            rf"(?: (?:be|get|getting|receive|receiving|hear|have|see|you))*"
            rf"(?: (?:contacted|messaged|texted|called|emailed|reminded|bothered|disturbed)"
            rf"(?: by you)?| {_THINGS}| anything| from you)(?: from you)?",
            r"leave (?:me|us) alone|lose my number|get lost|go away|stop it|stop this|stop that",
            rf"(?:(?:من فضلك|رجاء|ارجوكم|ارجو|نرجو|يرجي|الرجاء|ياريت|لو سمحت|لو سمحتم|اريد|نريد|اطلب|نطلب|ارجوا) )*"
            rf"(?:اوقف|اوقفوا|اوقفو|وقف|وقفو|وقفوا|وقفي|توقف|توقفوا|توقفو|التوقف|ايقاف|الايقاف|بطل|بطلوا|بطلو|كفي|كفايه"
            rf"|كفايا|بلاش|باراكا|باركا|بركا|حاج|حاجه|حاجي|حبس|حبسوا|حبسو|حبسولنا|خلاص|قف|قفوا|انهاء|الغاء|الغوا|الغو|الغ|الغي|منع|امنعوا"
            rf"|ستوب|عدم|بدون|بكفي|بيكفي|يكفي|كفوا|كفو|كف|امتنعوا|انهوا|وقفوا عني|وقفولي|وقفوا لي|ما بدنا|مابدنا|ما بدي|مابدي) (?:(?:{_ARABIC_ME}) )*{_ARABIC_THINGS}",
            rf"(?:التوقف عن|توقفوا عن|توقف عن|اوقفوا|وقفوا|عدم|بطل|بطلوا|بطلو) (?:مراسلتي|مراسلتنا|ازعاجي|ازعاجنا"
            rf"|التواصل معي|التواصل معنا|الاتصال بي|الاتصال بنا|الاتصال|تتصلوا|الارسال|ارسال|ازعاج|تبعتولي|تبعتلي|تبعتوا"
            rf"|تبعتو|تتصلو|ترسلوا|ترسلون|تزعجوني)(?: (?:{_ARABIC_ME}|{_ARABIC_THINGS}))*",
            r"(?:لا|ما) ?(?:عاد |حد |احد |تبقاش |تبقاوش |تعود |تعودوا |تقعد |تقعدوا )*"
            r"(?:تراسلني|تراسلونا|تراسلوني|تراسلنا|تراسلو|تراسلوا|تراسل|تبعتلي\w*|تبعتولي\w*|تبعتلنا\w*|تبعتولنا\w*"
            r"|تبعثلي\w*|تبعثولي\w*|تبعثولنا\w*|تبعثوليش|تبعتوليش|تبعتليش|تبعتوناش|ترسلولي|ترسلوني|ترسلي|ترسللي|ترسلنا"
            r"|ترسلونلي|ترسلونلنا|ترسل لي|تطرشلي|تطرشولي|تطرشون لي|تطرشون|تدزلي|تدزولي|تدزون|تصيفطوليا|تصيفطو ليا"
            r"|تصيفطوا ليا|تصيفطولي\w*|تتصل\w*|تتواصل\w*|تواصل\w*|تكلم\w*|تكلمو\w*|تكلمون\w*|تزعج\w*|تضايق\w*|تعيط\w*|تدق\w*|تدقون\w*|ترن\w*|تخابر\w*"
            rf"|تكتبلي\w*|تكتبولي\w*|تكتبوا لي|تكتب لي)(?: (?:{_ARABIC_ME}))*(?: {_ARABIC_THINGS})?",
            rf"(?:لا|ما|م|مش) ?(?:عاد |حد |احد |تبقاش |تبقاوش |بقاش |تعودوش )*(?:ت|يت)(?:بعت|بعث|رسل|راسل|صيفط|سيفط|طرش|تصل|تواصل|كلم|حاكي|كتب|زعج|ضايق|عيط|خابر|دز)"
            rf"(?:و|وا|ي|ون)?(?:ني|نا|لي|لنا|ليا|ولي|ولنا|نلي)?(?:ش|يش|هوش)?(?: (?:{_ARABIC_ME}))*(?: {_ARABIC_THINGS})(?: (?:{_ARABIC_ME}))*",
            rf"م(?:ا)?ت(?:بعت|بعث|رسل|راسل|صيفط|سيفط|طرش|تصل|تواصل|كلم|كتب|زعج|ضايق|عيط)\w*ش(?: (?:{_ARABIC_ME}))*(?: {_ARABIC_THINGS})?",
            rf"(?:وقفوا|وقفو|اوقفوا|بطلوا|بطلو|توقفوا|توقفو|حاج|حاجه|حاجي|حاجتكم|خلاص) ت(?:بعت|بعث|رسل|راسل|صيفط|طرش|تصل|تواصل|كلم|كتب|زعج)\w*(?: (?:{_ARABIC_ME}))*(?: {_ARABIC_THINGS})?",
            rf"(?:لا|ما) ?(?:عاد |تبقاوش )*(?:ترسل|ترسلو|ترسلوا|ترسلون|تبعت|تبعتو|تبعتوا|تبعث|تبعثو|تبعثوا|تطرش|تطرشون"
            rf"|تطرشوا|تصيفطو|تصيفطوا|تصيفط|تبعتش|تبعتوش)"
            rf"(?: (?:{_ARABIC_ME}))*(?: {_ARABIC_THINGS}| اي شي| شي| شيء| شيا| المزيد| مره| تاني| ثاني| بعد|$)"
            rf"(?: (?:{_ARABIC_ME}))*",
            rf"(?:لا|ما|مش|مو|مب|م) ?(?:عاد )?(?:اريد|نريد|ارغب|نرغب|اود|نود|احتاج|نحتاج|ابي|ابغي|ابغا|نبي|نبغي|بدي|بدنا"
            rf"|بديش|عايز|عاوز|عايزين|عاوزين|عايزه|حابب|حاب|بغيت|بغيتش|بغيناش|باغي|محتاج|محتاجين|نحب|نحبش|نحتاجش|حابين)"
            rf"(?: (?:انا|في|ب|ان|بعد|خلاص))*(?: (?:{_ARABIC_ME}))* {_ARABIC_THINGS}(?: منكم)?",
            rf"(?:لا|ما|مش|مو|م) ?(?:اريد|ابي|ابغي|ابغا|بدي|ارغب|عايز|عاوز|حابب)(?:ك|كم|كو|اك|اكم)?(?: في| ب)? (?:ان )?ت(?:بعت|بعث|رسل|راسل|طرش|تصل|تواصل|كلم|كتب|زعج|صيفط)\w*(?: (?:{_ARABIC_ME}))*(?: {_ARABIC_THINGS})?",
            rf"(?:لا|ما|مش|مو) ?(?:اريد|ابي|ابغي|بدي|ارغب|عايز|عاوز)(?: في| ب)? (?:ان )?"
            rf"(?:تراسلوني|ترسلوا لي|ترسلون لي|تتواصلوا معي|تتواصلون معي|تتصلوا بي|تتصلون|يتواصل معي احد)"
            rf"(?: {_ARABIC_THINGS})?",
            r"(?:احذف|احذفوا|احذفو|امسح|امسحوا|امسحو|شيل|شيلوا|شيلو|ازل|ازيلوا|ازاله|حذف|الغوا|الغي|الغو) (?:لي )?"
            r"(?:رقمي|اسمي|بريدي|ايميلي|هذا الرقم|رقمنا|هالرقم|الرقم|رقم هاتفي|رقم جوالي|بريدنا|ايميلنا)"
            r"(?: (?:من|عن|في) (?:عندكم|القايمه|قايمتكم|القوايم|قايمه (?:الرسايل|المراسلات)|النظام|السيستم|عندك|قوايمكم"
            r"|قاعده البيانات))?",
            rf"(?:{_ARABIC_NOT})(?: (?:{_ARABIC_WISH}))* (?:(?:ت|ي|يت)(?:{_ARABIC_CONTACT})\w*|مراسل(?:تي|تنا)|ازعاج(?:ي|نا)?|{_ARABIC_THINGS})(?: (?:{_ARABIC_ME}))*(?: {_ARABIC_THINGS})?",
            rf"م(?:ا)?(?:ت|ي)(?:{_ARABIC_CONTACT})\w*ش(?: (?:{_ARABIC_ME}))*(?: {_ARABIC_THINGS}| حاجه| شي)?",
            rf"(?:مابي|مابغي|مابغا|مابدي)(?: (?:{_ARABIC_WISH}))* ي(?:{_ARABIC_CONTACT})\w*",
            rf"(?:mat|ma t|la t|la |mate)(?:rasl|rasel|rassl|rsil|b3at|b3t|b3th|rsl|ersl|ersel|sift|tsift|kallem|tsel|tisel|zi3ij)\w*(?: (?:li|liya|lina|ili|tani|tany|3alay))*(?: {_ARABIZI_THING})?",
            rf"(?:لا داعي|ما في داعي|مافي داعي|ما له داعي|لا حاجه) (?:ل)?(?:{_ARABIC_THINGS})|لا اوافق علي (?:{_ARABIC_THINGS})",
            r"(?:شيلوني|شيلني|احذفوني|احذفني|طلعوني|امسحوني|ازيلوني)(?: من (?:القايمه|قايمتكم|عندكم|الليسته|هالقروب))?",
            r"(?:اوقفوها|وقفوها|بطلوها|اوقفها|وقفها|اوقفوه|وقفوه)",
            r"(?:(?:ارجو|نرجو|يرجي|الرجاء|اريد|نريد|اطلب) )?(?:الغاء|ايقاف|الغوا|الغو|الغي|الغ) (?:ال)?اشتراك(?:ي|نا)?",
            r"(?:اتركوني|دعوني|دعني|خلوني|سيبوني|سيبني|خليني|اتركني)(?: (?:في|ب|بحالي|لحالي|و شاني|حالي|وشاني|و شاني))*"
            r"|حلوا عني|حل عني|فكوني منكم|فكونا|ابعدوا عني",
            rf"(?:wa2ef|wa2fo|wa2fou|wa2efo|wa2ifo|wagfo|wagfu|wagef|wagif|wagfoo|w2fo|ba6el|ba6lo|batel|batelo|batlo|balash|bala"
            rf"|khalas|kfaya|kefaya|baraka|bas|bass|bas ba2a|wakkef|wakfo|waqfo|waqef|waqif|w8fo|7abso|arretez|stop) (?:min |men |3an |de |m |me )*(?:envoyer )?"
            rf"{_ARABIZI_THING}",
            rf"(?:la|ma|mat|mt|lat) ?(?:3ad )?(?:t?eb3at\w*|tb3at\w*|tb3t\w*|b3atli\w*|b3atoli\w*|b3atolish|b3atlish|tersel\w*|tirsel\w*|trsl\w*|tarsel\w*"
            rf"|tursel\w*|tb3th\w*|teb3ath\w*|tetesel\w*|titisil\w*|tez3ej\w*|ez3ej\w*|tiz3ij\w*|tkallem\w*|tetwasal\w*|tsifto\w*|tsiftou\w*)"
            rf"(?: (?:li|lina|liya|ili|3alay|3alaya|rasayel|tany|tani))*(?: {_ARABIZI_THING})?",
            rf"(?:ma |m|la |mish |msh |mesh |mo |mub )?(?:abi|abgha|abghi|biddi|bidi|baddi|bedi|badi|bade|3ayez|3awez|3ayiz|3awz|bghit|bghitch"
            rf"|ureed|oreed|ored|ureedu) {_ARABIZI_THING}",
            r"ne (?:m |me |nous )?envoyez? plus (?:de |des |rien)?\w*|arretez de (?:m |me )?\w+|plus de messages?",
        )
    )
    + r")(?!\w)"
)
_NOT_WANTED = re.compile(
    r"\bnot (?:opting|opted|opt|unsubscribing|asking|telling|saying)\b|(?<!if )\b(?:you|they|u)(?: have| ve)? stopped\b|\b(?:did|why did|why have|have|has|when did) (?:you|they|u) stop\w*|\bخلاص (?:تواصل|تواصلوا|اتصل|اتصلوا|كلمني|كلموني|راسلني|ابعت|ابعتوا|ارسل|ارسلوا)\b"
    r"|\b(?!you\b)\w+ (?:will|have|has|had|did|does|would) (?:not )?stop(?:ped)?\b|\b(?:i|we|they|he|she|it) (?:do not|dont|did not|didnt|never) (?:text|message|email|call|write|send|contact)\b|\b(?:for now|for the moment|temporarily|مؤقتا|موقتا|stop (?:by|over|in|at|for|off|here|there))\b|\b(?:dont|do not|not|never|didnt|did not|cant|cannot|why|how|wont|unless|or else|otherwise|until)"
    r"(?: (?:want|wish|ask|asked|to|me|us|need|going|please|ever|like|intend|mean|meant|request|requested|yet|have|been|i|we"
    r"|do|can|you|dont))* (?:unsubscribe|opt out|stop|cease)\b"
    r"|\b(?:asked|requested|want|wanted|told|tried|trying|طلبت|طلبنا) (?:you |us |me |already |twice )*(?:to )?"
    r"(?:unsubscribe (?:from|our|my)|الغاء)"
)
# Alone, these words are a request, whatever they mean among others.
_ALONE = re.compile(
    r"(?:(?:stop|stopp|stop ?all|arret|unsubscribe|unsub|opt ?out|stop it|stop this|stop now|just stop"
    r"|ايقاف|الايقاف|ستوب|توقف|توقفوا|توقفو|قف|اوقف|اوقفوا|وقف|وقفوا|وقفو)(?: |$))+"
)
_ALONE_AND_ONCE = re.compile(
    r"cancel|end|quit|revoke|no more|remove|remove me|enough|الغاء|الالغاء|الغي|الغ|كفي|كفايه|ازاله|خلاص بس|بس خلاص"
    r"|الغاء stop|stop الغاء"
)
_COURTESY = frozenset(
    (
        "please pls plz plss kindly thanks thank thx you now hi hello hey dear sir madam team ok okay svp merci bonjour many good morning afternoon evening greetings appreciated appreciate understanding cooperation attention advance brother bro guys"
        " lutfan afak 3afak 3afakom sama7t sama7ti sama7to samaht allah ykhalik ykhalikom yislamo shokran"
        " عافاك عافاكم الله يخليك يخليكم يعطيك يعطيكم العافيه كرما جزيلا لطفا فضلا صباح مساء الخير تحيه طيبه يا غالي الغالي عزيزي حضرتكم"
        " من فضلك فضلكم لو سمحت سمحتم سمحتوا سمحتو سمحتي رجاء رجاءا شكرا الرجاء يرجي ارجو ارجوك ارجوكم نرجو وشكرا السلام عليكم ورحمه الله"
        " وبركاته مرحبا اهلا يا اخي استاذ عفوا اذا law sama7t sama7to shukran min fadlak"
    ).split()
)
_BESIDE_A_REQUEST = _COURTESY | frozenset(
    (
        "i we me us my our the a an to from this that these those it all any more anymore again ever further immediately"
        " today right away asap number phone email emails mail mails address mailbox list lists mailing database system records"
        " for good forever at of on in and or just really so would could can will do not dont no yes messages message msgs msg"
        " texts text sms reminders reminder whatsapp notifications calls sending receive receiving getting get such"
        " other communications communication spam kind regards best sincerely stop unsubscribe end request requesting am im"
        " like want wish need also both with contact here your yours longer here thereby hereby effective once"
        " texting messaging emailing calling contacting writing bothering spamming harassing disturbing distribution subscription subscriptions mailings block blocked"
        " hey mean meant removed excluded serious seriously means ask beg begging حاجه"
        " day hope well finds find doing respected concerned ladies gentlemen sirs formal formally"
        " have has had by via before blocked youre id if appreciate stopped"
        " are else why how who what where did didnt got getting sign signed up subscribe subscribed info details data turn switch disable deactivate nonsense fuck hell damn shit stupid idiots"
        " withdraw consent hereby revoke subscriber bunch all of you people whoever this"
        " interested requested asked send whom may concern future said say telling told time times last second third tired hate annoying annoyed harassment privacy gdpr report reported"
        " spamming sales pls too much wasting waste my time nobody anybody anyone nothing never again its im ive been keep keeps kept stay away it is very so long"
        " ever since first warning final done finished with over immediately effect thereafter consent permission given gave without unsolicited unwanted receive receiving"
        " menkom minkom mennkom minkum menkum men 3andkom el number ra2m raqm yaar bhai bas karo ye yeh mujhe ji"
        " be stuff mate الرقم النصيه المرسله المرسلة المزعجه اليوميه favour favor piss bother alone ok mob line thats fine right والو hada hadi"
        " broadcast broadcasts group groups blocking reporting spammers scammers harassers contacted emailed texted called"
        " البريديه لديكم لديك قوايم المراسلات قايمه قايمتكم"
        " cease quit off out notice be was been about regarding matter absolutely strictly completely entirely automated automatic bot robot campaign campaigns marketing promotional"
        " enough is guys everyone man bro seriously already sick tired fed up annoying bothering every day"
        " لا ما اريد ابي ابغي بدي لي لنا الي الينا علي علينا مره مرات اخري تاني تانيه ثاني ثانيه بعد الان فورا نهاييا"
        " ابدا هذه هذا هذي هاي الرقم رقمي هالرقم ايميلي بريدي البريد الايميل كل جميع اي رسايل رساله الرسايل عن من في علي"
        " و او خلاص بس اليوم حالا لهذا منكم عندكم معي معنا بي بنا مجددا تماما كليا ستوب ايقاف توقف وقف وقفوا كفايه كفي"
        " يوميا كل يوم ازعاج الازعاج المستمر المزعجه المزعج شي شيء غير مرغوب والله ياريت الي لو انا احنا نحن حضرتك حضراتكم"
        " بلاش ارسال الارسال المكرره المتكرره نرجوكم لطفا فضلا تكرما لاحقا مطلقا بقي بقا خلص اصلا خالص عاد"
        " دي ده دول هدول هاد هاي هاذي ديال ديالكم تبعكم فيي فيني فيا عليي ليي يعني ترا تعبت تعبتوني مليت زهقت زهقنا مللنا ازعجتونا ازعجتوني كثير كتير واجد مهتم"
        " مهتمه مهتمين ليس لست اصلا طلبت طلبنا قلت قلنا لكم منك كم سبق نهايي نهائي حد احد نرجوا الموضوع مزعج مزعجه مزعجين هدا هادا لطفكم"
        " جماعه اخوان شباب اخواني حبايبي ناس مقدما"
        " ma3i ma3na m3aya ma3aya"
        " shi ay ayy 7aga 7aja abadan nihaiyan tab3an wallah ta3abt 7ad had li fini fiyi ba3den el msgs rasayel messages"
        " li lina 3alay tany tani ba2a ba3d khalas bas ya akhi el al men min 3ala hal raqm rakam ra2m dah da de di"
        " yalla ana plus de des messages moi svp"
    ).split()
)
# A request in words of its own begins so: 'just stop sending me this'.
_BEGINS = re.compile(
    r"(?:^|\b(?:please|pls|plz|hey|just|said|say|i say|and|now|kindly|you|you to|u|hi|hello|sir|so|really|must|guys|should|team|again|again and))"
    r"(?: ?)(?:stop|stopp|unsubscribe|cease)(?= |$)"
    r"|^(?:(?:لو سمحت|لو سمحتم|رجاء|من فضلك|من فضلكم|بس|خلاص|يا|ارجوكم) )*(?:وقف|وقفوا|وقفو|توقف|توقفوا|اوقفوا|بطل|بطلوا|بطلو|كفايه|بلاش|ستوب)(?= )"
    r"|(?:ال|بال|هال|ب)?(?:رسايل|مسجات|ميساجات|ازعاج|رسايلكم) (?:\w+ ){0,2}(?:خلص|خلاص|كفايه|بس|توقفوا|وقفوا|اوقفوا|بطلوا|وقفوها|اوقفوها)$"
    r"|^(?:mat3aw\w*|matb9a\w*|matba9\w*|mab9a\w*) t\w+"
)
# 'Don't call me now' asks for another moment.
_FOR_NOW = re.compile(r"\b(?:now|today|tonight|الان|اليوم|هلا|حاليا|دلوقتي|الحين)\b")
_CALLS = re.compile(r"\b(?:call|calling|phone|ring|تتصل\w*|تدق\w*|ترن\w*|تكلم\w*)\b")
# 'Don't call, email me' asks for another way.
_ANOTHER_WAY = re.compile(
    r"\b(?:texts?|emails?|whatsapp|sms|calls?|mails?|messages?)(?: \w+)? (?:is|are) (?:ok|okay|fine|better|good|preferred|enough)\b|\bprefer\b"
    r"|"
    r"\b(?:call|email|text|send|contact|whatsapp|write|message|use|ring|phone|mail) (?:me|us|to|only|instead|the|my|here|it)\b"
    r"|\b(?:only|instead|except|unless|بدل|بدلا|فقط|ارسلوا|ارسل|ابعتوا|ابعت|اتصلوا|اتصل|راسلوني)\b"
)
# 'Or I report you to the ICO': what happens otherwise narrows nothing.
_THREAT = re.compile(
    r"\bor (?:else$|(?:i|we|ill|well)(?: will| shall| am going to| have to| am)? (?:report|reporting|block|blocking|complain|sue|go to)(?: (?!(?:pay|paid|invoices?|bills?)\b)\w+){0,7}$)"
)
# So many unknown words may lead to a request: 'I am begging you to stop texting me'.
_MOST_UNKNOWN = 3
_NARROWS = re.compile(
    r"\b(?:if|unless|until|when|once|while|during|because|wrong|invoices?|bills?|pay\w*|paid|orders?|goods|deliver\w*|services?|accounts?|contract"
    r"|amount|balance|statements?|bank|transfer\w*|cheques?|check|refund|products?|machine|broken|damaged|not|old|new|person|night|midnight|morning|weekend"
    r"|fridays?|sundays?|ramadan|hours?|am|pm|drivers?|customers?|clients?|staff|colleagues?|wife|husband|he|she|they|her|him|them|money|debt|court|lawyer"
    r"|اذا|لو|عندما|لما|حتي|فاتوره|الفاتوره|دفع\w*|الدفع|سدد\w*|طلب\w*|الطلب|بضاعه|البضاعه|خدمه|الخدمه|حساب|الحساب|غلط|خطا|ليل|بالليل|رمضان|الجمعه"
    r"|عقد|العقد|شيك|فلوس|محكمه|محامي|مش|مو|ما|لم|لا)\b"
)
# No request of this length is nearly the whole message.
_MAX_WORDS = 25


def is_mentioned(clauses: Iterable[Clause]) -> bool:
    """Return True if a clause asks for no more messages, whatever else the message says."""
    return any(_asks_in(clause.words) for clause in clauses)


def is_unmistakable(clauses: list[Clause], *, may_lead_to_it: bool = True) -> bool:
    """Return True if the message is a request to stop, courtesy, and, if they `may_lead_to_it`, few other words before
    the request."""
    words = " ".join(clause.words for clause in clauses)
    tokens = words.split()
    if not tokens or len(tokens) > _MAX_WORDS or _NOT_WANTED.search(words):
        return False
    bare = " ".join(token for token in tokens if token not in _COURTESY)
    if _ALONE.fullmatch(bare) or _ALONE_AND_ONCE.fullmatch(bare):
        return not any(clause.asks for clause in clauses)
    if any(_is_real_question(clause) and _REQUESTS.search(clause.words) for clause in clauses[-1:]):
        return False
    if _FOR_NOW.search(words) and _CALLS.search(words):
        return False
    if not any(_REQUESTS.search(clause.words) or _BEGINS.search(clause.words) for clause in clauses):
        return False
    rest = [_REQUESTS.sub(" | ", clause.words) for clause in clauses]
    rest = [_THREAT.sub("", words) for words in rest]
    if _ANOTHER_WAY.search(" ".join(rest)):
        return False
    return sum(_unknown(words) for words in rest) <= (_MOST_UNKNOWN if may_lead_to_it else 0)


def _unknown(words: str) -> int:
    """Count the words that are no courtesy. Above `_MOST_UNKNOWN` if one may narrow the request: all that follow it,
    all in another clause, and all that speak of business."""
    before, mark, after = words.partition("|")
    known = [*after.split(), *(before.split() if not mark else ())]
    if not all(token in _BESIDE_A_REQUEST or token == "|" or (token.isdecimal() and len(token) < 3) for token in known):
        return _MOST_UNKNOWN + 1
    if not mark:
        return 0
    unknown = [token for token in before.split() if token not in _BESIDE_A_REQUEST]
    return _MOST_UNKNOWN + 1 if _NARROWS.search(" ".join(unknown)) else len(unknown)


def _asks_in(words: str) -> bool:
    if re.match(r"(?:please |kindly |just )?(?:click|press|tap|reply|visit|follow|use the)\b", words):
        return False  # so a footer explains itself
    if re.match(r"(?:to|how to|for|if you) (?:stop|unsubscribe|opt out|want|wish)", words):
        return False  # a footer's instruction
    return bool(_REQUESTS.search(words) or _ALONE.fullmatch(words)) and not _NOT_WANTED.search(words)


def _is_real_question(clause: Clause) -> bool:
    """'Can you stop texting me?' is a request, no question."""
    return clause.asks and not re.match(
        r"(?:please |hi |hello )*(?:can|could|will|would) (?:you|u)\b|ممكن|do not|dont", clause.words
    )
