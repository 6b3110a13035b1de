print("Content-Type: text/plain\n")
print(__doc__, __spec__, __package__, __cached__)
