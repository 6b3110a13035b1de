import os
import subprocess

print("Content-Type: text/plain\n")
os.environ["ADDED"] = "by the script"
del os.environ["HTTP_USER_AGENT"]
command = 'echo "$QUERY_STRING|$ADDED|$HTTP_USER_AGENT|$GREETING"; pwd; umask'
print(subprocess.check_output(["sh", "-c", command]).decode(), end="")
print(os.popen(command).read(), end="")
print(subprocess.getoutput(command))
print(subprocess.getstatusoutput("echo out; echo err >&2; exit 3"))
p = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, text=True)
print(p.communicate()[0], end="")
print(subprocess.run(command, shell=True, capture_output=True, text=True).stdout, end="")
p = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, env={"GREETING": "own"})
print(p.stdout.read().decode(), end="")
p.wait()
print(subprocess.check_output("pwd", cwd="/").decode(), end="")
print(subprocess.check_output(["E03_relative_file.py"][:0] + ["ls", "F03_captured.py"]).decode(), end="")
print(os.popen("exit 3").close(), os.popen("true").close())
