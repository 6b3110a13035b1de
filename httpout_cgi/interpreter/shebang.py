"""Shebangs: which Python a script asks for, and with what options.

Pure.  What concerns a process as a whole (-b, -v, -S, -X, hash seeds) is accepted, and
changes nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from typing import Dict, List, NamedTuple, Optional, Tuple

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*(?:-dbg)?(?:\.exe)?")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")

# Those that take an argument, and those that do not; -c and -m run something else.
_WITH_ARGUMENT = "WXcm"
_WITHOUT = "bBdEhiIOqRsStuvVx?" + ("P" if sys.version_info >= (3, 11) else "")

# What they are called in sys.flags.
_FLAGS = {
    **{"b": "bytes_warning", "B": "dont_write_bytecode", "d": "debug"},
    **{"E": "ignore_environment", "i": "inspect interactive", "P": "safe_path"},
    **{"I": "isolated ignore_environment no_user_site safe_path", "q": "quiet"},
    **{"s": "no_user_site", "S": "no_site", "v": "verbose"},
}
_COUNTED = "bdivq"


class Options(NamedTuple):
    """What one script asks of its interpreter.

    ``environment`` is what ``env -S NAME=value python3`` sets.  ``complaint`` is what
    the interpreter says instead of running the script.
    """

    is_unbuffered: bool = False
    optimize: int = 0
    warnings: Tuple[str, ...] = ()
    ignores_environment: bool = False
    has_safe_path: bool = False
    is_development: bool = False
    stream_encoding: str = ""
    search_path: Tuple[str, ...] = ()
    environment: Tuple[Tuple[str, str], ...] = ()
    complaint: str = ""
    # What sys.flags says, by name.
    flags: Tuple[Tuple[str, int], ...] = ()
    # Something else than the script: "-m" and "-c".
    other: str = ""


def parse(line: bytes) -> Optional[Options]:
    """Return the options in a script's first line, or None if there are none.

    A line end of Windows is tolerated, and so is ``env`` without its -S: the kernel
    would find no such program.
    """
    variables, words = _split(line)
    if not words:
        return None
    program, *arguments = words
    if not _PYTHON.fullmatch(program.rpartition("/")[2]):
        return None
    options = _parse_arguments(arguments, program)
    options = options._replace(environment=tuple(variables))
    return None if options == Options() else options


def find_program(line: bytes) -> str:
    """Return the program in a script's first line; behind env, that which it looks for.

    Empty if there is none.
    """
    return (_split(line)[1] or [""])[0]


def _split(line: bytes) -> Tuple[List[Tuple[str, str]], List[str]]:
    """Return the variables that env sets, and the words of the command."""
    if not line.startswith(b"#!"):
        return [], []
    # The kernel hands over all that follows the program as one word.
    words = os.fsdecode(line[2:]).strip().split(None, 1)
    if len(words) > 1 and words[0].rpartition("/")[2] == "env":
        return _split_env(words[1])
    return [], words


def _split_env(rest: str) -> Tuple[List[Tuple[str, str]], List[str]]:
    """Return the variables and the words of what follows ``env``."""
    for option in ("-S", "--split-string="):
        if rest.startswith(option):
            rest = rest[len(option) :]
            break
    try:
        words = shlex.split(rest)
    except ValueError:
        return [], []  # a quote that is not closed
    variables = []
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables.append((name, value))
    return variables, words


def _parse_arguments(arguments: List[str], program: str) -> Options:
    """Read command line options as CPython's getopt does."""
    left = list(arguments)
    given: Dict[str, List[str]] = {}
    while left and left[0].startswith("-") and left[0] != "-":
        word = left.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            if word == "--check-hash-based-pycs" and left:
                left.pop(0)
                continue
            return _complain(f"unknown option {word}", program)
        complaint = _parse_word(word[1:], left, given)
        if complaint:
            return _complain(complaint, program)
    return _choose(given)


def _parse_word(flags: str, left: List[str], given: Dict[str, List[str]]) -> str:
    """Note the flags of one word; return what is wrong with it, if anything."""
    while flags:
        flag, flags = flags[0], flags[1:]
        if flag in _WITH_ARGUMENT:
            if not flags and not left:
                return f"Argument expected for the -{flag} option"
            given.setdefault(flag, []).append(flags or left.pop(0))
            return ""
        if flag not in _WITHOUT:
            return f"Unknown option: -{flag}"
        given.setdefault(flag, []).append("")
    return ""


def _choose(given: Dict[str, List[str]]) -> Options:
    warnings = given.get("W", [])
    if "b" in given:
        action = "default" if len(given["b"]) == 1 else "error"
        warnings = [*warnings, f"{action}::BytesWarning"]
    return Options(
        is_unbuffered="u" in given,
        optimize=min(len(given.get("O", ())), 2),
        warnings=tuple(warnings),
        ignores_environment="E" in given or "I" in given,
        has_safe_path="P" in given or "I" in given,
        is_development="dev" in given.get("X", ()),
        flags=tuple(_count_flags(given).items()),
        other=next((f"-{flag}" for flag in "cm" if flag in given), ""),
    )


def _count_flags(given: Dict[str, List[str]]) -> Dict[str, int]:
    flags: Dict[str, int] = {}
    for flag, found in given.items():
        for name in _FLAGS.get(flag, "").split():
            flags[name] = len(found) if flag in _COUNTED else 1
    return flags


def _complain(text: str, program: str) -> Options:
    return Options(
        complaint=f"{text}\n"
        f"usage: {program} [option] ... [-c cmd | -m mod | file | -] [arg] ...\n"
        "Try `python -h' for more information.\n"
    )
