"""Scripts are watched, so that one that was edited is compiled before it is asked for.

Only an optimization: whoever runs a script looks at its stat, at once or soon.
"""

import asyncio

from httpout_cgi.config import Config
from httpout_cgi.files.watcher import Watcher
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.processes.script_mounts import list_script_folders


class ScriptWatch:
    """Keeps the cache of one worker fresh.  Only the loop thread touches it."""

    def __init__(self, cache: CodeCache) -> None:
        self._cache = cache
        self._watched: list[str] = []
        self._watcher = Watcher((), self._reload_file, "off")

    def start(self, config: Config) -> None:
        """Watch the folders of the settings."""
        self._watched = _what_is_watched(config)
        _, *folders = self._watched
        self._watcher = Watcher(folders, self._reload_file, config.reload.watch)
        self._watcher.start()

    async def configure(self, config: Config) -> None:
        """Watch those of other settings, if they are not the same."""
        if _what_is_watched(config) != self._watched:
            await self.stop()
            self.start(config)

    async def stop(self) -> None:
        """Watch no more; the loop goes on meanwhile."""
        await asyncio.to_thread(self._watcher.stop)

    def _reload_file(self, path: str) -> bool:
        """Compile a file again before somebody asks for it.  Any thread may call it."""
        self._cache.refresh(path)
        return path.endswith(".py")


def _what_is_watched(config: Config) -> list[str]:
    """Return the mode, and the folders that scripts are in."""
    return [config.reload.watch, *list_script_folders(config)]
