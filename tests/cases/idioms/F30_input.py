import getpass
import sys

print("Content-Type: text/plain\n")
for ask in (input, lambda: input("name? "), lambda: getpass.fallback_getpass("password? ", sys.stdout)):
    try:
        print(repr(ask()))
    except EOFError as exc:
        print(type(exc).__name__, exc)
input()
