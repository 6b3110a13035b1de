"""Sources that are run in the script, in a namespace, or as a script."""

import runpy
import sys

print("Content-Type: text/plain\n")
exec(open("E14_inc.py").read())
print(included, included_name)
namespace = {"__name__": "inc"}
exec(compile(open("E14_inc.py").read(), "E14_inc.py", "exec"), namespace)
print(namespace["included"], namespace["included_name"])
result = runpy.run_path("E14_inc.py", {"given": 1})
print(result["included"], result["included_name"], result["__file__"], result["given"])
result = runpy.run_path("E14_inc.py", run_name="__main__")
print(result["included_name"], sys.argv[0] == __file__)
result = runpy.run_module("E14_plug.two")
print(result["run"](), result["__name__"])
import __main__

print(__main__.__file__ == __file__, eval("included + '!'"))
