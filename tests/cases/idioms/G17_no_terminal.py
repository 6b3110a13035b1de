import sys

print("Content-Type: text/plain\n")
try:
    import curses

    curses.setupterm()
except Exception as exc:
    print("setupterm", exc)
try:
    curses.initscr()
except Exception as exc:
    print("initscr", exc)
print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty())
import os

try:
    print(os.get_terminal_size())
except OSError as exc:
    print(type(exc).__name__)
import shutil

print(shutil.get_terminal_size())
try:
    os.ttyname(0)
except OSError as exc:
    print(type(exc).__name__)
