import os

print("Content-Type: text/plain\n", flush=True)
os.system("(sleep 0.3; echo late) &")
print("script ends")
