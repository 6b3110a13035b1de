"""Are all instances with finalizers in sight, so that nobody has to collect?"""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest
from httpout_cgi.interpreter import instances

LOUD = "class Loud:\n  def __del__(self): pass\n"
SLOTS = "class Slim:\n  __slots__ = ('a',)\n  def __del__(self): pass\n"
SUPER = "class Loud:\n  def __init__(self): super().__init__()\n"
SUPER += "  def __del__(self): pass\n"
LOCAL = "def make():\n  class Loud:\n    def __del__(self): pass\n  return Loud()\n"
EMPTY = "def make():\n  if 0: cell = 1\n  class Loud:\n"
EMPTY += "    def __del__(self): return 0 and cell\n  return Loud\nLoud = make()\n"


@pytest.mark.parametrize(
    ("source", "finalizers", "expected"),
    [
        pytest.param(LOUD, 1, True, id="none"),
        pytest.param(LOUD + "a = Loud()", 1, True, id="one"),
        pytest.param(LOUD + "a = Loud(); b = Loud()", 1, True, id="two"),
        pytest.param(LOUD + SLOTS + "a = Slim(); b = Loud()", 2, True, id="classes"),
        pytest.param(SUPER + "a = Loud()", 1, True, id="closure"),
        pytest.param(EMPTY + "a = Loud()", 1, True, id="empty closure"),
        pytest.param(LOUD + "a = Loud(); a.me = a", 1, False, id="cycle"),
        pytest.param(LOUD + "a = Loud(); a.me = a; del a", 1, False, id="dropped"),
        pytest.param(LOUD + "a = b = Loud()", 1, False, id="two names"),
        pytest.param(LOUD + "a = [Loud()]", 1, False, id="in a list"),
        pytest.param(LOUD + "a = Loud(); a.b = Loud()", 1, False, id="in another"),
        pytest.param(LOUD + "class Sub(Loud): pass", 1, False, id="subclass"),
        pytest.param(LOUD + "Other = Loud", 1, False, id="class with two names"),
        pytest.param(LOUD, 2, False, id="class that is not there"),
        pytest.param(LOCAL + "a = make()", 1, False, id="class in a function"),
    ],
)
def test_instances_in_sight(source: str, finalizers: int, expected: bool) -> None:
    module = ModuleType("__main__")
    exec(source, module.__dict__)
    run = SimpleNamespace(main=module)
    assert instances.are_in_sight(run, finalizers) is expected  # type: ignore[arg-type]


def test_modules_of_a_run_hold_each_others_instances() -> None:
    main, helper = ModuleType("__main__"), ModuleType("helper")
    exec(LOUD, helper.__dict__)
    vars(main).update(own=vars(helper)["Loud"](), imported=dict)
    run = SimpleNamespace(main=main, loaded=[helper])
    assert instances.are_in_sight(run, 1)  # type: ignore[arg-type]
    vars(main)["Loud"] = vars(helper)["Loud"]
    assert not instances.are_in_sight(run, 1)  # type: ignore[arg-type]
