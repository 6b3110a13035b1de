import os
import sys

before = sys.prefix
activate = os.path.abspath("E08_venv/bin/activate_this.py")
with open(activate) as f:
    exec(f.read(), {"__file__": activate})
import E08_installed
import E08_linked

print("Content-Type: text/plain\n")
print(E08_installed.word, E08_linked.word)
print(os.environ["VIRTUAL_ENV"] == sys.prefix == os.path.abspath("E08_venv"))
print(sys.real_prefix == before)
print(os.environ["PATH"].split(os.pathsep)[0] == os.path.abspath("E08_venv/bin"))
