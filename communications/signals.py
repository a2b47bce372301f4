"""What `communications` announces, inside the transaction that records it: communication."""

from django.dispatch import Signal

communication_sent = Signal()
communication_failed = Signal()
