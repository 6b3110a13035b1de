import _thread
import queue
import threading
import time

print("Content-Type: text/plain\n")


class Worker(threading.Thread):
    def run(self):
        while True:
            item = jobs.get()
            if item is None:
                return
            results.append(item * 2)


jobs, results = queue.Queue(), []
workers = [Worker() for _ in range(4)]
for w in workers:
    w.start()
for n in range(100):
    jobs.put(n)
for w in workers:
    jobs.put(None)
for w in workers:
    w.join()
print(sorted(results) == [n * 2 for n in range(100)])
lock = _thread.allocate_lock()
lock.acquire()
_thread.start_new_thread(lambda: (print("raw thread"), lock.release()), ())
lock.acquire()
timer = threading.Timer(0.05, lambda: print("timer"))
timer.start()
never = threading.Timer(60, lambda: print("never"))
never.start()
never.cancel()
barrier = threading.Barrier(2)


def nested():
    inner = threading.Thread(target=lambda: (barrier.wait(), print("nested")))
    inner.start()


threading.Thread(target=nested).start()
timer.join()
barrier.wait()
