import signal
import subprocess

print("Content-Type: text/plain\n", flush=True)
print(signal.signal(signal.SIGCHLD, signal.SIG_IGN) is signal.SIG_DFL, flush=True)
subprocess.run(["echo", "child"])
print(subprocess.check_output(["echo", "captured"]))
print(signal.signal(signal.SIGCHLD, signal.SIG_DFL) is signal.SIG_IGN)
