// SPDX-License-Identifier: GPL-2.0-only
/* Ends the objects that gcov.c goes through. */

static void *ckpt_gcov_end[1] __used __section("ckpt_gcov") = {};
