"""Uploads and temporary files belong into the application's own folder."""

import os
import tempfile

print("Content-Type: text/plain\n")
if os.environ["QUERY_STRING"] == "assigned":
    tempfile.tempdir = os.path.abspath("E08_venv")
else:
    os.environ["TMPDIR"] = os.path.abspath("E08_venv")
print(os.path.basename(tempfile.gettempdir()))
with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
    print(*[os.path.basename(os.path.dirname(path)) for path in (file.name, folder)])
