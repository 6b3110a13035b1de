#!/usr/bin/env python3
"""Fail before the header section is printed: cgitb prints one of its own."""

import cgitb

cgitb.enable()
raise ZeroDivisionError
