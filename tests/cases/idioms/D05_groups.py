#!/usr/bin/env python3
import sys

e = ValueError("one")
if sys.version_info >= (3, 11):
    e.add_note("a note")
    raise ExceptionGroup("many", [e, TypeError("two")])
raise e
