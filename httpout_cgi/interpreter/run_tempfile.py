"""tempfile for each run: its folder is that of the run's environment, or the script's.

Its functions come to ours for the folder; scripts get and set ``tempfile.tempdir``,
for which the module's class has a property.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any, Callable, Dict, List

from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.left_descriptors import replace_noting
from httpout_cgi.interpreter.run_context import (
    PerRun,
    current_for_changes,
    replace,
    undoing,
)

# Any: the module's own names.
_namespace: Dict[str, Any] = tempfile.__dict__
# What the others ask.
_NAME = "_gettempdir" if sys.version_info >= (3, 10) else "gettempdir"
_original: Callable[[], Any] = _namespace[_NAME]


class _State:
    """``folder`` is None until it is asked for; a script may assign anything."""

    folder: Any = None


_state = PerRun(lambda run: _State())


# Any: text, or bytes.
def _find_folder() -> Any:
    """Stand in for what all functions of tempfile ask."""
    run = current_for_changes()
    if run is None:
        return _original()
    state = _state.of(run)
    if state.folder is None:
        state.folder = _namespace["_get_default_tempdir"]()
    return state.folder


class _RunTempfile(GuardedModule):
    """The class of tempfile while the stand-ins are installed."""

    @property
    def tempdir(self) -> Any:
        run = current_for_changes()
        return _namespace["tempdir"] if run is None else _state.of(run).folder

    @tempdir.setter
    def tempdir(self, value: Any) -> None:
        run = current_for_changes()
        if run is None:
            _namespace["tempdir"] = value
        else:
            _state.of(run).folder = value


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    replace(tempfile, _NAME, _find_folder, undo)
    replace_noting([tempfile], "mkstemp", undo)
    replace(tempfile, "__class__", _RunTempfile, undo)
    return undoing(undo)
