"""Whose words a message is made of; and that ours are complete, in both languages, on each channel."""

import datetime as dt
import itertools

import pytest

from communications.content import previews, template_language, templates
from communications.content.errors import TemplateMissing
from communications.content.templates import TemplateText
from communications.delivery import sender
from communications.models import Communication, Kind, Medium, MessageTemplate, Tone
from inflow.accounts.models import Account, Language
from invoices import narrative
from invoices.models import Debtor, TimelineEntry
from tests import make

# The basic table and the extension of GSM 03.38.
GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
EVERY = list(itertools.product(Kind, Medium))


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


def own(account: Account, body: str, *, tone: str = "", language: str = "en", subject: str = "Ours") -> MessageTemplate:
    return MessageTemplate.objects.create(
        account=account, kind="reminder", tone=tone, channel="email", language=language, subject=subject, body=body
    )


def found(account: Account, tone: str = "friendly", language: str = "en") -> str:
    return templates.find(account, "reminder", tone, "email", language).body


@pytest.mark.parametrize(("kind", "channel"), EVERY)
def test_our_words_are_there_in_both_languages_and_of_the_language(kind: Kind, channel: Medium) -> None:
    for tone, language in itertools.product(("", *Tone), Language):
        words = templates.built_in(kind, tone, channel, language)
        assert words
        assert words.language == language
        assert bool(words.subject) == (channel == Medium.EMAIL)
        template_language.check(words.subject, channel)
        used = template_language.check(words.body, channel)
        assert used & {"balance", "total", "amount"}
        assert channel == Medium.SMS or "page_link" in used
    firm, friendly = (templates.built_in(kind, tone, Medium.EMAIL, "en") for tone in ("firm", "friendly"))
    assert (firm != friendly) == (len(templates.tones_of(kind)) > 1)


@pytest.mark.parametrize(("kind", "channel"), EVERY)
def test_our_words_read_well_with_their_values(kind: Kind, channel: Medium, account: Account) -> None:
    for tone, language, several in itertools.product(templates.tones_of(kind), Language, (False, True)):
        words = templates.built_in(kind, tone, channel, language)
        assert words
        message = previews.preview(account, words, kind, tone, channel, several=several, page_url="https://x.example/p")
        for text in (message.subject, message.text):
            assert not {"{", "}", "%"} & set(text)
            assert not any(bad in text for bad in (" ,", " .", "،،", "..", "  ", "\n\n\n", "()", "None", "\ue000"))
        letters = [letter for letter in message.text if letter.isalpha()]
        arabic = [letter for letter in letters if "\u0600" <= letter <= "\u06ff"]
        assert len(arabic) > len(letters) / 3 if language == "ar" else not arabic
        if (channel, language) == (Medium.SMS, Language.ENGLISH):
            assert set(message.text) <= GSM_7
            assert len(message.text) <= 160
        elif channel == Medium.SMS:
            assert len(message.text) <= 134  # two parts in UCS-2


def test_own_words_come_first_by_tone_then_for_any_tone_then_ours(account: Account) -> None:
    ours = found(account)
    own(account, "for any tone")
    assert (found(account), found(account, "firm")) == ("for any tone", "for any tone")
    own(account, "for friends", tone="friendly")
    assert (found(account), found(account, "firm")) == ("for friends", "for any tone")
    assert templates.reset(account, "reminder", "friendly", "email") == 1
    assert templates.reset(account, "reminder", "", "email") == 1
    assert found(account) == ours


def test_own_words_of_one_language_leave_the_other_ours(account: Account) -> None:
    own(account, "only English")
    assert found(account, language="ar").startswith("السيد/السيدة")


def test_another_account_s_words_are_not_found(account: Account) -> None:
    own(make.account("Sandfox"), "of Sandfox")
    assert "Sandfox" not in found(account)


def test_words_that_say_no_more_than_ours_are_not_kept(account: Account) -> None:
    ours = templates.built_in("reminder", "friendly", "email", "en")
    assert ours
    templates.write(account, "reminder", "friendly", "email", TemplateText("Mine", "Mine", "en"))
    assert found(account) == "Mine"
    templates.write(account, "reminder", "friendly", "email", ours)
    assert not MessageTemplate.objects.exists()
    templates.write(account, "reminder", "", "email", TemplateText("Any", "Any", "en"))
    templates.write(account, "reminder", "friendly", "email", ours)
    assert found(account) == ours.body  # it is not what any tone would say


def test_a_language_without_words_falls_back_to_english_whole_and_warns(account: Account) -> None:
    invoice = make.overdue_invoice(account, place=make.open_place())
    Debtor.objects.filter(pk=invoice.debtor_id).update(language="fr")
    message = make.message_of(invoice)
    assert (message.language, message.is_fallback) == ("en", True)
    assert (message.subject.split()[0], message.text.split()[0]) == ("Invoice", "Dear")
    sender.send(make.reminder_due(invoice).pk)
    assert Communication.objects.get(status="sent").language == "en"
    warning = TimelineEntry.objects.get(invoice=invoice, kind="warning")
    assert narrative.in_english(warning) == "Written in English because a template is missing."


def test_a_kind_without_any_words_is_said_to_be_missing(account: Account) -> None:
    with pytest.raises(TemplateMissing):
        templates.find(account, "unheard_of", "", "email", "ar")


def test_a_message_that_can_not_be_written_is_not_sent_but_waits(account: Account) -> None:
    invoice = make.overdue_invoice(account, place=make.open_place())
    due = make.reminder_due(invoice)
    own(account, "{{ gone }}", tone="friendly")  # of a version that knew this variable
    assert not sender.send(due.pk)
    waiting = Communication.objects.get(pk=due.pk)
    assert (waiting.status, waiting.waits_for, waiting.body) == ("scheduled", "template", "")
    assert waiting.scheduled_for > due.scheduled_for + dt.timedelta(hours=12)


def test_own_words_are_what_is_sent(account: Account) -> None:
    own(account, "Salaam {{ name }}: {{ balance }}.\n\n{{ payment_instructions }}", subject="From {{ sender }}")
    invoice = make.overdue_invoice(account, place=make.open_place())
    assert sender.send(make.reminder_due(invoice).pk)
    row = Communication.objects.get(status="sent")
    assert row.subject == "From Falcon Trading LLC"
    assert row.body.startswith("Salaam Ahmed Al Rashid: AED 25,000.00.\n")
    assert "Salaam Ahmed Al Rashid" in row.html


def test_own_words_that_forget_the_list_and_the_link_have_them_at_the_end(account: Account) -> None:
    words = TemplateText("{{ total }}", "Pay us <b>now</b>.", "en", is_own=True)
    first, _ = (make.overdue_invoice(account, invoice_number=f"INV-{number}") for number in (1, 2))
    message = previews.preview(account, words, "reminder", "", "email", about=first, page_url="https://x.example/p")
    places = [message.text.index(part) for part in ("Pay us <b>now</b>.", "INV-1", "INV-2", "https://x.example/p")]
    assert places == sorted(places)
    assert "&lt;b&gt;now" in message.html
