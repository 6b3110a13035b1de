import signal
import time

print("Content-Type: text/plain\n")
ticks = []
signal.signal(signal.SIGALRM, lambda n, f: ticks.append(n))
print(signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01))
deadline = time.monotonic() + 10
while len(ticks) < 3 and time.monotonic() < deadline:
    time.sleep(0.001)
before = signal.setitimer(signal.ITIMER_REAL, 0)
print(len(ticks) >= 3, before[1])
