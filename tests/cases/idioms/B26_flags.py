#!/usr/bin/python3 -Os
import sys

print("Content-Type: text/plain\n")
print(sys.flags.optimize, sys.flags.no_user_site, sys.flags.dont_write_bytecode)
