import gc

print("Content-Type: text/plain\n")
print(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.callbacks)
