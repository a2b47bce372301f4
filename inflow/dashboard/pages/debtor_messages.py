"""Parts of a debtor's page: addresses, consents and the statement of account."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from communications.contacts import consent
from communications.models import Address, ConsentEntry, Kind, Medium
from communications.portal import entries, statement, texts
from communications.schedule import monthly
from communications.schedule.calendar import place_of
from inflow.accounts.models import Language
from inflow.dashboard.core.markup import badge
from inflow.dashboard.pages.addresses import address_badge
from invoices.debtors import aliases, debtor_parties
from invoices.models import Debtor
from invoices.models.identities import ContactCorrection

_LATEST = 10


def _addresses(debtor: Debtor) -> list[dict[str, Any]]:
    """Return the debtor's addresses, each with its state."""
    known = consent.addresses_of(debtor)
    contacts = Address.objects.filter(account=debtor.account_id, address__in={address for _, address in known})
    by_key = {(contact.channel, contact.address): contact for contact in contacts}
    found = []
    for channel, address in known:
        contact = by_key.get((channel, address))
        state = badge(_("Opted out"), "warning") if debtor.opted_out_at else address_badge(contact)
        found.append({"channel": Medium(channel).label, "address": address, "state": state})
        if contact:
            found[-1]["url"] = reverse("admin:communications_address_change", args=[contact.pk])
            found[-1]["because"] = contact.invalid_because
    return found


def context(debtor: Debtor) -> dict[str, Any]:
    """Return the context of the debtor's page."""
    log = ConsentEntry.objects.filter(debtor__in=aliases.ids_of(debtor.pk)).order_by("-at", "-id")[:_LATEST]
    return {
        "addresses": _addresses(debtor),
        "consents": log,
        "statements": _statements(debtor) if statement.is_available() else [],
        "is_zone_unknown": place_of(debtor, debtor.account).is_zone_unknown,
        "corrections": ContactCorrection.objects.filter(debtor=debtor),
    }


def _statements(debtor: Debtor) -> list[tuple[str, str, str]]:
    """Return the language, label and address of each statement, one for each party on the debtor's invoices."""
    url = reverse("admin:invoices_debtor_statement", args=[debtor.pk])
    return [
        (
            language,
            str(label) if party.is_only else f"{label} · {party}",
            f"{url}?{urlencode({'language': language} | ({} if party.is_only else {'party': min(party.keys)}))}",
        )
        for party in debtor_parties.of(debtor)
        for language, label in Language.choices
    ]


def sendable(debtor: Debtor) -> list[tuple[str, str]]:
    """Return the name of each further party of the debtor, with the address that sends its statement."""
    parties = debtor_parties.of(debtor)
    url = reverse("admin:invoices_debtor_send_statement", args=[debtor.pk])
    return [
        (str(party), f"{url}?{urlencode({'party': entries.key_of(party)})}") for party in parties if not party.is_only
    ]


def send_statement(model_admin: Any, request: HttpRequest, debtor: Debtor) -> HttpResponse:
    """Redirect to the page that previews and sends the statement of one party: `?party=`, else the debtor's own."""
    key, parties = request.GET.get("party", ""), debtor_parties.of(debtor)
    party = entries.party_of(parties, key) or (None if key else parties[0])
    invoice = monthly.about(party) if party else None
    if invoice is None:
        messages.info(request, _("No invoice is open, so there is no statement to send."))
        return HttpResponseRedirect(reverse("admin:invoices_debtor_change", args=[debtor.pk]))
    url = reverse("admin:invoices_invoice_send_now", args=[invoice.pk])
    return HttpResponseRedirect(f"{url}?kind={Kind.STATEMENT.value}")


def statement_pdf(model_admin: Any, request: HttpRequest, debtor: Debtor) -> HttpResponse:
    """Respond with the statement of account as a PDF, in `?language=`, of one `?party=` if there are several. It only
    reads, so GET is permitted."""
    if not statement.is_available():
        raise Http404
    language = request.GET.get("language", "")
    language = language if language in Language.values else debtor.language or debtor.account.language
    parties = debtor_parties.of(debtor)
    if len(parties) > 1:
        parties = [party for party in parties if request.GET.get("party") in party.keys]
    if not parties:
        raise Http404
    response = HttpResponse(statement.pdf(debtor, texts.of(language), parties[0]), content_type="application/pdf")
    day = debtor.account.today()
    response["Content-Disposition"] = f'inline; filename="statement-{day:%Y-%m-%d}.pdf"'
    response["Cache-Control"] = "no-store"
    return response
