"""Email through a provider's API with django-anymail. Imported only if such a backend is configured."""

from typing import Any

from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from django.core.mail import EmailMultiAlternatives

from communications.channels.errors import DeliveryRefused
from communications.channels.outcomes import Refusal


def send(connection: Any, message: EmailMultiAlternatives) -> str:
    """Send a mail and return the provider's id for it, or an empty string.

    `DeliveryRefused` means that the mail was not sent. After any other exception it may have been sent.
    """
    try:
        connection.send_messages([message])
    except AnymailRecipientsRefused as error:
        kind = Refusal.ADDRESS if message.anymail_status.status == {"invalid"} else Refusal.MAILBOX  # type: ignore[attr-defined]
        raise DeliveryRefused("the provider refused the recipient", kind) from error
    except AnymailAPIError as error:
        status = error.status_code
        if status is not None and 400 <= status < 500 and status != 408:
            # 413 concerns this message; credentials, quota or an unverified sender concern all.
            kind = Refusal.MAILBOX if status == 413 else Refusal.OURS
            raise DeliveryRefused(f"HTTP {status}", kind) from error
        raise
    provider_id = message.anymail_status.message_id  # type: ignore[attr-defined]
    return provider_id.strip().strip("<>") if isinstance(provider_id, str) and len(provider_id) <= 255 else ""
