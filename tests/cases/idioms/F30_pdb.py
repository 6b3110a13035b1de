import pdb

print("Content-Type: text/plain\n")


def work():
    number = 5
    pdb.set_trace()
    return number


work()
print("end")
