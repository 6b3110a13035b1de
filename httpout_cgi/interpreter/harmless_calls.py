"""When a call that needs a process would change nothing: it only asks, or sets what is.

Each function gets the run, the original, and the call's arguments; it returns what
the call returns, or REFUSED.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextvars import Context
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional

from httpout_cgi.interpreter.run_context import RunContext, process

REFUSED = object()

# Locales that say no more than none does.
_NEUTRAL = frozenset(("", "C", "POSIX", "C.UTF-8", "C.utf8"))
_CATEGORIES = (
    *("LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY"),
    "LC_MESSAGES",
)

# Any, in this file: the arguments of the originals, and what these return.
Answer = Callable[..., Any]


def _if(is_harmless: Callable[..., bool]) -> Answer:
    """Let calls through whose arguments say that nothing will change."""

    def answer(
        run: RunContext, original: Answer, *arguments: Any, **keywords: Any
    ) -> Any:
        try:
            passes = is_harmless(*arguments, **keywords)
        except TypeError:
            passes = True  # the original refuses such arguments, too
        return original(*arguments, **keywords) if passes else REFUSED

    return answer


def _sets_what_is(name: str, module_name: str) -> Answer:
    """Let calls through that set what the module's other function returns."""

    def is_harmless(value: Any) -> bool:
        return bool(value == getattr(sys.modules[module_name], name)())

    return _if(is_harmless)


def _set_limit(kind: int, limits: Any) -> bool:
    import resource  # not on all systems

    now = resource.getrlimit(kind)
    return tuple(limits) == now


def _set_limit_of(pid: int, kind: int, limits: Any = None) -> bool:
    return limits is None or not _is_own(pid)


def _is_own(pid: int) -> bool:
    """Tell whether a number is that of this process, or of one of its threads."""
    return pid in (0, os.getpid()) or os.path.exists(f"/proc/self/task/{pid}")


def _set_priority(which: int, who: int, priority: int) -> bool:
    return which == os.PRIO_PROCESS and not _is_own(who)


def _of_another(pid: int, *rest: Any) -> bool:
    return not _is_own(pid)


def _tzset(run: RunContext, original: Answer) -> Any:
    zone = run.environment.get("TZ")
    if zone is None or zone == Context().run(os.environ.get, "TZ"):
        return None
    return REFUSED


def _setlocale(
    run: RunContext, original: Answer, category: int, locale: Any = None
) -> Any:
    if locale is None:
        return original(category)
    if not isinstance(locale, str):
        return REFUSED
    wanted = [locale] if locale else _locales_of(run, category)
    if locale == original(category):
        return locale
    if _NEUTRAL.issuperset(wanted) and _is_neutral_now(original):
        return locale or original(category)
    if not all(map(_is_installed, wanted)):
        raise sys.modules["locale"].Error("unsupported locale setting")
    return REFUSED


def _locales_of(run: RunContext, category: int) -> List[str]:
    """Return what setlocale(category, "") would look at (locale(7))."""
    module = sys.modules["locale"]
    variables: Any = run.environment.get
    if variables("LC_ALL"):
        return [variables("LC_ALL")]
    names = [
        name
        for name in _CATEGORIES
        if category in (module.LC_ALL, getattr(module, name, None))
    ]
    return [variables(name) or variables("LANG") or "" for name in names]


def _is_neutral_now(original: Answer) -> bool:
    # All but LC_CTYPE, which Python itself sets when it starts.
    module = sys.modules["locale"]
    names = [name for name in _CATEGORIES[1:] if hasattr(module, name)]
    return all(original(getattr(module, name)) in _NEUTRAL for name in names)


def _is_installed(locale: str) -> bool:
    """Ask the C library for a locale without setting it."""
    try:
        library = ctypes.CDLL(None)
        make, drop = library.newlocale, library.freelocale
    except (AttributeError, OSError, TypeError):  # pragma: no cover - not POSIX 2008
        return True
    make.restype, drop.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    made = make(1 << sys.modules["locale"].LC_NUMERIC, os.fsencode(locale), None)
    if made is None:
        return False
    drop(made)
    return True


def _bind_domain(domain: Any, value: Any = None) -> bool:
    return value is None


def _stack_size(*size: int) -> bool:
    return not size or size[0] == sys.modules["threading"].stack_size()


def _limit_fields(*new_limit: int) -> bool:
    return not new_limit or new_limit[0] == sys.modules["_csv"].field_size_limit()


def _add_type(type: str, ext: str, strict: bool = True) -> bool:
    known = sys.modules["mimetypes"].guess_type("x" + ext, strict)[0]
    return bool(known == type)


def _register_error(name: str, handler: Any) -> bool:
    try:
        return sys.modules["codecs"].lookup_error(name) is handler
    except LookupError:
        return False


def _enable_faulthandler(*arguments: Any, **keywords: Any) -> bool:
    return bool(sys.modules["faulthandler"].is_enabled())


def _disable_faulthandler() -> bool:
    return not sys.modules["faulthandler"].is_enabled()


def _init_types(files: Optional[Any] = None) -> bool:
    return files is None


def _textdomain(domain: Any = None) -> bool:
    return domain is None


def _patch(run: RunContext, original: Answer, patch: Any) -> Any:
    target = patch.getter()
    is_class = isinstance(target, type)
    name = getattr(target, "__module__" if is_class else "__name__", None)
    is_own = name in run.modules or name not in process["modules"]
    # sys has properties of its own for what runs assign.
    if is_own or target is sys or not isinstance(target, (type, ModuleType)):
        return original(patch)
    return REFUSED


ANSWERS: Dict[str, Answer] = {
    "codecs.register_error": _if(_register_error),
    "csv.field_size_limit": _if(_limit_fields),
    "faulthandler.enable": _if(_enable_faulthandler),
    "faulthandler.disable": _if(_disable_faulthandler),
    "gettext.bindtextdomain": _if(_bind_domain),
    "gettext.bind_textdomain_codeset": _if(_bind_domain),
    "gettext.textdomain": _if(_textdomain),
    "locale.bindtextdomain": _if(_bind_domain),
    "locale.bind_textdomain_codeset": _if(_bind_domain),
    "locale.textdomain": _if(_textdomain),
    "locale.setlocale": _setlocale,
    "mimetypes.add_type": _if(_add_type),
    "mimetypes.init": _if(_init_types),
    "os.nice": _if(lambda increment: bool(increment == 0)),
    "os.sched_setaffinity": _if(_of_another),
    "os.sched_setparam": _if(_of_another),
    "os.sched_setscheduler": _if(_of_another),
    "os.setpgid": _if(_of_another),
    "os.setpriority": _if(_set_priority),
    "resource.prlimit": _if(_set_limit_of),
    "resource.setrlimit": _if(_set_limit),
    "socket.setdefaulttimeout": _sets_what_is("getdefaulttimeout", "socket"),
    "sys.set_int_max_str_digits": _sets_what_is("get_int_max_str_digits", "sys"),
    "sys.setdlopenflags": _sets_what_is("getdlopenflags", "sys"),
    "sys.setswitchinterval": _sets_what_is("getswitchinterval", "sys"),
    "threading.stack_size": _if(_stack_size),
    "time.tzset": _tzset,
    "unittest.mock._patch.__enter__": _patch,
}
