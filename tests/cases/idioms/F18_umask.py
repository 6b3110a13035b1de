import os
import subprocess

print("Content-Type: text/plain\n", flush=True)
print(oct(os.umask(0o002)), oct(os.umask(0o027)), flush=True)
name = "F18_file." + os.environ["QUERY_STRING"]
open(name, "w").close()
os.mkdir(name + ".folder")
print(oct(os.stat(name).st_mode), oct(os.stat(name + ".folder").st_mode), flush=True)
subprocess.run("umask", shell=True)
os.remove(name)
os.rmdir(name + ".folder")
