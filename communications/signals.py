"""Signals about messages, sent inside the transaction of the change with the argument `communication`."""

from django.dispatch import Signal

communication_sent = Signal()
communication_failed = Signal()
