"""Requests to stop messages: a small grammar over the parts of speech that `stop_words` assigns.

A request is unmistakable if it is (nearly) the whole message, apart from courtesy, anger and words without effect. A
request within a longer message is reported, and staff decide.
"""

# Patterns are easier to keep without breaks.
# ruff: noqa: E501

import re
from collections.abc import Iterable

from communications.inbound.triage.spelling import Clause
from communications.inbound.triage.stop_words import ALONE, CONTENT, LETTERS, parts

# A longer message is never an unmistakable request.
_MAX_WORDS = 40
# The number of preceding parts that can negate a request.
_REACH = 20
# Names that match two parts in patterns. Elsewhere, mail and stuff are distinct parts.
_IN_PATTERNS = LETTERS | {
    "message_or_write": LETTERS["message_or_write"] + LETTERS["mail"],
    "the": LETTERS["the"] + LETTERS["stuff"],
}


def _over_parts(*alternatives: str) -> re.Pattern[str]:
    """Compile patterns with names of parts in braces: '{a b}' matches either of them, '{^a b}' neither."""
    pattern = re.sub(
        r"\{(\^?)([a-z_ ]+)\}",
        lambda match: f"[{match[1]}{''.join(_IN_PATTERNS[name] for name in match[2].split())}]",
        "|".join(alternatives),
    )
    return re.compile(pattern)


# Our messages, their recipient and their manner. 'and text me' is excluded, because it begins another request.
_THINGS = "(?:{the my it you of me}*{thing message_or_write})"
_OBJECT = (
    "(?:{of to the it me my you thing number name contact contacting send receive list or by enough_now}"
    "|(?<!{contacting send contact message_or_write}){message_or_write}{me}|{message_or_write}(?!{me})"
    "|{and}(?!{message_or_write contact send}{me})|{content business}(?={thing message_or_write}))"
)
_WHOM = "(?:{of to by}*(?:{me}|{my the you it}*{number}))"
_REST = f"{_OBJECT}*"
_MINE = "{number name mail}"
_FROM_LIST = "(?:{of off to}*{my the you it}*{list number thing message_or_write contacting}|{off}{of}?)*"
# 'Don't send this' may mean goods; 'these' are messages.
_SENT = "{send}(?=$|{me thing the number of message_or_write contact}|{my it}{thing message_or_write})"
_SAID = f"(?:{{message_or_write contact contacting}}|{{thing}}(?={{me}})|{_SENT})"

_REQUESTS = [
    # 'Stop (sending me messages)'.
    f"{{thing}}?{{stop}}+{_REST}",
    # 'Cancel these messages', 'enough of the texts', 'no more calls'.
    f"{{cancel}}{{me receive send}}?{{the my it you of}}*{{thing}}{_REST}",
    f"{{enough without}}{{enough_now}}*(?:{_THINGS}|{{you of the}}*{{contacting contact send message_or_write}}){_REST}",
    f"{{enough_now}}{{enough_now}}+{{of}}?{_THINGS}{{enough_now}}*",
    f"{{enough_now}}+{{of}}?{_THINGS}{{enough_now}}+",
    f"{{no}}{{contacting}}{_REST}",
    f"{{no}}{_THINGS}(?:{{or and}}{_THINGS})*{_REST}",
    f"{{no_or_not}}{_THINGS}(?:{{or and}}{_THINGS})*{_REST}",
    # 'Don't (ever) text me', 'nobody may call me', 'I'd appreciate it if you no longer emailed me'.
    f"{{thing message_or_write}}?{{not no_or_not}}+{{keep go_on to enough_now}}*{_SENT}{_REST}",
    f"{{not no_or_not}}+{{keep go_on to enough_now}}*{_SAID}(?:{{or and}}{_SAID})*{_REST}",
    f"(?:{{must_not}}|{{wish_that}}{{not no_or_not did_not}})+{{keep go_on to you}}*(?:{_SAID}|{{receive}})(?:{{or and}}(?:{_SAID}|{{receive}}))*{_REST}",
    # 'I don't want (you to send me) your messages', 'I don't wish to be contacted'.
    f"{{not no_or_not}}+{{want}}+{{of to the it my you me number keep go_on}}*(?:(?<!{{the}}){_SAID}|{{message_or_write contacting thing receive list}}){_REST}",
    # 'Unsubscribe me', 'leave me alone'.
    f"{{unsubscribe}}+{_WHOM}?{_FROM_LIST}{_REST}",
    f"(?:{{leave_alone}}|{{let_be}}{{of}}?{{in_peace}})+{_REST}",
    "{want}{off}{of}?{my the you it}*{list thing}",
    f"{{cancel}}{{my the it}}*{{number}}+{_FROM_LIST}",
    # 'Take me off your list', 'remove my number', 'I want to be removed'.
    f"{{remove}}+(?:{{of}}?(?:{{me}}|{{my the you it}}*{_MINE}))+{_FROM_LIST}{{of me}}*",
    f"{{take receive}}(?:{{me}}|{{my the you it}}*{_MINE})+{{removed}}?{{off}}{{of}}?{{my the you it}}*{{list thing message_or_write number}}*",
    f"(?:{{say want}}{{to}}?|{{can}}{{i}}|(?:{{me}}|{{my the it}}*{_MINE}){{to}}?|{{take}}{{me}}){{removed}}{_FROM_LIST}",
    "{to}{removed}{of off}?{my the you it}*{list thing}+",
    f"{{wish_that}}{{stopped}}{_REST}",
    "{message_or_write contact contacting}{me}?{enough}$",
    "{remove}{of}{my the you}*{list}",
]
_REQUEST = _over_parts(*_REQUESTS)
# Preceding parts that negate a request: 'I can't stop', 'why did you stop', 'without a stop'.
_UNDONE = _over_parts(
    "{not no_or_not did_not must_not receive}{want to you i can keep why of the me it say aside}*$",
    "{stopped}{to}?$",
    "{without}$",
)
# Contexts in which a match is no request; the point marks its beginning. Statements: 'we stop', 'you don't write to me'.
# Another recipient: 'I don't want to bother you', 'stop writing to you'. Something else: 'stop by', 'no message from
# you', 'stop the whole thing'.
_STATED = _over_parts(
    "{i}{can}?{aside}*[.]{stop}",
    "{i}{can}{aside}*[.]{unsubscribe}",
    "(?:{i}|(?<!{can}){you}){can}?{aside}*[.]{not no_or_not}+(?!{want})",
    "{i you}[.]{no}",
    "{it}[.]{want can}",
    "[.]{not no_or_not}+{want}{to}{message_or_write contact send contacting}",
    "[.]{stop not no_or_not must_not}+{message_or_write contact contacting send}{to}?{you}",
    "[.]{no}{thing message_or_write}{of}?{you}",
    "[.]{no}{the}*{message_or_write}$",
    "[.]{stop}{by}",
    "[.]{stop}+{me}$",
    "[.]{stop}+{the it my}*{stuff}",
)
# 'Why do you keep texting me?', 'you are harassing me', 'your messages are annoying', 'I receive these every day'.
_TO_ME = "(?:{me of the my number thing message_or_write you})*"
_COMPLAINT = _over_parts(
    "{the it my you}*{thing}*{contacting}$",
    f"(?:{{you keep why my}}|{{keep why}}{{of to you}}*|{{you why i}}{{can}}?{{go_on}})(?:{{of to}})*{{contacting}}+{_TO_ME}",
    f"(?:{{keep why}}{{of to you}}*|{{you why i}}{{can}}?{{go_on}}{{to of}}*){{message_or_write contact send contacting}}{_TO_ME}",
    "(?<!{can}){you}{message_or_write contact send contacting}{me}",
    "{not no_or_not}{want}+{the it of}*{you}{the}*",
    "{no}{want keep}{keep of}*{the it}*{thing message_or_write}",
    "(?<!{not no_or_not no did_not content}){receive}{of by the you my it me}*{thing message_or_write}?",
    "(?:{why}+{the}*{thing message_or_write})+{why}?",
    "(?:{the my it of you}{thing message_or_write})+",
    "{keep}{you}?{receive}+{the of you my}*{thing message_or_write}*",
)
# Accusations: 'you people don't listen', 'this is beyond rude'. They contain no noun with an article, and at most three
# unknown words.
_ACCUSES = _over_parts(
    "(?=.*{you it say aside})(?!.*{the}{content}(?!{thing}))(?!.*{it}.*{not did_not no_or_not}{content})(?!(?:.*{content}){4})"
    "{you it thing say aside content not did_not no_or_not no and keep why can of by to the enough enough_now}*"
)
_CHANGES_NOTHING = _over_parts(
    "{me my it the number you i of to by want can say keep why and wish_that or greeting enough enough_now}*"
)
# A question that is also a request: 'How do I stop these?'
_ASKS_HOW = re.compile(
    r"how (?:do|can|could|to|would|does)\b|(?:do|will|wont|dont) (?:you|u) (?:ever|never)\b|when (?:will|are|do) (?:you|u|these|the|this)\b|are (?:you|u) (?:ever|going|gonna)\b"
)
# 'Who gave you my number stop texting me'.
_ENDS_COMPLAINT = tuple(LETTERS[name] for name in ("me", "number", "thing", "contacting"))
# 'Stop the delivery', 'don't send me these boxes'.
_NEEDS_A_NOUN = _over_parts(
    "^{^thing message_or_write contact contacting me}*{stop the my it you send cancel enough number name}$|{send}{me}$|{message_or_write contact contacting}{of}?{my}$"
)
_CONTENT = _over_parts("{content business}")
_ASIDE = LETTERS["aside"]
# Ambiguous, because a name can be removed from many things.
_IS_VAGUE = _over_parts("^{remove take}{^list thing}*{name}{^list thing}*$|^{remove take}+{it}{mail}$")
_FAREWELL = re.compile(
    r"(?:(?:kind |best |warm |many )?(?:regards|rgds|thanks|thank you|sincerely|cheers|br|best)|تحياتي|مع التحيه|شكرا|وشكرا)(?: [^\W\d]+){1,3}"
)
_NAME = _over_parts("^{greeting}+{you}?{content}{content}?{content}?")
_CALLS = re.compile(r"\b(?:call|calls|calling|phone|ring|ringing|تتصل\w*|تدق\w*|ترن\w*|تكلم\w*)\b")
# 'Don't call me now' asks for another moment.
_FOR_NOW = re.compile(r"\b(?:now|today|tonight|الان|اليوم|هلا|حاليا|دلوقتي|الحين)\b")
_TODAY = re.compile(
    r"\b(?:today|tonight|(?<!من )(?<!بعد )اليوم|النهارده|الليله|(?<!min )(?<!men )(?<!ba3d )(?:el ?yom|el ?youm|al ?yom|lyoum|el ?naharda|el ?lela))\b"
)
_FORBIDS = _over_parts("{thing message_or_write}?{not no_or_not}")
_ASKS_POLITELY = re.compile(
    r"(?:please |hi |hello |hey |so |and |sir |then )*(?:(?:can|could|will|would|wont|cant) (?:you|u|y all|someone|somebody)\b|how many (?:more )?times|how often|why (?:dont|wont|cant) (?:you|u)|do not|dont|do you mind|would it be possible|is it possible|may i ask|can i (?:please )?(?:be|ask|opt|unsubscribe|get|have)|may i (?:please )?(?:be|ask|opt|unsubscribe))|ممكن|(?:هل )?(?:يمكن|تقدر|فيك)"
)


_THREAT = re.compile(
    r"\b(?:or (?:else\b|i\b|we\b|ill\b|im\b|my\b|you will\b|youll\b|face\b)|(?:otherwise|before|else) (?:i|we|ill|im|my|you will)\b|والا\b|و الا\b|(?:او|ولا|قبل ما|احسن ما) (?:س|راح |رح |ب|ه|حا|ا)\w+|w?ella\b|aw (?:ra7|ha|b)\w*)"
    r"(?:(?! (?:pay|paid|invoices?|bills?|دفع|الدفع|الفاتوره|ادفع)\b) \w+){0,12}$"
)
# 'Text me again and I report you'.
_ONCE_MORE = re.compile(
    r"\b(?:(?:one|1|another|a single) more (?:time|text|message|call|email|msg|reminder|sms)|(?:if (?:you|u) (?:ever )?)?(?:text|message|call|contact|email|msg|send|bother|harass|disturb)"
    r"(?: (?:me|us|this number|anything|another (?:text|message|email)))? ?(?:ever )?(?:again|one more time|once more|1 more time))(?: then)? (?:and )?(?=(?:i|we|ill|im|you|youll|youre|its)\b)"
    r"|(?:اذا|لو|ان)(?: رح| راح)? (?:بعتو?ا?|بعثتو?ا?|ارسلتو?ا?|ارسلتم|راسلتو?ني|طرشتو?ا?|كلمتو?ني|تواصلتو?ا?|رسلتو?ا?)(?: \w+){0,3}? (?=(?:س|راح |رح |ب|ه|حا|ا)\w+)"
)
_IF_ONCE_MORE = re.compile(
    r"\b(?:i|we|ill|im|i am|we are)(?: will| shall| am| are| going to| gonna)* (?:report\w*|block\w*|sue|complain\w*|go(?:ing)? to the police)\b.{0,40}?\bif (?:you|u|i|we) .{0,40}$"
)
_RETALIATES = re.compile(
    r"\b(?:block\w*|report\w*|police|sue|complain\w*|complaint|lawyers?|legal|court|ico|spam|ابلغ|ببلغ|هبلغ|سابلغ|بلوك|اشتكي|بشتكي|ساشتكي|هشتكي|احظر|بحظر|الشرطه|شكوي|ببلك|محامي)"
)
# Explanations in footers.
_EXPLAINS = re.compile(
    r"(?:please |kindly |just )?(?:click|press|tap|reply|visit|follow|use the)\b|(?:to|how to|for|if you) (?:stop|unsubscribe|opt out|want|wish)"
)


def is_mentioned(clauses: Iterable[Clause]) -> bool:
    """Return True if a clause asks for no more messages, whatever else the message says."""
    return any(
        clause.words in ALONE
        or any(
            (len(request) > 1 or request in "UQ") and not _IS_VAGUE.match(request) for request in _divided(clause)[0]
        )
        for clause in clauses
        if not _EXPLAINS.match(clause.words)
    )


def is_unmistakable(clauses: list[Clause], *, may_lead_to_it: bool = True) -> bool:
    """Return True if the message is a request to stop, apart from words without effect.

    If `may_lead_to_it`, a greeting with a name and a farewell are ignored, too.
    """
    words = " ".join(clause.words for clause in clauses)
    if not words or len(words.split()) > _MAX_WORDS:
        return False
    if " ".join(word for word in words.split() if parts(word)) in ALONE:
        return not any(clause.asks for clause in clauses)
    asked = _without_threat(words)
    if _FOR_NOW.search(asked) and _CALLS.search(asked):
        return False
    is_asked = False
    if may_lead_to_it:
        clauses = _without_farewell(clauses)
    for clause in clauses:
        requests, rest = _divided(clause)
        if _EXPLAINS.match(clause.words) or any(_CONTENT.search(request) for request in requests):
            return False
        if _TODAY.search(words) and any(_FORBIDS.match(request) for request in requests):
            return False
        if may_lead_to_it:
            rest = _NAME.sub("", rest)
        *before, last = rest.split(".")
        pieces = [*(_accused(piece) for piece in before), last if before else _accused(last)]
        if not all(_changes_nothing(piece) for piece in pieces[:-1]):
            return False
        if not (_CHANGES_NOTHING.fullmatch(pieces[-1]) if before else _changes_nothing(pieces[-1])):
            return False
        is_question = clause.asks and _ASKS_HOW.match(clause.words)
        is_asked = is_asked or (not is_question and not all(_IS_VAGUE.match(each) for each in requests))
    return is_asked


def _accused(piece: str) -> str:
    """Return the parts without asides, or an empty string if they only accuse the sender."""
    return "" if _ACCUSES.fullmatch(piece) else piece.replace(_ASIDE, "")


def _changes_nothing(piece: str) -> bool:
    return bool(_CHANGES_NOTHING.fullmatch(_COMPLAINT.sub("", piece)))


def _divided(clause: Clause) -> tuple[list[str], str]:
    """Return the requests in a clause, and its other parts with a point in place of each request."""
    found = parts(_without_threat(clause.words))
    asks = clause.asks and not _ASKS_POLITELY.match(clause.words)
    requests: list[str] = []
    rest, end = "", 0
    for match in _REQUEST.finditer(found):
        request, before, after = match[0], found[: match.start()], found[match.end() :]
        if (
            _UNDONE.search(before[-_REACH:])
            or _STATED.search(f"{before[-_REACH:]}.{request}")
            or (asks and before[-1:] not in _ENDS_COMPLAINT and not _ASKS_HOW.match(clause.words))
            or (_CONTENT.match(after) and _NEEDS_A_NOUN.search(request))
        ):
            continue
        requests.append(request)
        rest += found[end : match.start()] + "."
        end = match.end()
    return requests, rest + found[end:]


def _without_threat(words: str) -> str:
    """Replace 'text me again and I report you' by 'stop', and remove the threat from 'stop or I report you'."""
    if (match := _ONCE_MORE.search(words)) and _RETALIATES.search(words, match.end()):
        words = f"{words[: match.start()]} stop"
    return _IF_ONCE_MORE.sub("stop", _THREAT.sub("", words))


def _without_farewell(clauses: list[Clause]) -> list[Clause]:
    """Remove a farewell such as 'Regards, Tom Baker' from the end."""
    for count in (1, 2):
        words = " ".join(clause.words for clause in clauses[-count:])
        if _FAREWELL.fullmatch(words) and set(parts(words)) == {CONTENT}:
            return clauses[:-count]
    return clauses
