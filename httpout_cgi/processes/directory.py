"""The directory of pools: a worker's knowledge of where each is asked.

The supervisor is asked for those of accounts and of other Pythons, when they are
wanted.
"""

import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from httpout_cgi.processes import control
from httpout_cgi.protocol.ownership import Refusal
from httpout_cgi.scripts import Owner

Tell = Callable[[str, str], None]
"""Is called with an address, or "" and the word that says why there is none."""

# So many pools; which is not among them is asked for again.
_MOST_KNOWN: Final = 4096
# At a time, so that the answers never fill the channel.
_MOST_QUESTIONS: Final = 64


class PoolDirectory:
    """Only the loop thread touches it.  ``site`` is the address of the site's pool."""

    def __init__(self, channel: socket.socket, site: str) -> None:
        self.site = site
        self._channel = channel
        self._known: dict[Owner | str, str] = {}
        # Who waits for an answer, by the name that is asked for.
        self._waiting: dict[str, list[tuple[Owner | str, Tell]]] = {}
        self._asked: set[str] = set()
        self._unasked: deque[str] = deque()

    def find(self, whose: Owner | str | None, tell: Tell) -> None:
        """Call ``tell`` at once, or when the supervisor has answered.

        Text is the path of a Python; one that cannot be asked for, because env has to
        look for it, say, is started by the site's own pool.
        """
        if whose is None or (isinstance(whose, str) and not control.is_python(whose)):
            tell(self.site, "")
            return
        address = self._known.get(whose)
        if address is not None:
            tell(address, "")
            return
        name = whose if isinstance(whose, str) else whose.name
        if name not in self._waiting:
            self._waiting[name] = []
            self._unasked.append(name)
        self._waiting[name].append((whose, tell))
        self._ask()

    def forget(self, whose: Owner | str) -> None:
        """Ask for it the next time."""
        self._known.pop(whose, None)

    def take(self, answer: control.Answer) -> None:
        """Tell those who wait for this answer."""
        self._asked.discard(answer.account)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        for whose, tell in self._waiting.pop(answer.account, ()):
            if answer.address:
                self._known[whose] = answer.address
            tell(answer.address, answer.refusal)
        self._ask()

    def _ask(self) -> None:
        while self._unasked and len(self._asked) < _MOST_QUESTIONS:
            name = self._unasked.popleft()
            self._asked.add(name)
            try:
                control.send_account(self._channel, name)
            except OSError:
                # The supervisor is gone, and we are going.
                self.take(control.Answer(name, refusal=Refusal.NO_POOL.value))
