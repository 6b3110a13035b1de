"""A job that outlives the response; the query is the beginning of its FIFOs' names."""

import os
import subprocess

print("Content-Type: text/plain\n")
gates = os.environ["QUERY_STRING"]
job = "read line < {0}0; echo $SCRIPT_NAME > {0}told".format(gates)
null = subprocess.DEVNULL
p = subprocess.Popen(["sh", "-c", job], stdin=null, stdout=null, stderr=null, start_new_session=True)
print("started", p.poll(), os.getpgid(p.pid) == p.pid)
