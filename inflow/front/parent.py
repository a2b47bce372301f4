"""The end of a web process whose main process has died.

granian's main process stops its workers. Killed with -9 it cannot: they would go on to serve beside those of the next
main process, with the code of an old release, since both listen on one port.
"""

import multiprocessing
import os
import signal
import threading
import time

EVERY_S = 0.5
STOP_SECONDS = 10


def watch() -> None:
    """Stop this process when its main process has ended. A thread sees it also while the event loop is busy."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_watch, args=(parent.pid,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)  # takes no new connection, and finishes what it has in hand
    time.sleep(STOP_SECONDS)
    os._exit(1)
