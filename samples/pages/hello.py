"""Each line reaches the browser when it is printed."""

import time

from _frame import frame

with frame("Hello"):
    print("<p>Hello …</p>")
    time.sleep(0.5)
    print("<p>… and …</p>")
    time.sleep(0.5)
    print("<p>… bye!</p>")
