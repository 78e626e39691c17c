#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Documentation/security.md: every test, file and function that it names is
there; every row of its tables of threats has a test."""
import fnmatch
import os
import re
import subprocess
import sys

TOP = os.environ.get("CKPT_TOP") or os.path.join(os.path.dirname(sys.argv[0]), "../..")
os.chdir(TOP)
number = failed = 0


def result(good, name):
    global number, failed
    number += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} {name}")


def words(path):
    with open(path, encoding="utf-8") as file:
        return set(re.findall(r"\w+", file.read()))


def has_test(program, pattern):
    for path in (f"selftests/{program}.c", f"selftests/{program}.sh"):
        if os.path.exists(path):
            return bool(fnmatch.filter(words(path), pattern))
    return False


with open("Documentation/security.md", encoding="utf-8") as file:
    text = file.read()
sources = subprocess.check_output(
    ["find", "kernel", "common", "user", "-name", "*.c"], text=True).split()
known = set().union(*map(words, sources))

for program, test in sorted(set(re.findall(r"`(\w+_test):([\w*]+)`", text))):
    result(has_test(program, test), f"{program}:{test}")
for path in sorted(set(re.findall(r"`((?:kernel|common|user)/[\w/]+\.c)`", text))):
    result(os.path.exists(path), path)
for function in sorted(set(re.findall(r"`(\w+)\(\)`", text))):
    result(function in known, function + "()")
rows = [line.split("|") for line in text.split("\n") if line.count("|") == 5]
rows = [row[1:5] for row in rows if row[1].strip("- ") not in ("", "threat")]
result(len(rows) > 40, "rows of threats")
for row in rows:
    result("_test:" in row[3], "a test for: " + row[0].strip())
print(f"1..{number}")
sys.exit(failed > 0)
