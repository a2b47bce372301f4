"""Email through the API of a mail provider, by django-anymail. Imported where such a backend is set up only."""

from typing import Any

from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from django.core.mail import EmailMultiAlternatives

from communications.channels.outcomes import Refused, Rejected


def send(connection: Any, message: EmailMultiAlternatives) -> str:
    """The provider's id of the mail. Raises `Refused` where it was told no; after anything else it may have left."""
    try:
        connection.send_messages([message])
    except AnymailRecipientsRefused as error:
        raise Rejected("the provider refused the recipient") from error
    except AnymailAPIError as error:
        status = error.status_code
        if status is not None and 400 <= status < 500 and status != 408:
            raise Refused(f"HTTP {status}") from error
        raise
    known_as = message.anymail_status.message_id  # type: ignore[attr-defined]
    return known_as.strip().strip("<>") if isinstance(known_as, str) and len(known_as) <= 255 else ""
