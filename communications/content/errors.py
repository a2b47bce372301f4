"""Exceptions of templates and sender profiles. Their messages are shown to users."""


class InvalidTemplate(Exception):
    """The template is invalid. The message explains the error to its author."""


class TemplateMissing(Exception):
    """There is no template for this kind of message, not even in English."""


class InvalidLogo(Exception):
    """The file cannot be used as a logo. The message gives the reason."""
