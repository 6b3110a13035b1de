import builtins

print("Content-Type: text/plain\n")
names = ("added", "translate", "translated", "E21_one", "E21_two", "E21_three", "_")
print([name for name in names if hasattr(builtins, name)])
print(open.__module__, print("x") is None, builtins.print is print, builtins.open is open)
try:
    translate
except NameError as exc:
    print(exc)
