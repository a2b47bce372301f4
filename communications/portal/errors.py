"""Exceptions of the debtor's page."""


class RateLimited(Exception):
    """The rate limit is exceeded. `wait_s` is the number of seconds until the next request is allowed."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s
