"""The tiny language of templates: what it says, and what it refuses to be made to do."""

import pytest

from communications.content import template_language
from communications.content.errors import InvalidTemplate

VALUES = {name: f"<{name}>" for name in template_language.VARIABLES}


def filled(text: str, **values: str) -> str:
    return template_language.fill(text, "email", VALUES | values)


@pytest.mark.parametrize(
    "text",
    [
        "{{ name.__class__ }}",
        "{{ name.__class__.__mro__.1.__subclasses__ }}",
        "{{ name.upper }}",
        "{{ name.0 }}",
        "{{ name|upper }}",
        "{{ name|safe }}",
        "{{ 'a'|center:9999999 }}",
        "{{ 9|add:9 }}",
        "{{ 'text' }}",
        "{{ _('text') }}",
        "{{ settings.SECRET_KEY }}",
        "{{ forloop }}",
        "{{ block.super }}",
        "{{ request }}",
        "{{ True }}",
        "{{ }}",
        "{{ name }",
        "{ { name }} }}",
        "{{ name",
        "{{ na\nme }}",
        "{% load static %}",
        "{% load communications.content.template_language %}",
        "{% include 'communications/email.html' %}",
        "{% extends 'communications/email.html' %}",
        "{% debug %}",
        "{% csrf_token %}",
        "{% now 'Y' %}",
        "{% for letter in name %}{{ letter }}{% endfor %}",
        "{% with a=name %}{{ a }}{% endwith %}",
        "{% widthratio 9 9 999999999 %}",
        "{% lorem 99999999 %}",
        "{% autoescape off %}{{ name }}{% endautoescape %}",
        "{% verbatim %}{{ name }}{% endverbatim %}",
        "{% comment %}x{% endcomment %}",
        "{% block a %}{% endblock %}",
        "{% if name.pop %}x{% endif %}",
        "{% if name == name %}x{% endif %}",
        "{% if name|length %}x{% endif %}",
        "{% if not not name %}x{% endif %}",
        "{% if %}x{% endif %}",
        "{% if name %}x",
        "x{% endif %}",
        "{% if name %}x{% endif name %}",
        "{% if name %}x{% else %}y{% else %}z{% endif %}",
        "{% if name %}x{% else %}y{% elif balance %}z{% endif %}",
        "{% if name %}{{ amonut }}{% endif %}",
        "{% if amonut %}{% endif %}",
        "{{ overdue }}",
        "{% if name %}" * 400,
        "{% if name %}{% endif %}" * 300,
        "x" * 8_001,
    ],
)
def test_what_is_not_of_the_language_is_refused_when_saved_and_when_filled(text: str) -> None:
    with pytest.raises(InvalidTemplate):
        template_language.check(text, "email")
    with pytest.raises(InvalidTemplate):
        filled(text)


def test_an_unknown_variable_is_refused_with_the_list_of_those_that_exist() -> None:
    with pytest.raises(
        InvalidTemplate, match=r"Unknown variable “amonut”\. Available: name, company, sender, .*balance"
    ):
        template_language.check("Pay {{ amonut }}", "email")
    with pytest.raises(InvalidTemplate, match=r"Unknown variable “name\.__class__”\. Available"):
        template_language.check("{{ name.__class__ }}", "email")


@pytest.mark.parametrize("name", ["page_link", "payment_instructions", "phone", "signature", "invoices"])
def test_an_sms_knows_neither_links_nor_phone_numbers(name: str) -> None:
    assert name not in template_language.variables_of("sms")
    with pytest.raises(InvalidTemplate):
        template_language.check(f"{{{{ {name} }}}}", "sms")


def test_a_refusal_speaks_to_who_wrote_the_template() -> None:
    for text, said in {
        "{% load x %}": "{% load %}” can't be used",
        "{{ name|upper }}": "“|upper” can't be used",
        "\n{% if name %}": "The {% if %} of line 2 has no {% endif %}.",
        "{{ name": "“{{” is unmatched",
        "{{ overdue }}": "“overdue” can only be used in a condition",
    }.items():
        with pytest.raises(InvalidTemplate) as refusal:
            template_language.check(text, "email")
        assert said in str(refusal.value)
        assert "register or load" not in str(refusal.value)


def test_variables_and_conditions_are_filled() -> None:
    text = "{% if overdue %}late{% elif due_today %}today{% else %}soon{% endif %}: {{ balance }}"
    assert filled(text) == "late: <balance>"
    assert filled(text, overdue="") == "today: <balance>"
    assert filled(text, overdue="", due_today="") == "soon: <balance>"
    assert filled("{% if not company %}you{% else %}{{ company }}{% endif %}", company="") == "you"
    assert template_language.check(text, "email") == {"overdue", "due_today", "balance"}


def test_a_value_is_never_read_as_a_template() -> None:
    assert filled("{{ name }}", name="{{ balance }}{% debug %}") == "{{ balance }}{% debug %}"


def test_a_line_that_holds_only_a_condition_leaves_no_gap() -> None:
    text = "Dear,\n\n{% if several %}\nall\n{% elif overdue %}\nlate\n{% endif %}\n\nBye"
    assert filled(text) == "Dear,\n\nall\n\nBye"
    assert filled(text, several="") == "Dear,\n\nlate\n\nBye"
    assert filled(text, several="", overdue="") == "Dear,\n\nBye"
