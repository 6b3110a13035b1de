#!/usr/bin/env python3
import os, posix

print("Content-Type: text/plain\n")
print(os.environb[b"QUERY_STRING"], os.getenvb(b"PATH_INFO"), os.getenvb(b"X", b"none"))
print(posix.environ[b"REQUEST_METHOD"], posix.environ.get(b"X"), b"QUERY_STRING" in posix.environ)
print(b"SCRIPT_NAME" in os.environb, os.environb.get(b"SERVER_PROTOCOL"))
os.environb[b"RAW"] = b"\xff\xfe"
print(ascii(os.environ["RAW"]), os.getenvb(b"RAW"))
os.environ["TEXT"] = "\udcfe\xe9"
print(os.environb[b"TEXT"])
del os.environ["RAW"]
print(b"RAW" in os.environb, set(map(os.fsencode, os.environ)) == set(os.environb))
