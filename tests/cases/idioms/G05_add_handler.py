"""Handlers are added in each run; lines must not be repeated."""

import logging
import sys

print("Content-Type: text/plain\n")
logger = logging.getLogger("app")
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
logger.addHandler(handler)
logging.getLogger().addHandler(handler)
logger.setLevel(logging.DEBUG)
logger.addFilter(lambda record: "secret" not in record.getMessage())
logger.debug("once by each handler")
logger.debug("secret")
logger.propagate = False
logger.info("once")
print(len(logger.handlers), len(logging.getLogger().handlers), logger.hasHandlers())
logging.getLogger("app.quiet").disabled = True
logging.getLogger("app.quiet").error("not heard")
logging.addLevelName(15, "NOTICE")
logger.log(15, "a level of our own")
logging.disable(logging.ERROR)
logger.error("disabled")
