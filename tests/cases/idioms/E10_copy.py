"""What else looks classes up by name: copy, shelve, deep copies of functions."""

import copy
import copyreg
import os
import shelve


class Money:
    def __init__(self, cents):
        self.cents = cents

    def __reduce__(self):
        return make, (self.cents,)


def make(cents):
    return Money(cents)


print("Content-Type: text/plain\n")
print(copy.deepcopy([Money(5)])[0].cents, copy.copy(Money(6)).cents)
name = "E10_shelf.%s" % os.environ["QUERY_STRING"]
with shelve.open(name) as s:
    s["m"] = Money(7)
with shelve.open(name) as s:
    print(s["m"].cents, type(s["m"]) is Money)
for file in os.listdir("."):
    if file.startswith(name):
        os.remove(file)
