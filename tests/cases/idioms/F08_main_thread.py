"""The script runs in the main thread, and there are no threads but its own."""

import threading

print("Content-Type: text/plain\n")
main = threading.main_thread()
print(threading.current_thread() is main, main.name, main.daemon, main.ident == threading.get_ident())
print(threading.active_count(), threading.enumerate() == [main])
stop = threading.Event()
t = threading.Thread(target=stop.wait)
t.start()
print(t.name, t.daemon, threading.active_count(), threading.enumerate() == [main, t])
stop.set()
t.join()
seen = []
t = threading.Thread(target=lambda: seen.append(threading.main_thread() is main))
t.start()
t.join()
print(seen, t.name, threading.active_count())
