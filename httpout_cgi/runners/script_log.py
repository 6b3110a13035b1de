"""The lines of the error log that are about runs; any thread may write them."""

import logging
from contextvars import Context

from httpout_cgi.scripts import Invocation

_log = logging.getLogger("httpout_cgi.script")


def log_script(invocation: Invocation, level: int, text: str) -> None:
    """Write a line about a run to the error log."""
    script = invocation.script
    values = (script.site, script.name, invocation.run_id, text)
    # Outside of the run: a handler must not meet the script's sys.stderr.
    Context().run(_log.log, level, "[%s %s %s] %s", *values)
