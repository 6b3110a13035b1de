import warnings

print("Content-Type: text/plain\n")
warnings.warn("quiet please")
warnings.warn("raised")
print(warnings.showwarning.__module__)
