"""Templates that render nothing: for tests that ask who gets in, and not what they see."""

from typing import Any

from django.template.backends.base import BaseEngine


class Blank:
    origin = None

    def render(self, context: Any = None, request: Any = None) -> str:
        return ""


class Blanks(BaseEngine):
    app_dirname = "blank"

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__({name: value for name, value in params.items() if name != "OPTIONS"})

    def get_template(self, template_name: str) -> Blank:
        return Blank()
