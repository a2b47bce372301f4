from celery import shared_task

from inflow.accounts import mailing
from inflow.accounts.sessions import SessionStore


@shared_task  # type: ignore[untyped-decorator]
def forget_sessions() -> None:
    """Remove the rows of sessions that are over."""
    SessionStore.clear_expired()


@shared_task  # type: ignore[untyped-decorator]
def send_login_mail() -> int:
    """Send links to set a password and invitations: woken by the request, and swept several times a minute."""
    return mailing.send_due()
