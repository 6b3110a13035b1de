"""Cache rules: which Cache-Control belongs to which file."""

import pytest

from httpout_cgi.files.cache_rules import CacheRules

RULES = {
    "/assets/*": "immutable",
    "*.css": "max-age=60",
    "index.html": "no-cache",
    "/docs/index.html": "never",
    "*": "",
}


@pytest.mark.parametrize(
    ("url_path", "name", "value"),
    [
        pytest.param("/a.css", "a.css", "max-age=60", id="name"),
        pytest.param("/deep/a.css", "a.css", "max-age=60", id="name in any folder"),
        pytest.param("/assets/a.css", "a.css", "immutable", id="the first counts"),
        pytest.param("/x/assets/a.png", "a.png", "", id="paths from the start"),
        pytest.param("/docs/", "index.html", "no-cache", id="index"),
        pytest.param("/A.CSS", "A.CSS", "", id="case counts"),
    ],
)
def test_rule(url_path: str, name: str, value: str) -> None:
    rules = CacheRules(RULES)

    for _ in range(2):
        assert rules.find(url_path, name) == (("Cache-Control", value),)


def test_path_of_an_index_file() -> None:
    rules = CacheRules({"/docs/index.html": "never"})

    assert rules.find("/docs/", "index.html") == (("Cache-Control", "never"),)
    assert rules.find("/docs/a.html", "a.html") == ()


def test_no_rules() -> None:
    assert not CacheRules({})
    assert CacheRules(RULES)


def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("httpout_cgi.files.cache_rules._MOST_KNOWN", 2)
    rules = CacheRules(RULES)

    for number in range(5):
        assert rules.find(f"/{number}.css", "a.css") == (
            ("Cache-Control", "max-age=60"),
        )
