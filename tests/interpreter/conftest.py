"""What all tests of the interpreter package have in common."""

import gc


def pytest_collection_finish() -> None:
    """Spare the collector what is there for good: the tests themselves.

    Many of these tests collect garbage, and there are hundreds of thousands of objects.
    """
    gc.collect()
    gc.freeze()
