"""Classification of the replies with which mail servers refuse a message (RFC 5321, RFC 3463, RFC 7504, RFC 7505).

Servers use the codes inconsistently: one code means "no such user" at one provider and "you send too much" at another.
The text is therefore evaluated before the code. An unclear reply never marks an address as invalid.
"""

import re
from enum import StrEnum

from communications.channels.outcomes import Refusal

# Longer texts are truncated to this number of characters.
_MAX_READ = 1_000


class Stage(StrEnum):
    """Stages of the SMTP conversation at which a message can be refused."""

    CONNECT = "connect"
    LOGIN = "login"
    SENDER = "sender"  # MAIL FROM
    RECIPIENT = "recipient"  # RCPT TO
    DATA = "data"  # the command
    CONTENT = "content"  # the reply to the message itself
    REPORT = "report"  # a delivery report or a provider's event, after the message was taken


_ABOUT_US = (Stage.CONNECT, Stage.LOGIN, Stage.SENDER)
_WITH_CONTENT = (Stage.DATA, Stage.CONTENT, Stage.REPORT)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_RECIPIENT = (
    r"(?:users?|mail ?box(?:es)?|recipients?|accounts?|addressee|address|e-?mail|maildrop|person|customer|alias|inbox"
    r"|member|subscriber)"
)
_FEW_WORDS = r"(?:\s\S+){0,6}?\s"  # up to six words in between

# Phrases about the sender, its server or its account. They take precedence over all others.
_SENDER = _any(
    r"relay(?:ing)? (?:access |mail )?(?:is )?(?:denied|not (?:permitted|allowed)|disallowed|prohibited|limit)",
    r"(?:unable|allowed|permitted|authorized|not) to relay",
    r"(?:not|n't) relay",
    r"allowed rcpthosts",
    r"authenti(?:cation|cate|cated)\b.{0,20}(?:required|failed|first|credentials|unsuccessful)",
    r"(?:not|must be|must first|requires?|without|please) authenticat",
    r"unauthenticated|smtp auth|auth(?:orization)? required|starttls",
    r"smtp (?:account|access|service|user)\b",
    r"(?<!to )(?<!to the )\bsenders?\b|send ?as\b|behalf",
    r"mail from|from (?:address|header|domain)|envelope.?(?:from|sender)|return.?path",
    r"\b(?:helo|ehlo|ptr|rdns)\b|reverse dns",
    r"verification failed for|call ?(?:out|back)",
    r"(?:daily|hourly|sending|send|outbound|submission|connection|concurrency|smtp) (?:\S+ ){0,3}(?:limit|quota)",
    r"(?:limit|quota) (?:\S+ ){0,3}(?:per hour|per day|for sending)|messages? quota|quota of messages",
    r"too many (?:messages|connections|recipients|e-?mails|mails|concurrent|errors|sessions|failures|invalid)",
    r"limit of (?:\S+ ){0,3}(?:users|recipients)|blocked account",
    r"too fast|too frequent|throttl|rate.?limit|frequency limited|exceeded the max",
    r"sending (?:\S+ ){0,3}(?:paused|suspended|disabled|blocked)",
    r"spamhaus|spamcop|barracudacentral|black ?list|block ?list|\b(?:rbl|dnsbl)\b|reputation|banned",
    r"client host|client was|listed (?:in|at|by|on)\b|ip ?check",
    r"(?:your|sending|source|this|from|the) ip\b|ip addr",
    r"\b(?:spf|dkim|dmarc|arc)\b",
    r"not verified|unsolicited|bulk mail",
    r"your (?:sending |own |mail |e-?mail )?(?:account|organi[sz]ation|tenant|subscription|plan|domain|server|network"
    r"|message rate|host|hostname|dns|mx)\b",
    r"sending (?:account|domain|host|server)\b|\btrial\b|sandbox",
    r"(?:allow|white|permit)(?:ed)? ?-?list|verified (?:addresses|recipients|e-?mails?)",
    r"tenant|out ?going|outbound|unusual|grey ?list|gr[ae]y ?listed",
    r"traffic not accepted|administrative prohibition|out of credits?|credits? (?:expired|blocked)",
)
# Weaker phrases of the same kind, which replies about a full mailbox or the content also contain.
_POLICY = _any(r"polic(?:y|ies)", r"later", r"service (?:is )?(?:un|not )available", r"restrict")
_RATE = _any(r"receiving (?:e?mail|messages) (?:too quickly|at a rate)", r"thread limit exceeded")
_FULL = _any(
    r"over ?quota",
    r"over (?:\S+ ){0,3}quota",
    r"quota (?:\S+ ){0,2}(?:exceed|full|violation|reached)",
    r"exceed\w* (?:\S+ ){0,5}(?:quota|storage|space|allocation)",
    r"(?:mail ?box|inbox|folder|account|mail ?dir)(?:\s\S+){0,4} full\b",
    r"full (?:mail ?box|inbox)",
    r"storage (?:allocation|limit|quota)",
    r"(?:out of|not enough|insufficient|no) (?:disk |storage |mailbox )?(?:space|storage)",
    r"mail ?box size limit",
    r"espace disque|bo[iî]te (?:\S+ ){0,3}pleine|postfach (?:\S+ ){0,2}voll",
)
_LARGE = _any(
    r"too (?:large|big)",
    r"(?:message|mail|data|content|attachment|size) (?:\S+ ){0,4}exceed",
    r"size (?:\S+ ){0,2}limit",
    r"exceed\w* (?:\S+ ){0,5}size",
    r"larger than",
)
_CONTENT = _any(
    r"virus|malware|phish|infected|attachment|executable",
    r"\bcontent\b",
    r"(?:as|is|be|considered|detected|identified|like|suspected|high probability of) (?:\S+ )?spam\b",
    r"spam (?:message|mail|content|detected|score|filter)",
    r"\bjunk\b|\bspam\b$|^spam\b|- spam\b",
    r"(?:body|headers?|subject) (?:\S+ ){0,3}(?:reject|refus|not|block|invalid|long|contain|mandatory)",
    r"line (?:\S+ ){0,2}too long",
)
_UNREACHABLE_ADDRESS = _any(
    rf"no such (?:{_RECIPIENT}|local|virtual|domain|name|person|host)",
    rf"unknown (?:{_RECIPIENT}|local.?part|virtual|to address|in (?:virtual|local|relay))",
    rf"{_RECIPIENT}{_FEW_WORDS}?(?:is |was |are |has been )?"
    r"(?:unknown|not found|not known|not present|marked as invalid)\b",
    rf"{_RECIPIENT}\W{{1,3}}(?:unknown|not found|invalid|inactive)\b",
    r"(?:mail ?box|user|recipient)\W{1,3}(?:suspended|disabled)\b",
    r"\bx (?:does not exist|doesn't exist|not found|unknown|is unknown)\b",  # an address
    rf"{_RECIPIENT}{_FEW_WORDS}?(?:does ?n[o']t|does not|do not|did not|could not be|cannot be|not) (?:exist|found)",
    r"does ?n[o']?'?t have an? (?:\S+ )?account|does not have an? (?:\S+ )?account",
    r"no (?:mail ?box|account|user|recipient|person|one)\b.{0,30}(?:(?:by )?th(?:at|is) name|here|found|at this)",
    rf"not an? (?:valid|known|active|existing|local) (?:\S+ )?(?:{_RECIPIENT}|here)",
    r"not our customer|not a customer|user not active|not in my validrcptto",
    rf"(?:invalid|non.?existent|non.?existing|nonexistent|inactive|deactivated|disabled|deleted|bad) {_RECIPIENT}",
    r"bad (?:destination|rcpt)",
    rf"{_RECIPIENT}{_FEW_WORDS}?(?:has been |have been |is |was )(?:\S+ )?"
    r"(?:disabled|inactive|deactivated|discontinued|deleted|closed|removed|terminated|frozen|invalid)\b",
    rf"(?:mail ?box|user|recipient){_FEW_WORDS}?(?:is |has been )?(?:\S+ )?suspended",
    r"no longer (?:exist|valid|available|active|in use|in service|on server|on this|accept|here|employ|work|with)",
    r"recip(?:ient)?notfound|nosuchuser|nosuchdomain|nonexistentdomain|domainnonexistent|disableduser",
    r"unroute?able address|no route to (?:user|recipient)",
    rf"domain{_FEW_WORDS}?(?:does not|doesn't) (?:exist|accept)",
    rf"domain{_FEW_WORDS}?not found|domain not found|non.?existent domain|unknown domain",
    r"host or domain name not found|host unknown|unknown host|null ?mx",
    r"utilisateur inconnu|destinataire (?:inconnu|invalide)|benutzer unbekannt|empf(?:ae|ä)nger unbekannt",
    r"usuario desconocido|no existe|utente sconosciuto|nessun utente|indirizzo inesistente|nie istnieje|nie ma takiego",
    r"destinatario (?:sconosciuto|errato|inesistente|desconhecido)|unavailable mail user",
    r"n't exists? (?:that|such) user|not (?:a )?user of this server|account (?:is )?closed",
)
_LOOKED_UP = _any(r"try again", r"temporary|temporarily", r"name service error .{0,80}(?:malformed|timed out)")
_REJECTED_RECIPIENT = re.compile(r"recipient address(?:es)? rejected")
_UNCLEAR_MAILBOX = _any(
    r"mail ?box (?:is )?unavail", r"mail ?box (?:is )?(?:not|un)\W?available", r"not local", r"name not allowed"
)

# In a reply with a security code, the account may be the sender's.
_SOME_ACCOUNT = re.compile(
    r"(?:(?:this|the|user) )?account(?: \S+)? (?:(?:is|was|has been) )?"
    r"(?:disabled|suspended|deactivated|frozen|locked|closed)\W*"
)

_ADDRESS_CODES = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.10", "5.2.1"})
_SENDER_CODES = frozenset({"5.1.7", "5.1.8", "5.1.9", "5.1.90"})
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_LEADING = re.compile(r"[\s#(\[<-]*([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_MARKED = re.compile(r"#([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_CODE = re.compile(r"(?<![\d.])([245]\d\d)(?=[ -])")
_ADDRESS = re.compile(r"<[^<>\s]*>|[^\s<>()\"']+@[^\s<>()\"']+|https?://\S+")


def classify(stage: Stage, code: int | None, text: str, enhanced: str = "") -> Refusal:
    """Return the class of a refusal: `ADDRESS`, `MAILBOX` or `OURS`.

    `code` is the SMTP reply code, if any. `enhanced` is the RFC 3463 code; it is read from `text` if empty.
    """
    text = text[:_MAX_READ]
    status = enhanced or enhanced_code(text, code)
    words = _words(text)
    first = code // 100 if code else int(status[0]) if status else 5
    kind = status.partition(".")[2]
    is_large = kind in ("2.3", "3.4") or bool(_LARGE.search(words))
    if stage in _ABOUT_US:
        return Refusal.MAILBOX if stage == Stage.SENDER and first == 5 and is_large else Refusal.OURS
    is_about_sender = bool(_SENDER.search(words))
    is_full = kind == "2.2" or bool(_FULL.search(words))
    if first == 4:
        return Refusal.MAILBOX if is_full and not is_about_sender else Refusal.OURS
    if status in _SENDER_CODES or is_about_sender:
        return Refusal.OURS
    if is_full or is_large or _RATE.search(words):
        return Refusal.MAILBOX
    if status == "5.4.1" and _REJECTED_RECIPIENT.search(words):  # Exchange Online: the mailbox does not exist
        return Refusal.ADDRESS
    if kind.startswith("6.") or (stage in _WITH_CONTENT and _CONTENT.search(words)):
        return Refusal.MAILBOX
    if _POLICY.search(words):
        return Refusal.OURS
    if _is_of_address(code, status, words):
        return Refusal.ADDRESS
    return _by_code(stage, code, kind, words)


def classify_text(text: str) -> Refusal:
    """Return the class of a refusal from a later report that contains the server's reply."""
    found = _CODE.search(text[:_MAX_READ])
    return classify(Stage.REPORT, int(found[1]) if found else None, text[found.end() :] if found else text)


def has_reply(text: str) -> bool:
    """Return True if a text contains an SMTP reply code or an enhanced status code."""
    return bool(_CODE.search(text[:_MAX_READ]) or _ENHANCED.search(text[:_MAX_READ]))


def enhanced_code(text: str, code: int | None) -> str:
    """Return the RFC 3463 code in a reply, or an empty string. Some servers write it at the end: (#5.1.1)."""
    found = _LEADING.match(text) or _MARKED.search(text) or _ENHANCED.search(text)
    if found is None or (code and found[1][0] != str(code)[0]):
        return ""
    return found[1]


def _words(text: str) -> str:
    """Return a reply in lower case, without the codes, addresses and links that could match a pattern."""
    lines = (_LEADING.sub("", line, count=1) if _LEADING.match(line) else line for line in text.lower().splitlines())
    bare = _ADDRESS.sub(" x ", " ".join(lines)).replace("’", "'").replace("`", "'")
    return " ".join(bare.split())


def _is_of_address(code: int | None, status: str, words: str) -> bool:
    if status.startswith("5.7.") and _SOME_ACCOUNT.fullmatch(words):
        return False
    if _UNREACHABLE_ADDRESS.search(words):
        return not _LOOKED_UP.search(words)
    return status in _ADDRESS_CODES or code == 556


def _by_code(stage: Stage, code: int | None, kind: str, words: str) -> Refusal:
    if kind.startswith(("1.", "2.")) or (code == 552 and not kind.startswith("7.")) or _UNCLEAR_MAILBOX.search(words):
        return Refusal.MAILBOX
    if not kind and stage == Stage.REPORT:
        return Refusal.MAILBOX
    return Refusal.OURS
