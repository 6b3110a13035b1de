print("Content-Type: text/plain; charset=utf-8\n")
if True:
    print("the last line has no end")