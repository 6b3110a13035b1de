import signal

print("Content-Type: text/plain\n")
for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGALRM", "SIGCHLD", "SIGPIPE"):
    print(name, signal.getsignal(getattr(signal, name)))
print(signal.getitimer(signal.ITIMER_REAL), signal.alarm(0))
