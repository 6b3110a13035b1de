"""Back-off: how long to wait before what has died is started again."""

from typing import Final

_FIRST: Final = 0.1
_LAST: Final = 10.0
# From here on it would be longer than _LAST; some time later it is no float.
_ENOUGH: Final = 7


def pause_after(deaths: int) -> float:
    """Return the seconds to wait after so many deaths in a row, from 1 on."""
    return float(min(_LAST, _FIRST * 2 ** min(deaths - 1, _ENOUGH)))
