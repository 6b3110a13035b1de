"""Siblings with names of the standard library."""

import calendar
import colorsys
import email
import string

import config

print("Content-Type: text/plain\n")
print(email.whose, string.whose, calendar.whose, colorsys.sub.whose, config.whose)
print(hasattr(email, "message_from_string"), hasattr(string, "digits"))
