"""What finds a module by its name."""

import collections
import enum
import inspect
import pickle
import sys
import typing

import E10_shapes


class Point(typing.NamedTuple):
    x: int
    y: int = 0


class Movie(typing.TypedDict):
    title: str


class Level(enum.IntFlag):
    LOW = 1
    HIGH = 2


Animal = enum.Enum("Animal", "CAT DOG")
Pair = collections.namedtuple("Pair", ["a", "b"])
Loose = typing.NamedTuple("Loose", [("z", int)])


def decorated(function):
    return function


@decorated
def function(a, b=1, *rest, key=None):
    """A docstring."""
    return a  # and a comment


print("Content-Type: text/plain\n")
for value in (Point(1), Level.LOW | Level.HIGH, Animal.DOG, Pair(1, 2), Loose(3)):
    print(pickle.loads(pickle.dumps(value)) == value, type(value).__module__)
print(Movie(title="x"), Movie.__module__)
print(inspect.getsource(function), end="")
print(inspect.getsource(Point), end="")
print(inspect.getsource(E10_shapes.area), end="")
print(inspect.getsource(E10_shapes.Kind), end="")
print(inspect.getmodule(function) is sys.modules["__main__"])
print(inspect.getmodule(function).__name__, inspect.getmodule(Point).__name__)
print(inspect.getmodule(E10_shapes.area) is E10_shapes)
print(inspect.getsourcefile(function) == __file__, inspect.getdoc(function))
print(inspect.signature(function), inspect.getcomments(function))
print(inspect.getfile(Point) == __file__, inspect.getfile(E10_shapes) == E10_shapes.__file__)
print([name for name, _ in inspect.getmembers(E10_shapes, inspect.isclass)])
