"""Headless Chromium, over the pipes of its DevTools protocol: open tabs, run script.

``--remote-debugging-pipe``: it reads commands from descriptor 3 and writes to 4, each
as JSON that ends with a zero byte.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.live import PATIENCE

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")

# No network of its own, and nothing left from another time.
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--disable-default-apps", "--disable-extensions"),
    *("--disable-dev-shm-usage", "--remote-debugging-pipe"),
)

# Resolves as soon as the condition holds, with its value.
_WAIT = """
new Promise((resolve, reject) => {
    const end = performance.now() + %d;
    const look = () => {
        const value = %s, seen = document.documentElement?.outerHTML;
        if (value) resolve(value);
        else if (performance.now() > end) reject(Error(seen));
        else setTimeout(look, 10);
    };
    look();
})
"""


class Browser:
    """One Chromium; ``folder`` is for its profile."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        # A shell puts them where Chromium looks.
        shell = f'exec 3<&{commands} 4>&{answers}; exec "$@"'
        profile = f"--user-data-dir={folder}"
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", PROGRAM, *_OPTIONS, profile, "about:blank"],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._input = os.fdopen(self._read, "rb")
        self._buffer = b""
        self._number = 0

    def open(self, url: str) -> "Tab":
        """Open a tab; returns when the head of the response is there."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        tab = Tab(self, target, attached["sessionId"])
        tab.call("Page.navigate", url=url)
        return tab

    def close(self) -> None:
        try:
            self.call("Browser.close")
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._input.close()
            os.close(self._write)

    # Any: JSON, as the protocol has it.
    def call(self, method: str, session: str = "", **parameters: Any) -> Any:
        """Send a command and return its result."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        os.write(self._write, json.dumps(command).encode() + b"\0")
        while True:
            answer = json.loads(self._read_message())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read_message(self) -> bytes:
        while b"\0" not in self._buffer:
            data = os.read(self._read, 65536)
            assert data, "Chromium has ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return message


class Tab:
    """One page that is open."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    # Any: JSON, as above.
    def call(self, method: str, **parameters: Any) -> Any:
        return self._browser.call(method, self._session, **parameters)

    # Any: what the script returns.
    def run(self, script: str) -> Any:
        """Return the value of an expression, or what its promise resolves to."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    # Any: as above.
    def wait_for(self, condition: str) -> Any:
        """Wait until an expression is true, and return its value."""
        return self.run(_WAIT % (PATIENCE * 1000, condition))

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)
