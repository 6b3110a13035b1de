import threading

print("Content-Type: text/plain\n")
t = threading.Thread(target=lambda: print("from thread"))
t.start()
t.join()


def late():
    started.wait()
    print("after the end of the script", threading.current_thread().name)


started = threading.Event()
threading.Thread(target=late, name="late one").start()
print("end of the script", flush=True)
started.set()
