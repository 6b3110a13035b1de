"""Media types by file name suffix, the same on every machine.

Must not read /etc/mime.types or the registry: what a site sends would depend on what
else is installed.
"""

import mimetypes

UNKNOWN = "application/octet-stream"

# What Python's own map lacks or, in some versions, has otherwise.
_MODERN = {
    ".7z": "application/x-7z-compressed",
    ".atom": "application/atom+xml",
    ".avif": "image/avif",
    ".bz2": "application/x-bzip2",
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".ico": "image/x-icon",
    ".ics": "text/calendar",
    ".jar": "application/java-archive",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mp3": "audio/mpeg",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/opus",
    ".otf": "font/otf",
    ".pptx": "application/vnd.openxmlformats-officedocument."
    "presentationml.presentation",
    ".rss": "application/rss+xml",
    ".rtf": "application/rtf",
    ".svg": "image/svg+xml",
    ".tgz": "application/gzip",
    ".ttf": "font/ttf",
    ".vtt": "text/vtt",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".xsl": "application/xml",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}

# Of a known type, and yet nobody's but the pages' beside which they lie: settings,
# logs, keys, mail and sources.
_PRIVATE = frozenset(
    (
        *(".c", ".eml", ".h", ".log", ".mht", ".mhtml"),
        *(".nws", ".p12", ".pfx", ".pl", ".yaml", ".yml"),
    )
)


def _has_charset(media_type: str) -> bool:
    # JSON is UTF-8 by definition and defines no such parameter (RFC 8259 section 11).
    return (
        media_type.startswith("text/")
        or media_type.endswith("+xml")
        or media_type == "application/xml"
    )


def _build_table() -> dict[str, str]:
    # An instance starts from the map that is built into Python, whatever the module
    # itself has read.
    types = mimetypes.MimeTypes().types_map[True] | _MODERN
    return {
        suffix: f"{media_type}; charset=utf-8"
        if _has_charset(media_type)
        else media_type
        for suffix, media_type in types.items()
    }


_TABLE = _build_table()


def guess_media_type(name: str) -> str:
    """Return what goes into Content-Type for a file of that name."""
    _stem, dot, suffix = name.rpartition(".")
    return _TABLE.get(dot + suffix.lower(), UNKNOWN)


def is_for_browsers(name: str) -> bool:
    """Tell whether a file of that name among pages is meant to be sent."""
    _stem, dot, suffix = name.rpartition(".")
    suffix = dot + suffix.lower()
    return suffix in _TABLE and suffix not in _PRIVATE
