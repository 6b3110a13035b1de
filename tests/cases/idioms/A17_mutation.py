#!/usr/bin/env python3
import os

print("Content-Type: text/plain\n")
print(os.environ.get("APP_ENV"), "QUERY_STRING" in os.environ, os.environ["PATH"].endswith(":/opt/bin"))
os.environ["PATH"] += ":/opt/bin"
print(os.environ.setdefault("APP_ENV", "prod"), os.environ.setdefault("APP_ENV", "other"))
del os.environ["QUERY_STRING"]
print(os.environ["PATH"].endswith(":/opt/bin"), "QUERY_STRING" in os.environ)
os.environ.update({"A": "1", "B": "2"}, C="3")
print(os.environ.pop("A"), os.environ.pop("A", "gone"), os.getenv("B"), os.environ["C"])
for bad in (lambda: os.environ.__setitem__("N", 1), lambda: os.environ.__delitem__("A"),
            lambda: os.environ.__setitem__("a=b", "x"),
            lambda: os.environ.__setitem__("Z", "a\0b")):
    try:
        bad()
        print("taken")
    except (TypeError, KeyError, ValueError, OSError) as e:
        print(type(e).__name__)
os.putenv("PUT", "1")
print(os.environ.get("PUT"))
os.environ.clear()
print(len(os.environ), dict(os.environ), os.getenv("PATH"))
