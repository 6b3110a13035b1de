import tempfile

print("Content-Type: text/plain\n")
print(tempfile.tempdir, "E08_venv" in tempfile.gettempdir())
