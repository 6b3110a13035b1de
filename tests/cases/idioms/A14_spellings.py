#!/usr/bin/env python3
import collections.abc, os

print("Content-Type: text/plain\n")
print(os.environ["REMOTE_ADDR"], os.getenv("HTTP_HOST"), os.environ.get("X"), os.getenv("X", "none"))
print("HTTP_COOKIE" in os.environ, "GATEWAY_INTERFACE" in os.environ, "X" not in os.environ)
# Those of each request, and what CPython sets for itself in the C locale (PEP 538).
varying = {"HTTP_X_ROW", "UNIQUE_ID", "REMOTE_PORT", "LC_CTYPE"}
for key, value in sorted(os.environ.items()):
    if key not in varying:
        print(key, "=", value)
known = dict(os.environ)
print(known == os.environ, len(known) == len(os.environ), list(known) == list(os.environ.keys()))
print(sorted(os.environ.copy()) == sorted(os.environ), bool(os.environ), "HTTP_HOST" in os.environ.keys())
print(sorted(known.values()) == sorted(os.environ.values()), type(os.environ).__name__)
try:
    os.environ["NO_SUCH"]
except KeyError as e:
    print("KeyError", e)
try:
    os.environ[1]
except (KeyError, TypeError) as e:
    print(type(e).__name__, e)
print(isinstance(os.environ, collections.abc.MutableMapping))
print("%(REQUEST_METHOD)s {0[SERVER_PROTOCOL]}".format(os.environ) % os.environ)
