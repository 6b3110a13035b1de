"""What runs a script: this interpreter, or the script itself as a program.

Standard library only.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys

from httpout_cgi.interpreter.shebang import find_program
from httpout_cgi.processes.pool_run import Run

# A shell's exit codes for a program that cannot be run, or is not there.
CANNOT_RUN, NOT_FOUND = 126, 127
# A child of ours that fails before its script: sysexits' EX_SOFTWARE.
BROKEN = 70

# What another server is told of it; a worker has the exit code.
FAILED = b"Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\n500\n"

_LONGEST_LINE = 1024

_UNKNOWN = 'unknown format: it has no "#!" line and is no program'

# What a shebang calls this interpreter, in any folder.
_NAMES = ("python", "python3", f"python3.{sys.version_info[1]}")


def is_python(path: str) -> bool:
    """Tell whether this interpreter runs the script: by its suffix, or its shebang.

    Like any program, a script without the suffix has to be executable.
    """
    if path.endswith(".py"):
        return True
    program = find_program(_read_first_line(path))
    if program != sys.executable and os.path.basename(program) not in _NAMES:
        return False
    return os.access(path, os.X_OK) and not _is_zip(path)


def names_us(path: str) -> bool:
    """Tell whether the first line of a script names this very Python by its path.

    Not by what is behind links: all virtual environments of a Python share it.
    """
    folder, name = os.path.split(find_program(_read_first_line(path)))
    is_ours = folder == os.path.dirname(sys.executable) and name in _NAMES
    return is_ours and not _is_zip(path)


def names_other(path: str) -> bool:
    """Tell whether it names a program that may be another Python, by its path."""
    program = find_program(_read_first_line(path))
    is_python = os.path.basename(program).startswith(("python", "pypy"))
    return is_python and "/" in program and not names_us(path)


def execute(run: Run) -> int:
    """Become the program, or the interpreter that the settings name for it.

    A shebang is the kernel's business.  Returns, with an exit code, only if that fails;
    standard error has the reason.
    """
    path, variables = run.path, run.environment
    words = [path, *run.arguments]
    if run.interpreter:
        if not os.access(path, os.R_OK):
            return fail(f"{path}: it may not be read (chmod +r)", CANNOT_RUN)
        words.insert(0, run.interpreter)
        variables = _adapt(variables)
    # CPython ignores them, and what is ignored stays so.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(words[0], words, variables)
    except OSError as exc:
        if run.interpreter:
            reason, code = _explain_interpreter(run.interpreter, exc)
        else:
            reason, code = _explain(path, exc)
        return fail(f"{path}: {reason}", code)


def _adapt(variables: dict[str, str]) -> dict[str, str]:
    """Return the environment for an interpreter: what php-cgi makes of it matters."""
    # It runs nothing without (cgi.force_redirect): who asks it directly has none.
    variables = {"REDIRECT_STATUS": "200", **variables}
    if "REDIRECT_URL" in variables:
        # After a redirect it would run PATH_TRANSLATED in the place of the script
        # (cgi.fix_pathinfo): a client that can choose the extra path would have any
        # file below the docroot run, an upload for example.
        variables.pop("PATH_TRANSLATED", None)
    return variables


def fail(text: str, code: int) -> int:
    """Tell on standard error why nothing runs; return the exit code for it."""
    os.write(2, os.fsencode(f"{text}\n"))
    return code


def _explain(path: str, exc: OSError) -> tuple[str, int]:
    reason = exc.strerror or "cannot be run"
    if exc.errno == errno.ENOEXEC:
        return _UNKNOWN, CANNOT_RUN
    interpreter = _find_interpreter(path)
    if exc.errno == errno.ENOENT and interpreter:
        hint = " (its lines end as on Windows)" if interpreter.endswith("\r") else ""
        text = f"its interpreter {interpreter.rstrip()} is missing{hint}: "
        return f"{text}install it, or correct the first line", NOT_FOUND
    if exc.errno == errno.EACCES and os.path.isfile(path):
        if not os.access(path, os.X_OK):
            return (
                "it may not be executed: its run bit is missing (chmod +x)",
                CANNOT_RUN,
            )
        if interpreter and os.path.exists(interpreter):
            reason = f"its interpreter {interpreter} may not be executed"
    return reason, NOT_FOUND if exc.errno == errno.ENOENT else CANNOT_RUN


def _explain_interpreter(program: str, exc: OSError) -> tuple[str, int]:
    if not os.path.exists(program):
        text = f"its interpreter {program} is missing: "
        return f'{text}install it, or correct "interpreters"', NOT_FOUND
    reason, code = _explain(program, exc)
    return f"its interpreter {program} cannot be run: {reason}", code


def _find_interpreter(path: str) -> str:
    """Return the program that the kernel looks for, as it reads it."""
    line = _read_first_line(path)
    words = line[2:].strip(b" \t").split(None, 1) if line[:2] == b"#!" else []
    if not words:
        return ""
    # The line end of Windows belongs to the name, if nothing else follows it.
    is_bare = len(words) == 1 and line.endswith(b"\r")
    return os.fsdecode(words[0]) + ("\r" if is_bare else "")


def _is_zip(path: str) -> bool:
    """Tell whether a zip file follows the first line: its interpreter unpacks it."""
    return _read_head(path).partition(b"\n")[2].startswith(b"PK\3\4")


def _read_first_line(path: str) -> bytes:
    return _read_head(path).partition(b"\n")[0]


def _read_head(path: str) -> bytes:
    try:
        # Whatever it is, it does not keep us waiting.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return os.read(descriptor, _LONGEST_LINE)
    finally:
        os.close(descriptor)
