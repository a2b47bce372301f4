"""A person writes to a debtor: what is shown is what goes, once, and never against what stands in its way."""

import datetime as dt
import uuid
from functools import partial

import pytest
from django.utils import timezone

from communications.contacts import addresses, consent
from communications.delivery import manual, sender
from communications.delivery.errors import PreviewOutdated
from communications.delivery.manual import MessageRequest, Preview
from communications.models import CollectionSettings, Communication, Source
from inflow.accounts.models import Account
from invoices import lifecycle, writing
from invoices.cases import cases
from invoices.cases.cases import CaseChange
from invoices.models import Debtor, Escalation, Invoice, TimelineEntry
from tests import make
from tests.mailserver import MailServer
from tests.parallel import at_once
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
MANUAL = MessageRequest("manual", "email", "en")


def late_invoice(**given: int | str) -> Invoice:
    """One whose debtor may be written to at this moment."""
    return make.overdue_invoice(make.account(), place=make.open_place(), **given)  # type: ignore[arg-type]


def preview(invoice: Invoice, request: MessageRequest = MANUAL) -> Preview:
    return manual.preview(invoice.account, invoice.pk, make.STAFF, request)


def send(
    invoice: Invoice, request: MessageRequest = MANUAL, *, key: uuid.UUID | None = None, digest: str = ""
) -> Communication:
    digest = digest or preview(invoice, request).digest
    return manual.send(invoice.account, invoice.pk, make.STAFF, request, key=key or uuid.uuid4(), digest=digest)


def planned_manual(invoice: Invoice, request: MessageRequest) -> Communication:
    """A message that is scheduled and not yet sent."""
    return Communication.objects.create(
        account=invoice.account,
        debtor=invoice.debtor,
        invoice=invoice,
        round=invoice.round,
        kind=request.kind,
        channel=request.channel,
        language=request.language,
        subject=request.subject,
        body=request.text,
        recipient=invoice.debtor_email,
        scheduled_for=invoice.account.now() + dt.timedelta(days=1),
        approved_by=make.STAFF.name,
    )


def test_what_was_looked_at_goes_as_it_was_shown(mail: MailServer) -> None:
    invoice = late_invoice(invoice_number="INV-7", amount="1234.50")
    before = Communication.objects.count()
    shown = preview(invoice)
    assert (Communication.objects.count(), TimelineEntry.objects.filter(kind="sent").count()) == (before, 0)
    sent = send(invoice)
    assert (sent.status, sent.kind, sent.recipient, sent.approved_by) == (
        "sent",
        "manual",
        "ahmed@gulftrading.example",
        "manager@example.com",
    )
    assert (sent.subject, sent.amount) == (shown.message.subject, invoice.balance)
    assert "AED 1,234.50" in sent.subject
    assert [str(each["Subject"]).strip() for each in mail.mails] == [sent.subject]


def test_looking_writes_nothing(mail: MailServer) -> None:
    invoice = late_invoice()
    with nothing_happens(invoice.account):
        assert preview(invoice).may_be_sent
    assert mail.mails == []


def test_a_form_that_is_posted_twice_sends_one_message(mail: MailServer) -> None:
    invoice, key = late_invoice(), uuid.uuid4()
    digest = preview(invoice).digest
    assert send(invoice, key=key, digest=digest) == send(invoice, key=key, digest=digest)
    assert len(mail.mails) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_posts_of_one_form_at_the_same_moment_one_sends(mail: MailServer) -> None:
    invoice, key = late_invoice(), uuid.uuid4()
    both = partial(send, invoice, key=key, digest=preview(invoice).digest)
    assert {sent.pk for sent in at_once(both, both) if isinstance(sent, Communication)} == {key}
    assert len(mail.mails) == 1


def test_a_key_that_was_used_for_another_invoice_sends_nothing(mail: MailServer) -> None:
    one, other = late_invoice(), late_invoice()
    key = send(one).pk
    with nothing_happens(other.account), pytest.raises(writing.Refused, match="Open it again"):
        send(other, key=key)
    assert len(mail.mails) == 1


def test_a_payment_after_the_look_stops_it(mail: MailServer) -> None:
    invoice = late_invoice()
    digest = preview(invoice).digest
    lifecycle.record_payment(invoice.account, invoice.pk, make.API, amount=invoice.balance)
    with nothing_happens(invoice.account), pytest.raises(writing.Refused):
        send(invoice, digest=digest)
    assert mail.mails == []


def test_a_part_payment_after_the_look_asks_for_another_look(mail: MailServer) -> None:
    invoice = late_invoice(amount=1_000)
    digest = preview(invoice).digest
    lifecycle.record_payment(invoice.account, invoice.pk, make.API, amount=invoice.balance / 2)
    with nothing_happens(invoice.account), pytest.raises(PreviewOutdated):
        send(invoice, digest=digest)
    assert mail.mails == []
    assert "AED 500.00" in send(invoice).subject


def test_a_payment_before_a_later_gate_stops_what_waits_for_the_window(mail: MailServer) -> None:
    invoice = make.overdue_invoice(make.account(), place=make.closed_place())
    shown = preview(invoice)
    assert shown.deferred_until
    assert "contact hours" in shown.refusal
    sent = send(invoice)
    assert (sent.status, sent.waits_for, sent.scheduled_for) == ("scheduled", "window", shown.deferred_until)
    lifecycle.record_payment(invoice.account, invoice.pk, make.API, amount=invoice.balance)
    Communication.objects.update(status="scheduled", scheduled_for=timezone.now())
    assert sender.send_due() == 0
    assert (Communication.objects.get(pk=sent.pk).suppressed_reason, mail.mails) == ("paid", [])


def test_what_waits_for_the_window_goes_by_itself_and_the_ladder_stands_where_it_stood(mail: MailServer) -> None:
    invoice = make.overdue_invoice(make.account(), place=make.closed_place())
    waiting = send(invoice)
    stood = make.again(invoice)
    Debtor.objects.update(time_zone=make.open_place().zone.key, country=make.open_place().country)
    Communication.objects.filter(pk=waiting.pk).update(scheduled_for=timezone.now())
    assert sender.send_due() == 1
    now = make.again(invoice)
    assert now.last_step == stood.last_step
    assert now.next_contact_at
    assert now.next_contact_at >= timezone.now() + dt.timedelta(hours=71)  # it was a contact
    assert now.last_contacted_at is not None
    assert Communication.objects.filter(status="scheduled", step__isnull=False).count() == 1


def test_what_waits_may_be_stopped(mail: MailServer) -> None:
    invoice = make.overdue_invoice(make.account(), place=make.closed_place())
    waiting = send(invoice)
    manual.cancel(invoice.account, waiting.pk, make.STAFF, reason="Called them.")
    assert Communication.objects.get(pk=waiting.pk).status == "cancelled"
    step = Communication.objects.get(step__isnull=False)
    with nothing_happens(invoice.account), pytest.raises(writing.Refused):
        manual.cancel(invoice.account, step.pk, make.STAFF)


def _opt_out(invoice: Invoice) -> None:
    consent.opt_out(invoice.debtor, "", make.STAFF, Source.STAFF, "They asked.")


def _opt_out_of_email(invoice: Invoice) -> None:
    addresses.opt_out(invoice.account, "email", invoice.debtor_email, invoice.account.now())


def _kill_switch(invoice: Invoice) -> None:
    CollectionSettings.objects.create(account=invoice.account, is_stopped=True)


def _switch_of_the_channel(invoice: Invoice) -> None:
    CollectionSettings.objects.create(account=invoice.account, stopped_channels=["email"])


def _dispute(invoice: Invoice) -> None:
    lifecycle.change(invoice.account, invoice.pk, make.STAFF, status="disputed")


def _hold(invoice: Invoice) -> None:
    lifecycle.change(invoice.account, invoice.pk, make.STAFF, status="on_hold")


def _suspend(invoice: Invoice) -> None:
    Account.objects.filter(pk=invoice.account_id).update(suspended_at=timezone.now())


def _stale(invoice: Invoice) -> None:
    CollectionSettings.objects.create(account=invoice.account, stale_after_hours=1)


def _bounced(invoice: Invoice) -> None:
    addresses.mark_invalid(invoice.account, "email", invoice.debtor_email, invoice.account.now(), "no such user")


@pytest.mark.parametrize(
    ("hinder", "why"),
    [
        (_opt_out, "has opted out"),
        (_opt_out_of_email, "has opted out"),
        (_kill_switch, "messages are stopped"),
        (_switch_of_the_channel, "messages are stopped"),
        (_dispute, "disputed"),
        (_hold, "on hold"),
        (_suspend, "suspended"),
        (_stale, "payment data is stale"),
        (_bounced, "is invalid"),
    ],
)
def test_what_stands_against_it_is_said_and_nothing_is_kept(hinder: object, why: str, mail: MailServer) -> None:
    invoice = late_invoice()
    digest = preview(invoice).digest
    assert callable(hinder)
    hinder(invoice)
    invoice = make.again(invoice)
    shown = preview(invoice)
    assert (why in shown.refusal, shown.may_be_sent) == (True, False)
    with nothing_happens(invoice.account), pytest.raises(writing.Refused, match=why):
        send(invoice, digest=digest)
    assert mail.mails == []


def test_who_works_on_the_case_may_write_although_the_case_holds_the_ladder(mail: MailServer) -> None:
    invoice = late_invoice()
    case = make.escalation(invoice)
    cases.change(invoice.account, case.pk, make.STAFF, CaseChange(status="acknowledged"))
    invoice = make.again(invoice)
    assert (invoice.status, send(invoice).status) == ("on_hold", "sent")
    lifecycle.promise(invoice.account, invoice.pk, make.STAFF, invoice.account.today() + dt.timedelta(days=3))
    assert not preview(make.again(invoice)).may_be_sent
    assert Escalation.objects.get().status == "acknowledged"


def test_it_is_a_contact_that_the_limits_count_and_do_not_hold(mail: MailServer) -> None:
    invoice = late_invoice()
    assert [send(invoice).status for _ in range(3)] == ["sent"] * 3
    row = Communication.objects.get(invoice=invoice, status="scheduled")
    assert row.waits_for == "cap"
    make.reminder_due(invoice)
    assert sender.send_due() == 0
    row.refresh_from_db()
    assert make.again(invoice).next_contact_at == row.scheduled_for >= timezone.now() + dt.timedelta(hours=71)


def test_thanks_are_for_what_is_paid(mail: MailServer) -> None:
    invoice, thanks = late_invoice(), MessageRequest("thank_you", "email", "en")
    with nothing_happens(invoice.account), pytest.raises(writing.Refused):
        preview(invoice, thanks)
    lifecycle.record_payment(invoice.account, invoice.pk, make.API, amount=invoice.balance)
    invoice = make.again(invoice)
    with nothing_happens(invoice.account), pytest.raises(writing.Refused):
        preview(invoice)
    sent = send(invoice, thanks)
    assert (sent.status, sent.subject) == ("sent", f"Thank you: invoice {invoice} is paid")
    lifecycle.change(invoice.account, invoice.pk, make.STAFF, notes="They were glad.")
    assert Communication.objects.get(pk=sent.pk).status == "sent"


def test_thanks_that_wait_are_not_given_for_a_cheque_that_bounced(mail: MailServer) -> None:
    invoice = make.overdue_invoice(make.account(), place=make.closed_place())
    paid = lifecycle.record_payment(invoice.account, invoice.pk, make.API, amount=invoice.balance)
    thanks = send(invoice, MessageRequest("thank_you", "email", "en"))
    lifecycle.change(invoice.account, invoice.pk, make.STAFF, notes="A note.")
    assert Communication.objects.get(pk=thanks.pk).status == "scheduled"
    lifecycle.reverse_payment(invoice.account, invoice.pk, paid.pk, make.STAFF)
    Communication.objects.filter(pk=thanks.pk).update(scheduled_for=timezone.now())
    sender.send_due()
    assert Communication.objects.get(pk=thanks.pk).suppressed_reason == "not_paid"
    assert mail.mails == []


def test_a_promise_may_be_spoken_of_while_it_holds_the_ladder(mail: MailServer) -> None:
    invoice, word = late_invoice(), MessageRequest("promise_followup", "email", "en")
    with nothing_happens(invoice.account), pytest.raises(writing.Refused):
        preview(invoice, word)
    day = invoice.account.today() + dt.timedelta(days=5)
    lifecycle.promise(invoice.account, invoice.pk, make.STAFF, day)
    sent = send(make.again(invoice), word)
    assert (sent.status, f"{day.day} {day:%B %Y}" in sent.subject) == ("sent", True)


def test_it_is_written_in_the_language_and_the_words_that_were_chosen(mail: MailServer) -> None:
    invoice = late_invoice()
    assert send(invoice, MessageRequest("manual", "email", "ar")).language == "ar"
    own = MessageRequest("manual", "email", "en", "A word about {{ invoice_number }}", "Dear {{ name }}, can we talk?")
    sent = send(invoice, own)
    assert sent.subject == f"A word about {invoice}"
    assert sent.body.startswith("Dear Ahmed Al Rashid, can we talk?")


def test_an_amendment_leaves_the_language_that_the_writer_chose(mail: MailServer) -> None:
    invoice = late_invoice()
    row = planned_manual(invoice, MessageRequest("manual", "email", "ar", "تذكير", "مرحبا"))
    lifecycle.amend(invoice.account, invoice.pk, make.API, {"language": "en", "debtor_email": "new@gulf.example"})
    row.refresh_from_db()
    assert (row.status, row.language, row.recipient) == ("scheduled", "ar", "new@gulf.example")


def test_a_text_for_one_party_is_not_sent_to_another(mail: MailServer) -> None:
    invoice = late_invoice()
    row = planned_manual(invoice, MessageRequest("manual", "email", "en", "To Gulf Trading", "Dear Gulf Trading"))
    lifecycle.amend(invoice.account, invoice.pk, make.API, {"debtor_company": "GULF TRADING L.L.C."})
    row.refresh_from_db()
    assert row.status == "scheduled"  # the same party
    lifecycle.amend(invoice.account, invoice.pk, make.API, {"debtor_company": "Oryx Foods FZE"})
    row.refresh_from_db()
    assert row.status == "cancelled"
    assert TimelineEntry.objects.filter(invoice=invoice, kind="cancelled").count() == 1


def test_a_foreign_invoice_is_not_found(mail: MailServer) -> None:
    invoice, foreign = late_invoice(), make.account()
    with nothing_happens(invoice.account), pytest.raises(writing.NotFound):
        manual.preview(foreign, invoice.pk, make.STAFF, MANUAL)
    assert mail.mails == []
