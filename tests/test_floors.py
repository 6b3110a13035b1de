"""Floors: imports point down only (DESIGN section 4), whatever files there are."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "httpout_cgi"

# The first part of a module's name below the package: (floor, part).  Modules of one
# part may import each other; all other imports go to a lower floor.
FLOORS = {
    "__init__": (0, "version"),
    "errors": (0, "errors"),
    "messages": (0, "messages"),
    "scripts": (0, "scripts"),
    "protocol": (1, "protocol"),
    "config": (2, "config"),
    "settings": (2, "config"),
    "strict_yaml": (2, "config"),
    "user_settings": (2, "config"),
    "password_file": (1, "password_file"),
    "password_hashes": (1, "password_hashes"),
    "files": (2, "files"),
    "accounts": (3, "accounts"),
    "interpreter": (3, "interpreter"),
    "runners": (4, "runners"),
    "gateway": (5, "gateway"),
    "access": (5, "gateway"),
    "passwords": (5, "gateway"),
    "answers": (5, "gateway"),
    "exchange": (5, "gateway"),
    "file_answers": (5, "gateway"),
    "script_answers": (5, "gateway"),
    "error_page": (5, "gateway"),
    "listing_page": (5, "gateway"),
    "script_output": (5, "gateway"),
    "sites": (5, "gateway"),
    "user_sites": (5, "gateway"),
    "access_log": (5, "access_log"),
    "log_format": (5, "access_log"),
    "error_log": (5, "error_log"),
    "processes": (6, "processes"),
    "pages_command": (7, "cli"),
    "cli": (7, "cli"),
    "__main__": (7, "cli"),
}
# Parts of one floor of which the first may import the second: files are found by what
# the settings say of a site.
NEIGHBORS = {("files", "config")}
# Third-party packages with few importers.
OWNERS = {
    "watchdog": ("files.watcher",),
    "tremolo": ("processes.connection", "runners.websocket"),
    "wsproto": ("protocol.websocket_frames",),
    "bcrypt": ("password_hashes",),
    "passlib": ("password_hashes",),
}
# What a pool of another Python loads (DESIGN section 2): the standard library, and of
# ours no more than this.
_POOL_PROCESS = (
    "processes.pool",
    *(f"processes.pool_{name}" for name in ("child", "children", "door", "notes")),
    *(
        f"processes.pool_{name}"
        for name in ("dirt", "handover", "keeping", "kept", "kept_run", "slots")
    ),
    *(f"processes.pool_{name}" for name in ("peer", "program", "run", "settings")),
    *(
        f"processes.pool_{name}"
        for name in ("ownership", "spare", "relay", "forks", "shebang", "variables")
    ),
    *(f"processes.pool_{name}" for name in ("heap", "rehearsal", "warmth")),
    *(f"processes.pool_{name}" for name in ("listeners", "log", "loop", "peers")),
    *(f"processes.pool_{name}" for name in ("signals", "sources", "spares")),
    "processes.resident",
)
_POOL_PROTOCOL = tuple(
    f"protocol.{name}" for name in ("ownership", "scgi", "script_names", "search_words")
)
POOL = {
    "interpreter": ("interpreter",),
    **dict.fromkeys(_POOL_PROTOCOL, ()),
    **dict.fromkeys(_POOL_PROCESS, ("interpreter", *_POOL_PROTOCOL, *_POOL_PROCESS)),
}
# The settings have one face; nobody else looks behind it.
HIDDEN = ("settings", "strict_yaml")


def name_module(path: Path) -> str:
    parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts)


def list_imports(tree: ast.AST, modules: set[str]) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every import with the full name of the module that it loads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                full = f"{base}.{alias.name}"
                is_module = full.removeprefix(PACKAGE + ".") in modules
                yield node, full if is_module else base


def is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def find_pool_rule(module: str) -> tuple[str, ...] | None:
    """Return what of ours the module may import, if a pool loads it."""
    return next((POOL[name] for name in POOL if is_below(module, name)), None)


def find_offences(module: str, source: str, modules: set[str]) -> list[str]:
    """Return what is wrong with the imports of one module."""
    tree = ast.parse(source)
    offences = []
    if module.split(".")[0] not in FLOORS:
        return [f"{module} has no floor: add it to FLOORS"]
    for node, full in list_imports(tree, modules):
        text = judge(module, full)
        if text:
            offences.append(f"{module}:{node.lineno}: {text}")
    return [*offences, *find_late_imports(module, tree, source.splitlines())]


def judge(module: str, full: str) -> str:
    top = full.split(".")[0]
    if not top:
        return "relative import: write the absolute name"
    if top == PACKAGE:
        return judge_ours(module, full.removeprefix(PACKAGE).lstrip(".") or "__init__")
    if find_pool_rule(module) is not None and top not in sys.stdlib_module_names:
        return f"{top} is not in the standard library"
    if module not in OWNERS.get(top, (module,)):
        return f"only {' and '.join(OWNERS[top])} import {top}"
    return ""


def judge_ours(module: str, target: str) -> str:
    floor, part = FLOORS[module.split(".")[0]]
    if target.split(".")[0] not in FLOORS:
        return f"{target} has no floor: add it to FLOORS"
    below, other = FLOORS[target.split(".")[0]]
    is_level = part == other or (part, other) in NEIGHBORS
    if below > floor or (below == floor and not is_level):
        return f"{target} (floor {below}) is not below {module} (floor {floor})"
    rule = find_pool_rule(module)
    if rule is not None and not any(is_below(target, name) for name in rule):
        return f"{target} is not for a pool of another Python"
    if target.split(".")[0] in HIDDEN and part != "config":
        return f"{target} is private: import from config"
    return ""


def find_late_imports(module: str, tree: ast.AST, lines: list[str]) -> Iterator[str]:
    """Yield the imports inside functions that no comment explains."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                near = lines[node.lineno - 2 : node.lineno]
                if not any("#" in line for line in near):
                    yield f"{module}:{node.lineno}: import inside a function"


def read_package() -> dict[str, str]:
    paths = sorted((ROOT / PACKAGE).rglob("*.py"))
    return {name_module(path): path.read_text("utf-8") for path in paths}


def find_cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle; empty if there are none."""
    rest = dict(graph)
    while rest:
        free = [name for name, imports in rest.items() if not imports & rest.keys()]
        if not free:
            return sorted(rest)
        for name in free:
            del rest[name]
    return []


def test_imports_point_down() -> None:
    sources = read_package()
    modules = set(sources)
    offences = [
        offence
        for module, source in sources.items()
        for offence in find_offences(module, source, modules)
    ]
    assert offences == []


def test_there_are_no_import_cycles() -> None:
    sources = read_package()
    graph = {
        module: {
            full.removeprefix(PACKAGE + ".")
            for _, full in list_imports(ast.parse(source), set(sources))
        }
        for module, source in sources.items()
    }
    assert find_cycle(graph) == []


@pytest.mark.parametrize(
    ("module", "source", "offence"),
    [
        pytest.param("errors", "import httpout_cgi.config", "not below", id="up"),
        pytest.param(
            "protocol.x", "from httpout_cgi import config", "not below", id="up, from"
        ),
        pytest.param(
            "config", "import httpout_cgi.files.static", "not below", id="sideways"
        ),
        pytest.param("interpreter.x", "import yaml", "standard", id="third party"),
        pytest.param(
            "interpreter.x", "import httpout_cgi.errors", "pool", id="pool, ours"
        ),
        pytest.param("processes.pool", "import click", "standard", id="pool process"),
        pytest.param(
            "processes.pool_child", "import httpout_cgi.config", "pool", id="pool child"
        ),
        pytest.param("gateway", "import tremolo.request", "only", id="tremolo"),
        pytest.param("config", "from watchdog import events", "only", id="watchdog"),
        pytest.param(
            "gateway", "import httpout_cgi.strict_yaml", "private", id="behind config"
        ),
        pytest.param("runners.x", "from . import base", "relative", id="relative"),
        pytest.param("novelty", "", "no floor", id="new module"),
        pytest.param(
            "cli", "import httpout_cgi.novelty", "no floor", id="import of a new module"
        ),
        pytest.param("cli", "def f():\n    import os", "inside", id="late import"),
    ],
)
def test_an_offence_is_found(module: str, source: str, offence: str) -> None:
    found = find_offences(module, source, {"config", "files.watcher", "novelty"})
    assert len(found) == 1
    assert offence in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        pytest.param("gateway", "from httpout_cgi import config", id="down"),
        pytest.param("runners.thread", "import httpout_cgi.runners.base", id="same"),
        pytest.param("files.watcher", "import watchdog.events", id="owner"),
        pytest.param("processes.connection", "import tremolo", id="other owner"),
        pytest.param("config", "import httpout_cgi.settings.models", id="face"),
        pytest.param("files.x", "from httpout_cgi.config import Site", id="neighbor"),
        pytest.param("cli", "from httpout_cgi import __version__", id="version"),
        pytest.param(
            "processes.pool", "import httpout_cgi.interpreter.execute", id="pool"
        ),
        pytest.param("cli", "def f():\n    # start-up\n    import os", id="explained"),
    ],
)
def test_what_is_allowed_is_no_offence(module: str, source: str) -> None:
    assert find_offences(module, source, {"config"}) == []


def test_a_cycle_is_found() -> None:
    assert find_cycle({"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set()}) == [
        "a",
        "b",
        "c",
    ]
