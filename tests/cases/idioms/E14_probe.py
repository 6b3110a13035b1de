import sys

print("Content-Type: text/plain\n")
print([n for n in sorted(sys.modules) if n.startswith("E14") or n == "bare"])
try:
    import E14_loaded
except ImportError as exc:
    print(exc)
