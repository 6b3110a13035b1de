import os
import site
import sys

site.addsitedir(os.path.abspath("E08_venv/lib/site-packages"))
import E08_installed
import E08_linked

print("Content-Type: text/plain\n")
print(E08_installed.word, E08_linked.word)
print([os.path.basename(p) for p in sys.path if "E08" in p])
