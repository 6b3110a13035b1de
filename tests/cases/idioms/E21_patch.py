import builtins

import E21_helper

real = builtins.print


def shouting(*args, **kw):
    real(*[str(a).upper() for a in args], **kw)


print("Content-Type: text/plain\n")
builtins.print = shouting
print("from the script")
E21_helper.say("from a helper")
import E21_late

E21_late.say("from a helper that came later")
builtins.open = lambda *a, **k: "patched open"
print(open("x"), E21_helper.use_open())
builtins.added = "added to the builtins"
print(added, E21_helper.use_added())
del builtins.added
try:
    added
except NameError as exc:
    print(exc)
builtins.print = real
print("back again")
