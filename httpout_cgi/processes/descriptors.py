"""How many files a worker may have open, and so how many connections it may accept."""

import logging
import resource
from typing import Final

from httpout_cgi.config import Config

# Of a connection: its own, and a file to send, or a spool.
_PER_CONNECTION: Final = 2
# Of a run in a process, as long as it waits for its pool.
_PER_RUN: Final = 6
_FOR_SCRIPTS: Final = 512

_log = logging.getLogger(__name__)


def allow_descriptors(config: Config) -> Config:
    """Raise the soft limit of open files to what the settings may need.

    Returns the settings, with no more connections than there may be files for: those
    that come later would wait for ever, or be cut off without a word.
    """
    connections = config.limits.connections
    least = _PER_CONNECTION * connections + _FOR_SCRIPTS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = least + _PER_RUN * config.queue
    if hard != resource.RLIM_INFINITY:
        allowed = min(allowed, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed >= least:
        return config
    most = min(connections, allowed // _PER_CONNECTION)
    _log.warning(
        "limits.connections: only %d files may be open here, so %d connections",
        hard,
        most,
    )
    limits = config.limits.model_copy(update={"connections": most})
    return config.model_copy(update={"limits": limits})
