import os
import sys
import zipfile

name = "E07_modules.%s.zip" % os.environ["QUERY_STRING"]
with zipfile.ZipFile(name, "w") as z:
    z.writestr("E07_zipped.py", "word = 'from a zip file'\n")
    z.writestr("E07_zipped_pkg/__init__.py", "from . import mod\n")
    z.writestr("E07_zipped_pkg/mod.py", "word = 'from its package'\n")
sys.path.insert(0, name)
try:
    import E07_zipped
    import E07_zipped_pkg.mod
finally:
    os.remove(name)
print("Content-Type: text/plain\n")
print(E07_zipped.word, E07_zipped_pkg.mod.word)
