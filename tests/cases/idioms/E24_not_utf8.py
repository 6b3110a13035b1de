print("Content-Type: text/plain; charset=utf-8\n")
print("café")
