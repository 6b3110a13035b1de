"""The other ways to the builtins."""

import builtins
import sys

print("Content-Type: text/plain\n")
print(sys.modules["builtins"] is builtins)
print(type(__builtins__).__name__, builtins.__name__, builtins.len is len)
setattr(__builtins__, "E21_one", 1)
print(E21_one)
__builtins__.__dict__["E21_two"] = 2
print(E21_two)
vars(builtins)["E21_three"] = 3
print(E21_three, "E21_three" in dir(builtins), hasattr(builtins, "E21_no"))
print(eval("E21_one + E21_two"))
exec("print(E21_three)", {})
print(repr(builtins))
