"""The pages of message templates and of the sender: by role and account, refusing what can't be sent."""

import itertools
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from communications.content import templates
from communications.models import MessageTemplate, SenderProfile
from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from tests import make
from tests.communications.test_sender_profile import png
from tests.dashboard.world import World, may, nothing_changes, page, platform

pytestmark = pytest.mark.django_db
USE = ("reminder", "any", "email")


def at(world: World, what: str = "edit", use: tuple[str, ...] = USE) -> str:
    args = [world.account.pk, *(use if what != "table" else ())]
    return reverse(f"admin:communications_messagetemplate_{what}", args=args)


def said(**given: str) -> dict[str, Any]:
    """The form as the page shows it, but for what is given."""
    form: dict[str, Any] = {}
    for language in ("en", "ar"):
        words = templates.built_in("reminder", "", "email", language)
        assert words
        form |= {f"subject_{language}": words.subject, f"body_{language}": words.body}
    return form | {"save": "1"} | given


def profile_page(world: World) -> str:
    return page("communications_senderprofile", "change", world.account.pk)


def html_of(answer: Any) -> str:
    html: str = answer.content.decode()
    return html


def test_the_pages_of_another_account_are_not_found(own: World, foreign: World) -> None:
    mine = MessageTemplate.objects.create(
        account=foreign.account, kind="reminder", channel="sms", language="en", body="of Sandfox"
    )
    addresses = [at(foreign), at(foreign, "table"), at(foreign, "reset"), profile_page(foreign)]
    addresses.append(page("communications_messagetemplate", "change", mine.pk))
    with nothing_changes(own, foreign):
        for role, address in itertools.product(Role, addresses):
            client = own.logged_in(role)
            assert client.get(address).status_code == 404, (role, address)
            assert client.post(address, said(body_en="Mine now", display_name="Mine now")).status_code == 404


def test_one_s_own_pages_open_from_the_manager_on(own: World) -> None:
    with nothing_changes(own):
        for role in Role:
            client, opens = own.logged_in(role), 200 if may(role, Role.MANAGER) else 403
            for address in (at(own), at(own, "table"), profile_page(own)):
                assert client.get(address).status_code == opens, (role, address)
            if opens == 403:
                for address in (at(own), at(own, "reset"), profile_page(own)):
                    assert client.post(address, said(body_en="Mine")).status_code == 403
            for name in ("messagetemplate", "senderprofile"):
                answer = client.get(page(f"communications_{name}", "changelist"), follow=True)
                assert answer.status_code == opens
                assert client.get(page(f"communications_{name}", "add")).status_code == 403
            sidebar = html_of(client.get("/admin/"))
            assert ("/admin/communications/messagetemplate/" in sidebar) == (opens == 200)


def test_nobody_opens_them_without_logging_in(own: World, client: Any) -> None:
    for address in (at(own), at(own, "table"), profile_page(own)):
        assert client.get(address)["Location"].startswith("/admin/login/")


def test_platform_staff_choose_the_account(own: World, foreign: World) -> None:
    client = platform()
    listed = html_of(client.get(page("communications_messagetemplate", "changelist")))
    SenderProfile.objects.create(account=own.account, display_name="Falcon Group")
    assert "Falcon Group" in html_of(client.get(page("communications_senderprofile", "changelist")))
    for world in (own, foreign):
        assert at(world, "table") in listed
        assert client.get(at(world)).status_code == 200
        assert client.get(profile_page(world)).status_code == 200


def test_saving_keeps_what_differs_and_the_audit_log_tells(own: World, foreign: World) -> None:
    client = own.logged_in(Role.MANAGER)
    with nothing_changes(foreign):
        assert client.post(at(own), said(body_en="Salaam {{ name }}, {{ balance }}.")).status_code == 302
    (row,) = MessageTemplate.objects.all()
    assert (row.account, row.language, row.body) == (own.account, "en", "Salaam {{ name }}, {{ balance }}.")
    entry = AuditEntry.objects.get(action="messagetemplate.changed")
    assert (entry.actor, entry.detail["changes"]["body"][1]) == (own.people[Role.MANAGER].email, row.body)
    html = html_of(client.get(at(own)))
    assert "Only English has a text of its own; Arabic uses the built-in text." in html
    assert "EN own" in html_of(client.get(at(own, "table")))
    client.post(at(own), said())
    assert not MessageTemplate.objects.exists()


@pytest.mark.parametrize(
    ("field", "text", "because"),
    [
        ("body_en", "Pay {{ amonut }}", "Unknown variable “amonut”. Available: name, company"),
        ("body_ar", "ادفعوا {{ amonut }}", "Unknown variable “amonut”"),
        ("subject_en", "{{ name.__class__ }}", "Unknown variable"),
        ("subject_en", "{{ invoices }}", "“invoices” spans several lines"),
        ("body_en", "{% load static %}", "can&#x27;t be used"),
        ("body_en", "{% if company %}only then{% endif %}", "empty after the values are filled in"),
        ("body_ar", "{% if overdue %}متأخرة{% endif %}", "empty after the values are filled in"),
        ("subject_ar", "", "An email needs a subject and a text."),
        ("body_en", "x" * 8_001, "can have at most 8,000 characters"),
        ("subject_en", "x" * 501, "at most 500 characters"),
        ("invoice_number", "INV-none", "There is no invoice with this number."),
    ],
)
def test_what_can_not_be_sent_is_refused_and_said_on_the_form(own: World, field: str, text: str, because: str) -> None:
    with nothing_changes(own):
        answer = own.logged_in(Role.MANAGER).post(at(own), said(**{field: text}))
    assert answer.status_code == 200
    assert because in html_of(answer)


def test_an_sms_with_a_link_is_refused_where_the_law_refuses_it(own: World) -> None:
    sms = ("reminder", "any", "sms")
    with nothing_changes(own):
        answer = own.logged_in(Role.MANAGER).post(
            at(own, use=sms), said(body_en="Pay {{ balance }}: https://x.example")
        )
    assert "Links are not allowed in SMS in this country" in html_of(answer)


def test_a_preview_is_of_the_account_s_own_invoice_and_stores_nothing(own: World, foreign: World) -> None:
    client = own.logged_in(Role.MANAGER)
    asked = said(body_en="About {{ invoice_number }} <script>", invoice_number=own.invoice.invoice_number, preview="1")
    del asked["save"]
    with nothing_changes(own, foreign):
        html = html_of(client.post(at(own), asked))
        frames = re.findall(r'<iframe class="mail tall" sandbox srcdoc="([^"]*)"', html)
        assert len(frames) == 2
        assert "About Falcon-1 &amp;lt;script&amp;gt;" in frames[0]
        assert "Debtor of Falcon" in frames[1]
        html = html_of(client.post(at(own), asked | {"invoice_number": foreign.invoice.invoice_number}))
    assert "There is no invoice with this number." in html
    assert "Debtor of Sandfox" not in html
    assert "<iframe" not in html


def test_without_an_invoice_a_sample_is_shown_alone_or_with_others(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    html = html_of(client.get(at(own)))
    assert "INV-1042" in html
    assert "INV-1043" not in html
    asked = said(preview="1", is_several="on")
    del asked["save"]
    assert "INV-1043" in html_of(client.post(at(own), asked))


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_a_short_message_is_previewed_as_text(own: World, channel: str) -> None:
    html = html_of(own.logged_in(Role.MANAGER).get(at(own, use=("follow_up", "firm", channel))))
    assert "<iframe" not in html
    assert "despite our reminders" in html.lower()
    assert 'name="subject_en"' not in html


def test_own_words_are_dropped_by_post_alone(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    client.post(at(own), said(body_en="Mine {{ balance }}"))
    with nothing_changes(own):
        assert client.get(at(own, "reset")).status_code == 405
    assert client.post(at(own, "reset")).status_code == 302
    assert not MessageTemplate.objects.exists()
    assert AuditEntry.objects.filter(action="messagetemplate.reset").count() == 1


def test_an_unheard_of_use_is_not_found(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    for use in (
        ("bribe", "any", "email"),
        ("reminder", "rude", "email"),
        ("manual", "firm", "email"),
        (*USE[:2], "fax"),
    ):
        assert client.get(at(own, use=use)).status_code == 404


def test_the_sender_is_saved_with_its_logo_for_one_s_own_account(own: World, foreign: World) -> None:
    client, logo = own.logged_in(Role.MANAGER), SimpleUploadedFile("logo.svg", png(), content_type="text/html")
    form = {"display_name": "Falcon", "payment_en": "IBAN AE07 0331 2345 6789 0123 456", "new_logo": logo}
    with nothing_changes(foreign):
        answer = client.post(profile_page(own), form | {"account": str(foreign.account.pk)})
    assert answer.status_code == 302
    profile = SenderProfile.objects.get()
    assert (profile.account, profile.display_name, bytes(profile.logo or b"")) == (own.account, "Falcon", png())
    assert AuditEntry.objects.filter(action="senderprofile.changed").count() == 1
    assert "data:image/png;base64," in html_of(client.get(profile_page(own)))
    assert "data:image/png;base64," in html_of(client.get(at(own)))
    client.post(profile_page(own), {"display_name": "Falcon", "remove_logo": "on"})
    assert SenderProfile.objects.get().logo is None


@pytest.mark.parametrize(
    ("form", "because"),
    [
        ({"new_logo": b"<svg></svg>"}, "PNG or a JPEG"),
        ({"new_logo": png() + bytes(300_000)}, "larger than 200 KiB"),
        ({"payment_ar": "IBAN AE07 0331 2345 6789 0123 457"}, "check digits of this IBAN are wrong"),
        ({"reply_to": "nobody"}, "valid email address"),
        ({"payment_en": "x" * 1_001}, "at most 1000 characters"),
    ],
)
def test_a_sender_that_can_not_be_right_is_refused(own: World, form: dict[str, Any], because: str) -> None:
    if data := form.get("new_logo"):
        form = {"new_logo": SimpleUploadedFile("logo.png", data)}
    with nothing_changes(own):
        answer = own.logged_in(Role.MANAGER).post(profile_page(own), form)
    assert answer.status_code == 200
    assert because in html_of(answer)


def test_a_message_is_shown_with_the_logo_it_carries(own: World) -> None:
    SenderProfile.objects.create(account=own.account, logo=png())
    sent = make.sent_reminder(own.account)
    html = html_of(own.logged_in(Role.VIEWER).get(page("communications_communication", "change", sent.pk)))
    assert "data:image/png;base64," in html
    assert "cid:" not in html
