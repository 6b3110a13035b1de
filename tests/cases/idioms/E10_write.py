"""Objects of the script's classes, and of a local module's, for another script."""

import collections
import enum
import os
import pickle
import sys
from typing import NamedTuple

import E10_shapes

print("Content-Type: text/plain\n")


class Cart:
    def __init__(self, *items):
        self.items = items

    def __eq__(self, other):
        return type(self) is type(other) and self.items == other.items


class Point(NamedTuple):
    x: int
    y: int


class Color(enum.Enum):
    RED = 1


Old = collections.namedtuple("Old", "a b")


def function():
    return 1


values = [Cart(1, "a"), Point(1, 2), Color.RED, Old(3, 4), function, Cart]
values += [E10_shapes.Box(7), E10_shapes.Kind.ROUND, E10_shapes.area]
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    data = pickle.dumps(values, protocol)
    assert pickle.loads(data) == values
    assert pickle._loads(pickle._dumps(values, protocol)) == values
print(b"__main__" in data, Cart.__module__, Point.__module__, Old.__module__)
with open("E10_%s.pkl" % os.environ["QUERY_STRING"], "wb") as f:
    pickle.dump(values[:4] + values[6:8], f)
print("written")
