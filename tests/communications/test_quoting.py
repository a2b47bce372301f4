"""A reply without the mail that it quotes, whichever program wrote it: we know what we sent."""
# ruff: noqa: E501

import pytest

from communications.inbound import markup, quoting
from communications.inbound.triage import classification
from tests.communications.test_reply_set import TODAY

BODY = """Dear Ahmed,

This is a reminder of invoice INV-7. It was due on 2 November 2026, 20 days ago, and AED 25,000.00 is still open.

If you have already paid, please disregard this message. If you have a question about the invoice, please let us know.

See the details and reply here:
http://127.0.0.1:8000/p/abc

Kind regards,
Falcon Trading

--
To stop these emails:
http://127.0.0.1:8000/unsubscribe/abc
"""
HTML = """<html><head><style>p { margin: 0 }</style></head><body><table><tr><td>Falcon Trading</td></tr>
<tr><td>Amount due</td><td>AED 25,000.00</td></tr></table>
<p>This is a reminder of invoice INV-7. It was due on 2 November 2026, 20 days ago, and AED 25,000.00 is still open.</p>
<p>If you have already paid, please disregard this message.</p>
<a href="http://127.0.0.1:8000/p/abc">View the details and reply</a>
<bdi>Falcon Trading</bdi> · <a href="http://127.0.0.1:8000/unsubscribe/abc">Stop these emails</a></body></html>"""
ARABIC_BODY = """السيد/السيدة أحمد،

كانت الفاتورة رقم INV-7 مستحقة السداد في 2 نوفمبر 2026، أي منذ 20 يومًا. وبحسب سجلاتنا ما زال مبلغ 25,000 مستحقًا.

إذا كنتم قد سددتم المبلغ فنرجو عدم الالتفات إلى هذه الرسالة.

مع خالص التحية والتقدير،
فالكون

--
لإيقاف هذه الرسائل:
http://127.0.0.1:8000/unsubscribe/abc
"""


def sent(body: str, html: str = "") -> quoting.SentMail:
    addresses = ("replies+1@in.inflow.example", "no-reply@inflow.example")
    return quoting.describe(body, html, "Invoice INV-7 is overdue: AED 25,000.00", addresses)


ENGLISH, ARABIC = sent(BODY, HTML), sent(ARABIC_BODY)
SHOWN = markup.to_text(HTML)
OURS = "Falcon <no-reply@inflow.example>"
SUBJECT = "Invoice INV-7 is overdue: AED 25,000.00"
HEADS = {
    "english": f"From: {OURS}\nSent: Monday, 2 November 2026 09:00\nTo: Ahmed\nSubject: {SUBJECT}",
    "bold": f"*From:* {OURS}\n*Sent:* Monday\n*To:* Ahmed\n*Subject:* {SUBJECT}",
    "french": f"De : {OURS}\nEnvoyé : lundi 2 novembre 2026 09:00\nÀ : Ahmed\nObjet : {SUBJECT}",
    "german": f"Von: {OURS}\nGesendet: Montag, 2. November 2026 09:00\nAn: Ahmed\nBetreff: {SUBJECT}",
    "spanish": f"De: {OURS}\nEnviado: lunes, 2 de noviembre de 2026\nPara: Ahmed\nAsunto: {SUBJECT}",
    "turkish": f"Kimden: {OURS}\nGönderildi: 2 Kasım 2026 Pazartesi 09:00\nKime: Ahmed\nKonu: {SUBJECT}",
    "russian": f"От: {OURS}\nОтправлено: 2 ноября 2026 г. 9:00\nКому: Ahmed\nТема: {SUBJECT}",
    "chinese": f"发件人: {OURS}\n发送时间: 2026年11月2日 9:00\n收件人: Ahmed\n主题: {SUBJECT}",
    "chinese colons": f"发件人：{OURS}\n发送时间：2026年11月2日 9:00\n收件人：Ahmed\n主题：{SUBJECT}",
    "hindi": f"प्रेषक: {OURS}\nभेजा गया: सोमवार, 2 नवंबर 2026\nप्रति: Ahmed\nविषय: {SUBJECT}",
    "arabic with marks": f"\u200fمن: {OURS}\n\u200fتاريخ الإرسال: الاثنين\n\u200fإلى: Ahmed\n\u200fالموضوع: {SUBJECT}",
    "arabic isolates": f"\u2067من:\u2069 {OURS}\n\u202bإلى:\u202c Ahmed\n\u202bالموضوع:\u202c {SUBJECT}",
    "line and head": f"________________________________\nFrom: {OURS}\nSent: Monday\nSubject: {SUBJECT}",
    "attribution": f"On Mon, 2 Nov 2026 at 09:00, {OURS}\nwrote:",
    "german attribution": f"Am Mo., 2. Nov. 2026 um 09:00 Uhr schrieb {OURS}:",
    "turkish attribution": f"{OURS}, 2 Kas 2026 Pzt, 09:00 tarihinde şunu yazdı:",
    "russian attribution": f"пн, 2 нояб. 2026 г. в 09:00, {OURS}:",
    "arabic attribution": f"في الاثنين، ٢ نوفمبر ٢٠٢٦ في ٩:٠٠ ص كتب {OURS}:",
    "chinese attribution": f"{OURS} 于2026年11月2日周一 09:00写道：",
    "original": f"-----Original Message-----\nFrom: {OURS}\nSubject: {SUBJECT}",
    "nothing at all": "",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
@pytest.mark.parametrize("shown", ["body", "html", "marked"])
def test_our_own_words_are_never_the_debtors(head: str, shown: str) -> None:
    quoted = {"body": BODY, "html": SHOWN, "marked": "\n".join(f"> {line}" for line in BODY.splitlines())}[shown]
    said = "We transferred the amount on Sunday."
    left = quoting.without_quote(f"{said}\n\n{head}\n\n{quoted}", ENGLISH)
    assert left == said
    assert classification.read(left, TODAY).asks_to_stop is False


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_an_answer_below_the_quote_is_kept(head: str) -> None:
    said = "Please see below.\n\nWe will pay on Thursday."
    left = quoting.without_quote(f"Please see below.\n\n{head}\n\n{BODY}\nWe will pay on Thursday.", ENGLISH)
    assert [line for line in left.splitlines() if line] == [line for line in said.splitlines() if line]
    alone = quoting.without_quote(f"{head}\n{BODY}\n\nWe will pay on Thursday.", ENGLISH)
    assert alone == "We will pay on Thursday."


def test_answers_between_the_lines_are_kept() -> None:
    lines = [f"> {line}" for line in BODY.splitlines()]
    text = "\n".join([*lines[:3], "This one was paid.", *lines[3:6], "No question.", *lines[6:]])
    assert quoting.without_quote(text, ENGLISH).split("\n") == ["This one was paid.", "No question."]
    bare = BODY.splitlines()
    text = "\n".join([f"From: {OURS}", "Sent: Monday", *bare[:3], "This one was paid.", *bare[3:]])
    assert quoting.without_quote(text, ENGLISH) == "This one was paid."


def test_lines_that_a_program_broke_anew_are_ours_too() -> None:
    words = BODY.replace("\n", " ").split()
    broken = "\n".join(" ".join(words[start : start + 4]) for start in range(0, len(words), 4))
    assert quoting.without_quote(f"Paid.\n\n{broken}", ENGLISH) == "Paid."


@pytest.mark.parametrize(
    "footer", ["Stop these emails", "إيقاف هذه الرسائل", "To stop these emails:\nhttp://127.0.0.1:8000/u/x"]
)
def test_our_footer_opts_nobody_out(footer: str) -> None:
    left = quoting.without_quote(f"شكرا، تم الدفع\n\n{footer}", ARABIC)
    assert left == "شكرا، تم الدفع"
    html = f"<div>Paid</div><div>Falcon · <a href='http://127.0.0.1:8000/u/x'>{footer}</a></div>"
    assert classification.read(quoting.without_quote(html, ENGLISH), TODAY).asks_to_stop is False


def test_the_same_words_as_an_answer_are_the_debtors() -> None:
    left = quoting.without_quote("Stop these emails", ENGLISH)
    assert classification.read(left, TODAY).is_unmistakable


def test_an_html_reply_is_read_without_its_quote() -> None:
    gmail = (
        '<div dir="ltr">We will pay on Thursday</div><br><div class="gmail_quote"><div class="gmail_attr">On Mon, Falcon'
        f" &lt;no-reply@inflow.example&gt; wrote:<br></div><blockquote>{HTML}</blockquote></div>"
    )
    outlook = (
        "<html><head><style>p {}</style></head><body><p>We will pay on Thursday</p><div style='border-top:solid'><p><b>De :</b>"
        f" Falcon &lt;no-reply@inflow.example&gt;<br><b>Envoyé :</b> lundi<br><b>Objet :</b> {SUBJECT}</p></div>{HTML}</body></html>"
    )
    below = f"<blockquote>{HTML}</blockquote><p>We will pay on Thursday</p>"
    for text in (gmail, outlook, below):
        assert quoting.without_quote(text, ENGLISH) == "We will pay on Thursday"


@pytest.mark.parametrize(
    "text",
    [
        "From: 1 December we will pay\nthanks",
        "Amount: AED 500\nDate: 12/11\nRef: 778",
        "Note: we will pay tomorrow",
        "To: be honest, we can't pay",
        "On Thursday we will pay: 500\nOn Friday the rest",
        "already paid",
        "Paid\n-----\nAhmed",
    ],
)
def test_words_that_look_like_a_head_are_kept(text: str) -> None:
    assert quoting.without_quote(text, ENGLISH) == text
