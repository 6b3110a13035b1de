#!/usr/bin/env python3
import cgi, hashlib, os, shutil, tempfile

form = cgi.FieldStorage()
files = form["file"]
print("Content-Type: text/plain\n")
for item in files if isinstance(files, list) else [files]:
    fd, path = tempfile.mkstemp()
    with os.fdopen(fd, "wb") as out:
        shutil.copyfileobj(item.file, out)
    with open(path, "rb") as saved:
        print(item.filename, item.type, os.path.getsize(path), hashlib.md5(saved.read()).hexdigest())
    os.unlink(path)
print(form.getvalue("comment"))
