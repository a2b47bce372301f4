"""What most would write instead of InFlow, on its tables: no event, history, idempotency or conditional request."""
