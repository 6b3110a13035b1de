"""Stack frames of ours: a script does not meet them in tracebacks and stacks.

What walks frames by itself (``sys._getframe().f_back``) does.
"""

from __future__ import annotations

import inspect
import os
import traceback
from functools import wraps
from types import FrameType, TracebackType
from typing import Any, Callable, Iterator, List, Optional

from httpout_cgi.interpreter.run_context import current, replace, undoing

_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Where the frames of a script end.
_BOTTOM = _FOLDER + "execute.py"


def is_own(frame: FrameType) -> bool:
    """Tell whether a frame is of this package."""
    return frame.f_code.co_filename.startswith(_FOLDER)


def hide_own_frames(exc: BaseException) -> None:
    """Take our frames out of the tracebacks of an exception and of its causes."""
    todo: List[Optional[BaseException]] = [exc]
    seen = set()
    while todo:
        link = todo.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = _without_own_frames(link.__traceback__)
            todo += [link.__cause__, link.__context__]
            # Those of an exception group.
            members = getattr(link, "exceptions", ())
            if isinstance(members, tuple):
                todo += [one for one in members if isinstance(one, BaseException)]


def _without_own_frames(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    kept: List[TracebackType] = []
    while trace is not None:
        if not is_own(trace.tb_frame):
            kept.append(trace)
        trace = trace.tb_next
    result: Optional[TracebackType] = None
    for link in reversed(kept):
        result = TracebackType(result, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return result


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
        return iter(found) if current.get() is None else _until_bottom(found)

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
