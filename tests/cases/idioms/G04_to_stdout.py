import logging
import sys

print("Content-Type: text/plain\n")
logging.basicConfig(stream=sys.stdout, level="INFO", format="%(asctime)s|%(message)s", datefmt="when")
logging.info("in the page")
logging.debug("not in the page")
logging.getLogger("a.b").warning("%s and %d", "text", 5)
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("with a traceback")
logging.basicConfig(stream=sys.stdout, level="DEBUG", format="%(process)d" and "forced %(message)s", force=True)
logging.debug("now in the page")
