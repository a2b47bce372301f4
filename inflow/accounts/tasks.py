from celery import shared_task

from inflow.accounts.sessions import SessionStore


@shared_task  # type: ignore[untyped-decorator]
def forget_sessions() -> None:
    """Remove the rows of sessions that are over."""
    SessionStore.clear_expired()
