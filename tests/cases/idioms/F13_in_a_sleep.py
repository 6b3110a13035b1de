import signal
import time

print("Content-Type: text/plain\n")


class Timeout(Exception):
    pass


def handler(number, frame):
    raise Timeout


signal.signal(signal.SIGALRM, handler)
begin = time.monotonic()
try:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(20)
except Timeout:
    print("woken", time.monotonic() - begin < 10)
finally:
    signal.alarm(0)
