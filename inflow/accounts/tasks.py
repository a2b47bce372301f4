from celery import shared_task

from inflow.accounts import mailing
from inflow.accounts.sessions import SessionStore


@shared_task  # type: ignore[untyped-decorator]
def forget_sessions() -> None:
    """Delete expired sessions."""
    SessionStore.clear_expired()


@shared_task  # type: ignore[untyped-decorator]
def send_login_mail() -> int:
    """Send the queued emails about logging in. Woken by requests, and run several times a minute."""
    return mailing.send_due()
