"""Do what another script does, the extra path names it, and wait at a gate."""

import builtins  # which the other script may change
import os
import sys

path, gate = os.environ.pop("PATH_INFO")[1:], os.environ["QUERY_STRING"] + "0"
os.environ["QUERY_STRING"] = "held"
write, flush = sys.stdout.write, sys.stdout.flush
exec(compile(open(path, "rb").read(), path, "exec"))
write("HELD\n")
flush()
os.read(os.open(gate, os.O_RDONLY), 1)
