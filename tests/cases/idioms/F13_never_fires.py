import signal
import sys

print("Content-Type: text/plain\n")


def handler(number, frame):
    sys.exit("too slow")


print(signal.signal(signal.SIGALRM, handler) is signal.SIG_DFL)
print(signal.alarm(30))
print(sum(range(1000)), signal.getsignal(signal.SIGALRM) is handler)
print(signal.alarm(0) in (29, 30), signal.alarm(40), signal.alarm(50) in (39, 40))
print("ends with an alarm that is still set")
