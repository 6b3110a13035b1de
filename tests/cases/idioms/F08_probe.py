import threading

print("Content-Type: text/plain\n")
print(threading.excepthook is threading.__excepthook__)
