#!/usr/bin/env python3
# print under other names, as in code that was ported from Python 2.
import builtins, functools, sys

write = print
echo = functools.partial(print, file=sys.stdout)
write("Content-Type: text/plain\n")
echo("echo", end=" ")
builtins.print("builtins")
getattr(__builtins__, "print")("getattr")
list(map(print, ["mapped", "twice"]))
print("to stdout", file=sys.stdout)
print("to None", file=None)
eval('print("evaluated")')
exec('print("executed")')
(lambda *a: print(*a))("lambda")
