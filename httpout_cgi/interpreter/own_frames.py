"""Stack frames of ours: a script does not meet them in tracebacks and stacks.

What walks frames by itself (``sys._getframe().f_back``) does.
"""

from __future__ import annotations

import inspect
import os
import traceback
from functools import wraps
from itertools import islice
from types import FrameType
from typing import Any, Callable, Iterator, List, Optional

from httpout_cgi.interpreter.own_tracebacks import is_own
from httpout_cgi.interpreter.run_context import current, replace, undoing

# Where the frames of a script end.
_BOTTOM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "execute.py")

# Any, from here on: what the originals take, and tuples that begin with a frame.


def _hiding(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what walks through a traceback."""

    @wraps(original)
    def walk(trace: Any) -> Iterator[Any]:
        found = original(trace)
        if current.get() is None:
            return iter(found)
        return (item for item in found if not is_own(item[0]))

    return walk


def _walk_stack(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def walk(f: Optional[FrameType]) -> Iterator[Any]:
        found = original(f)
        if current.get() is None:
            return iter(found)
        # Without a frame it counts callers when it is asked: ours is one of them.
        return _until_bottom(found if f is not None else islice(found, 1, None))

    return walk


def _until_bottom(items: Iterator[Any]) -> Iterator[Any]:
    for item in items:
        if item[0].f_code.co_filename == _BOTTOM:
            return
        if not is_own(item[0]):
            yield item


def _list_outer(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def list_frames(frame: Any, context: int = 1) -> List[Any]:
        found = original(frame, context)
        return found if current.get() is None else list(_until_bottom(found))

    return list_frames


def _list_inner(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def list_frames(tb: Any, context: int = 1) -> List[Any]:
        found = original(tb, context)
        if current.get() is None:
            return found  # type: ignore[no-any-return]
        return [item for item in found if not is_own(item[0])]

    return list_frames


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    for owner, name, make in (
        (traceback, "walk_tb", _hiding),
        (traceback, "_walk_tb_with_full_positions", _hiding),
        (traceback, "walk_stack", _walk_stack),
        (inspect, "getouterframes", _list_outer),
        (inspect, "getinnerframes", _list_inner),
    ):
        original = getattr(owner, name, None)
        if original is not None:
            replace(owner, name, make(original), undo)
    return undoing(undo)
