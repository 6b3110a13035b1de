"""Fields: the types that settings are made of, and their shape in the JSON schema.

Sizes are bytes, times are seconds, paths are absolute.  With a validation context, the
paths must exist as well.  Must not know the keys.
"""

import logging
import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.config import JsonDict

from httpout_cgi.password_file import read_passwords
from httpout_cgi.settings import addresses, values


class MisplacedError(ValueError):
    """A problem of something below the key that is being validated."""

    def __init__(self, text: str, *where: str | int) -> None:
        super().__init__(text)
        self.where = where


class Model(BaseModel):
    """Settings are values; a key that they do not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_folder(path: Path, info: ValidationInfo) -> Path:
    # Search permission is enough: names are opened, folders not listed.
    return _check_permission(path, info, os.X_OK)


def _check_script_folder(path: Path, info: ValidationInfo) -> Path:
    # Local modules are found by listing it.
    return _check_permission(path, info, os.R_OK | os.X_OK)


def _check_permission(path: Path, info: ValidationInfo, mode: int) -> Path:
    if info.context:
        _check_exists(path)
        if not path.is_dir():
            raise ValueError(f'"{path}" is a file; name a folder')
        if not os.access(path, mode):
            raise ValueError(f'"{path}" is not readable; change its permissions')
    return path


def _check_file(path: Path, info: ValidationInfo) -> Path:
    if info.context:
        _check_exists(path)
        if not path.is_file():
            raise ValueError(f'"{path}" is a folder; name a file')
        if not os.access(path, os.R_OK):
            raise ValueError(f'"{path}" is not readable; change its permissions')
    return path


def _check_passwords(path: Path, info: ValidationInfo) -> Path:
    _check_file(path, info)
    if info.context:
        try:
            problems = read_passwords(path).problems
        except OSError as exc:
            problems = (f"cannot be read: {exc.strerror or exc}",)
        if problems:
            raise ValueError(f'"{path}": {"; ".join(problems[:3])}')
    return path


def _check_peers(peers: tuple[str, ...]) -> tuple[str, ...]:
    if not peers:
        raise ValueError("is empty; write addresses, or remove it")
    return peers


def _check_python(text: str, info: ValidationInfo) -> str:
    # What it is, whoever runs it finds out: see processes/pythons.py.
    if info.context and "$" not in text:
        path = Path(text)
        _check_exists(path)
        if path.is_dir():
            raise ValueError(f'"{path}" is a folder; write "{path}/bin/python"')
    return text


def _check_log(path: Path | None, info: ValidationInfo) -> Path | None:
    if info.context and path is not None:
        _check_folder(path.parent, info)
        if path.is_dir():
            raise ValueError(f'"{path}" is a folder; name a file, or "-"')
    return path


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise ValueError(f'"{path}" does not exist; make it, or correct the path')


def _check_format(text: str) -> str:
    if text not in ("combined", "common", "json") and "%" not in text:
        raise ValueError(
            f"{values.quote(text)} is not a format; write combined, common, json, or "
            'a string of %-codes such as "%h %r %>s"'
        )
    return text


# What each line of a log can say (logging.LogRecord), with the largest numbers there
# are: what %c and the like cannot take fails here, and not when something is logged.
_RECORD: Final = {
    **dict.fromkeys(("filename", "funcName", "levelname", "module", "name"), "text"),
    **dict.fromkeys(("asctime", "message", "pathname", "processName"), "text"),
    **dict.fromkeys(("levelno", "lineno", "process", "thread"), 2**63),
    **dict.fromkeys(("created", "msecs", "relativeCreated"), 1e12),
    "threadName": "text",
}


def _check_line_format(text: str) -> str:
    try:
        logging.Formatter(text)
        text % _RECORD
    except (ValueError, TypeError, KeyError, OverflowError) as exc:
        reason = f"has no {exc}" if isinstance(exc, KeyError) else exc
        raise ValueError(
            f"{values.quote(text)} is not a format of Python's logging ({reason}); "
            'write for example "%(asctime)s %(levelname)s %(message)s"'
        ) from exc
    return text


_STRING = WithJsonSchema({"type": "string"})
_SIZE = WithJsonSchema(
    {
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(B|KiB|MiB|GiB)?$"},
        ]
    }
)
_TIME = WithJsonSchema(
    {
        "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h)?$"},
        ]
    }
)

Flag: TypeAlias = Annotated[bool, Strict()]
Number: TypeAlias = Annotated[int, Strict()]
Size: TypeAlias = Annotated[int, BeforeValidator(values.parse_size), _SIZE]
Time: TypeAlias = Annotated[float, BeforeValidator(values.parse_time), _TIME]
# Zero would end everything before it began; whoever wants "never" writes 24h.
Deadline: TypeAlias = Annotated[Time, Field(gt=0)]
AnyPath: TypeAlias = Annotated[Path, BeforeValidator(values.parse_path), _STRING]
Folder: TypeAlias = Annotated[AnyPath, AfterValidator(_check_folder)]
ScriptFolder: TypeAlias = Annotated[AnyPath, AfterValidator(_check_script_folder)]
File: TypeAlias = Annotated[AnyPath, AfterValidator(_check_file)]
PasswordFile: TypeAlias = Annotated[AnyPath, AfterValidator(_check_passwords)]
LogPath: TypeAlias = Annotated[
    Path | None,
    BeforeValidator(values.parse_log_path),
    AfterValidator(_check_log),
    PlainSerializer(lambda path: "-" if path is None else str(path)),
    _STRING,
]
LogFormat: TypeAlias = Annotated[str, AfterValidator(_check_format)]
LineFormat: TypeAlias = Annotated[str, AfterValidator(_check_line_format)]
Listener: TypeAlias = Annotated[
    addresses.Listener,
    BeforeValidator(addresses.parse_listener),
    PlainSerializer(lambda listener: listener.address),
    _STRING,
]
Host: TypeAlias = Annotated[str, BeforeValidator(addresses.parse_host)]
Peer: TypeAlias = Annotated[str, BeforeValidator(addresses.parse_peer)]
Peers: TypeAlias = Annotated[tuple[Peer, ...], AfterValidator(_check_peers)]
Url: TypeAlias = Annotated[str, BeforeValidator(values.parse_url)]
UserUrl: TypeAlias = Annotated[str, BeforeValidator(values.parse_user_url)]
RelativeUrl: TypeAlias = Annotated[str, BeforeValidator(values.parse_relative_url)]
FolderUrl: TypeAlias = Annotated[str, BeforeValidator(values.parse_folder_url)]
Template: TypeAlias = Annotated[str, BeforeValidator(values.parse_template)]
Python: TypeAlias = Annotated[
    str,
    BeforeValidator(values.parse_python),
    AfterValidator(_check_python),
    _STRING,
]
Pattern: TypeAlias = Annotated[str, BeforeValidator(values.parse_pattern)]
CachePattern: TypeAlias = Annotated[str, BeforeValidator(values.parse_cache_pattern)]
Suffix: TypeAlias = Annotated[str, BeforeValidator(values.parse_suffix)]
FieldName: TypeAlias = Annotated[str, BeforeValidator(values.parse_field_name)]
FieldValue: TypeAlias = Annotated[str, BeforeValidator(values.parse_field_value)]
Name: TypeAlias = Annotated[str, Field(min_length=1)]
Variable: TypeAlias = Annotated[str, BeforeValidator(values.parse_variable_name)]
_ANY_SCALAR = WithJsonSchema({"type": ["string", "integer", "number", "boolean"]})
VariableValue: TypeAlias = Annotated[
    str, BeforeValidator(values.parse_variable), _ANY_SCALAR
]
ErrorStatus: TypeAlias = Annotated[int, Field(ge=400, le=599)]
Workers: TypeAlias = Annotated[
    int | Literal["auto"], BeforeValidator(values.parse_workers)
]


def key(
    default: object,
    description: str,
    *,
    ge: int | None = None,
    le: int | None = None,
    spelled: object = None,
) -> Any:  # Any: it stands for a default of every type
    """Describe a key; ``spelled`` is its default as people write it."""
    extra = None if spelled is None else {"default": spelled}
    return Field(
        default=default,
        description=description,
        ge=ge,
        le=le,
        json_schema_extra=cast("JsonDict | None", extra),
    )


def size(default: str, description: str) -> Any:  # Any: as above
    """Describe a key that is a size."""
    return key(values.parse_size(default), description, spelled=default)


def time(default: str, description: str) -> Any:  # Any: as above
    """Describe a key that is a time."""
    return key(values.parse_time(default), description, spelled=default)
