"""Signals about messages, sent inside the transaction of the change with the argument `communication`.

`reply_received`: reply. Sent when the text has been stored, before it is classified.
"""

from django.dispatch import Signal

communication_sent = Signal()
communication_failed = Signal()
reply_received = Signal()
