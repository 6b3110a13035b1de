"""The time of the threads that the script has started is the script's, too."""

import threading
import time

print("Content-Type: text/plain\n")


def burn():
    begin = time.thread_time()
    while time.thread_time() - begin < 0.05:
        pass


begin = time.process_time()
t = threading.Thread(target=burn)
t.start()
t.join()
print(time.process_time() - begin >= 0.05)
