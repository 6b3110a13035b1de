"""One script on its way to a verdict: what it and its local modules do, judged."""

from __future__ import annotations

import os
from typing import (
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Set,
    Tuple,
)

from httpout_cgi.interpreter import classify_facts as facts_of
from httpout_cgi.interpreter import classify_modules as modules
from httpout_cgi.interpreter import classify_programs, harmless_calls, shebang
from httpout_cgi.interpreter import classify_tables as tables
from httpout_cgi.interpreter.classify_facts import Arguments, Facts, Import, Use
from httpout_cgi.interpreter.classify_harmless import asks_only
from httpout_cgi.interpreter.classify_source import Source, sign_file
from httpout_cgi.interpreter.source import Signature

THREAD, PROCESS = "thread", "process"

_SHARED = "other scripts share the module"


class Reason(NamedTuple):
    """Where something stands that needs a process; ``line`` is 0 for a whole file."""

    path: str
    line: int
    call: str
    why: str

    def __str__(self) -> str:
        """Return what a reader of a list wants to see."""
        place = os.path.basename(self.path) + (f":{self.line}" if self.line else "")
        return (
            f"{place}: {self.call}: {self.why}" if self.call else f"{place}: {self.why}"
        )


class Verdict(NamedTuple):
    """``interpreter`` is the program of another Python that has to run the script."""

    runner: str
    reasons: Tuple[Reason, ...] = ()
    interpreter: Optional[str] = None


class Case:
    """One script on its way to a verdict."""

    def __init__(
        self,
        path: str,
        environment: Mapping[str, str],
        read: Callable[[str, str, bool], Tuple[Signature, Source]],
    ) -> None:
        self.signatures: Dict[str, Optional[Signature]] = {}
        self._path = path
        self._environment = environment
        self._read = read
        self._directory = os.path.dirname(os.path.realpath(path))
        added = environment.get("PYTHONPATH", "").split(os.pathsep)
        self.folders = modules.Folders(
            [self._directory, *(self._absolute(one) for one in added if one)]
        )
        self._reasons: Dict[Tuple[str, str], Reason] = {}
        self._facts: Dict[str, Facts] = {}
        self._by_name: Dict[str, List[Facts]] = {}
        self._is_lost = False
        self._missing: List[Tuple[str, Import]] = []
        self._errors: List[Reason] = []
        self._lacking: List[str] = []

    def judge(self) -> Verdict:
        try:
            self.signatures[self._path], main = self._read(self._path, "", True)
        except OSError as exc:
            text = exc.strerror or "cannot be read"
            runner = THREAD if self._path.endswith(".py") else PROCESS
            return Verdict(runner, (Reason(self._path, 0, "", text),))
        program = shebang.find_program(main.head)
        if main.is_zip:
            why = "a zip application: its interpreter unpacks it"
            return self._leave_to(program, why)
        if main.facts is None:
            return self._judge_other(main, program)
        options = shebang.parse(main.head)
        if options is not None and options.other:
            why = f"python {options.other} runs something else than the script"
            self._add(self._path, 1, "", why)
        self._take(self._path, "__main__", main.facts)
        self._follow()
        self._look_at_uses()
        return self._conclude(program)

    def _judge_other(self, main: Source, program: str) -> Verdict:
        """Judge what is no source for this Python."""
        name = os.path.basename(program)
        if not main.error:
            why = f"not Python: {program}" if program else "not Python: a program"
            return Verdict(PROCESS, (Reason(self._path, 1 if program else 0, "", why),))
        is_python = name.startswith("python") and not modules.is_own(program)
        if is_python or name.startswith(("python2", "jython", "ipy")):
            return self._leave_to(program, f"source for another Python: {program}")
        return Verdict(THREAD, (Reason(self._path, main.line, "", main.error),))

    def _leave_to(self, program: str, why: str) -> Verdict:
        return Verdict(PROCESS, (Reason(self._path, 1, "", why),), program or None)

    def _absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self._directory, path))

    def _add(self, path: str, line: int, call: str, why: str) -> None:
        self._reasons.setdefault((path, call or why), Reason(path, line, call, why))

    def _take(self, path: str, name: str, facts: Facts) -> None:
        """Take over what a file says about others."""
        self._facts[path] = facts
        self._by_name.setdefault(name, []).append(facts)
        for folder, _ in facts.folders:
            if folder is None:
                self._is_lost = True
            else:
                self.folders.add(self._absolute(folder))

    def _follow(self) -> None:
        """Read all local modules that may be imported, until there are no more."""
        done: Set[Tuple[str, Import]] = set()
        known = -1
        while known != len(self._facts):
            known = len(self._facts)
            for path, facts in list(self._facts.items()):
                for file in facts.files:
                    self._load(self._absolute(file), "", "__main__")
                for one in facts.imports:
                    if (path, one) not in done and self._follow_import(one):
                        done.add((path, one))
        for path, facts in self._facts.items():
            for one in facts.imports:
                if (path, one) not in done:
                    self._look_at_shared(path, one)

    def _follow_import(self, one: Import) -> bool:
        """Read what an import loads, if it is local."""
        if not self.folders.is_local(one.module):
            return False
        for local in self.folders.find(one.module, one.names):
            name = _module_name(local)
            self._load(local.path, local.package, name)
        return True

    def _load(self, path: str, package: str, name: str) -> None:
        if path in self._facts or path in self.signatures:
            return
        try:
            self.signatures[path], found = self._read(path, package, False)
        except OSError:
            self.signatures[path] = None
            return
        if found.facts is not None:
            self._take(path, name, found.facts)
        elif found.error:
            self._errors.append(Reason(path, found.line, "", found.error))

    def _look_at_shared(self, path: str, one: Import) -> None:
        for module in [one.module, *(f"{one.module}.{name}" for name in one.names)]:
            why = tables.why_module(module)
            if why is not None:
                self._add(path, one.line, f"import {module}", why)
                break
        top = one.module.partition(".")[0]
        shared = modules.find_shared(top)
        if shared is None:
            self._missing.append((path, one))
        elif shared.is_third_party and modules.takes_over(one.module, shared):
            why = "it seems to patch the import system, or the process"
            self._add(path, one.line, f"import {one.module}", why)

    def _look_at_uses(self) -> None:
        for path, facts in self._facts.items():
            for use in facts.uses:
                if use.kind == facts_of.VARIABLE:
                    self._consider(path, use, tables.why_variable(use.name))
                elif use.kind == facts_of.OPENS:
                    self._consider(path, use, tables.why_path(use.name))
                elif use.kind == facts_of.STARTS:
                    self._consider(path, use, classify_programs.WHY)
                else:
                    for name in self._spell_out(use.name):
                        self._look_at_use(path, use._replace(name=name))

    def _consider(self, path: str, use: Use, why: Optional[str]) -> None:
        if why is not None:
            self._add(path, use.line, use.name, why)

    def _spell_out(self, name: str, depth: int = 8) -> Iterator[str]:
        """Yield the names of shared things that a name leads to."""
        if not self.folders.is_local(name):
            yield tables.make_public(name)
            return
        module, rest = name, ""
        while module and depth:
            for facts in self._by_name.get(module, ()):
                for found in facts_of.list_names(facts, rest) if rest else ():
                    yield from self._spell_out(found, depth - 1)
            module, _, tail = module.rpartition(".")
            rest = f"{tail}.{rest}" if rest else tail

    def _look_at_use(self, path: str, use: Use) -> None:
        name = use.name
        if use.kind in (facts_of.SETS, facts_of.CHANGES):
            self._look_at_change(path, use)
            return
        if use.kind == facts_of.RELOADS:
            if modules.find_shared(name.partition(".")[0]) is not None:
                self._add(path, use.line, f"reload({name})", _SHARED)
            return
        while "." in name:
            why = tables.why_call(name)
            if why is not None and not self._is_harmless(name, use):
                self._add(path, use.line, name, why)
                return
            name = name.rpartition(".")[0]

    def _is_harmless(self, name: str, use: Use) -> bool:
        """Tell whether a call would change nothing."""
        if use.kind != facts_of.CALLS:
            return False
        if name == "random.seed":
            return use.arguments == Arguments((), {})
        answer = harmless_calls.ANSWERS.get(name)
        if answer is None or use.arguments is None or name == "time.tzset":
            return False
        return asks_only(answer, name, use.arguments, self._environment)

    def _look_at_change(self, path: str, use: Use) -> None:
        name = use.name
        if name.endswith(".__dict__"):
            name = f"{name[:-9]}.…"
        if tables.is_per_run(name):
            return
        top, _, rest = name.partition(".")
        if use.kind == facts_of.CHANGES and not rest:
            return
        if modules.find_shared(top) is not None:
            self._add(path, use.line, f"{name} = …", _SHARED)

    def _conclude(self, program: str) -> Verdict:
        interpreter = self._find_interpreter(program)
        if self._is_lost and not self._reasons:
            for path, one in self._missing:
                if not one.is_guarded:
                    why = "not found, and what is added to sys.path cannot be told"
                    self._add(path, one.line, f"import {one.module}", why)
        reasons = tuple(self._reasons.values())
        if reasons:
            return Verdict(PROCESS, reasons, interpreter)
        return Verdict(THREAD, tuple(self._errors))

    def _find_interpreter(self, program: str) -> Optional[str]:
        """Return another Python that has packages which the server's own lacks."""
        if not program or modules.is_own(program):
            return None
        found: Optional[str] = None
        if self._missing:
            # What is installed there later may be what is missing.
            for folder in modules.library_folders(program):
                self.signatures[folder] = sign_file(folder)
        for path, one in self._missing:
            top = one.module.partition(".")[0]
            if modules.find_offered(program, top):
                why = f"only {program} has it"
                self._add(path, one.line, f"import {one.module}", why)
                found = program
        return found


def _module_name(local: modules.Local) -> str:
    base = os.path.basename(local.path)[:-3]
    if base == "__init__":
        return local.package
    return f"{local.package}.{base}" if local.package else base
