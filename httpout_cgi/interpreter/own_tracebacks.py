"""Tracebacks without frames of ours.  Needs no run: for a process of a script's own."""

from __future__ import annotations

import os
from types import FrameType, TracebackType
from typing import List, Optional

_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


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
