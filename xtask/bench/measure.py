"""Runs one command and prints what it took: seconds of wall clock, seconds of processor, peak memory in KiB.

measure.py COMMAND...: the command's own output goes to standard error; its exit code is passed on. Peak memory is the
largest resident set of the process, as the kernel gives it to whoever waits for it.
"""

import os
import sys
import time


def main():
    begun = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.dup2(2, 1)
        os.execvp(sys.argv[1], sys.argv[1:])
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    print(f"{wall:.4f} {usage.ru_utime + usage.ru_stime:.4f} {usage.ru_maxrss}")
    sys.exit(os.waitstatus_to_exitcode(status))


main()
