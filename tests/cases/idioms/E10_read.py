"""Classes of the same names as those that E10_write.py has stored."""

import collections
import enum
import os
import pickle
from typing import NamedTuple

import E10_shapes

print("Content-Type: text/plain\n")


class Cart:
    def total(self):
        return len(self.items)


class Point(NamedTuple):
    x: int
    y: int


class Color(enum.Enum):
    RED = 1


Old = collections.namedtuple("Old", "a b")
name = "E10_%s.pkl" % os.environ["QUERY_STRING"]
with open(name, "rb") as f:
    cart, point, color, old, box, kind = pickle.load(f)
print(cart.total(), type(cart) is Cart, type(point) is Point, color is Color.RED)
print(old, isinstance(old, Old), type(box) is E10_shapes.Box, box.size)
print(kind is E10_shapes.Kind.ROUND)
