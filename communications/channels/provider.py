"""Email through the API of a mail provider, by django-anymail. Imported where such a backend is set up only."""

from typing import Any

from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from django.core.mail import EmailMultiAlternatives

from communications.channels.outcomes import Refusal, Refused


def send(connection: Any, message: EmailMultiAlternatives) -> str:
    """The provider's id of the mail. Raises `Refused` where it was told no; after anything else it may have left."""
    try:
        connection.send_messages([message])
    except AnymailRecipientsRefused as error:
        kind = Refusal.ADDRESS if message.anymail_status.status == {"invalid"} else Refusal.MAILBOX  # type: ignore[attr-defined]
        raise Refused("the provider refused the recipient", kind) from error
    except AnymailAPIError as error:
        status = error.status_code
        if status is not None and 400 <= status < 500 and status != 408:
            # Too large is about this message; credentials, quota and an unverified sender would refuse any.
            kind = Refusal.MAILBOX if status == 413 else Refusal.OURS
            raise Refused(f"HTTP {status}", kind) from error
        raise
    provider_id = message.anymail_status.message_id  # type: ignore[attr-defined]
    return provider_id.strip().strip("<>") if isinstance(provider_id, str) and len(provider_id) <= 255 else ""
