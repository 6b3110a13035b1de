"""The directory of pools: a worker's knowledge of where each is asked.

The supervisor is asked for those of accounts, when they are wanted.
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

# Of so many accounts; who is not among them is asked for again.
_MOST_KNOWN: Final = 4096
# At a time, so that the answers never fill the channel.
_MOST_QUESTIONS: Final = 64


class PoolDirectory:
    """Only the loop thread touches it.  ``site`` is the address of the site's pool."""

    def __init__(self, channel: socket.socket, site: str) -> None:
        self.site = site
        self._channel = channel
        self._known: dict[Owner, str] = {}
        # Who waits for an answer, by the name of the account.
        self._waiting: dict[str, list[tuple[Owner, Tell]]] = {}
        self._asked: set[str] = set()
        self._unasked: deque[str] = deque()

    def find(self, owner: Owner | None, tell: Tell) -> None:
        """Call ``tell`` at once, or when the supervisor has answered."""
        address = self.site if owner is None else self._known.get(owner)
        if owner is None or address is not None:
            tell(address or "", "")
            return
        if owner.name not in self._waiting:
            self._waiting[owner.name] = []
            self._unasked.append(owner.name)
        self._waiting[owner.name].append((owner, tell))
        self._ask()

    def forget(self, owner: Owner) -> None:
        """Ask for it the next time."""
        self._known.pop(owner, None)

    def take(self, answer: control.Answer) -> None:
        """Tell those who wait for this answer."""
        self._asked.discard(answer.account)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        for owner, tell in self._waiting.pop(answer.account, ()):
            if answer.address:
                self._known[owner] = answer.address
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
