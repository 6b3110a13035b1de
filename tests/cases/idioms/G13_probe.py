import warnings

warnings.simplefilter("ignore")
import cgi

print("Content-Type: text/plain\n")
print(cgi.maxlen)
