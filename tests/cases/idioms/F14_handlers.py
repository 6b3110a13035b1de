import signal
import sys

print("Content-Type: text/plain\n")


def cleanup(number, frame):
    print("handler", signal.Signals(number).name)


for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    print(name, signal.signal(number, cleanup) == before, signal.getsignal(number) is cleanup)
    print(signal.signal(number, signal.SIG_IGN) is cleanup)
    print(signal.signal(number, signal.SIG_DFL) is signal.SIG_IGN)
try:
    signal.signal(signal.SIGTERM, "nonsense")
except TypeError as exc:
    print(exc)
try:
    signal.signal(signal.SIGKILL, cleanup)
except OSError as exc:
    print(exc)
try:
    signal.signal(1000, cleanup)
except ValueError as exc:
    print(exc)
print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGPIPE))
