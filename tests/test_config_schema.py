"""The JSON schema for editors: the file in the repository is that of the models."""

import json
from collections.abc import Iterator
from pathlib import Path

from httpout_cgi import config

FILE = Path(__file__).resolve().parent.parent / "config.schema.json"


def list_keys() -> Iterator[tuple[str, dict[str, object]]]:
    """Yield every key with its shape; a map has the description of its model."""
    schema = json.loads(FILE.read_text("utf-8"))
    models = {"Config": schema, **schema["$defs"]}
    for name, model in models.items():
        for key, shape in model["properties"].items():
            model_name = shape.get("$ref", "").rpartition("/")[2]
            yield f"{name}.{key}", {**models.get(model_name, {}), **shape}


def test_the_schema_file_is_that_of_the_models() -> None:
    found = json.loads(FILE.read_text("utf-8"))
    wanted = json.loads(json.dumps(config.schema()))
    assert found == wanted, "run: .venv/bin/python scripts/write-schema"


def test_every_key_is_described() -> None:
    for key, shape in list_keys():
        assert shape.get("description"), key


def test_unknown_keys_are_no_part_of_the_schema() -> None:
    schema = json.loads(FILE.read_text("utf-8"))
    for model in (schema, *schema["$defs"].values()):
        assert model["additionalProperties"] is False
    assert "sources" not in schema["properties"]


def test_sizes_and_times_are_spelled_as_in_the_file() -> None:
    shapes = dict(list_keys())
    assert shapes["Limits.request_body"]["default"] == "64MiB"
    assert shapes["ScriptMount.timeout"]["default"] == "60s"
    assert shapes["Config.listen"]["default"] == ["127.0.0.1:8000"]
    assert shapes["AccessLog.path"]["default"] == "-"
