print("Content-Type: text/plain; charset=utf-8\n")
if True:
        print("eight blanks")
	print("a tab")
