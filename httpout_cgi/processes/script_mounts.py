"""The script mounts of all sites together: their folders, and their longest run.

Pure: takes settings, returns values.
"""

from httpout_cgi.config import Config


def list_script_folders(config: Config) -> list[str]:
    """Return the folders that scripts are in."""
    folders = [
        str(mount.path or (mount.file and mount.file.parent))
        for site in config.sites
        for mount in site.scripts
    ]
    return sorted(set(folders))


def list_page_folders(config: Config) -> list[str]:
    """Return the folders of pages that may run in a worker."""
    return sorted(
        {
            str(mount.path)
            for site in config.sites
            for mount in site.scripts
            if mount.output == "page"
            and mount.path is not None
            and mount.runner != "process"
        }
    )


def find_longest_run(config: Config) -> float:
    """Return for how many seconds a script may run, wherever it is; 0 without any."""
    mounts = [mount.timeout for site in config.sites for mount in site.scripts]
    mounts += [
        mount.timeout for mount in (config.users.scripts if config.users else ())
    ]
    return max(mounts, default=0.0)
