"""sys.modules as a run sees it: its own modules before those that all runs share."""

from __future__ import annotations

from types import ModuleType
from typing import Dict, Iterator, MutableMapping


# MutableMapping comes first: nothing is in the dict itself, which is there for those
# who ask whether this is one.  typeshed derives dict from MutableMapping; it is not.
class ModuleTable(MutableMapping[str, ModuleType], Dict[str, ModuleType]):  # type: ignore[misc, metaclass]
    """What is set or deleted here ends with the run; the shared modules stay."""

    def __init__(
        self, own: Dict[str, ModuleType], shared: Dict[str, ModuleType]
    ) -> None:
        self._own = own
        self._shared = shared

    def __getitem__(self, name: str) -> ModuleType:
        try:
            return self._own[name]
        except KeyError:
            if name == "__main__":
                raise  # runpy takes it away for a while; the server's is no substitute
            return self._shared[name]

    def __setitem__(self, name: str, module: ModuleType) -> None:
        self._own[name] = module

    def __delitem__(self, name: str) -> None:
        if self._own.pop(name, None) is None and name not in self._shared:
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(list(dict.fromkeys([*self._shared, *self._own])))

    def __len__(self) -> int:
        return len(self._shared.keys() | self._own.keys())

    def __repr__(self) -> str:
        return repr(self.copy())

    def clear(self) -> None:
        """Forget the run's modules; the shared ones are not the run's to forget."""
        self._own.clear()

    def copy(self) -> Dict[str, ModuleType]:
        """Return a plain dict, as sys.modules does."""
        return {**self._shared, **self._own}
