"""A root handler for everything: it must not see what the server logs."""

import logging
import os
import sys
import threading
import time

print("Content-Type: text/plain\n", flush=True)
seen = []


class Keep(logging.Handler):
    def emit(self, record):
        seen.append(record.getMessage())


logging.getLogger().addHandler(Keep())
logging.getLogger().setLevel(1)
logging.warning("own")
print("to the error log", file=sys.stderr, flush=True)
time.sleep(0.05)
print(seen, sorted(n for n in logging.root.manager.loggerDict if "httpout" in n or "tremolo" in n))
