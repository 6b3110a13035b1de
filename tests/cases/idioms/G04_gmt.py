"""A log with times in UTC, as the manual of logging has it."""

import logging
import sys
import time

print("Content-Type: text/plain\n")

print(logging.Formatter.converter is time.localtime)
logging.Formatter.converter = time.gmtime
logging.Formatter.default_time_format = "%Hh%M"
logging.Formatter.default_msec_format = "%s and %03d"
logging.basicConfig(stream=sys.stdout, format="%(asctime)s %(message)s")
facts = {"levelno": logging.ERROR, "created": 3600.0, "msecs": 5, "msg": "told"}
record = logging.makeLogRecord(facts)
print(logging.Formatter("%(asctime)s").format(record))
logging.getLogger().handle(record)
