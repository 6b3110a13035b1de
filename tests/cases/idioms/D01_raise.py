#!/usr/bin/env python3
print("Content-Type: text/plain\n")

class Done(SystemExit):
    """The page is complete."""

def page():
    try:
        print("try")
        raise Done
    except Exception:
        print("never caught here")
    finally:
        print("finally")

try:
    page()
finally:
    print("outer finally")
print("never")
