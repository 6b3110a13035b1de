#!/usr/bin/env python3
def inner():
    return {}["key"]

def outer():
    try:
        inner()
    except KeyError as e:
        raise ValueError("outer") from e

print("Content-Type: text/plain")
outer()
