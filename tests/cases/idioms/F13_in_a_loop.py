import signal

print("Content-Type: text/plain\n")


def handler(number, frame):
    print(number == signal.SIGALRM, frame.f_code.co_name, flush=True)
    raise RuntimeError("time is up")


def spin():
    n = 0
    while True:
        n += 1


signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    spin()
except RuntimeError as exc:
    print("caught", exc)
print(signal.getitimer(signal.ITIMER_REAL))
