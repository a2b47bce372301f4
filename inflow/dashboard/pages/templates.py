"""Message templates: a table of all uses, and an editor for both languages with a preview."""

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.widgets import CHECKBOX_CLASSES

from communications.channels import gateways
from communications.content import phrases, previews, profiles, template_language, templates
from communications.content.errors import InvalidTemplate
from communications.content.templates import TemplateText
from communications.models import Kind, Medium, MessageTemplate, Tone
from inflow.accounts import audit
from inflow.accounts.access import account_or_404, person
from inflow.accounts.models import Account, Language
from inflow.accounts.roles import Role
from inflow.canonical import canonical
from inflow.dashboard.core.forms import PageForm, TextField
from inflow.dashboard.core.markup import badge
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import page
from inflow.languages import english
from invoices.models import Invoice

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ANY = "any"
_NAMES = {"en": _lazy("English"), "ar": _lazy("Arabic")}
_SHORT = {"en": _lazy("EN"), "ar": _lazy("AR")}
_ORIGINS = {"own": _lazy("own"), "any tone": _lazy("any tone"), "built-in": _lazy("built-in")}
_CHANNELS = (Medium.EMAIL, Medium.WHATSAPP, Medium.SMS)


@dataclass(frozen=True, slots=True)
class Use:
    """The use of a template: account, kind, tone and channel."""

    account: Account
    kind: Kind
    tone: str
    channel: Medium

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind.value, self.tone, self.channel.value

    def __str__(self) -> str:
        parts = {"kind": self.kind.label, "channel": self.channel.label}
        if not self.tone:
            return _("%(kind)s, %(channel)s") % parts
        return _("%(kind)s, %(tone)s, %(channel)s") % {**parts, "tone": Tone(self.tone).label.lower()}

    def url(self, page: str) -> str:
        parts = [self.account.pk, self.kind.value, self.tone or ANY, self.channel.value]
        return reverse(f"admin:communications_messagetemplate_{page}", args=parts)

    def text(self, language: str) -> tuple[TemplateText, str]:
        """Return the text in use and its origin: own, any tone, or built-in."""
        own = MessageTemplate.objects.for_account(self.account).filter(
            kind=self.kind, tone=self.tone, channel=self.channel, language=language
        )
        if row := own.first():
            return TemplateText(row.subject, row.body, language, is_own=True), "own"
        text = templates.inherited(self.account, *self.key, language) or TemplateText("", "", language)
        return text, "any tone" if text.is_own else "built-in"


def _text(label: "StrOrPromise", rows: int, limit: int | None = None) -> TextField:
    """Return a field for a text. The limit of a body depends on the channel and is checked in `clean`."""
    return TextField(rows=rows, label=label, max_length=limit, required=False)


class TemplateForm(PageForm):
    """Texts of one use in both languages. An empty field stands for the built-in text."""

    subject_en = _text(_lazy("Subject"), 3, template_language.SUBJECT_LIMIT)
    body_en = _text(_lazy("Text"), 18)
    subject_ar = _text(_lazy("Subject"), 3, template_language.SUBJECT_LIMIT)
    body_ar = _text(_lazy("Text"), 18)
    invoice_number = forms.CharField(
        label=_lazy("Invoice in the preview"),
        max_length=64,
        required=False,
        help_text=_lazy("Invoice number. Leave empty for a sample invoice."),
    )
    is_several = forms.BooleanField(label=_lazy("Sample with three invoices"), required=False)

    def __init__(self, *args: Any, use: Use, **kwargs: Any) -> None:
        self.use = use
        self.about: Invoice | None = None
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        for language in Language.values:
            for name in ("subject", "body"):
                direction = "rtl" if phrases.is_rtl(language) else "ltr"
                self.fields[f"{name}_{language}"].widget.attrs.update(dir=direction, lang=language)
            if self.use.channel != Medium.EMAIL:
                del self.fields[f"subject_{language}"]
        self.fields["invoice_number"].widget.attrs["list"] = "invoices"
        self.fields["is_several"].widget.attrs["class"] = " ".join(CHECKBOX_CLASSES)

    def clean_invoice_number(self) -> str:
        number = canonical(self.cleaned_data["invoice_number"])
        if number:
            mine = Invoice.objects.for_account(self.use.account).select_related("account", "debtor")
            self.about = mine.numbered(number).first()
            if self.about is None:
                raise ValidationError(_("There is no invoice with this number."))
        return number

    def clean(self) -> None:
        for language in Language.values:
            self._check(language)

    def _check(self, language: str) -> None:
        texts, is_email = self.texts(language), self.use.channel == Medium.EMAIL
        for name, text in (("subject", texts.subject), ("body", texts.body)):
            field = f"{name}_{language}"
            if field not in self.fields or field in self.errors:
                continue
            if is_email and not text and (texts.subject or texts.body):
                self.add_error(field, _("An email needs a subject and a text."))
            try:
                check = template_language.check_subject if name == "subject" else template_language.check
                check(text, self.use.channel)
            except InvalidTemplate as error:
                self.add_error(field, str(error))
        if texts.body and not self.errors:
            try:
                previews.validate(self.use.account, texts, *self.use.key)
            except InvalidTemplate as error:
                self.add_error(f"body_{language}", str(error))

    def texts(self, language: str) -> TemplateText:
        """Return the texts as entered, or as stored if the form was not submitted."""
        data = self.cleaned_data if self.is_bound else self.initial
        subject, body = (str(data.get(f"{name}_{language}") or "") for name in ("subject", "body"))
        return TemplateText(phrases.plain(subject), phrases.plain(body), language)


@admin.register(MessageTemplate)
class MessageTemplateAdmin(OwnRowsAdmin):
    """Templates by account, kind, tone and channel. Rows are changed only here, through `content.templates`."""

    sees = Role.MANAGER

    def get_urls(self) -> list[Any]:
        use, view = "<uuid:account_id>/<str:kind>/<str:tone>/<str:channel>/", self.admin_site.admin_view
        name = "communications_messagetemplate_"
        return [
            path("<uuid:account_id>/", view(self.table), name=f"{name}table"),
            path(use, view(self.edit), name=f"{name}edit"),
            path(f"{use}reset/", view(self.reset), name=f"{name}reset"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        user = person(request)
        if not user.is_superuser:
            return HttpResponseRedirect(self.url("table", user.account_id))
        accounts = [(account.name, self.url("table", account.pk)) for account in Account.objects.all()]
        context = {"title": _("Message templates"), "accounts": accounts, "model_admin": None}
        return page(self, request, "admin/communications/messagetemplate/accounts.html", context)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Redirect to the page of the row's use, which shows both languages."""
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row) or request.method != "GET":
            raise PermissionDenied
        return HttpResponseRedirect(Use(row.account, Kind(row.kind), row.tone, Medium(row.channel)).url("edit"))

    def table(self, request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:
        account = self._account(request, account_id)
        own = set(MessageTemplate.objects.for_account(account).values_list("kind", "tone", "channel", "language"))
        rows = []
        for kind in Kind:
            for tone in templates.tones_of(kind):
                uses = [Use(account, kind, tone, channel) for channel in _CHANNELS]
                cells = [(use.url("edit"), str(use), [_origin(use, own, lang) for lang in Language]) for use in uses]
                rows.append((kind.label if not tone else "", Tone(tone).label if tone else _("Any tone"), cells))
        subtitle = account.name if person(request).is_superuser else ""
        context: dict[str, Any] = {"title": _("Message templates"), "subtitle": subtitle}
        context |= {"channels": _CHANNELS, "rows": rows, "model_admin": None}  # the heading names the page once
        return page(self, request, "admin/communications/messagetemplate/table.html", context)

    def edit(self, request: HttpRequest, account_id: uuid.UUID, kind: str, tone: str, channel: str) -> HttpResponse:
        use = self._use(request, account_id, kind, tone, channel)
        current = {language: use.text(language) for language in Language.values}
        initial: dict[str, Any] = {}
        for language, (text, _origin_of) in current.items():
            initial |= {f"subject_{language}": text.subject, f"body_{language}": text.body}
        form = TemplateForm(request.POST if request.method == "POST" else None, use=use, initial=initial)
        if form.is_bound and form.is_valid() and "save" in request.POST:
            self._save(request, use, form, current)
            return HttpResponseRedirect(use.url("edit"))
        context = {
            "title": str(use),
            "form": form,
            "use": use,
            "sides": [_side(form, language, current[language][1]) for language in Language],
            "warnings": _warnings(use, form, {language: origin for language, (_text_of, origin) in current.items()}),
            "variables": template_language.variables_of(use.channel),
            "known": Invoice.objects.for_account(use.account).open().values_list("invoice_number", flat=True)[:50],
            "is_own": any(origin == "own" for _, origin in current.values()),
            "reset_url": use.url("reset"),
            "back": self.url("table", use.account.pk),
        }
        return page(self, request, "admin/communications/messagetemplate/edit.html", context)

    def reset(self, request: HttpRequest, account_id: uuid.UUID, kind: str, tone: str, channel: str) -> HttpResponse:
        use = self._use(request, account_id, kind, tone, channel)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        with transaction.atomic():
            if templates.reset(use.account, *use.key):
                audit.record(use.account, person(request).email, "messagetemplate.reset", english(use))
        messages.success(request, _("%(title)s: the built-in template is used again.") % {"title": use})
        return HttpResponseRedirect(use.url("edit"))

    def _save(
        self, request: HttpRequest, use: Use, form: TemplateForm, current: dict[str, tuple[TemplateText, str]]
    ) -> None:
        with transaction.atomic():
            for language, (before, _origin_of) in current.items():
                after = form.texts(language)
                if (after.subject, after.body) == (before.subject, before.body):
                    continue
                templates.write(use.account, *use.key, after)
                target = f"{english(use)}, {language}"
                changes = {"subject": [before.subject, after.subject], "body": [before.body, after.body]}
                audit.record(use.account, person(request).email, "messagetemplate.changed", target, changes=changes)
        messages.success(request, _("%(title)s has been saved and is used for new messages.") % {"title": use})

    def _use(self, request: HttpRequest, account_id: uuid.UUID, kind: str, tone: str, channel: str) -> Use:
        account = self._account(request, account_id)
        tone = "" if tone == ANY else tone
        if kind not in Kind.values or channel not in Medium.values or tone not in templates.tones_of(kind):
            raise Http404
        return Use(account, Kind(kind), tone, Medium(channel))

    def _account(self, request: HttpRequest, account_id: uuid.UUID) -> Account:
        """Return the account. Another account is not found, whatever the role; the own account requires the role."""
        account = account_or_404(request, account_id)
        if not self.has_view_permission(request):
            raise PermissionDenied
        return account


def _origin(use: Use, own: set[tuple[str, str, str, str]], language: Language) -> Any:
    short = _SHORT[language.value]
    if (*use.key, language.value) in own:
        return badge(_("%(short)s own") % {"short": short}, "primary")
    if use.tone and (use.kind.value, "", use.channel.value, language.value) in own:
        return badge(_("%(short)s own, any tone") % {"short": short}, "info")
    return badge(_("%(short)s built-in") % {"short": short})


def _side(form: TemplateForm, language: Language, origin: str) -> dict[str, Any]:
    """Return one language of the page: its fields, and its preview if they are valid."""
    names = [name for name in (f"subject_{language}", f"body_{language}") if name in form.fields]
    side: dict[str, Any] = {
        "language": language,
        "direction": "rtl" if phrases.is_rtl(language) else "ltr",
        "origin": badge(_ORIGINS[origin], "primary" if origin == "own" else ""),
        "fields": [form[name] for name in names],
    }
    texts = form.texts(language)
    if form.is_bound and form.errors:
        return side
    if not texts.body:
        texts = templates.inherited(form.use.account, *form.use.key, language) or texts
    several = bool(form.cleaned_data["is_several"]) if form.is_bound else False
    sample_url = f"{settings.BASE_URL}/your-invoices"
    message = previews.preview(
        form.use.account, texts, *form.use.key, about=form.about, several=several, page_url=sample_url
    )
    html = profiles.with_logo(message.html, profiles.of(form.use.account))
    return side | {"message": message, "html": html}


def _warnings(use: Use, form: TemplateForm, origins: dict[str, str]) -> list[str]:
    """Return warnings about likely oversights."""
    found = []
    own = [language for language, origin in origins.items() if origin == "own"]
    if len(own) == 1:
        other = next(language for language in Language if language.value not in own)
        which = {"own": _NAMES[own[0]], "other": _NAMES[other.value]}
        if origins[other.value] == "any tone":
            found.append(_("Only %(own)s has a text of its own; %(other)s uses your text for any tone.") % which)
        else:
            found.append(_("Only %(own)s has a text of its own; %(other)s uses the built-in text.") % which)
    found += [_not_approved(_NAMES[language]) for language in Language.values if _waits_for_approval(use, language)]
    if form.is_bound and form.errors:
        return found
    for language in own:
        used = template_language.check(form.texts(language).body, use.channel)
        if not used & {"balance", "total", "amount", "invoices"}:
            found.append(_("The %(language)s text does not mention an amount.") % {"language": _NAMES[language]})
        if use.channel == Medium.EMAIL and "invoices" not in used and use.kind not in (Kind.THANK_YOU,):
            text = _("For several invoices, their list is added at the end of the %(language)s text.")
            found.append(text % {"language": _NAMES[language]})
    return found


def _waits_for_approval(use: Use, language: str) -> bool:
    """Tell whether WhatsApp requires an approved template that is missing."""
    gateway = gateways.of(use.account).get(use.channel) if use.channel == Medium.WHATSAPP else None
    return gateway is not None and not gateways.template_of(gateway, use.kind, language)


def _not_approved(language: "StrOrPromise") -> str:
    return _(
        "%(language)s has no approved template at the gateway (Settings > Gateways > Set templates). The message is "
        "sent only to debtors who wrote on WhatsApp within the last 24 hours."
    ) % {"language": language}
