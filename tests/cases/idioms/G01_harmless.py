"""Calls that only ask, or that set what is so anyway."""

import csv
import gettext
import locale
import os
import resource
import socket
import time

print("Content-Type: text/plain\n")
locale.setlocale(locale.LC_ALL, "")
locale.setlocale(locale.LC_NUMERIC, "C")
print(f"{1234.5:n}", locale.localeconv()["decimal_point"], locale.str(1.5))
print(socket.getdefaulttimeout(), socket.setdefaulttimeout(None))
print(csv.field_size_limit(), csv.field_size_limit(131072))
print(gettext.bindtextdomain("app") is not None, os.nice(0) in range(-20, 20))
limits = resource.getrlimit(resource.RLIMIT_CORE)
print(resource.setrlimit(resource.RLIMIT_CORE, limits))
time.tzset()
print(time.localtime(0)[:1])
try:
    locale.setlocale(locale.LC_ALL, "no_SUCH.locale")
except locale.Error as exc:
    print(exc)
