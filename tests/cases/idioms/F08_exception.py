import sys
import threading

print("Content-Type: text/plain\n")


def fail():
    raise ValueError("in a thread")


t = threading.Thread(target=fail, name="failing")
t.start()
t.join()
print("goes on", flush=True)


def hook(args):
    print("hook", args.exc_type.__name__, args.exc_value, args.thread.name)


threading.excepthook = hook
t = threading.Thread(target=fail, name="failing")
t.start()
t.join()
threading.excepthook = threading.__excepthook__


def leave():
    sys.exit("nobody hears this")


t = threading.Thread(target=leave, name="leaving")
t.start()
t.join()
threading.excepthook = hook
print("end")
