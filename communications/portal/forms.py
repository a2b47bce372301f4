"""Forms of the debtor's page. Each one calls the same functions that staff and the API use."""

import datetime as dt
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.html import format_html
from django.utils.safestring import SafeString

from communications.contacts import consent
from communications.content import phrases
from communications.models import Medium, Source
from communications.portal import answers
from communications.portal.account import format_sentence
from communications.portal.texts import PageText
from inflow.accounts.actors import DEBTOR
from invoices import disputes, money
from invoices.debtors.debtor_parties import DebtorParty
from invoices.documents import dispute_files
from invoices.documents.bounds import MAX_BYTES
from invoices.errors import Refused
from invoices.models import Invoice

ALL_CHANNELS = "all"
MAX_SENT = 5  # files of one dispute sent at once


class Invoices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Invoice.objects.none(), widget=forms.CheckboxSelectMultiple, **kwargs)

    def label_from_instance(self, obj: Invoice) -> SafeString:
        balance = money.display(obj.balance, obj.currency)
        return format_html("<bdi>{}</bdi> <bdi>{}</bdi>", obj.invoice_number, balance)


class PageForm(forms.Form):
    """Base class of the forms. `kind` is the last part of the form's URL."""

    kind: ClassVar[str]

    def __init__(
        self, party: DebtorParty, owed: Sequence[Invoice], text: PageText, data: Any = None, files: Any = None
    ) -> None:
        super().__init__(data, files, auto_id=f"{self.kind}_%s", label_suffix="")
        self.party, self.debtor, self.owed, self.text = party, party.debtor, owed, text
        self.today = self.debtor.account.today()
        self.title: str = getattr(text, self.kind)
        self.note: SafeString = format_sentence(getattr(text, f"{self.kind}_note"), **self.in_note())
        self.button: str = getattr(text, f"{self.kind}_send")
        for name, field in self.fields.items():
            field.label = {"invoices": text.which}.get(name) or getattr(text, name)
            if isinstance(field, Invoices):
                field.queryset = party.invoices.open().order_by("due_date", "invoice_number")
                field.initial = [owed[0].pk] if len(owed) == 1 else []
                field.error_messages |= dict.fromkeys(
                    ("required", "invalid_choice", "invalid_pk_value", "invalid_list"), text.choose_open
                )

    def in_note(self) -> dict[str, str]:
        return {}

    @abstractmethod
    def do(self) -> str:
        """Execute the form and return the suffix of the message to show. Raise `Refused`."""

    def _chosen(self) -> list[Any]:
        return [invoice.pk for invoice in self.cleaned_data["invoices"]]


def _day() -> forms.DateField:
    return forms.DateField(
        input_formats=["%Y-%m-%d"], widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )


class PaidForm(PageForm):
    kind = "paid"
    invoices = Invoices()
    paid_on = _day()
    reference = forms.CharField(max_length=100, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reference"].help_text = self.text.reference_help
        self.fields["reference"].widget.attrs["dir"] = "auto"
        _within(self.fields["paid_on"], self.today - dt.timedelta(days=3650), self.today)

    def do(self) -> str:
        data = self.cleaned_data
        answers.report_payment(self.debtor, self._chosen(), data["paid_on"], data["reference"])
        return "paid"


class PromiseForm(PageForm):
    kind = "promise"
    invoices = Invoices()
    promised_on = _day()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _within(self.fields["promised_on"], self.today, self.today + dt.timedelta(days=365))

    def in_note(self) -> dict[str, str]:
        return {"date": phrases.date(self.today + answers.AUTOMATIC_WITHIN, self.text.language)}

    def do(self) -> str:
        is_taken = answers.promise(self.debtor, self._chosen(), self.cleaned_data["promised_on"])
        return "promise" if is_taken else "proposed"


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class SeveralFiles(forms.FileField):
    """Up to `MAX_SENT` files, each checked by its content."""

    widget = SeveralFilesInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg"})

    def clean(self, data: Any, initial: Any = None) -> list[tuple[str, bytes]]:
        if len(data or ()) > MAX_SENT:
            raise ValidationError(self.error_messages["invalid"])
        found = []
        for file in data or ():
            name = super().clean(file, initial).name
            content = file.read(MAX_BYTES + 1)
            try:
                dispute_files.check(content)
            except Refused as refused:
                raise ValidationError(self.error_messages["invalid"]) from refused
            found.append((name, content))
        return found


class DisputeForm(PageForm):
    kind = "dispute"
    invoices = Invoices()
    dispute_reason = forms.ChoiceField(required=False)
    part = forms.DecimalField(max_digits=15, decimal_places=3, min_value=0, required=False)
    why = forms.CharField(max_length=1000, widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}))
    attachments = SeveralFiles(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reason, text = self.fields["dispute_reason"], self.text
        assert isinstance(reason, forms.ChoiceField)
        offered = disputes.offered_reasons(self.debtor.account)
        reason.choices = [("", "–"), *((each.pk, each.in_language(text.language)) for each in offered)]
        self.fields["part"].help_text, self.fields["attachments"].help_text = text.part_help, text.files_help
        names = ("invalid", "empty", "max_length")
        self.fields["attachments"].error_messages |= dict.fromkeys(names, text.files_refused)

    def clean(self) -> None:
        part, chosen = self.cleaned_data.get("part"), self.cleaned_data.get("invoices")
        if part is None or not chosen:
            return
        if len(chosen) > 1:
            self.add_error("part", self.text.part_of_one)
            return
        try:
            disputes.check_part(chosen[0], part)
        except Refused:
            self.add_error("part", self.text.part_refused)

    def do(self) -> str:
        data = self.cleaned_data
        reason = data["dispute_reason"]
        options = {"reason_id": int(reason) if reason else None, "amount": data["part"], "files": data["attachments"]}
        answers.dispute(self.debtor, self._chosen(), data["why"], **options)
        return "dispute" if data["part"] is None else "dispute_part"


class StopForm(PageForm):
    kind = "stop"
    channel = forms.ChoiceField(widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channel = self.fields["channel"]
        assert isinstance(channel, forms.ChoiceField)
        known = {medium for medium, _ in consent.addresses_of(self.debtor, self.party.own_keys)}
        known -= consent.opted_out_channels(self.debtor, self.party.own_keys)
        offered = [medium.value for medium in Medium if medium in known]
        channel.choices = [(name, getattr(self.text, f"stop_{name}")) for name in (*offered, ALL_CHANNELS)]

    def do(self) -> str:
        channel = self.cleaned_data["channel"]
        chosen = "" if channel == ALL_CHANNELS else channel
        consent.opt_out(self.debtor, chosen, DEBTOR, Source.PAGE, party=self.party.own_keys)
        return "stop"


FORMS: dict[str, type[PageForm]] = {form.kind: form for form in (PaidForm, PromiseForm, DisputeForm, StopForm)}


def _within(field: forms.Field, first: dt.date, last: dt.date) -> None:
    """Limit a date field in the browser's date picker and on the server."""
    field.validators += [MinValueValidator(first), MaxValueValidator(last)]
    field.widget.attrs |= {"min": first.isoformat(), "max": last.isoformat()}
