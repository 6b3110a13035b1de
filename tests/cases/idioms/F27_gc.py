import gc

print("Content-Type: text/plain\n")
print(gc.isenabled(), gc.get_threshold())
gc.disable()
print(gc.isenabled())
gc.enable()
print(gc.isenabled())
gc.disable()
gc.set_threshold(100000, 50, 50)
print(gc.get_threshold(), gc.get_debug())
gc.freeze()


class Node:
    def __del__(self):
        print("collected", flush=True)


node = Node()
node.self = node
del node
print(gc.collect() >= 0)
print("end")
