# SPDX-License-Identifier: GPL-2.0-only
"""A program that watches its clocks, its pid and its start while it is taken
from one machine to another: 40 steps of 0.2 s, then a verdict in out.txt."""
import os
import time


def start():
    with open("/proc/self/stat", encoding="utf-8") as f:
        return int(f.read().rpartition(")")[2].split()[19])


clocks = [time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME]
began = [time.clock_gettime(c) for c in clocks]
who = os.getpid(), start()
cpu = time.process_time()
last = list(began)
worst = 0.0
with open("/root/out.txt", "w", encoding="utf-8") as out:
    for step in range(40):
        time.sleep(0.2)
        now = [time.clock_gettime(c) for c in clocks]
        # neither backwards nor far ahead
        worst = max([worst] + [abs(n - o - 0.2) for n, o in zip(now, last)])
        last = now
        print("step", step, file=out, flush=True)
    bad = []
    if worst > 5:
        bad.append("a clock jumped by %.1f s" % worst)
    if any(not 8 <= n - b < 60 for n, b in zip(last, began)):
        bad.append("the clocks went from %s to %s" % (began, last))
    if os.getpid() != who[0] or abs(start() - who[1]) > 1:
        bad.append("it was %s and is %s" % (who, (os.getpid(), start())))
    if time.process_time() < cpu:
        bad.append("CPU time fell")
    print("; ".join(bad) or "all is well", file=out, flush=True)
