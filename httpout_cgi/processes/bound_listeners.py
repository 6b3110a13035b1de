"""The listeners that are bound, with their sockets, from one reload to the next."""

import os
import socket
from collections.abc import Iterable
from dataclasses import replace

from httpout_cgi.config import Config, Listener
from httpout_cgi.errors import StartError
from httpout_cgi.processes import control, listeners
from httpout_cgi.processes.privileges import Account

Sockets = dict[Listener, socket.socket]


class BoundListeners:
    """Those of the workers, and that of the pool.

    Only the supervisor's loop touches it.
    """

    def __init__(self, account: Account | None) -> None:
        self._account = account
        self._sockets: Sockets = {}

    def __getitem__(self, listener: Listener) -> socket.socket:
        """Return the socket of a listener that is in use."""
        return self._sockets[listener]

    def bind(self, new: Config, old: Config) -> Sockets:
        """Return a socket for each listener, those that we have already as they are.

        ``take`` has to follow, and until then ``old`` is in use.  Raises StartError;
        nothing has changed then.
        """
        if len(new.listen) > control.MAX_LISTENERS:
            raise StartError(f"more than {control.MAX_LISTENERS} listeners")
        sockets: Sockets = {}
        try:
            for listener in _list_listeners(new):
                # Not one that had another purpose: everybody may ask a worker.
                is_same = _is_for_pool(listener, new) == _is_for_pool(listener, old)
                known = self._find_socket(listener) if is_same else None
                sockets[listener] = known or self._bind_one(listener, new)
        except BaseException:
            for listener, sock in sockets.items():
                if listener not in self._sockets:
                    listeners.close(listener, sock)
            raise
        return sockets

    def take(self, sockets: Sockets) -> Sockets:
        """Take into use what was bound; return the others, for the caller to close."""
        removed = {
            one: sock for one, sock in self._sockets.items() if one not in sockets
        }
        self._sockets = sockets
        return removed

    def close(self, removed: Iterable[Listener]) -> None:
        """Close some of those that are in use."""
        for listener in removed:
            listeners.close(listener, self._sockets.pop(listener))

    def close_all(self) -> None:
        """Close all that are in use."""
        self.close([*self._sockets])

    def _find_socket(self, listener: Listener) -> socket.socket | None:
        """Return the socket of a listener that we have, now perhaps with TLS."""
        if listener in self._sockets:
            return self._sockets[listener]
        twin = self._sockets.get(replace(listener, secure=not listener.secure))
        return twin.dup() if twin and listener.port else None

    def _bind_one(self, listener: Listener, config: Config) -> socket.socket:
        if not _is_for_pool(listener, config):
            return listeners.bind(listener)
        members = self._account.gid if self._account else os.getegid()
        return listeners.bind(listener, members)


def _list_listeners(config: Config) -> list[Listener]:
    """Return those of the workers, and that of the pool if it has one."""
    scgi = config.pools.scgi_listen
    return [*config.listen, scgi] if scgi else [*config.listen]


def _is_for_pool(listener: Listener, config: Config) -> bool:
    return listener == config.pools.scgi_listen
