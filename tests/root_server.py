"""A server that is started as root, with a Python that other accounts can run."""

import importlib.metadata
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import PATIENCE, ROOT, Lines

ACCOUNT = "nobody"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")


@contextmanager
def make_open_folder() -> Iterator[Path]:
    """Give a folder that other accounts can enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with make_open_folder() as folder:
        yield folder


@dataclass(frozen=True)
class Python:
    """A Python that other accounts can run, and where its packages are."""

    executable: str
    path: str


REQUIREMENTS = (
    "tremolo", "pyyaml", "watchdog", "pydantic", "pydantic-core", "click", "uvloop",
    "typing-extensions", "annotated-types", "typing-inspection", "legacy-cgi",
    "wsproto", "h11", "libpass", "bcrypt",
)  # fmt: skip


def copy_packages(target: Path) -> None:
    """Copy our package and what it needs to a folder that everybody can read."""
    shutil.copytree(ROOT / "httpout_cgi", target / "httpout_cgi")
    for name in REQUIREMENTS:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if ".." not in file.parts:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target / file)
    for folder, _, _ in os.walk(target):
        os.chmod(folder, 0o755)


def can_run(executable: str) -> bool:
    """Tell whether the account can run the Python, and it is of our version.

    It must not have our package: an environment with an editable install would find it
    where the test wants it to be out of reach.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor} None"
    code = (
        "import importlib.util, sys;"
        "spec = importlib.util.find_spec('httpout_cgi');"
        "print('%d.%d' % sys.version_info[:2], spec)"
    )
    try:
        done = subprocess.run(
            [executable, "-c", code],
            cwd="/",
            user=ACCOUNT,
            group=pwd.getpwnam(ACCOUNT).pw_gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    return done.stdout.strip() == version


@pytest.fixture(scope="session")
def python() -> Iterator[Python]:
    """A Python for the account; root's own may lie in a closed home."""
    if os.geteuid() != 0:
        pytest.skip("only root can become others")
    candidates = [
        sys.executable,
        getattr(sys, "_base_executable", ""),
        "/usr/bin/python3",
    ]
    found = next((one for one in candidates if one and can_run(one)), None)
    if found is None:
        pytest.skip(f"{ACCOUNT} can run no Python of this version: {candidates}")
    with make_open_folder() as folder:
        copy_packages(folder)
        yield Python(found, str(folder))


class RootServer:
    """A server that is started as root with another Python."""

    def __init__(self, python: Python, folder: Path, **variables: str) -> None:
        self.process = subprocess.Popen(
            [
                python.executable,
                "-m",
                "httpout_cgi",
                "--config",
                str(folder / "config.yaml"),
            ],
            cwd=python.path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": python.path,
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stderr
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.stdout.close()
            self.stderr.close()
