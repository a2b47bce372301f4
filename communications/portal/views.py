"""The debtor's own page. Whoever holds its link is the debtor, and sees nothing of anybody else.

Whatever is wrong with a link is answered alike. GET changes nothing. The page loads nothing from other hosts, no script
at all, and is kept by nobody on the way.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from communications.contacts import addresses, consent
from communications.content import phrases, profiles
from communications.models import Source
from communications.portal import account as page
from communications.portal import answers, links, statement, texts
from communications.portal.forms import FORMS, PageForm
from communications.portal.links import Opened
from inflow.accounts.models import Language
from inflow.api.throttling import flooded
from inflow.proxies import client_address
from invoices.writing import Refused

# Views and answers by one address, then of one debtor; and statements, which cost most.
PER_ADDRESS, PER_DEBTOR, SAID_PER_DEBTOR, STATEMENTS_PER_DEBTOR = "120/m", "60/m", "20/10m", "10/m"
# One click comes from the mail provider's machines, for all who read their mail there.
UNSUBSCRIBE_PER_ADDRESS = "600/m"
DONE = ("paid", "promise", "proposed", "dispute", "stop")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex, nofollow",
    # Under no-referrer browsers send `Origin: null` with a form, which the CSRF check must refuse.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

View = Callable[..., HttpResponse]


class Flooded(Exception):
    """`wait_s` until it is open again."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s


def guarded(view: View) -> View:
    """With the page's headers on each answer, and one answer for whatever is not there."""

    @wraps(view)
    def answer(request: HttpRequest, **named: str) -> HttpResponse:
        try:
            response = view(request, **named)
        except Http404:
            response = render(request, "communications/portal/gone.html", status=404)
        except Flooded as flood:
            response = render(request, "communications/portal/limited.html", {"wait": flood.wait_s}, status=429)
            response["Retry-After"] = str(flood.wait_s)
        for name, value in _HEADERS.items():
            response[name] = value
        return response

    return answer


@guarded
@require_safe
def show(request: HttpRequest, token: str) -> HttpResponse:
    opened, said = _open(request, token)
    return _page(request, token, opened, said)


@guarded
@require_POST
def say(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """One answer of the debtor; then the page again, by GET."""
    opened, said = _open(request, token)
    if kind not in FORMS:
        raise Http404
    _count(request, "page-said", str(opened.debtor.pk), SAID_PER_DEBTOR)
    with override(said.language):
        form = FORMS[kind](opened.party, page.open_invoices(opened.party), said, request.POST)
        if not form.is_valid():
            return _page(request, token, opened, said, form)
        try:
            done = form.do()
        except Refused:  # a payment or a person was faster
            form.add_error(None, said.refused)
            return _page(request, token, opened, said, form)
    return HttpResponseRedirect(f"{_address(token, said.language)}&done={done}")


@guarded
@require_safe
def statement_pdf(request: HttpRequest, token: str) -> HttpResponse:
    opened, said = _open(request, token)
    if not statement.is_available():
        raise Http404
    _count(request, "page-statement", str(opened.debtor.pk), STATEMENTS_PER_DEBTOR)
    response = HttpResponse(statement.pdf(opened.debtor, said, opened.party), content_type="application/pdf")
    today = opened.debtor.account.today()
    response["Content-Disposition"] = f'inline; filename="statement-{today:%Y-%m-%d}.pdf"'
    return response


@guarded
@require_safe
def logo(request: HttpRequest, token: str) -> HttpResponse:
    opened, _ = _open(request, token)
    picture = profiles.of(opened.debtor.account).logo
    if not picture:
        raise Http404
    return HttpResponse(bytes(picture), content_type=f"image/{profiles.logo(bytes(picture)).kind}")


@csrf_exempt
@guarded
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """RFC 8058: a mail program POSTs here without a page, a cookie or a person. It can only opt out."""
    _count(request, "unsubscribe", client_address(request), UNSUBSCRIBE_PER_ADDRESS)
    message = links.unsubscribing(token)
    if message is None:
        raise Http404
    account, is_done = message.account, request.method == "POST"
    if is_done:
        addresses.opt_out(
            account,
            message.channel,
            message.recipient,
            account.now(),
            source=Source.UNSUBSCRIBE,
            text=f"By the link in: {message.subject}",
        )
    said = texts.of(_wanted(request, message.language))
    who = {"sender": profiles.name(profiles.of(account)), "address": message.recipient}
    sentence = page.say(said.left if is_done else said.leave_note, **who)
    shown = {"words": said, "sentence": sentence, "is_done": is_done, "here": request.path}
    return render(request, "communications/portal/unsubscribe.html", shown)


def _open(request: HttpRequest, token: str) -> tuple[Opened, texts.Words]:
    _count(request, "page-address", client_address(request), PER_ADDRESS)
    opened = links.opened(token)
    if opened is None:
        raise Http404
    _count(request, "page-debtor", str(opened.debtor.pk), PER_DEBTOR)
    return opened, texts.of(_wanted(request, opened.language))


def _count(request: HttpRequest, group: str, value: str, rate: str) -> None:
    if wait := flooded(request, group, value, rate):
        raise Flooded(wait)


def _wanted(request: HttpRequest, default: str) -> str:
    asked = request.GET.get("lang", "")
    return asked if asked in Language.values else default


def _address(token: str, language: str) -> str:
    return f"{reverse('debtor-page', args=[token])}?lang={language}"


def _page(
    request: HttpRequest, token: str, opened: Opened, said: texts.Words, failed: PageForm | None = None
) -> HttpResponse:
    debtor, party, account = opened.debtor, opened.party, opened.debtor.account
    today = account.today()
    name = profiles.name(profiles.of(account))
    done = request.GET.get("done", "")
    with override(said.language):
        owed = page.open_invoices(party)
        positions = page.positions(party, owed)
        left = consent.left_channels(debtor, party.own_keys)
        forms = [
            failed if failed and failed.kind == kind else form(party, owed, said)
            for kind, form in FORMS.items()
            if (owed or kind == "stop") and not (kind == "stop" and debtor.opted_out_at)
        ]
        shown: dict[str, Any] = {
            "words": said,
            "sender": name,
            "title": page.say(said.title, sender=name),
            "plain_title": said.title.format(sender=name),
            "logo": reverse("debtor-page-logo", args=[token]) if profiles.of(account).logo else "",
            "debtor": debtor,
            "party": party,
            "lines": page.lines(owed, today, said),
            "totals": page.totals(positions, said),
            "credits": page.credits(positions, said),
            "instructions": profiles.payment_instructions(profiles.of(account), said.language).splitlines(),
            "statement": reverse("debtor-page-statement", args=[token]) if statement.is_available() else "",
            "sayings": page.sayings(answers.shown_to(party), said),
            "forms": [(form, f"{reverse('debtor-page-say', args=[token, form.kind])}") for form in forms],
            "failed": failed,
            "stopped": [getattr(said, f"stop_{channel}") for channel in sorted(left)],
            "done": getattr(said, f"done_{done}") if done in DONE and failed is None else "",
            "other": _address(token, said.other_language),
            "expires": page.say(
                said.expires, date=phrases.date(opened.expires_at.astimezone(account.zone).date(), said.language)
            ),
        }
        return render(request, "communications/portal/page.html", shown, status=422 if failed else 200)
