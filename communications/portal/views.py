"""The debtor's page. The holder of its link acts as the debtor and sees no data of others.

All invalid links get the same response. GET changes nothing. The page loads no scripts and nothing from other hosts,
and must not be cached.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

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
from communications.portal import answers, disputes, links, paying, statement, texts
from communications.portal.errors import RateLimited
from communications.portal.forms import FORMS, PageForm
from communications.portal.links import PageLink
from inflow.accounts.models import Language
from inflow.api.throttling import flooded
from inflow.proxies import client_address
from inflow.uploads import is_too_large
from invoices.documents import dispute_files, documents
from invoices.models import DisputeFile, Invoice
from invoices.writing import Refused

# Rate limits: requests by one address and for one debtor, answers, and statements, which cost most.
PER_ADDRESS, PER_DEBTOR, ANSWERS_PER_DEBTOR, STATEMENTS_PER_DEBTOR = "120/m", "60/m", "20/10m", "10/m"
DOCUMENTS_PER_DEBTOR = "30/m"
# One-click unsubscribe requests come from the servers of mail providers, for all of their users.
UNSUBSCRIBE_PER_ADDRESS = "600/m"
DONE = ("paid", "promise", "proposed", "dispute", "dispute_part", "stop")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex, nofollow",
    # With no-referrer, browsers send `Origin: null` with forms, which the CSRF check must refuse.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

View = Callable[..., HttpResponse]


def portal_view(view: View) -> View:
    """Add the page's headers to each response, and render 404 and 429 responses."""

    @wraps(view)
    def wrapper(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, **kwargs)
        except Http404:
            response = render(request, "communications/portal/gone.html", status=404)
        except RateLimited as flood:
            response = render(request, "communications/portal/limited.html", {"wait": flood.wait_s}, status=429)
            response["Retry-After"] = str(flood.wait_s)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return wrapper


@portal_view
@require_safe
def show(request: HttpRequest, token: str) -> HttpResponse:
    opened, text = _open(request, token)
    return _page(request, token, opened, text)


@portal_view
@require_POST
def submit(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """Process one form of the debtor and redirect to the page."""
    opened, text = _open(request, token)
    if kind not in FORMS:
        raise Http404
    _count(request, "page-said", str(opened.debtor.pk), ANSWERS_PER_DEBTOR)
    with override(text.language):
        form = FORMS[kind](opened.party, page.open_invoices(opened.party), text, request.POST, request.FILES)
        if is_too_large(request):
            form.add_error(None, text.files_refused)
        if not form.is_valid():
            return _page(request, token, opened, text, form)
        try:
            done = form.do()
        except Refused:  # the invoice has changed meanwhile
            form.add_error(None, text.refused)
            return _page(request, token, opened, text, form)
    return HttpResponseRedirect(f"{_address(token, text.language)}&done={done}")


@portal_view
@require_safe
def statement_pdf(request: HttpRequest, token: str) -> HttpResponse:
    opened, text = _open(request, token)
    if not statement.is_available():
        raise Http404
    _count(request, "page-statement", str(opened.debtor.pk), STATEMENTS_PER_DEBTOR)
    response = HttpResponse(statement.pdf(opened.debtor, text, opened.party), content_type="application/pdf")
    today = opened.debtor.account.today()
    response["Content-Disposition"] = f'inline; filename="statement-{today:%Y-%m-%d}.pdf"'
    return response


@portal_view
@require_safe
def document(request: HttpRequest, token: str, invoice_id: UUID) -> HttpResponse:
    """Respond with the document of one of the party's invoices, also of a paid one."""
    opened, _ = _open(request, token)
    invoice = _invoice(opened, invoice_id)
    _count(request, "page-document", str(opened.debtor.pk), DOCUMENTS_PER_DEBTOR)
    found = documents.for_debtors([invoice]).get(invoice.pk) if invoice.cancelled_at is None else None
    response = documents.response(found, invoice.invoice_number)
    if response is None:
        raise Http404
    return response


@portal_view
@require_safe
def dispute_file(request: HttpRequest, token: str, file_id: UUID) -> HttpResponse:
    """Respond with a file of a dispute about one of the party's invoices."""
    opened, _ = _open(request, token)
    _count(request, "page-document", str(opened.debtor.pk), DOCUMENTS_PER_DEBTOR)
    file = DisputeFile.objects.filter(pk=file_id, dispute__in=disputes.of_party(opened.party)).first()
    response = dispute_files.response(file) if file else None
    if response is None:
        raise Http404
    return response


@portal_view
@require_safe
def pay(request: HttpRequest, token: str, invoice_id: UUID) -> HttpResponse:
    """Redirect to the account's payment provider with the amount as of now, or say why there is nothing to pay."""
    opened, text = _open(request, token)
    invoice = _invoice(opened, invoice_id)
    payment = paying.resolve(opened.party, invoice, text)
    if payment is None:
        raise Http404
    if payment.url:
        return HttpResponseRedirect(payment.url)
    shown = {
        "words": text,
        "title": page.format_sentence(text.pay_title, number=invoice.invoice_number),
        "plain_title": text.pay_title.format(number=invoice.invoice_number),
        "sentence": payment.sentence,
        "back": _address(token, text.language),
    }
    return render(request, "communications/portal/pay.html", shown)


def _invoice(opened: PageLink, invoice_id: UUID) -> Invoice:
    """Return one of the party's invoices. Another party's is not found."""
    invoice: Invoice | None = opened.party.invoices.filter(pk=invoice_id).first()
    if invoice is None:
        raise Http404
    invoice.account, invoice.debtor = opened.debtor.account, opened.debtor
    return invoice


@portal_view
@require_safe
def logo(request: HttpRequest, token: str) -> HttpResponse:
    opened, _ = _open(request, token)
    picture = profiles.of(opened.debtor.account).logo
    if not picture:
        raise Http404
    return HttpResponse(bytes(picture), content_type=f"image/{profiles.logo(bytes(picture)).kind}")


@csrf_exempt
@portal_view
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Opt out by one-click unsubscribe (RFC 8058): mail programs POST here without a session or CSRF token."""
    _count(request, "unsubscribe", client_address(request), UNSUBSCRIBE_PER_ADDRESS)
    message = links.resolve_unsubscribe(token)
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
    text = texts.of(_wanted(request, message.language))
    who = {"sender": profiles.name(profiles.of(account)), "address": message.recipient}
    sentence = page.format_sentence(text.unsubscribed if is_done else text.unsubscribe_note, **who)
    shown = {"words": text, "sentence": sentence, "is_done": is_done, "here": request.path}
    return render(request, "communications/portal/unsubscribe.html", shown)


def _open(request: HttpRequest, token: str) -> tuple[PageLink, texts.PageText]:
    _count(request, "page-address", client_address(request), PER_ADDRESS)
    opened = links.resolve_page(token)
    if opened is None:
        raise Http404
    _count(request, "page-debtor", str(opened.debtor.pk), PER_DEBTOR)
    return opened, texts.of(_wanted(request, opened.language))


def _count(request: HttpRequest, group: str, value: str, rate: str) -> None:
    if wait := flooded(request, group, value, rate):
        raise RateLimited(wait)


def _wanted(request: HttpRequest, default: str) -> str:
    requested = request.GET.get("lang", "")
    return requested if requested in Language.values else default


def _address(token: str, language: str) -> str:
    return f"{reverse('debtor-page', args=[token])}?lang={language}"


def _page(
    request: HttpRequest, token: str, opened: PageLink, text: texts.PageText, failed: PageForm | None = None
) -> HttpResponse:
    debtor, party, account = opened.debtor, opened.party, opened.debtor.account
    today = account.today()
    name = profiles.name(profiles.of(account))
    done = request.GET.get("done", "")
    with override(text.language):
        owed = page.open_invoices(party)
        positions = page.positions(party, owed)
        opted_out = consent.opted_out_channels(debtor, party.own_keys)
        forms = [
            failed if failed and failed.kind == kind else form(party, owed, text)
            for kind, form in FORMS.items()
            if (owed or kind == "stop") and not (kind == "stop" and debtor.opted_out_at)
        ]
        shown: dict[str, Any] = {
            "words": text,
            "sender": name,
            "title": page.format_sentence(text.title, sender=name),
            "plain_title": text.title.format(sender=name),
            "logo": reverse("debtor-page-logo", args=[token]) if profiles.of(account).logo else "",
            "debtor": debtor,
            "party": party,
            "lines": page.lines(token, owed, today, text),
            "paid_documents": page.paid_documents(token, party, text),
            "totals": page.totals(positions, text),
            "credits": page.credits(positions, text),
            "instructions": profiles.payment_instructions(profiles.of(account), text.language).splitlines(),
            "statement": reverse("debtor-page-statement", args=[token]) if statement.is_available() else "",
            "disputes": disputes.lines(token, party, text),
            "replies": [page.answer_line(answer, text) for answer in answers.for_party(party)],
            "forms": [(form, f"{reverse('debtor-page-submit', args=[token, form.kind])}") for form in forms],
            "failed": failed,
            "stopped": [getattr(text, f"stop_{channel}") for channel in sorted(opted_out)],
            "done": getattr(text, f"done_{done}") if done in DONE and failed is None else "",
            "other": _address(token, text.other_language),
            "expires": page.format_sentence(
                text.expires, date=phrases.date(opened.expires_at.astimezone(account.zone).date(), text.language)
            ),
        }
        return render(request, "communications/portal/page.html", shown, status=422 if failed else 200)
