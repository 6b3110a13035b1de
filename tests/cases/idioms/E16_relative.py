print("Content-Type: text/plain\n")
try:
    from .E04_helper import greet
except ImportError as exc:
    print(exc)
try:
    from . import E04_helper
except ImportError as exc:
    print(exc)
