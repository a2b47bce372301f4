"""Exceptions of accounts, invitations and logging in."""

from django.core.exceptions import ValidationError


class UserExists(Exception):
    """A user with this address was created after the invitation was sent."""


class InvitationUnavailable(Exception):
    """The invitation was accepted, withdrawn or sent again after its link was opened."""


class ResetLinkUsed(Exception):
    """The link was used by another request, or its user has changed."""


class InvalidCode(ValidationError):
    """The code of the second step is wrong or used, or must not be tried yet."""
