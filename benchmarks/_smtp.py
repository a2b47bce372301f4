"""A mail server in a separate process that accepts and discards all mail. Prints its port."""

import time

from tests.scripted import ScriptedServer

if __name__ == "__main__":
    with ScriptedServer() as server:
        print(server.port, flush=True)
        while True:
            time.sleep(3600)
