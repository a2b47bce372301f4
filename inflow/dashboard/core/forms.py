"""Forms in the dashboard's style."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _lazy
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES, TEXTAREA_CLASSES, UnfoldAdminSelectWidget

from inflow import labels
from inflow.accounts.models import Account, User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class PageForm(forms.Form):
    """A form in the dashboard's style, about `row` if there is one. The fields `from_row` show its values at first.

    `selected` are all rows that are selected in a list, of which `row` is the first.
    """

    from_row: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, row: Any = None, selected: Sequence[Any] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row, self.selected = row, selected
        for name, field in self.fields.items():
            _style(field.widget)
            if field.label is None:
                field.label = labels.for_field(name)
        for name in self.from_row:
            self.fields[name].initial = getattr(row, name)
        self.prepare()

    def prepare(self) -> None:
        """Adapt the fields to the row."""

    def add_field(self, name: str, field: forms.Field) -> None:
        """Add a field that depends on the row."""
        _style(field.widget)
        self.fields[name] = field

    def set_choices(self, name: str, choices: Iterable[tuple[Any, Any]], initial: Any = None) -> None:
        """Set the choices of a field, and its initial value."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)
        if initial is not None:
            field.initial = initial

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        """Return labels and values that a person should see before they confirm."""
        return []


class OwnAccountForm(PageForm):
    """A form for a new row. Platform staff choose the account; members use their own."""

    account_choice = forms.ModelChoiceField(Account.objects.none(), label=_lazy("Account"))

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        self.person = person
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        if not self.person.is_superuser:
            del self.fields["account_choice"]
            return
        choice = self.fields["account_choice"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset, choice.initial = Account.objects.all(), self.person.account_id
        self.order_fields(["account_choice"])

    @property
    def account(self) -> Account | None:
        """The account of the new row; None while platform staff have not chosen."""
        return self.cleaned_data.get("account_choice") if self.person.is_superuser else self.person.account


class DayField(forms.DateField):
    """A date, entered with the browser's date picker."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **kwargs)


class AmountField(forms.DecimalField):
    """An amount of money."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=15, decimal_places=3, **kwargs)


class TextField(forms.CharField):
    """A text of several lines."""

    def __init__(self, *, rows: int = 3, max_length: int | None = 1_000, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": rows}), max_length=max_length, **kwargs)


class ClockInput(forms.TimeInput):
    """A time of day."""

    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M", attrs={"class": " ".join(INPUT_CLASSES)})


def _style(widget: forms.Widget) -> None:
    if isinstance(widget, forms.CheckboxSelectMultiple | forms.CheckboxInput | forms.HiddenInput):
        return
    if isinstance(widget, forms.Textarea):
        classes = TEXTAREA_CLASSES
    elif isinstance(widget, forms.Select):
        classes = SELECT_CLASSES
        if type(widget) is forms.Select:
            widget.template_name = UnfoldAdminSelectWidget.template_name  # with its arrow
    else:
        classes = INPUT_CLASSES
    widget.attrs["class"] = " ".join(classes)
    if isinstance(widget, forms.Textarea) or getattr(widget, "input_type", "") == "text":
        widget.attrs["dir"] = "auto"
