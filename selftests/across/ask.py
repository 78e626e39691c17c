#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""usage: ask.py PID: name of the errno that the kernel, asked without the tool,
has for a checkpoint of a process that is not frozen."""
import errno
import fcntl
import os
import struct
import sys

# _IOWR(0xb7, 1, struct ckpt_ioc_checkpoint)
ARGUMENT = struct.Struct("=IiiiQQQQQ")
CHECKPOINT = 3 << 30 | ARGUMENT.size << 16 | 0xB7 << 8 | 1
SUBTREE = 1

device = os.open("/dev/ckpt", os.O_RDWR)
image = os.open("/dev/null", os.O_WRONLY)
argument = ARGUMENT.pack(ARGUMENT.size, int(sys.argv[1]), image, -1, SUBTREE,
                         0, 0, 0, 0)
try:
    fcntl.ioctl(device, CHECKPOINT, argument)
    print("none")
except OSError as error:
    print(errno.errorcode[error.errno])
