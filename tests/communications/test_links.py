"""Links to the debtor's page: whoever changes a character, comes late, or was shut out, sees what nobody may know."""

import datetime as dt
import itertools
import string

import pytest
from django.test import Client
from pytest_django import Settings

from communications.models import Communication
from communications.portal import links
from inflow.accounts.models import Account, AuditEntry
from invoices.debtors import merging, splitting
from invoices.models import Debtor
from tests import make
from tests.mailserver import MailServer
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
_addresses = (f"203.0.113.{number % 250}" for number in itertools.count())


def debtor_of(account: Account, **given: str) -> Debtor:
    return make.again(make.invoice(account, **given)).debtor  # type: ignore[arg-type]


def token_of(url: str) -> str:
    return url.rpartition("/")[2]


def look(path: str) -> tuple[int, bytes]:
    """From an address of its own each time: the limit is not what is looked at."""
    answer = Client(REMOTE_ADDR=next(_addresses)).get(path)
    return answer.status_code, answer.content


def test_a_link_opens_the_page_of_its_debtor_in_its_language(account: Account) -> None:
    debtor = debtor_of(account)
    for language in ("en", "ar"):
        opened = links.resolve_page(token_of(links.page_url(debtor, language)))
        assert opened is not None
        assert (opened.debtor, opened.language) == (debtor, language)
    assert links.page_url(debtor, "en").startswith("http://testserver/p/")
    assert links.page_url(debtor, "en").isascii()


def test_a_link_altered_in_any_character_shows_nothing(account: Account) -> None:
    debtor = debtor_of(account)
    token = token_of(links.page_url(debtor, "en"))
    nowhere = look("/p/nothing")
    assert nowhere[0] == 404
    for place, character in enumerate(token):
        others = [character.swapcase(), "A", "b", "-", "."]
        for other in {each for each in others if each != character}:
            altered = token[:place] + other + token[place + 1 :]
            assert links.resolve_page(altered) is None, altered
        assert look(f"/p/{altered}") == nowhere, altered
        assert links.resolve_page(token[:place]) is None
        assert links.resolve_page(token[:place] + token[place + 1 :]) is None
    # The last character of a base64 text has spare bits: no second spelling is good.
    for last in string.ascii_letters + string.digits + "-_=":
        assert (links.resolve_page(token[:-1] + last) is not None) == (last == token[-1])
    for added in ("A", "=", "%00", ".", " "):
        assert links.resolve_page(token + added) is None
    assert links.resolve_page(token) is not None


def test_every_link_that_is_none_is_answered_alike(account: Account) -> None:
    debtor, other = debtor_of(account), debtor_of(account, debtor_email="other@example.com")
    mine, theirs = (token_of(links.page_url(each, "en")) for each in (debtor, other))
    message = make.sent_reminder(make.account(is_test=True))
    wrong_purpose = token_of(links.unsubscribe_url(message))
    mixed = theirs[:22] + mine[22:]
    nowhere = look("/p/x.y")
    assert nowhere[0] == 404
    for path in (
        *(f"/p/{mixed}", f"/p/{wrong_purpose}", f"/p/unsubscribe/{mine}", f"/p/{mixed}/logo"),
        *(f"/p/{mixed}/statement.pdf", f"/p/{mine}/logo", "/p/unsubscribe/x.y"),
    ):
        assert look(path) == nowhere, path


def test_a_link_ends_in_the_account_s_own_time() -> None:
    account = make.account(is_test=True)
    debtor = debtor_of(account)
    token = token_of(links.page_url(debtor, "en"))
    end = account.now() + links.PAGE_LIFETIME
    Account.objects.filter(pk=account.pk).update(clock=end - dt.timedelta(minutes=1))
    assert links.resolve_page(token) is not None
    Account.objects.filter(pk=account.pk).update(clock=end)
    assert links.resolve_page(token) is None
    assert look(f"/p/{token}") == look("/p/nothing")


def test_revoked_links_lead_nowhere_and_others_stay(account: Account) -> None:
    debtor, other = debtor_of(account), debtor_of(account, debtor_email="other@example.com")
    old, kept = (token_of(links.page_url(each, "ar")) for each in (debtor, other))
    links.revoke(debtor, make.STAFF)
    assert links.resolve_page(old) is None
    assert look(f"/p/{old}") == look("/p/nothing")
    assert links.resolve_page(kept) is not None
    debtor.refresh_from_db()
    assert links.resolve_page(token_of(links.page_url(debtor, "ar"))) is not None
    assert AuditEntry.objects.get(action="debtor.links_revoked").actor == make.STAFF.name


def test_two_debtors_never_share_a_key(account: Account) -> None:
    keys = {debtor_of(account, debtor_email=f"debtor{number}@example.com").page_key for number in range(5)}
    assert len(keys) == 5


def test_another_secret_key_opens_nothing(account: Account, settings: Settings) -> None:
    token = token_of(links.page_url(debtor_of(account), "en"))
    settings.SECRET_KEY = "another " * 8
    assert links.resolve_page(token) is None


def test_a_mail_carries_one_click_to_leave_and_the_page(mail: MailServer) -> None:
    account = make.account()
    message = make.sent_reminder(account)
    (sent,) = mail.mails
    target = sent["List-Unsubscribe"].strip(" <>")
    assert target.startswith("http://testserver/p/unsubscribe/")
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert links.resolve_unsubscribe(token_of(target)) == message


def test_an_sms_gets_no_link_and_whatsapp_only_that_to_the_page(account: Account) -> None:
    debtor = debtor_of(account)
    row = Communication(account=account, debtor=debtor, language="ar", channel="sms")
    assert links.urls_for_message(debtor, row) == {"page_url": "", "unsubscribe_url": ""}
    row.channel = "whatsapp"
    whatsapp = links.urls_for_message(debtor, row)
    assert whatsapp["unsubscribe_url"] == ""
    opened = links.resolve_page(token_of(whatsapp["page_url"]))
    assert opened is not None
    assert opened.language == "ar"


def test_looking_changes_nothing(account: Account, visitor: Client) -> None:
    debtor = debtor_of(account)
    with nothing_happens(account):
        assert visitor.get(links.page_url(debtor, "en")).status_code == 200
        assert visitor.head(links.page_url(debtor, "ar")).status_code == 200
        assert visitor.get(links.page_url(debtor, "en") + "/dispute").status_code == 405


def test_links_from_before_a_split_show_neither_debtor_the_others_invoices(account: Account) -> None:
    staying, moved = (make.again(make.overdue_invoice(account, invoice_number=number)) for number in ("STAYS", "MOVES"))
    assert staying.debtor_id == moved.debtor_id
    before = [links.page_url_of(staying, "en"), links.page_url(staying.debtor, "en")]
    debtor = splitting.split(account, staying.debtor_id, [moved.pk], make.STAFF).debtor
    for url in before:
        assert links.resolve_page(token_of(url)) is None
    for invoice, own, other in ((staying, b"STAYS", b"MOVES"), (moved, b"MOVES", b"STAYS")):
        status, html = look(links.page_url_of(make.again(invoice), "en"))
        assert status == 200
        assert own in html
        assert other not in html
    assert make.again(moved).debtor_id == debtor.pk


def test_links_of_another_party_survive_a_split(account: Account) -> None:
    alpha, beta = (
        make.again(make.overdue_invoice(account, debtor_company=name, debtor_email=f"pay@{name[:5].lower()}.example"))
        for name in ("Alpha LLC", "Brava LLC")
    )
    merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    url = links.page_url_of(make.again(beta), "en")
    splitting.split(account, beta.debtor_id, [alpha.pk], make.STAFF)
    assert links.resolve_page(token_of(url)) is not None
