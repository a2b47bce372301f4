"""The language of message templates: `{{ variable }}` and `{% if variable %}`, and nothing else.

Customers write templates, so they are parsed by a restricted engine of Django: no loaders, no filters, no tags except
`if`, no attribute access. All values are plain strings. See docs/decisions.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.template import Context, Engine, Library, Node, NodeList, TemplateSyntaxError
from django.template.base import Parser, Template, TextNode, Token, VariableNode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.content.errors import InvalidTemplate
from communications.models import Medium

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

EMAIL, SMS, WHATSAPP = Medium.EMAIL, Medium.SMS, Medium.WHATSAPP
# Maximum length of a template in characters. A rendered subject is truncated to 300 characters.
LIMITS = {EMAIL: 8_000, WHATSAPP: 1_500, SMS: 500}
SUBJECT_LIMIT = 500
_MAX_CONDITIONS = 40
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
_CONDITION_LINE = re.compile(r"^[ \t]*(\{%[^%\n]*%\})[ \t]*\n", re.MULTILINE)
register = Library()


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of templates. A flag can only be used in conditions.

    A block is placed on lines of its own and becomes a table, a button or a box in HTML.
    """

    meaning: "StrOrPromise"
    channels: tuple[Medium, ...] = (EMAIL, WHATSAPP, SMS)
    is_flag: bool = False
    is_block: bool = False


VARIABLES = {
    "name": Variable(_lazy("The debtor's name")),
    "company": Variable(_lazy("The debtor's company; may be empty")),
    "sender": Variable(_lazy("Your display name")),
    "invoice_number": Variable(_lazy("The invoice's number")),
    "amount": Variable(_lazy("The invoice amount, such as AED 25,000.00")),
    "balance": Variable(_lazy("Balance of the invoice, less credit on account")),
    "total": Variable(_lazy("Total past due, less credit on account, one sum per currency")),
    "count": Variable(_lazy("The number of invoices in the message: 3 invoices")),
    "issue_date": Variable(_lazy("The invoice's date")),
    "due_date": Variable(_lazy("The due date")),
    "days": Variable(_lazy("The days between the due date and today: 10 days")),
    "promise_date": Variable(_lazy("The promised payment date; may be empty")),
    "phone": Variable(_lazy("Your signature phone; may be empty"), (EMAIL, WHATSAPP)),
    "signature": Variable(_lazy("Your display name and, below it, the phone"), (EMAIL, WHATSAPP)),
    "invoices": Variable(_lazy("The list of all invoices with their sums"), (EMAIL,), is_block=True),
    "credit": Variable(
        _lazy("The credit on account and the remaining sum. Empty without credit; added at the end if missing"),
        is_block=True,
    ),
    "disputed": Variable(
        _lazy("A sentence for each partly disputed invoice. Added at the end if missing"), is_block=True
    ),
    "page_link": Variable(_lazy("The link to the debtor page"), (EMAIL, WHATSAPP), is_block=True),
    "payment_instructions": Variable(
        _lazy("Your payment instructions; may be empty"), (EMAIL, WHATSAPP), is_block=True
    ),
    "several": Variable(_lazy("True if several invoices are listed"), is_flag=True),
    "overdue": Variable(_lazy("True if the invoice is overdue"), is_flag=True),
    "due_today": Variable(_lazy("True if the invoice is due today"), is_flag=True),
}


def variables_of(channel: str) -> dict[str, Variable]:
    return {name: variable for name, variable in VARIABLES.items() if channel in variable.channels}


def check(text: str, channel: str) -> set[str]:
    """Return the variables that a template uses. Raise `InvalidTemplate`."""
    return set(_names(_parse(text, channel).nodelist))


def check_subject(text: str, channel: str) -> None:
    """Check that a subject has only single-line variables. Raise `InvalidTemplate`."""
    for name in check(text, channel):
        if VARIABLES[name].is_block or name == "signature":
            raise InvalidTemplate(_("“%(name)s” spans several lines: use it in the text only.") % {"name": name})


def fill(text: str, channel: str, values: Mapping[str, str]) -> str:
    """Render a template. Lines that contain only a condition are removed. Raise `InvalidTemplate`."""
    filled = _parse(_CONDITION_LINE.sub(r"\1", text), channel).render(Context(dict(values), autoescape=False))
    lines = "\n".join(line.rstrip(" \t") for line in filled.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


class _If(Node):
    def __init__(self, branches: list[tuple[str, bool, NodeList]]) -> None:
        self.branches = branches

    def render(self, context: Context) -> Any:
        for name, wanted, nodes in self.branches:
            if not name or bool(context.get(name)) == wanted:
                return nodes.render(context)
        return ""


@register.tag("if")
def _if(parser: Parser, token: Token) -> _If:
    """Parse `{% if name %}`, `{% elif not name %}`, `{% else %}`, `{% endif %}`."""
    branches: list[tuple[str, bool, NodeList]] = []
    while True:
        branches.append((*_condition(token), parser.parse(("elif", "else", "endif"))))
        token = parser.next_token()
        if token.contents == "endif":
            return _If(branches)
        if branches[-1][0] == "":
            raise TemplateSyntaxError(_("Nothing but {% endif %} can follow {% else %}."))


class _RestrictedEngine(Engine):
    default_builtins = []


_engine = _RestrictedEngine(loaders=[])
_engine.template_builtins.append(register)


def _condition(token: Token) -> tuple[str, bool]:
    match token.contents.split():
        case ["else"]:
            return "", True
        case ["if" | "elif", name]:
            return name, True
        case ["if" | "elif", "not", name]:
            return name, False
    raise TemplateSyntaxError(
        _("“%(contents)s”: a condition must be one variable, or “not” and one variable.") % {"contents": token.contents}
    )


@lru_cache(maxsize=512)
def _parse(text: str, channel: str) -> Template:
    if len(text) > LIMITS[Medium(channel)]:
        raise InvalidTemplate(
            _("A template of this channel can have at most %(count)s characters.")
            % {"count": f"{LIMITS[Medium(channel)]:,}"}
        )
    if text.count("{%") > _MAX_CONDITIONS:
        raise InvalidTemplate(_("A template can have at most %(count)s condition tags.") % {"count": _MAX_CONDITIONS})
    try:
        template = Template(text, engine=_engine)
    except TemplateSyntaxError as error:
        raise InvalidTemplate(_explain(str(error), channel)) from error
    known = variables_of(channel)
    for name in _names(template.nodelist):
        if name not in known:
            raise InvalidTemplate(_unknown(name, channel))
    for node in _nodes(template.nodelist):
        if isinstance(node, TextNode) and (brace := _BRACES.search(node.s)):
            raise InvalidTemplate(_("“%(brace)s” is unmatched: write a variable as {{ name }}.") % {"brace": brace[0]})
        if isinstance(node, VariableNode) and known[str(node.filter_expression.token)].is_flag:
            name = node.filter_expression.token
            raise InvalidTemplate(
                _("“%(name)s” can only be used in a condition: {%% if %(name)s %%} … {%% endif %%}.") % {"name": name}
            )
    return template


def _nodes(nodes: NodeList) -> Iterator[Node]:
    for node in nodes:
        yield node
        if isinstance(node, _If):
            for _, _, branch in node.branches:
                yield from _nodes(branch)


def _names(nodes: NodeList) -> Iterator[str]:
    """Yield the names as written. A dot, a quote or a filter results in an unknown name."""
    for node in _nodes(nodes):
        if isinstance(node, VariableNode):
            yield str(node.filter_expression.token)
        elif isinstance(node, _If):
            yield from (name for name, _, _ in node.branches if name)


def _unknown(name: str, channel: str) -> str:
    return _("Unknown variable “%(name)s”. Available: %(names)s.") % {
        "name": name,
        "names": ", ".join(variables_of(channel)),
    }


def _explain(problem: str, channel: str) -> str:
    """Translate Django's error messages, which refer to registering tags and loading libraries."""
    if unknown := re.search(r"Invalid block tag[^']*'([^']*)'", problem):
        return _("“{%% %(tag)s %%}” can't be used: templates support {{ variables }} and {%% if %%} only.") % {
            "tag": unknown[1]
        }
    if unknown := re.search(r"Invalid filter: '([^']*)'", problem):
        return _("“|%(name)s” can't be used: templates do not support filters.") % {"name": unknown[1]}
    if unknown := re.search(r"may not begin with underscores: '([^']*)'|the remainder: '.*' from '([^']*)'", problem):
        return _unknown(unknown[1] or unknown[2], channel)
    if unclosed := re.search(r"Unclosed tag on line (\d+): 'if'", problem):
        return _("The {%% if %%} of line %(number)s has no {%% endif %%}.") % {"number": unclosed[1]}
    return problem
