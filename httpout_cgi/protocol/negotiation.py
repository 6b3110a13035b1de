"""Negotiation: the content coding that a client likes best (RFC 9110 section 12.5.3).

Pure: takes a field and sizes, returns a name.
"""

import re
from collections.abc import Mapping
from typing import Final

IDENTITY: Final = "identity"

_match_weighted = re.compile(
    r"([!#$%&'*+.^_`|~0-9a-z-]+)[ \t]*"
    r"(?:;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?",
    re.I,
).fullmatch
# What is not said of identity: it may come if nothing that was named can.
_LAST = 0.0001


def choose_coding(accepted: str | None, sizes: Mapping[str, int]) -> str:
    """Return one of the codings that there are, by name and size; identity is one.

    Of those that the client likes equally, it is the smallest.  Whoever refuses all
    gets identity: any content is better than none.  Entries that are malformed do not
    count.
    """
    if not accepted:
        return IDENTITY
    weights = _parse_weights(accepted)
    others = weights.get("*")
    best, best_rank = IDENTITY, (0.0, 0)
    for coding, size in sizes.items():
        default = _LAST if coding == IDENTITY and others is None else others or 0.0
        weight = weights.get(coding, default)
        if weight > 0 and (weight, -size) > best_rank:
            best, best_rank = coding, (weight, -size)
    return best


def _parse_weights(accepted: str) -> dict[str, float]:
    weights = {}
    for entry in accepted.split(","):
        match = _match_weighted(entry.strip(" \t"))
        if match is not None:
            # An old name (RFC 9110 section 8.4.1.3).
            name = match[1].lower().removeprefix("x-")
            weights[name] = float(match[2] or 1)
    return weights
