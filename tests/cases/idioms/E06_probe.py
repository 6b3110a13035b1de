"""The same names, in a folder that has no such siblings."""

import calendar
import colorsys
import email
import string
import sys

print("Content-Type: text/plain\n")
print(string.digits, calendar.isleap(2024), hasattr(colorsys, "rgb_to_hls"))
print(email.message_from_string("A: b\n\nc")["a"])
print([hasattr(sys.modules[n], "whose") for n in ("email", "string", "calendar")])
try:
    import config

    print(config)
except ImportError as exc:
    print(exc)
