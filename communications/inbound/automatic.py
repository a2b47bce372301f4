"""Detection of automatic mail, which is never a reply: absence notes, delivery reports, read receipts."""

import re
from email.message import Message
from typing import Any

from communications.inbound.mail_parts import header, sender_of

# Headers that only autoresponders set. X-Auto-Response-Suppress is not one of them: Outlook and Exchange add it to mail
# that people write, to suppress automatic replies.
_OWN_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From", "X-Vacation-Message")
_REPORTS = ("multipart/report", "message/delivery-status", "message/disposition-notification", "message/rfc822")
_ROBOTS = re.compile(r"mailer-daemon@", re.IGNORECASE)
# Prefixes in the subject of absence notes and reports.
_SUBJECT = re.compile(
    r"\s*(?:auto(?:matic)?[ -]?(?:reply|response|answer)|autoreply|out of (?:the )?office|away from (?:the )?office"
    r"|abwesenheit|automatische antwort|r[ée]ponse automatique|respuesta autom[áa]tica|risposta automatica"
    r"|otomatik yan[ıi]t|автоматический ответ|автоответ|自动答复|自動回覆|स्वचालित"
    r"|رد تلقائي|رد آلي|الرد التلقائي|خارج المكتب"
    r"|undeliver(?:able|ed)|delivery status notification|mail delivery (?:failed|failure|subsystem)"
    r"|returned mail|failure notice|read: |not read: |gelesen: )",
    re.IGNORECASE,
)


def is_automatic(mail: Any) -> bool:
    """Return True for automatic mail, by the header of RFC 3834, reports of RFC 3464, or common indications.

    `Precedence: list` is no indication, because mailing lists add it to mail that people write.
    """
    if mail.envelope_sender in ("", "<>") or header(mail, "Return-Path") == "<>":  # the null sender of RFC 5321
        return True
    submitted = header(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted not in ("", "no"):
        return True
    if header(mail, "Precedence").lower() in ("auto_reply", "auto-reply", "junk", "bulk"):
        return True
    if any(header(mail, name).lower() not in ("", "no") for name in _OWN_HEADERS):
        return True
    sender = sender_of(mail)
    if _ROBOTS.match(sender) or (isinstance(mail, Message) and mail.get_content_type() in _REPORTS):
        return True
    return bool(_SUBJECT.match(header(mail, "Subject")[:200]))
