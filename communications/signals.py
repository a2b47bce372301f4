"""Signals about messages, sent inside the transaction of the change with the argument `communication`.

`reply_received`: reply. Sent once the text is stored, before anything reads it.
"""

from django.dispatch import Signal

communication_sent = Signal()
communication_failed = Signal()
reply_received = Signal()
