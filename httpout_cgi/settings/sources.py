"""Sources: the settings' file and those that it includes, as one tree.

Maps merge, lists append; the same scalar in two places is an error.  Must not know
what the keys mean, apart from ``include``.
"""

import glob
import os
from pathlib import Path

from httpout_cgi.strict_yaml import KeyPath, Node, Place, Problem, parse


class Sources:
    """What was read: ``root``, ``files`` in the order of reading, and ``problems``.

    ``missing`` are those that are included by their names, and do not exist.
    ``is_complete`` is False if a file could not be read: what the other files lack
    may stand there.
    """

    def __init__(self, path: Path) -> None:
        self.files: list[Path] = []
        self.missing: list[Path] = []
        self.problems: list[Problem] = []
        self.is_complete = True
        place = Place(path, 0)
        self.root = self._read(path, place, ()) or Node({}, place)

    def _read(self, path: Path, asked: Place, chain: tuple[Path, ...]) -> Node | None:
        """Read a file and what it includes; ``chain`` holds the files above it."""
        real = Path(os.path.abspath(path))
        if real in chain:
            self._report(asked, "include", f'"{path}" includes itself; remove it')
            return None
        if real in self.files:
            return None  # two patterns may match the same file: once is enough
        self.files.append(real)
        node = self._parse(path, asked)
        if node is None:
            self.is_complete = False
            return None
        include = self._take_include(node)
        for item in include:
            for found in self._expand(item):
                other = self._read(found, item.place, (*chain, real))
                if other is not None:
                    node = self._merge(node, other, ())
        return node

    def _parse(self, path: Path, asked: Place) -> Node | None:
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as exc:
            # asked is where the file is included, or the file itself.
            what = "" if asked.file == path else f'"{path}" '
            self._report(asked, "", f"{what}cannot be read: {exc.strerror}")
            return None
        except UnicodeDecodeError as exc:
            line = exc.object[: exc.start].count(b"\n") + 1
            self._report(Place(path, line), "", "is not UTF-8; save it as UTF-8")
            return None
        node, problems = parse(text, path)
        self.problems += problems
        if node is None or isinstance(node.value, dict):
            return node
        if node.value is None:
            return Node({}, node.place)
        self._report(node.place, "", 'must be a map of keys, such as "workers: 1"')
        return None

    def _take_include(self, node: Node) -> list[Node]:
        """Take the key out: it belongs to its file, not to the settings as a whole."""
        assert isinstance(node.value, dict)
        include = node.value.pop("include", None)
        if include is None:
            return []
        if not isinstance(include.value, list):
            self._report(include.place, "include", "must be a list; write [file.yaml]")
            return []
        return include.value

    def _expand(self, item: Node) -> list[Path]:
        pattern = item.value
        if not isinstance(pattern, str) or not pattern:
            self._report(item.place, "include", "must be text; write a file's name")
            return []
        folder = item.place.file.parent
        if not glob.has_magic(pattern):
            if not (folder / pattern).is_file():
                text = f'"{pattern}" does not exist; correct the name'
                self._report(item.place, "include", text)
                self.missing.append(folder / pattern)
                return []
            return [folder / pattern]
        found = glob.glob(os.path.join(glob.escape(str(folder)), pattern))
        return [Path(name) for name in sorted(found) if os.path.isfile(name)]

    def _merge(self, first: Node, second: Node, path: KeyPath) -> Node:
        if isinstance(first.value, dict) and isinstance(second.value, dict):
            merged = dict(first.value)
            for key, node in second.value.items():
                old = merged.get(key)
                merged[key] = self._merge(old, node, (*path, key)) if old else node
            return Node(merged, first.place)
        if isinstance(first.value, list) and isinstance(second.value, list):
            return Node(first.value + second.value, first.place)
        text = f"is given in {first.place} already; remove one"
        self.problems.append(Problem(second.place, path, text))
        return first

    def _report(self, place: Place, key: str, text: str) -> None:
        self.problems.append(Problem(place, (key,) if key else (), text))
