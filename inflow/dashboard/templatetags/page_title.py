"""The title of a page, as the browser shows it."""

from django import template
from django.template.context import Context
from django.utils.translation import get_language_bidi

from inflow.dashboard.core.markup import isolated

register = template.Library()
_RIGHT_TO_LEFT = "\u200f"


@register.simple_tag(takes_context=True)
def page_title(context: Context) -> str:
    """Return the row, the page and the site. Each part keeps its own direction, and an Arabic title runs from the
    right, even if it begins with a number or a Latin name."""
    parts = [str(context[name]) for name in ("subtitle", "title", "site_title") if context.get(name)]
    if not get_language_bidi():
        return " | ".join(parts)
    return _RIGHT_TO_LEFT + " | ".join(isolated(part) for part in parts)
