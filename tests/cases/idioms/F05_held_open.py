"""The response goes on as long as a job has it; the query names FIFOs."""

import os
import subprocess

print("Content-Type: text/plain\n", flush=True)
gates = os.environ["QUERY_STRING"]
job = "read line < {0}0; echo late; read line < {0}1; echo last".format(gates)
subprocess.Popen(["sh", "-c", job])
print("script ends")
