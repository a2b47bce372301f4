"""Errors of webhooks."""


class TooManySubscriptions(Exception):
    """The plan allows no further subscription. `disabled` of the existing ones are disabled."""

    def __init__(self, disabled: int) -> None:
        super().__init__(disabled)
        self.disabled = disabled


class DuplicateSubscription(Exception):
    """Another subscription has the same target and events."""


class SubscriptionDisabled(Exception):
    """The subscription is disabled, so nothing can be sent to it."""


class EventTooOld(Exception):
    """The event is older than `replaying.REPLAY_WINDOW`."""


class StaleConnection(ConnectionError):
    """The server closed a reused connection, or sent data on it, before it had received the whole request."""
