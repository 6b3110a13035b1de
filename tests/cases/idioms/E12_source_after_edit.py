"""The source that is shown is that of the code that runs, also after an edit."""

import inspect
import os
import sys
import traceback

sys.dont_write_bytecode = True
word, name = os.environ["QUERY_STRING"].split("&")
module = "E12_edited_" + name
with open(module + ".py", "w") as f:
    f.write("def function():\n    return 1 / 0  # %s\n" % word)
print("Content-Type: text/plain\n")
edited = __import__(module)
print(inspect.getsource(edited.function), end="")
try:
    edited.function()
except ZeroDivisionError:
    print(traceback.format_exc().splitlines()[4].strip())
os.remove(module + ".py")
