"""A child of a pool gets its memory from the heap's end, not from holes in it."""

import subprocess
import sys

import pytest

from httpout_cgi.processes import pool_heap

# In a process of its own: whatever is taken stays taken.
SCRIPT = """
from httpout_cgi.processes.pool_heap import _find_top, _free, _malloc, fill_holes

pieces = [_malloc(size) for size in (40, 120, 300) * 100]
for piece in pieces[::2]:
    _free(piece)
before = _find_top()
print(fill_holes() >= 100, *(_malloc(size) >= before for size in (40, 120, 300)))
"""


@pytest.mark.skipif(pool_heap._find_top is None, reason="not the GNU C library")
def test_what_is_free_in_the_midst_of_the_heap_is_used_up() -> None:
    command = [sys.executable, "-c", SCRIPT]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.split() == ["True"] * 4


@pytest.mark.parametrize(
    ("addresses", "taken", "freed"),
    [
        pytest.param([10, 20, 1000], 2, [1000], id="up to the heap's end"),
        pytest.param([10, 20, 0], 2, [0], id="no memory"),
        pytest.param([10, 20, 30, 40], 3, [], id="as many as it may"),
    ],
)
def test_pieces_are_taken_below_the_end_of_the_heap(
    monkeypatch: pytest.MonkeyPatch,
    addresses: list[int],
    taken: int,
    freed: list[int],
) -> None:
    given, given_back = iter(addresses), list[int]()
    monkeypatch.setattr(pool_heap, "_MOST", 3)
    monkeypatch.setattr(pool_heap, "_find_top", lambda: 1000)
    monkeypatch.setattr(pool_heap, "_malloc", lambda size: next(given), raising=False)
    monkeypatch.setattr(pool_heap, "_free", given_back.append, raising=False)
    assert pool_heap._take_all(40) == taken
    assert given_back == freed
