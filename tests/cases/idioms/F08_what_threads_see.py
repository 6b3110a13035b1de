import os
import sys
import threading

local = threading.local()
print("Content-Type: text/plain\n")


def work():
    print(os.environ["QUERY_STRING"], os.getcwd() == sys.path[0], sys.argv[1:])
    import E04_helper

    print(E04_helper.greet("thread"), getattr(local, "value", "nothing local"))
    os.environ["BY_THREAD"] = "1"
    print(threading.current_thread().name, __name__)
    print(sys.stdin.read())


local.value = "of the main thread"
t = threading.Thread(target=work, name="worker")
t.start()
t.join()
print(os.environ["BY_THREAD"], local.value)
