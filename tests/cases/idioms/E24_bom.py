print("Content-Type: text/plain; charset=utf-8\n")
print("hé behind a BOM", __doc__)
