"""What makes a script need a process, beside the calls in process_calls.py.

Pure: tables and look-ups in them.  Must not import what it names.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from httpout_cgi.interpreter.process_calls import PROCESS_CALLS

_HOOKS = "it replaces how modules are imported, for all scripts"
_PATCHES = "it patches modules that other scripts share"
_COPIES = "it starts other processes as copies of the server"
_ONE = "its state is one for all scripts"
_CRASHES = "a crash in C code would end the server"
_GETENV = "C code in it reads the environment of the server, not the script's"
_SIGNALS = "it takes over the signals of the server"

# Why, and modules: importing one of them, or of what is below, is enough.
_MODULES: List[Tuple[str, str]] = [
    (_HOOKS, "mercurial hgdemandimport demandimport bzrlib.lazy_import lazy_import"),
    (_HOOKS, "future.standard_library past.translation pyximport hy macropy xonsh"),
    (_PATCHES, "gevent.monkey grequests eventlet freezegun win_unicode_console"),
    (_PATCHES, "requests_cache truststore pip_system_certs sitecustomize"),
    (_COPIES, "pexpect ptyprocess billiard loky daemon daemonize joblib ray pathos"),
    (_COPIES, "concurrent.futures.process"),
    (_ONE, "django matplotlib pylab seaborn rpy2 ROOT pywikibot twisted.internet"),
    (_ONE, "setproctitle prctl tkinter turtle vtk"),
    (_CRASHES, "ctypes cffi _ctypes _cffi_backend"),
    (_GETENV, "cx_Oracle oracledb ibm_db"),
    (_SIGNALS, "scapy jpype jnius"),
    ("it controls a terminal, and copies the server for that", "pty"),
]

# Why, the module, and names in it.
_CALLS: List[Tuple[str, str, str]] = [
    (
        "registrations are those of all scripts",
        "xml.etree.ElementTree",
        "register_namespace",
    ),
    (
        "registrations are those of all scripts",
        "shutil",
        "register_archive_format unregister_archive_format register_unpack_format"
        " unregister_unpack_format",
    ),
    (
        "registrations are those of all scripts",
        "sqlite3",
        "register_adapter register_converter enable_callback_tracebacks",
    ),
    (
        "registrations are those of all scripts",
        "email.charset",
        "add_charset add_alias add_codec",
    ),
    ("registrations are those of all scripts", "webbrowser", "register"),
    ("registrations are those of all scripts", "xml.dom", "registerDOMImplementation"),
    ("calendars are those of all scripts", "calendar", "setfirstweekday"),
    ("the name is that of the machine", "socket", "sethostname"),
    ("the clock is that of the machine", "time", "clock_settime clock_settime_ns"),
    (_PATCHES, "unittest.mock", "patch"),
    (_PATCHES, "mock", "patch"),
    (_PATCHES, "nest_asyncio", "apply"),
    (_PATCHES, "pymysql", "install_as_MySQLdb"),
    (_HOOKS, "typeguard", "install_import_hook"),
    (
        "a process has random numbers of its own",
        "random",
        "seed",
    ),
    (
        "a process has filters of its own",
        "warnings",
        "filterwarnings simplefilter resetwarnings",
    ),
    ("a process has locks of its own", "fcntl", "lockf"),
    ("a process has locks of its own", "os", "lockf"),
    ("all scripts in threads have the same number", "os", "getpid"),
]

_OWN_CALLS: Dict[str, str] = {
    f"{module}.{name}": why for why, module, names in _CALLS for name in names.split()
}
_OWN_MODULES: Dict[str, str] = {
    name: why for why, names in _MODULES for name in names.split()
}

# Below multiprocessing nearly everything starts processes; this does not.
_NO_PROCESSES = frozenset(
    (
        *("cpu_count", "dummy", "current_process", "parent_process", "freeze_support"),
        *("active_children", "get_logger", "TimeoutError", "ProcessError"),
        *("AuthenticationError", "BufferTooShort", "connection", "get_start_method"),
    )
)
_THREAD_POOLS = ("multiprocessing.pool.ThreadPool", "multiprocessing.pool.ThreadPool.")

# What C modules are called by scripts: the public module that has it.
_PUBLIC = {
    **{"posix": "os", "_codecs": "codecs", "_csv": "csv", "_locale": "locale"},
    **{"_socket": "socket", "_thread": "threading", "_random": "random"},
}

# Variables that the C library, or a library in C, reads: it would meet the server's.
_C_VARIABLES = (
    *("TZ", "TZDIR", "NLSPATH", "HOSTALIASES", "RES_OPTIONS", "LOCALDOMAIN"),
    *("MALLOC_*", "NLS_*", "ORACLE_*", "TNS_*", "OMP_*", "OPENBLAS_*", "MKL_*"),
    *("ODBC*", "PROJ_*", "GDAL_*", "KRB5*", "MAGICK_*", "FONTCONFIG_*", "FREETDS*"),
    *("PGSERVICE*", "PGPASSFILE", "SSL_CERT_*", "OPENSSL_*"),
)

# What runs have to themselves though the module is shared: assigning is no reason.
_PER_RUN = (
    *("sys", "builtins", "__main__", "os.environ", "os.environb", "posix.environ"),
    *(
        "warnings",
        "threading.excepthook",
        "logging.root",
        "logging.lastResort",
        "logging.raiseExceptions",
        "decimal.DefaultContext",
    ),
    *("decimal.BasicContext", "decimal.ExtendedContext"),
    # Proxies that lead each thread, or request, to its own.
    *("flask.g", "flask.session", "flask.request", "flask.current_app"),
    *("bottle.request", "bottle.response", "bottle.local", "web.ctx", "web.header"),
    *("cherrypy.request", "cherrypy.response", "cherrypy.session", "cherrypy.serving"),
)

# Methods that change what they belong to.
MUTATORS = frozenset(
    (
        *("append", "extend", "insert", "remove", "clear", "update", "setdefault"),
        *("add", "discard", "pop", "popitem", "register", "sort", "reverse"),
        *("__setitem__", "__delitem__", "__setattr__", "appendleft"),
    )
)

# Paths that the kernel resolves to the descriptors of the process.
_DESCRIPTOR_PATHS = ("/dev/fd/", "/proc/self/", "/proc/thread-self/")
_STREAM_PATHS = frozenset(("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd"))


def make_public(name: str) -> str:
    """Return a full name with its module as scripts should call it."""
    top, dot, rest = name.partition(".")
    return _PUBLIC.get(top, top) + dot + rest


def why_call(name: str) -> Optional[str]:
    """Tell why what has that full name needs a process, or None."""
    why = PROCESS_CALLS.get(name) or _OWN_CALLS.get(name)
    if why is not None:
        return why
    if name == "os.…":
        return "it may be os.fork, for example"
    top, _, rest = name.partition(".")
    if top == "multiprocessing" and rest:
        is_harmless = rest.partition(".")[0] in _NO_PROCESSES
        is_harmless |= rest == "pool" or name.startswith(_THREAD_POOLS)
        return None if is_harmless else _COPIES
    return None


def why_module(name: str) -> Optional[str]:
    """Tell why importing a module needs a process, or None."""
    while name:
        if name in _OWN_MODULES:
            return _OWN_MODULES[name]
        name = name.rpartition(".")[0]
    return None


def why_variable(name: str) -> Optional[str]:
    """Tell why setting a variable of the environment needs a process, or None."""
    for pattern in _C_VARIABLES:
        if name == pattern or (pattern[-1] == "*" and name.startswith(pattern[:-1])):
            return "C code reads the environment of the server, not the script's"
    return None


def why_path(path: str) -> Optional[str]:
    """Tell why opening a path needs a process, or None."""
    if path in _STREAM_PATHS or path.startswith(_DESCRIPTOR_PATHS):
        return "it means the descriptors of the process"
    return None


def is_per_run(name: str) -> bool:
    """Tell whether each run has that to itself, or what it is a part of."""
    while name:
        if name in _PER_RUN:
            return True
        name = name.rpartition(".")[0]
    return False
