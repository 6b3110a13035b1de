import signal

print("Content-Type: text/plain\n")


def handler(number, frame):
    print(number == signal.SIGALRM, frame.f_code.co_name, flush=True)
    raise RuntimeError("time is up")


def spin():
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    n = 0
    while True:
        n += 1


signal.signal(signal.SIGALRM, handler)
try:
    spin()
except RuntimeError as exc:
    print("caught", exc)
print(signal.getitimer(signal.ITIMER_REAL))
