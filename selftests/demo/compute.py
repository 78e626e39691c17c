# SPDX-License-Identifier: GPL-2.0-only
"""Compute and append to a file: usage: compute.py FILE

Works on a dictionary, big numbers, floats and a random generator, and appends
a line with all of them every now and then.
"""

import math
import random
import sys
import time

generator = random.Random(42)
seen = {}
big = 1
total = 0.0

with open(sys.argv[1], "a") as out:
    began = time.monotonic()
    last = began
    for step in range(120):
        for _ in range(3000):
            key = generator.randrange(50000)
            seen[key] = seen.get(key, 0) + 1
            total += math.sin(key) / (1 + seen[key])
        big = big * (step + 3) + len(seen)
        now = time.monotonic()
        if now < last:
            raise SystemExit("the clock has gone back")
        last = now
        out.write(f"{step} {len(seen)} {total:.12f} {hash(big)}\n")
        out.flush()
        time.sleep(0.01)
    out.write(f"{big}\n")
