"""Common alternatives on InFlow's tables, without events, history, idempotency or conditional requests."""
