"""A library that needs what a sibling shadows: an error in a process of its own."""

import email

print("Content-Type: text/plain\n")
print(email.whose)
import mailbox

print(mailbox.Message.__name__)
