import sys
import warnings

print("Content-Type: text/plain\n")
warnings.filterwarnings("ignore", "quiet")
warnings.warn("quiet please")
warnings.warn("heard")
warnings.simplefilter("error")
try:
    warnings.warn("raised")
except UserWarning as exc:
    print("caught", exc)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.warn("recorded")
    warnings.warn("recorded")
print(len(caught), caught[0].message)
warnings.resetwarnings()


def show(message, category, filename, lineno, file=None, line=None):
    print("shown", message, category.__name__, lineno)


warnings.showwarning = show
warnings.warn("by our function", RuntimeWarning)
