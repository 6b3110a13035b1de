#!/usr/bin/env python3
"""Fail on purpose: the client sees a run id, the error log has the traceback."""

visitors = 0
print("Nobody reads this:", 1 / visitors)
