import os
import subprocess
import sys
import threading

print("Content-Type: text/plain\n", flush=True)
os.chdir("E05_a")
print(os.path.basename(os.getcwd()), os.path.exists("app.py"), os.path.abspath("x") == os.path.join(os.getcwd(), "x"))
print(open("config.py").read(), end="", flush=True)
subprocess.run("basename `pwd`", shell=True)
t = threading.Thread(target=lambda: print(os.path.basename(os.getcwd()), flush=True))
t.start()
t.join()


def move():
    os.chdir("..")


t = threading.Thread(target=move)
t.start()
t.join()
print(os.path.exists("F19_chdir.py"), os.getcwd() == os.path.dirname(os.path.abspath(__file__)))
import E04_helper

fd = os.open("/", os.O_RDONLY)
os.fchdir(fd)
os.close(fd)
print(os.getcwd(), E04_helper.greet("a"))
