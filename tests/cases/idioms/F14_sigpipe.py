import signal

print("Content-Type: text/plain\n")
print(signal.signal(signal.SIGPIPE, signal.SIG_DFL) is signal.SIG_IGN)
print(signal.getsignal(signal.SIGPIPE) is signal.SIG_DFL)
