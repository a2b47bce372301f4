"""A mail server in a process of its own, which takes everything and keeps nothing. Prints its port."""

import time

from tests.scripted import ScriptedServer

if __name__ == "__main__":
    with ScriptedServer() as server:
        print(server.port, flush=True)
        while True:
            time.sleep(3600)
