"""The first stage of a pool: finds out which Python it is to have, and becomes it.

Runs as the account already, under the server's Python: what reads the account's
settings is none of what scripts meet, and an interpreter of the account's own choice is
run with its rights, after it has been tried out.
"""

import json
import os
import sys
from pathlib import Path
from typing import Final, NamedTuple

from httpout_cgi.errors import ConfigError
from httpout_cgi.processes import boot, pythons
from httpout_cgi.processes.pool_settings import OWN

_EX_CONFIG: Final = 78


class Stage(NamedTuple):
    """What the supervisor tells.

    ``python`` is a path, "" for the server's own.  ``file`` is that of the account's
    settings, "" if they are not allowed.  ``is_wish`` for a Python that scripts name:
    if it cannot run a pool (Python 2, PyPy), our own starts it for each run.
    """

    python: str
    name: str = ""
    home: str = ""
    file: str = ""
    is_wish: bool = False


def main() -> int:
    """Become the pool: ``sys.argv`` has a Stage, then what the pool is told.

    Returns an exit code if that is impossible; standard error has the reason.
    """
    supervisor = os.getppid()
    stage = Stage(*json.loads(sys.argv[1]))
    settings, *rest = sys.argv[2:]
    try:
        python, own = _choose(stage)
        if python:
            command = boot.make_other_command(python, supervisor)
        else:
            command = boot.make_command(supervisor, sys.path)
        environment = {**boot.make_environment(), **own}
        os.execve(command[0], [*command, settings, *rest], environment)
    except (ConfigError, OSError) as exc:
        for line in str(exc).splitlines():
            os.write(2, os.fsencode(f"pool: {line}\n"))
    return _EX_CONFIG


def _choose(stage: Stage) -> tuple[str, dict[str, str]]:
    """Return the Python, "" for ours, and a variable with what the account says.

    Raises ConfigError.
    """
    python, source, variable = stage.python, "pools.python", {}
    if stage.file:
        # Not above: it takes a while, and most pools do without.
        from httpout_cgi import user_settings

        path = Path(stage.file)
        own, signature = user_settings.load(path)
        told = {"environment": own.environment, "source": [stage.file, signature]}
        variable = {OWN: json.dumps(told)}
        if own.python:
            python, source = _expand(own.python, stage), f"{path}: python"
    flaw = pythons.find_flaw(python, loads_us=stage.is_wish) if python else ""
    if flaw and stage.is_wish:
        return "", variable
    if flaw:
        raise ConfigError([f"{source}: {flaw}"])
    return python, variable


def _expand(template: str, stage: Stage) -> str:
    path = template.replace("$home", stage.home.rstrip("/"))
    return path.replace("$user", stage.name)
