"""Patterns of clauses that report or promise a payment, refuse, dispute, or deny being the debtor.

They match text normalised by `spelling.normalise`, clause by clause. Denied statements are removed before claims are
matched: `DENIED_PAYMENT` before `HAS_PAID`, `DENIED_PROMISE` before `WILL_PAY`.
"""

# Patterns and lists of words are easier to keep without breaks.
# ruff: noqa: E501

import re


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b[وف]?(?:{'|'.join(alternatives)})(?!\w)")


_PAY = "pay|settle|transfer|clear|deposit|wire|remit|send you|release|process|arrange|make|do|complete|close|sort|finali[sz]e"
_PAYING = "paying|settling|transferring|clearing|depositing|wiring|remitting"
_PAID_WORDS = "paid|settled|transferred|transfered|cleared|deposited|wired|remitted|payed"
_MONEY = (
    "payment|payments|transfer|money|amount|funds|balance|invoice|invoices|bill|dues|due|cheque|check|deposit|remittance"
    "|outstanding|cash|instal\\w+|rest|remaining|half|sum|full"
)
_ARABIC_I_PAY = (
    "ادفع|ندفع|اسدد|نسدد|احول|نحول|اخلص|نخلص|اسوي|نسوي|ارسل|نرسل|اودع|نودع|اقوم|نقوم|اصفي|نصفي|اسلم|نسلم|اطرش|نطرش"
)
_ARABIC_PAY_SURE = "ادفع|ندفع|اسدد|نسدد|احول|نحول|اخلص|نخلص|اودع|نودع"
_ARABIC_MONEY = (
    "الدفع|دفع|السداد|سداد|التحويل|تحويل|المبلغ|الفاتوره|الفلوس|الحواله|حواله|الدفعه|الشيك|شيك|المستحقات|الباقي|فلوس|كامل"
    "|المصاري|القسط|الحساب|دفعه|بالدفع|بالسداد|بالتحويل|الفواتير|الفيرمون|virement|flous|lflous"
)

# --- Paid -----------------------------------------------------------------------------------------------------------

# Beginnings of conditions and questions within a clause.
CONDITION = re.compile(
    r"\b(?:if|whether|once|when|until|till|unless|as soon as|in case|provided|after you|after we receive|before you"
    r"|اذا|ان كان|ان كانت|لو|هل|عندما|لما|لمن|متي ما|اول ما|بعد ما|بعدما|بس لما|حين|الا اذا|الا لما|lama|lamma|law|iza)\b"
)
_HARDLY = (
    "yet|been|be|have|has|fully|actually|it|the|this|that|any|a|even|being|is|was|still|for|of|it yet|already|anything"
)
DENIED_PAYMENT = _any(
    rf"(?:not|never|no|nt|havent|hasnt|hadnt|isnt|wasnt|arent|werent|didnt|dont|doesnt|cant|cannot|wont|nobody|noone"
    rf"|without|neither|nor|yet to|still to|to|be|being|get|gets|getting|got|am|im|should have|must|remains?|supposed to"
    rf"|expecting|wait(?:ing)? for|need(?:s)?|awaiting|pending)(?: (?:{_HARDLY}))* (?:{_PAID_WORDS})(?: yet)?",
    rf"(?:i|we) (?:was|were|are|am) (?:{_PAID_WORDS})|(?:{_PAID_WORDS}) (?:us|me)(?: yet)?|not (?:fully )?(?:{_PAID_WORDS})",
    r"(?:payment|transfer|amount|invoice) (?:was|is|has|were|are) (?:not|never)(?: been| yet)* \w+",
    r"(?:no|any|your|without|awaiting|pending|not the|which) (?:payment|transfer)(?: was| has been| is)? \w+",
    r"(?:payment|transfer) (?:is |was |has been |still )*(?:declined|rejected|failed|bounced|returned|stuck|pending|delayed|late)",
    r"(?:get|getting|got|be|when|until|once|after|am|im) paid",
    r"unpaid|overpaid|prepaid|paid (?:leave|attention|for by you|amount is wrong)",
    r"(?:ما|لم|لا|مش|مو|مب|م|غير|لسه|لسا|مازال|لسه ما|لسا ما) ?"
    r"(?:دفعت\w*|دفعنا\w*|سددت\w*|سددنا\w*|حولت\w*|حولنا\w*|خلصت\w*|خلصنا\w*|مدفوع\w*|مسدد\w*|محول\w*|اندفع\w*|انسدد\w*|تدفع|تسدد)",
    r"(?:لم|ما|لن|لا) (?:يتم|تتم|تم|تمت|يكن قد تم) (?:بعد )?(?:عمليه )?(?:ال)?(?:دفع|سداد|تحويل|ايداع|تسديد)\w*",
    r"(?:لم|لن) (?:ندفع|ادفع|نسدد|اسدد|نحول|احول)|(?:mish|msh|mesh|mo|ma|m) ?(?:dafa3\w*|dfa3\w*|daf3\w*|madfu3\w*|7awalt\w*|khalast\w*|khalasna)",
    r"ما ?(?:دفعتش|دفعناش|حولتش|خلصتش|خلصناش|سددناش)",
)
_SO = "already|just|fully|also|now|have|has|been|ve|actually|today|yesterday|it|all|long|recently|successfully|then|in full|only"
HAS_PAID = _any(
    rf"(?:i|we|already|was|were|been|has|have|is|are|ive|weve|just|fully|its|it|and|accounts|finance|bank|company|he|she|they"
    rf"|husband|wife|brother|office|department|team|amount|invoice|bill|payment|money)"
    rf"(?: (?:{_SO}))* (?:paid|payed|settled|transferred|transfered|deposited|wired|remitted|cleared)",
    rf"^(?:{_SO}|yes|ok|okay|hi|hello|dear|sir|all|invoice|inv|bill|fully|no|sorry)?(?: (?:sir|dear|team|madam|i|we|is|was|\w+))?"
    r"(?: already| just| all)?(?: )?(?:paid|payed|settled|transferred|deposited|wired|remitted|cleared)",
    r"(?:paid|payed)(?: (?:it|this|that|the|all|in|on|by|yesterday|today|last|already|full|via|through|cash|online|with"
    r"|them|these|both|everything|your|half|ref|to|from|at|\d+\S*)|$)",
    r"(?:payment|transfer|the money|money|amount|funds|remittance|full amount|balance|bill|invoice)"
    r"(?: (?:was|has been|have been|is|already|has|have|been|were|just|all|successfully|through|fully))+"
    r" (?:made|sent|done|transferred|completed|complete|processed|released|executed|credited|deposited|gone|went|paid|settled"
    r"|received by you|cleared|remitted|wired)",
    r"(?:payment|transfer) (?:made|sent|done|completed|processed|released|executed|went|successful)",
    r"(?:made|sent|completed|processed|released|did|done|executed|initiated|cleared|issued)"
    r"(?: (?:the|a|an|our|my|your|this|full|bank|online|wire|cash|part|partial|first|last|total|whole|complete|cheque|you))*"
    r" (?:payment|transfer|money|amount|funds|cheque payment|remittance|deposit|dues)",
    r"(?:gave|handed|delivered|dropped|sent)(?: (?:you|him|her|the|your|a|our|driver|salesman|rep|guy|over|to))*"
    r" (?:cash|money|the cheque|cheque|check|a cheque)",
    r"(?:bank )?(?:transfer|payment|deposit) (?:receipt|slip|proof|confirmation|advice|copy)|proof of (?:the )?(?:payment|transfer)"
    r"|swift copy|(?:attached|here is|find) (?:the |is |attached )*(?:receipt|slip|swift|proof|remittance)",
    r"(?:please |kindly )?(?:confirm|acknowledge) (?:the )?(?:receipt|receiving) of (?:the |our |my )?(?:payment|transfer|funds|amount)",
    r"(?:و|ف)?(?:دفع|سدد|حول|خلص|اودع|ودع|صفي)(?:ت|نا|تو)(?:ها|ه|هم|كم|لكم|لك|لهم|ك|لكو|لكن|و|هالكم)?",
    r"(?:انا|احنا|نحن|خلاص|اني) (?:محول|محولين|محوله|دافع|دافعين|دافعه|مسدد|مسددين|مخلص|مخلصين)(?:ها|لكم|لك|ه)?",
    r"(?:neft|rtgs|imps|upi|bacs|chaps|swift|tt|wire|telegraphic transfer|faster payment)(?: (?:transfer|payment|is|was|has been|already))* (?:done|made|sent|completed|successful|processed|initiated)",
    r"^(?:sent|done|deposited|transferred|wired|remitted) (?:via|through|by|thru|from|to)|(?:cheque|check|chq|cash|payment|money)(?: (?:was|is|already|has been))* (?:collected|picked up|taken|handed|given|delivered|received)(?: over)? (?:by|to) (?:your?|ur)",
    r"(?:shows?|showing|marked|recorded|appears?)(?: (?:this|it|that|the|invoice|already|in|our|system))* (?:as )?(?:paid|settled|cleared)|^(?:سبق|قد سبق) و?ان (?:دفعنا|سددنا|حولنا)\w*",
    r"(?:collector|driver|salesman|sales guy|rep|guy|agent|you|they|he|man|messenger)(?: \w+)? (?:took|collected|received|picked up|got) (?:the |our |my |a )?(?:cash|money|cheque|check|payment|amount)",
    r"(?:تراني|تراي|راني|رانا) (?:دافع|مسدد|محول|خالص|خلصت|خلصنا|دفعت)\w*",
    r"(?:التحويل|المبلغ|الفلوس|الحواله|الدفعه) (?:واصل|واصله|نزل|نزلت|وصلكم|وصلتكم|عندكم من)",
    r"(?:money|amount|funds|payment|it|transfer|cash)(?: (?:is|already|has been|was|has|should be|now))+ (?:in|with|reached|into) your (?:account|bank)",
    r"^(?:(?:its|it is|all|already|this|that|thats|is|has|been|was|it|everything|we|weve|i|ive) )+(?:done|sorted|dealt with|taken care of|squared(?: away| up)?|settled up)(?: (?:already|yesterday|today|last \w+|now|mate|bro|sir|thanks|with \w+ \w+))*$",
    r"(?:payment|paisa|paise|amount|transfer|bank se)(?: \w+)? (?:ho ga[iy]?a|ho ga[iy]+|kar di(?:ya|e|ye)?|de diya|bhej di(?:ya|e|ye)?|ho chuka|kar chuka)|(?:bhej|transfer kar|pay kar|de) (?:diya|diye|di) (?:hai|hu|h)\b",
    r"(?:just|already)(?: just| now)? sent (?:it|this|that|money)(?: (?:over|across|through|to you|now|today|yesterday|off))*$",
    r"(?:released|processed|executed|cleared|put through|sent)(?: (?:this|it|that))(?: \w+)? (?:on|in|with|under|yesterday|last|this morning|through)",
    r"(?:cleared|paid|settled|released|processed) (?:under|in|with|by) (?:payment |pay |the )?(?:batch|run|voucher)",
    r"(?:ال)(?:دفع|سداد|تحويل|دفعه|حواله|ايداع|تسديد) (?:تم|تمت|خلص|صار)(?! \w+ (?:لا|ما))",
    r"(?:cash|cheque|check|chq|money|amount|payment|funds)(?: (?:was|is|were|already|has been|has|have been|have))* (?:posted|mailed|couriered|dispatched|banked|deposited|transferred|sent|wired|paid|credited|handed|collected|debited)",
    r"(?:wire|transfer|payment|money|funds|cheque|remittance)(?: (?:has|have|already|was|just))* (?:went|gone|left|cleared|debited|leaving)|debited from (?:our|my) account",
    r"(?:dafa?3|dfa3|daf3|7aww?[aei]l|haww?[aei]l|khall?[ai]s|5all?[ai]s|sadd?[ai]d)(?:t|et|it|na|nah|naha|taha|tha|tlak|tlakom|tilkom|nalak|nalkom)",
    r"(?:و|لقد |قد |انا |احنا |نحن |ها)?(?:دفعت|دفعنا|دفعته|دفعتها|دفعناه|دفعناها|دفعتلكم|دفعتلك|دفعتو|دفعتهم|دفعناهم"
    r"|سددت|سددنا|سددته|سددتها|سددناها|سددناه|حولت|حولنا|حولته|حولتها|حولناها|حولناه|حولتلكم|حولتلك|حولنالكم|حولنالك"
    r"|حولتهم|حولناهم|اودعت|اودعنا|خلصت|خلصنا|خلصتها|خلصناها|خلصتكم|خلصناكم|خلصتو)",
    r"(?:و|لقد |قد |خلاص )?(?:تم|تمت|تمام تم) (?:عمليه |بالفعل |امس |اليوم |مبارح |لكم )?(?:ال)?(?:دفع|دفعه|سداد|تحويل|حواله|ايداع|تسديد|تصفيه)\w*",
    r"(?:تم|تمت) (?:\w+ ){0,2}(?:الدفع|السداد|التحويل|الحواله|الايداع)",
    r"(?:المبلغ|الفاتوره|الفواتير|الحساب|الفلوس|الحواله|الدفعه|هي|هذه|هاي|كلها)(?: \w+){0,2} (?:مدفوع|مدفوعه|مسدد|مسدده|اندفع|اندفعت|انسدد|انسددت|اتدفع|اتدفعت"
    r"|اتحول|اتحولت|تحولت|تحول|محوله|محول|وصلتكم)|^(?:مدفوع|مدفوعه|مسدد|مسدده)",
    r"(?:سويت|سوينا|عملت|عملنا|درت|درنا|ارسلت|ارسلنا|طرشت|طرشنا|بعثت|بعثنا|بعتت|بعتنا|نفذت|نفذنا|اجريت|اجرينا|صيفطت"
    r"|صيفطنا|صيفطنالكم|سلمت|سلمنا|عطيت|اعطيت|اديت)(?: \w+){0,2} (?:" + _ARABIC_MONEY + ")",
    r"(?:ايصال|صوره|اشعار|وصل|سند) (?:ال)?(?:تحويل|دفع|سداد|حواله|ايداع)|محولين|دافعين|(?:انا |احنا )?دافعها|مسددين",
    r"(?:ana )?(?:dafa3t\w*|dfa3t\w*|daf3t\w*|dafa3na\w*|dfa3na\w*|dafaana|dafaat|7awalt\w*|7awwalt\w*|7awelt\w*|7awalna\w*|hawalt\w*|hawwalt\w*|hawalna"
    r"|khalast\w*|khallast\w*|khalasna\w*|khallasna|5alast\w*|5alasna|saddadt\w*|sadadt\w*|saddadna|sadadna)",
    r"(?:tam|tamm|tm|tem) (?:el |al )?(?:dafe?3|dafa3|dafa|ta7wil|ta7weel|tahwil|tahweel|sadad|7awale\w*)|jai khallast|madfu3\w*|madfo3\w*",
    r"(?:j ai|jai|on a|nous avons) (?:deja )?(?:paye|vire|regle)|virement (?:est )?(?:fait|effectue)",
)

# --- Will pay -------------------------------------------------------------------------------------------------------

_WILL = "will|ill|well|shall|gonna|going to|plan to|planning to|able to|promise to|intend to|hope to|hoping to|expect to|aim to|try to|want to|wanna|wil|about to"
REFUSES = _any(
    r"not (?:a|one|a single|one single) (?:penny|cent|dirham|dime|fils|pound|rupee|dollar|riyal|piastre)",
    r"nothing will be paid|(?:will not|wont) be (?:paid|settled)|no payment (?:will be|until|unless)|withhold\w*|payment (?:is )?withheld|holding (?:the |your |back |this )*payment",
    r"no way (?:i|we) (?:will |am |are |would )?(?:pay|paying)|(?:مستحيل|والله ما|ابدا ما|لا يمكن ان) (?:ادفع|ندفع|اسدد|نسدد|بدفع|ادفعها)\w*",
    rf"(?:will not|wont|would not|not going to|not gonna|aint|never going to|refuse to|refusing to|refused to|never"
    rf"|do not intend to|dont intend to|not intend to|have no intention (?:to|of)|no intention (?:to|of)|not willing to"
    rf"|no way (?:i|we) (?:will|am|are|would)|see no reason to|no reason to|no obligation to|why should (?:i|we)|do not plan to"
    rf"|dont plan to|will never|not planning to|not ready to|shall not)(?: (?:be|ever|even|just|have to|need to|gonna|going to))*"
    rf" (?:{_PAY.replace('|make|do|complete|close|sort', '')}|{_PAYING}|make (?:any|the|this) payment)",
    rf"(?:not|im not|am not|are not|were not|arent) (?:{_PAYING})",
    r"(?:not|dont|do not|no) (?:paying|pay) (?:this|that|it|for|you|a|any|one|single|anything|until|unless)",
    r"(?:do not|dont|does not|doesnt) owe (?:you )?(?:anything|any|this|that|money|a|nothing|you|it|the)|owe you nothing",
    r"take (?:me|us) to court|see you in court|our lawyers?|my lawyer|(?:legal|court) action against you|sue (?:me|us)",
    r"(?:لن|مش|مو|مب|ماني|منيش|مانيش|ما|م|لا) ?(?:راح |رح |حا? ?|ه|ناوي |ناويين |ب|غادي |غاديش |سوف )?(?:اني |احنا )?"
    r"(?:هادفع|هدفع|حدفع|حادفع|هندفع|حندفع|هسدد|بدفع|بندفع|بسدد|دافع|دافعين|ادفع\w*|ندفع\w*|اسدد|نسدد|نخلص|نخلصش|نخلصكم|اخلص|ادفعش|ندفعش|مسدد)",
    r"ما ?(?:غاديش|غادي|راح|رح) (?:نخلص\w*|ندفع\w*|ادفع|نسدد|اسدد)",
    r"(?:ارفض|نرفض|رافض|رافضين) (?:ال)?(?:دفع|سداد|\w+)|ما لكم (?:عندي|عندنا) (?:شي|اي|فلوس)|مالكم شي",
    r"(?:mish|msh|mesh|mosh|mo|mub|mani|ma|mani) ?(?:ra7 |rah |7a|ha|ghadi )?(?:hadfa3|7adfa3|hadfa|adfa3\w*|dafe3|bdfa3|badfa3|nkhalles|nkhalas|nkhlas|adfa|ndfa3)",
)
# "We can't pay before Sunday": a promise with a day, and no promise without one.
UNTIL = re.compile(r"\b(?:before|until|till|earlier than|prior to|قبل|الا بعد|حتي|لغايه|الا|غير|2abl|la7ad)\b")
CANNOT = _any(
    rf"(?:cant|cannot|can not|couldnt|could not|unable to|not able to|wont be able to|will not be able to|not in a position to"
    rf"|not possible to|impossible to|difficult to|hard to)(?: (?:be|even|just|currently|really|make|do|afford to))*"
    rf" (?:{_PAY}|{_PAYING}|afford|any payment|the payment)(?: (?:it|this|that|the|now|today|full|you|amount|invoice|in))*",
    r"(?:لا|ما|مش|مو|مب|م) ?(?:استطيع|نستطيع|اقدر|نقدر|بقدر|بنقدر|قادر|قادرين|يمكنني|يمكننا|فيني|فينا|عندي|عندنا|معي|معايا|معنا|نقدرش|نجم|نجمش|نجموش)"
    r"(?: (?:ان|علي|حاليا|هلا|الان|دلوقتي|هسه))*(?: (?:ادفع\w*|ندفع\w*|اسدد|نسدد|الدفع|السداد|فلوس|مصاري|سيوله|نخلص|احول|نحول))?",
    r"(?:ma|mish|msh) ?(?:a2dar|2adar|fini|ma3i|ma3aya|aqdar|agdar|b2dar|3andi)(?: (?:adfa3|adfa|floos|flous|masari|fulus))?",
)
_BE_PAID = r"(?:paid|settled|transferred|transfered|cleared|made|processed|released|done|sent|credited|deposited|remitted|wired|executed)"
WILL_PAY = _any(
    r"(?:ill|will|well|gonna|going to) (?:bring|drop|pop|run|send) (?:it|the money|the cash|the cheque|a cheque|cash|money)(?: (?:round|by|over|in|off|up|down|to you|to the office))*$",
    r"(?:will|should|shall|ll) be (?:with you|in your (?:account|bank)|yours)(?: \w+){0,2} (?:on|by|tomorrow|before|within|in|soon|next|this|monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
    r"(?:payment|paisa|paise|amount|transfer|pay|bank se)(?: \w+){0,2} (?:ho ja(?:y|e|ye)ga|kar (?:du|do|de|de)nga|kar denge|kar dega|de (?:du|do)nga|de denge|bhej (?:du|do)nga|bhej denge|aa ja(?:y|e|ye)ga)",
    r"(?:going|goes|put) (?:in|into|on|out in|out on|through in|through on)(?: \S+){1,4} (?:payment|pay|bacs|cheque) (?:run|batch|cycle)",
    rf"(?:i|we|he|she|they|it|accounts?|finance|company|husband|manager|boss|team|department|owner|and|then|definitely|surely|ok|yes)?"
    rf"(?: )?(?:{_WILL}) (?:\w+ ){{0,2}}(?:pay|settle|transfer|deposit|wire|remit|be paying|be settling|be transferring|payoff|clear)(?! (?:for the lawyer|attention))",
    rf"(?:{_WILL}) (?:\w+ )?(?:send|release|process|arrange|make|do|complete|sort|issue|hand|give|deliver|bring|drop|get|have|finali[sz]e|close|handle|execute|initiate)"
    rf"(?: \w+){{0,4}} (?:{_MONEY})(?! (?:details|copy|instructions|slip|receipt|proof|confirmation|statement|number|reference|advice|status|terms))",
    rf"(?:{_WILL}) (?:\w+ ){{1,6}}and (?:pay|transfer|settle|deposit)|^(?:it is |its |still |now |payment )?(?:under|in) process(?:ing)?",
    rf"(?:{_WILL}) (?:do|sort|handle|arrange|fix|complete|finish|take care of|get) (?:it|this|that|them|so)(?: \w+)? "
    r"(?:on|by|tomorrow|next|today|before|this|within|in|soon|asap|now|then|straight away|immediately|once|as soon|when|after|tonight|friday|sunday|monday|tuesday|wednesday|thursday|saturday|tmrw|first)",
    r"(?:youll|you will|you shall) (?:have|get|receive|see) (?:it|the money|your money|the cash|payment|the payment|the funds|the full amount)(?: (?:all|back|then|soon))*$",
    rf"(?:will|shall|going to|to|gets|getting|should) be (?:\w+ )?{_BE_PAID}",
    r"(?:i|we) (?:can|could) (?:\w+ )?(?:pay|settle|transfer|deposit|clear)",
    r"(?:will|ill|shall|going to|well) (?:come|stop|pass|drop|visit|be there|call)\b.* to (?:pay|settle|give|hand)",
    rf"(?:{_PAYING})(?: (?:it|this|you|tomorrow|today|on|by|the|next|now|half|soon|in|full|within|\d+\S*)|$)",
    r"(?:pay|settle|transfer)(?: (?!made|done|sent|completed|processed|went|was|released|executed|cleared|credited|initiated)\w+){0,2} (?:you )?(?:on(?! time)|by|tomorrow|next|before|at the end|end of|today|within|in \d+|after salary|tmrw|soon)",
    r"payment(?: \w+){0,2} (?:will|is scheduled|is planned|is due to|is coming|on the way|on its way|scheduled|planned|in process|in progress"
    r"|under process|being processed|is being|under processing|to be released|expected)|payment (?:by|on)(?! (?:late|overdue|time|account))",
    r"(?:money|transfer|cheque|check|funds|cash)(?: \w+){0,2} (?:will|on the way|on its way|is coming|is ready|scheduled|expected)",
    r"(?:processing|arranging|preparing|releasing|scheduling|organi[sz]ing|initiating) (?:the |your |this |our |a )*(?:payment|transfer|cheque|funds|invoice)",
    r"(?:in|included in|part of|approved for|scheduled (?:for|in)|added to|put in) (?:the |our |this |next |weeks |month |fridays |\w+ ){0,3}(?:payment run|pay run|payment batch|payment cycle|payment)",
    r"(?:you|u)(?:ll| will| shall| should)? (?:will )?(?:have|get|receive|see|be getting|be receiving|be paid)(?: (?:it|the|your|full|payment|money|amount|transfer|funds|a|cheque|cash))*"
    r" (?:on|by|tomorrow|next|before|today|within|in|this|soon|from us|sunday|monday|tuesday|wednesday|thursday|friday|saturday|tmrw)",
    r"expect (?:the |your |our |full )*(?:payment|transfer|money|amount|it|funds|cheque)",
    r"(?:give|need|allow|grant|gimme)(?: (?:me|us|them))?(?: \w+){0,5} (?:days?|weeks?|time|until|till|extension|months?)",
    r"(?:extension|grace|more time) (?:until|till|to)|bear with (?:me|us) (?:until|till)|wait (?:for me |for us )?(?:until|till)",
    rf"(?:{_WILL}) do the needful|^(?:تحت|قيد) (?:ال)?(?:اجراء|تنفيذ|معالجه|معامله)",
    r"(?:payment|cheque|check|transfer|it) (?:is )?(?:just )?(?:awaiting|pending|waiting for|with management for|with the bank for) (?:\w+ )?(?:signature|approval|release|sign off|signing)",
    r"(?:very )?soon (?:inshallah|in sha allah|insha allah|god willing)|^قريبا|ن(?:خلص|دفع|سدد|حول)(?:وا|و)(?:كم|لكم|ك|ها|لك)",
    r"promise(?: you)? (?:to pay|payment|i will|we will|the payment|on|by)|commit to (?:pay|settle)",
    r"و?(?:س|ح|ه|حا|ها|ب|ان|بن|هن|حن|سن|سا|راح |رح |سوف |غادي |باش |ناوي |ناويين |بنا |هنقوم ب|سنقوم ب|ساقوم ب|ان شاء الله |باذن الله |بعون الله |باذنه تعالي |انشالله |انشاءالله |لازم )"
    rf"(?:{_ARABIC_PAY_SURE}|دفع|سدد|حول|خلص|ندفع|نسدد|نحول)(?:ها|ه|لكم|لك|هم|لكن|كم|ك|لكو|هالك|هالكم|هولك|هولكم|ولك|ولكم)?",
    r"(?:ادفع|ندفع|اسدد|نسدد|احول|نحول|نخلص|اخلص)(?:ها|ه|لكم|لك|كم|ك)? (?:قريبا?|باقرب|في اقرب|عن قريب)",
    rf"(?:سا|س|سن|راح |رح |سوف |غادي |ح|ه|ب|هن|حن)(?:{_ARABIC_I_PAY}|رسل|سلم|سوي|قوم|عمل|جهز|نجهز|اجهز|نعمل|اعمل|ندير|دير)(?: \w+){{0,3}} (?:{_ARABIC_MONEY})",
    r"(?:راح|رح|سوف|غادي|س|حي|هي|ب)? ?(?:يتم|تتم|هيتم|حيتم|سيتم|ستتم|بيتم) (?:\w+ )?(?:ب)?(?:ال)?(?:دفع|سداد|تحويل|ايداع|تسديد)\w*",
    r"(?:سيكون|هيكون|حيكون|بيكون|يكون|راح يكون|تكون|ستكون) (?:\w+ ){0,2}(?:المبلغ|عندكم|الدفع|السداد|التحويل|جاهز|مدفوع\w*|في حسابكم|الشيك)",
    r"(?:سوف|راح|س|رح)? ?(?:يوصلكم|يصلكم|توصلكم|تصلكم|بيوصلكم|حيوصلكم|هيوصلكم|سيصلكم|ستصلكم|بتوصلكم|ستصل|هتوصلكم) (?:\w+ ){0,2}(?:المبلغ|الفلوس|الدفعه|الحواله|التحويل|الشيك|كامل|حقكم|المصاري)",
    r"(?:المبلغ|الفلوس|الدفعه|الحواله|التحويل|الشيك|حقكم|المصاري) (?:\w+ ){0,2}(?:بيوصل\w*|سيصل\w*|راح يوصل\w*|هيوصل\w*|حيوصل\w*|بتوصل\w*|ستصل\w*|بكره|غدا|جاهز|قيد التنفيذ|قيد الاجراء|قيد التحويل|في الطريق|بالطريق|يوم)",
    r"(?<!تم )(?<!تمت )(?:الدفع|السداد|التحويل|الدفعه) (?:ان شاء الله )?(?:يوم|غدا|بكره|باكر|بكرا|الاسبوع|خلال|قبل|بعد|نهايه|سيكون|سيتم|اخر|في|بتاريخ|قيد|تحت)",
    r"(?:ادفع|ندفع|اسدد|نسدد|احول|نحول|اخلص|نخلص)(?:ها|ه|لك|لكم|كم|و)? (?:ان شاء الله )?(?:يوم|غدا|بكره|بكرا|باكر|المبلغ|في|خلال|قبل|بعد|الاسبوع|نهايه|اخر|الخميس|الاحد|الاثنين|الثلاثاء|الاربعاء|الجمعه|السبت|اليوم|الفاتوره|الباقي|الليله|بتاريخ|لكم|لك|\d+)",
    r"(?:امهلوني|امهلني|امهلونا|اعطوني|اعطني|عطوني|عطنا|عطونا|عطني|ادوني|اديني|نحتاج|احتاج|محتاج|محتاجين|بدنا|بدي|نرجو منحنا|اصبروا|اصبر|صبروا|استنوا|استني|انتظروا|انتظرونا|مهلوني|نبي|ابي|خلوها|خليها|ياريت|اعطونا|عطيني|اعطينا)"
    r"(?: \w+){0,4} (?:مهله|يوم|يومين|ايام|اسبوع|اسبوعين|وقت|للاحد|لاخر|لنهايه|لبكره|لبكرا|شهر|بكره|الخميس|الاحد|الاثنين|لين|الين|لحد|حتي)",
    r"(?:جاري|جار|نعمل علي|قيد) (?:ال)?(?:دفع|سداد|تحويل|تجهيز|العمل علي|تنفيذ|اجراءات)(?: \w+){0,2}",
    r"(?:ra7|rah|ha|7a|sa|sawfa|ghadi|bash|insha ?allah|inshallah|nchallah|in sha allah) ?(?:adfa3\w*|ndfa3\w*|adfa|dfa3|nkhalles\w*|nkhalas|nkhlas|akhallis|nkhallis|a7awel\w*|a7awwel\w*|n7awel\w*|ahawel|7awel\w*|asadded|nsadded|edfa3|idfa3)",
    r"(?:badfa3\w*|bdfa3\w*|bedfa3|b7awel\w*|ba7awel\w*|bahawel|bn7awel|hadfa3\w*|hadfa|7adfa3\w*|ha7awel\w*|hankhalas|handfa3|sadfa3|sa2adfa3|nkhalsek|nkhalskom)",
    r"(?:adfa3|nkhalles|nkhallas|ndfa3|a7awel|ahawel)\w* (?:lak|lakom|lkom)?(?: )?(?:bokra|bukra|bukrah|youm|yom|ba3d|el|al|ghedwa|ghodwa|inshallah|akher|lyoum)",
    r"(?:je vais|on va|nous allons) (?:payer|virer|regler)|(?:je|nous) (?:paie|payons|paierai|paierons|reglerai|reglerons)",
)
# Promises only together with a day in the same clause: 'I can do it on Tuesday'.
CAN_ON_A_DAY = _any(r"^(?:yes |ok |okay |sorry |hi )*(?:i|we) can (?:only )?(?:do|manage|sort|get|bring|have|make)")
# Promises only together with a future day in the same clause and without a past payment.
MONEY_AHEAD = _any(
    r"pay|pays|payments?|half|salary|salaries|الراتب|راتب|المعاش|cheques?|check|pdc|transfer|settle|settlement|cash|deposit|instal\w+|bank|money|funds",
    r"و?(?:[انبهحست]|سن|هن|حن|بن|ست|سي|هي|حي|ي)?(?:دفع|سدد|حول|خلص)(?:ها|ه|كم|لكم|لك|هم|ك|و)?",
    r"(?:ب|ل|و)?(?:ال)?(?:دفع|دفعه|سداد|تحويل|شيك|فلوس|مبلغ|حواله|مصاري)|[abhn7]?(?:dfa3|dafa3|khall?[ei]s|7aww?[ei]l|5all?[ei]s)\w*",
)
# Clauses with these are not promises of the debtor, whatever the verb.
DENIED_PROMISE = _any(
    r"(?:will|ill|well|to|let me|gonna|must|need to|have to|going to) check(?! (?:for|of|worth)\b)",
    r"(?:لم|لا|ما|لن) (?:يتم|تتم|تم) (?:بعد )?(?:ال)?(?:دفع|سداد|تحويل|ايداع|تسديد)\w*(?: بعد)?",
    r"(?:تم|تمت) (?:ال)?(?:ايداع|تحويل|سداد|دفع|تسديد|حواله)\w*(?: (?:ال)?(?:مبلغ|دفعه|فاتوره|فلوس))?",
    r"(?:لم|لسه ما|لسا ما|مازال ما|ما) ?(?:ندفع|ادفع|نسدد|اسدد|نحول|احول|نخلص|اخلص|دفعت|دفعنا)\w*(?: بعد)?",
    r"(?:who|you|they) (?:will|shall|should|must|have to|need to|going to|ll) (?:pay|cover|settle)(?: for)?|youll pay|you pay",
    r"(?:should|must|have to|need to|supposed to|want to know (?:how|where) to|how to|where to|asked to|told to|link to|like to|way to|option to|want to|possible to|order to|able to pay by|ask me to|wants me to|wants us to|request to|forced to)"
    r" (?:i |we )?(?:pay|settle|transfer|be paid)",
    r"(?:will|would|shall) (?:only )?(?:consider|think|discuss|check|review|see|look)(?: \w+){0,3} (?:paying|payment|pay)",
    r"would (?:have )?(?:pay|paid|settle)|paying (?:attention|customer|client|for nothing|twice|again)|after paying|before paying|without paying|instead of paying|keep paying|stop paying|used to pay",
    r"(?:will|would) (?:dispute|contest|challenge|reject)",
)

# The money is on its way. Together with a reported payment this is not a further promise.
ARRIVES = re.compile(
    r"\b(?:you|u|it|they|money|funds|amount|payment|transfer|cheque)(?:ll| will| should| shall| may| might| would)+ (?:\w+ )?(?:see|have|get|receive|reach|arrive|reflect|show|appear|be (?:with|in|there|credited|reflected))"
    r"|\b(?:بيوصل|سيصل|هيوصل|راح يوصل|بتوصل|ستصل|هتوصل|حيوصل)\w*"
)

# --- Disputes -------------------------------------------------------------------------------------------------------

DISPUTE = _any(
    r"disput(?:e|ed|es|ing)|disagree\w*|contest(?:ed|ing)?(?: (?:this|the|your|that))|object to(?! (?:the |this |any )?(?:processing|use|storage|these messages|receiving|being))|reject(?:ed|ing)? (?:this|the|your|it)|do not accept|dont accept|not accept\w*|cannot accept|do not agree|dont agree|not agreed?|never agreed",
    r"(?:not|isnt|arent|doesnt|wasnt) (?:correct|right|accurate|valid|ours|match|mine|what (?:i|we|was) \w+|as (?:agreed|ordered|described|per)|the (?:agreed|correct|right)|up to|according|in line|what)",
    r"incorrect\w*|inaccurate|mistakes? in|wrongly|erroneous\w*|by mistake|an? (?:mistake|error)|discrepanc\w+|mismatch\w*|does ?nt match|do not match|dont match",
    r"wrong (?:amount|invoice|price|total|quantity|qty|goods|items?|bill|order|charge|vat|rate|currency|product|size|colou?r|calculation|figure|sum|po|trn|model|address on)",
    r"(?:amount|invoice|price|total|quantity|bill|figure|charge|vat|rate|calculation|statement)(?: \w+){0,2} (?:is|looks|seems|are|was) (?:\w+ )?(?:wrong|too high|different|incorrect|off|higher|double|duplicated?)",
    r"(?:damaged|defective|faulty|broken|cracked|torn|stained|dented|rusty|rusted|dirty|stale|bent|rotten|spoiled|substandard|overcharg\w+|double charged|charged (?:us |me )?twice|billed (?:us |me )?twice|incomplete|missing|(?<!app )(?<!link )(?<!bank )(?<!page )(?<!site )(?<!portal )(?<!card )not working|does not work|doesnt work|poor quality|bad quality|expired|leaking|unusable|scratched|short shipped|short delivery|unfinished|not finished|not completed|never completed|not complete|half done|counterfeit|rotten|low quality|terrible|delayed delivery)",
    r"(?:never|did not|didnt|have not|havent|(?<!do )(?<!dont )not|hasnt|has not|wasnt|was not|werent|were not|yet to|still not|still waiting for)(?: (?:yet|been|even|be|us|all|the|your|any|our|it|to|half|of|have))*"
    r" (?:ordered|order|received|receive|delivered|deliver|arrived|arrive|got|get|requested|request|provided|performed|installed|complete|completed|shipped|signed|sign|approved|approve|supplied|authori[sz]ed|used|fixed|repaired|replaced|bought|purchased|asked for|done|delivery|finish|finished|show up|turn up|come|came|fix|repair|replace|worked|agree|agreed)"
    r"(?! (?:the |an |any |your |this |a |my |our |copy |of |original |such )*(?:invoices?|emails?|messages?|reminders?|statement|bill|copy|salary|payment|money|bank|details|reply|response|answer|link|call|anything from|hard copy|paid|po|lpo))",
    r"double (?:charg|bill|invoic|count)\w*|(?:charg|bill|invoic)\w+(?: (?:me|us|this|it))* (?:twice|double|two times)|agreed (?:(?:on|at|aed|usd|sar|qar|rs|gbp|eur|was|a|price|of) ){1,3}\d|not (?:aed |usd |sar |qar |rs |gbp |eur )?\d{1,3} \d{3}\b|vat twice|(?:discount|credit)(?: \w+){0,3} (?:is|was|were|not) (?:missing|applied|deducted|included)",
    r"(?:dont|doesnt|do not|does not|didnt|did not|not) (?:tally|reconcile|add up|correspond|tie (?:up|in)|agree with)|(?:charged|charging|billed|billing|invoiced|invoicing) (?:me|us) for|(?:the|your|our) (?:quote|quotation|estimate)(?: \w+)? (?:was|said|is|says|were)|(?:is|are) (?:a|an absolute|a total) joke",
    r"(?:broke|damaged|ruined|wrecked|scratched|flooded|destroyed) (?:my|our|the)|short (?:supply|supplied|delivered|delivery|shipment|quantity)|shortages?|time barred|(?:claim|liability|debt|sum) (?:is )?(?:\w+ ){0,4}denied|pay only after|only pay (?:after|when|once|if)",
    r"complaint|complain\w*|not satisfied|unsatisfied|not happy|unhappy|disappointed|full price|promised (?:us |me )?(?:a )?discount|never placed|(?:cancel|void|withdraw) (?:this|the|your) (?:invoice|bill)|refund|lawyers?|solicitors?|charged (?:me |us )?(?:extra|more|too much|double|twice)|no (?:\w+ ){1,3}no (?:payment|money|pay)|attorney|legal|fraud\w*|scam|court|small claims|consumer protection|police|rip off|ripoff|cheat\w*|thie(?:f|ves)|fake invoice|bogus",
    r"(?:we|i)(?: have| had| already)* (?:cancelled|canceled|returned|sent back|rejected|terminated)(?! (?:the (?:meeting|call)|my (?:card|flight)))|(?:was|were|been|got) (?:returned|cancelled|canceled|rejected|terminated) ?(?! payment)|cancellation|asked (?:you )?to cancel|requested (?:to cancel|cancellation)",
    r"credit note|debit note|deduct\w*|discount (?:was|is|not|you|we|has|that)|agreed (?:on|price|discount|rate|amount)|quoted|quotation was|po (?:says|amount|value|price)|contract (?:says|price|states|value)|should be (?:\w+ )?(?:less|lower|\d+)|not \d{3,}|only owe|only (?:ordered|received|got|took|bought|requested|agreed)|ordered \d+ not|we owe (?:only|less)|too much|free of charge|extra charges?|unauthori[sz]ed|hidden (?:fees?|charges?)|duplicate|already (?:disputed|returned|credited)|never (?:signed|agreed|approved|heard back|used)",
    r"(?:why (?:is|are|was|am|were|do|did|this|the|there)?)(?: \w+){0,4} (?:invoice|charged?|charging|billed|amount|vat|fee|fees|so high|higher|penalty)|what is this (?:invoice|charge|amount|fee)|without (?:our|my) (?:approval|consent|permission)",
    r"(?:take (?:me|us) to court|see you in court)|not (?:our|the agreed|the) (?:\w+ )?(?:rates?|prices?|agreement|deal|order)|not liable|not responsible for (?:this|the|that|your)|not (?:our|my) (?:responsibility|problem|fault|mistake)",
    r"(?:اعترض|نعترض|اعتراض|معترض|معترضين|نزاع|شكوي|اشتكي|نشتكي|نشكي|بشتكي|محامي|المحامي|محاميي|محكمه|المحكمه|محاكم|المحاكم|قضيه|احتيال|نصب|نصابين|حراميه|حماي\w+ المستهلك|الشرطه)",
    r"(?:غير صحيح|غير صحيحه|غير دقيق|غير دقيقه|غير مطابق\w*|مو صحيح|مش صحيح|مو صحيحه|مش صحيحه|ما صحيح|مب صحيح|ليست صحيحه|ليس صحيح\w*|لا تطابق|ما تطابق|مش مطابق\w*|مو مطابق\w*|مش مظبوط\w*|مو مضبوط\w*|مش مضبوط\w*|غير متفق|ما اتفقنا|مو اللي اتفقنا|مش اللي اتفقنا|خلاف الاتفاق|مخالف\w*|ماشي هي|ماشي صحيح\w*)",
    r"(?:خطا|خطء|غلط|غلطه|غلطانين|خاطيه|خاطي|مغلوط\w*|بالغلط|اخطا|اخطاء)(?! الرقم)",
    r"(?:لم|ما|لسه ما|لسا ما|مازال ما|م) ?(?:استلم\w*|نستلم\w*|استلمت\w*|استلمنا\w*|اطلب\w*|نطلب\w*|طلبت\w*|طلبنا\w*|يصل\w*|تصل\w*|وصلت\w*|وصل\w*|وصلش\w*|يتم التسليم|تسلمنا|تسلمت|ركبتوا|ركبتو|خلصتوا|تخلصوا|كملتوا|تكملوا|نفذتوا|تنفذوا|اشتغل|يشتغل|شغال\w*|جات\w*|جاتنا|اجت\w*|جاني|وصلاتنا|يكتمل|تكتمل|ننفذ|كمل\w*|يكمل\w*|انتهي|انتهت|ينتهي|تنتهي|اتفقنا)"
    r"(?! (?:ال)?(?:فاتوره|فواتير|رساله|نسخه|راتب|رد|ايميل|حواله|رابط|كشف|رسايل|اي رسايل|مسج|اشعار|تذكير))",
    r"(?:الشغل|العمل|المشروع|التركيب|الصيانه|البضاعه|الطلب|الطلبيه|التسليم)(?: \w+)? (?:ما|لسه ما|لسا ما|مش|لم|لسه مش|مو|باقي ما|مازال ما) ?(?:ي|ت)?(?:خلص|كمل|تم|وصل|انتهي|اكتمل|جا|اجا|جاهز|انجز)\w*|(?:مش|مو|ماهو|ليس|غير) (?:ال)?(?:سعر|مبلغ|اتفاق|كميه|نوع|لون|مقاس)(?: \w+)? (?:اتفقنا|متفق|طلبنا|المتفق)\w*|اتفقنا علي\w*|متفقين علي\w*",
    r"(?:تالف|تالفه|تالفين|معيب|معيبه|مكسور|مكسوره|مكسورين|ناقص|ناقصه|ناقصين|نواقص|خربان\w*|مضروب\w*|سييه|سيء|رديي\w*|بايظ\w*|خايس\w*|مش شغال\w*|مو شغال\w*|ما يشتغل|مايشتغل|بايظه|عطلان\w*|(?:ما|لا|مش|مو|مب) ?(?:بي|ي|ت|بت)(?:شتغل|برد|فتح|عمل|دور|نفع|صلح|سخن)|فيها عيب|عيوب|منتهي\w* الصلاحيه|مهترس|خاسر|خاسره|مهرس\w*)",
    r"(?:رجعنا|رجعت|ارجعنا|ارجعت|الغينا|الغيت|كنسلنا|كنسلت|لغينا|لغيت|مرتجع|ارجاع|استرجاع|استرداد|رجعوا|طلبنا الغاء|طلبت الغاء|تم الغاء|تم الغاو\w*|ملغي|ملغيه|ملغاه)(?! (?:الاجتماع|الموعد))",
    r"(?:لماذا|ليش|ليه|علاش) (?:\w+ ){0,3}(?:الفاتوره|فاتوره|المبلغ|الرسوم|زياده|غالي|هذا المبلغ|تحسبون|حاسبين|تطالبون\w*|تطالبوننا)|فلماذا (?:ال)?\w+|اكثر من المتفق|زياده عن|اعلي من|اغلي من|المتفق عليه|حسب الاتفاق|الاتفاق كان|اتفقنا علي|الخصم|خصموا|مكرره|مكرر|مرتين|ما طلبناه|رسوم اضافيه|تفاصيل خاطيه|مزوره|ما الي علاقه|وهمي\w*|ما تعاملنا|لم نتعامل|وصل (?:نصها|نصفها|النص|نص|نصف)|باقي البضاعه|باقي الطلب",
    r"(?:ghalat|8alat|galat|mish sa7|mish mazboot|msh mazbout|mish mazbout|ma wasal\w*|mawasal\w*|ma weslet\w*|ma wslna\w*|maksoor\w*|maksour\w*|kharban\w*|5arban\w*|na2es|na2sa|na9es|nsab\w*|naseb|haramiyeh|ma stalam\w*|mastalam\w*|ma talabt\w*|matlabt\w*|ma tlabna\w*|el ma7kame)",
)

# 'Is this a scam?' is a question, no dispute.
DOUBTS = re.compile(r"\b(?:scam|fraud|legit|genuine|phishing|spam|real|fake)\b")

# --- Somebody else --------------------------------------------------------------------------------------------------

WRONG_PERSON = _any(
    r"(?:number|phone|email|address|sim|mobile)(?: \w+)? (?:isnt|is not|not|aint|no longer|is no longer) (?:his|hers|her|theirs|their|him)|(?:meant|intended|addressed) (?:for|to) (?:another|someone|somebody|a different|the other|some other|other)",
    r"(?:doesnt|dont|does not|do not|no longer|never)(?: \w+)? (?:have|has|had|own|owns|use|uses) (?:this|that|the) (?:phone|number|sim|mobile|email|address|mailbox|line)",
    r"(?:previous|last|old|former) (?:owner|user|tenant|holder|occupier|occupant|employee|owners)|(?:wrong|not the) (?:e ?mail )?address|have nothing to do with|left the (?:business|company|organi[sz]ation|firm)",
    r"و?(?:معرفوش|معرفهوش|معرفهاش|معرفكمش|معرفكوش|ماعرفوش|ماعرفكم|مانعرفوش|ما نعرفوش)|غلطت\w* (?:ف|في|ب)?(?:ال)?(?:نمره|رقم|شخص|عنوان|نومرو)",
    r"(?:البريد|الرقم|الايميل|الجوال|الهاتف|العنوان|النمره|الحساب)(?: \w+)? (?:لا|ما|مش|مو|مايخص|لايخص) ?(?:يخص|يتبع|بتاع|تبع|حق)\w*",
    r"(?:have|got|texted|called|reached|messaged|emailed|ve got)(?: \w+)? the wrong \w+|(?:ال)?رقم (?:\w+ )?(?:تغير|اتغير|تبدل|انباع|تبدل صاحبه)|تغير صاحب\w*|صاحب الرقم تغير",
    r"^ana (?:msh|mish|mesh|mo|mosh|mani) (?!dafe3|7adfa3|hadfa3|3ayez|3awez|fadi|fahem|3aref|ader|2ader|a2dar|mwafe2|hadfa|dafi3)\w+$",
    r"no (?:mr|mrs|ms|miss|dr) \w+(?: \w+)? here|no (?:\w+ )?(?:called|named) \w+",
    r"(?:its|this is|that is|thats|it is) (?:a |an |some )?(?:different|another|other) [a-z]+$|(?:مش|مو|ليس|ماهو|مب) (?:رقمه|رقمها)|ما (?:عندنا|في عندنا|في) (?:موظف|احد|حدا|حد|شخص|زبون)\w* (?:ب|اسمه)\w*",
    r"^not me$|^its not me|^this is not me|im (?:his|her) (?:wife|husband|sister|brother|son|daughter|mother|father|friend|colleague)|^i am (?:his|her) (?:wife|husband|sister|brother|son|daughter|mother|father)",
    r"(?:ما|لا|مش|مو|ليس|مب) ?(?:عاد )?(?:ب|بي)?(?:ي|ا|ن|ت)?(?:شتغل|عمل|خدم|داوم)\w*(?: \w+)? (?:هنا|هناك|هون|هني|عندنا|معنا|في الشركه|بالشركه|عندهم|معاهم|لدينا)",
    r"wrong (?:no$|number|person|contact|email|e mail|guy|recipient|man|lady|phone|company|mail ?box|people|party|department|whatsapp)",
    r"(?:this|it|that) (?:is|was) not (?:\w+ ){0,2}(?:number|phone|email|mailbox|mobile|account|line)(?! (?:correct))|not (?:the )?(?:person|company|number|one) (?:you|u|that you|who)",
    r"(?:not|isnt|aint|no longer) (?:the )?(?:right|correct|concerned|responsible|proper) (?:person|contact|department|company|number|email|address)",
    r"(?:not|isnt|aint) (?:my|our) (?:company|debt|account|name|number anymore|email)|not (?:my|our) invoices?|(?:not|isnt) (?:for|addressed to|meant for|intended for|related to) (?:me|us)|nothing to do with|not (?:your|a) (?:customer|client)|never (?:been|was|were|had) (?:a |your |an )?(?:customer|client|account|dealings)",
    r"(?:i am|im|we are|were) not (?:him|her|that person|mr|mrs|ms|them|that company|this person|this company|the owner|the person|the customer|the company|customers?|clients?)\b.*",
    r"(?:dont|do not|didnt|doesnt) (?:even )?(?:know|have) (?:him|her|them|(?:this|that|any|such|a) (?:\w+ )?(?:person|company|man|lady|guy|customer|account|business|firm)|(?:any )?(?:business|account|dealings|contract) with you|who (?:this|he|she|that) is|anyone (?:called|named|by)|any \w+ here|your company|who you are)|never heard of",
    r"(?:no longer|not|dont|doesnt|does not|do not|stopped) (?:work|works|working|employed|with|at)(?: (?:work|working|for|with|at|in|there|here|anymore))*(?: (?:the|this|that|company|there|here|anymore|any more|them|us|for|with|in|at|him|\w+))",
    r"(?:has |have |had |already )?(?:left|resigned|quit|retired|been terminated)(?: from)? (?:the|our|this|that) (?:company|firm|organi[sz]ation|business|office|job)|(?:he|she|who) (?:has )?(?:left|resigned|retired|passed away|died)|(?:^| )(?:i|mr|mrs|ms|he|she) ?\w* ?(?:resigned|retired|left the company|have left)|passed away|deceased|is dead|ex employee|former employee|is not with us|isnt with us",
    r"no (?:one|body|person|such person|such company)(?: \w+){0,2} (?:called|named|by that name|with (?:that|this) name|of that name|here)|new (?:owner|user|holder) of (?:this|the)|(?:this|the) number (?:belongs|is now|was|changed|has changed)|(?:got|bought|have) this (?:number|sim)|changed (?:his|her|their) number|number has changed|sold the (?:company|business)|mistaken identity|someone else|somebody else|another person|different (?:person|company)",
    r"not in charge|not responsible for (?:payments?|invoices?|accounts|finance|this department)|(?:who is|whos|who the) (?:mr |mrs |ms )?(?!this|that|it|calling|speaking|the |your|our|you|going|in )\w+$",
    r"(?:ال|ب)?رقم(?:كم)? (?:ال)?(?:خطا|غلط|خاطي|غير صحيح|مو صحيح|مش صحيح)|(?:غلطان|غلطانين|غلطانه|غالط|مخطي|مخطيين) (?:ب|في )?(?:ال)?(?:رقم|نمره|شخص)?|النمره غلط|نمره غلط|(?:الرقم|رقم|النمره|نمره|numero) (?:\w+ )?(?:غلط|خطا|غالط)",
    r"(?:لست|مش|مو|ماني|مب|منيش|مانيش|ماشي) (?:انا|اني)?(?: )?(?:صاحب|صاحبه|المعني|المقصود|الشخص|المسوول|المطلوب|زبون|عميل|زبونكم|عميلكم)\w*",
    r"(?:لست|مش|مو|ماشي|مب) (?:انا|انه)(?! (?:موافق|مقتنع|متاكد|دافع|عارف|فاضي))|انا (?:مش|مو|لست|ماني|مب) (?:احمد|محمد|علي|خالد|صاحب|المعني|المقصود|هو|هي|الشخص|عميل|زبون|هذا|ابو|سعيد|فهد|عمر|يوسف|حسن)\w*|(?:هذا|هاد|ده|دا|هاذا) (?:الرقم )?(?:مش|مو|ليس|ماهو|مب|ماشي) (?:رقم|ل|تبع|نمره|ديال)\w*|الرقم (?:مو|مش|ليس|ما) (?:ل|له|تبع)\w*|(?:هذا|الرقم) (?:ليس|مش|مو) (?:رقم|الرقم|رقمه)",
    r"شخص (?:خطا|غلط|خاطي|اخر|ثاني|تاني)|(?:لا|ما|م) ?(?:اعرف|نعرف|بعرف|بعرفش|نعرفش|عرف|عرفش|اعرفش|نعرفوش) (?:هذا|هذه|هالشخص|الشخص|مين|من|احد|حدا|حد|هالشركه|الشركه|شركتكم|هاد|هالاسم)\w*|(?:لا|ما|م) ?(?:اعرفه|اعرفها|اعرفهم|نعرفه|نعرفهم|بعرفه|بعرفها|نعرفوش|نعرفهش|اعرفكم|اعرفك|نعرفكم|بعرفكم)",
    r"(?:لم اعد|ما عدت|لم يعد|ما عاد|بطلت|تركت|ترك|استقلت|استقال|مابقيتش|ما بقاش|معادش|ما بقيتش)(?: (?:ا|ي|ن)?(?:عمل|شتغل|خدم|شغال|اعمل|اشتغل|نخدم|يخدم)| (?:ال)?(?:شركه|عمل|شغل|الخدمه|وظيفه|خدمه)|$| معنا| معاهم| معهم| عندهم| هنا| من الشركه| في الشركه)(?: \w+){0,2}|ساب الشركه|سبت الشركه|طلع من الشركه|خرج من الشركه|ليس لي علاقه|مالي علاقه|ما الي علاقه|ما لنا علاقه|مالنا علاقه|ما ليش علاقه|ماليش علاقه|مليش علاقه|مالي دخل|ما عندي علاقه|توفي|الله يرحمه|ليس لنا علاقه|لا علاقه لي|لا علاقه لنا|لسنا عملاء|لست عميل\w*|مش عميل\w*|ليست فاتورتي|مش فاتورتي|مو فاتورتي|الفاتوره مش لي|الفاتوره مو لي|لا يوجد (?:احد|شخص|موظف) (?:بهذا|بهالاسم|اسمه)\w*|ما في حدا بهالاسم",
    r"(?:el )?(?:raqm|ra2m|rakam|number|nemra|numero) (?:el )?(?:ghalat|8alat|galat|khata2|kheta2)|(?:ghaltan|ghalta|8altan) (?:bel|bil|fel)? ?(?:raqm|ra2m|rakam|number|nemra|numero)|mish ana|msh ana|mesh ana|mo ana|mani (?:a7mad|ahmad)|mosh ana|faux numero",
)
