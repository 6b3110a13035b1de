#!/usr/bin/env python3
"""Fail before anything is printed."""

secret = "<script>alert(1)</script>"
raise RuntimeError(secret)
