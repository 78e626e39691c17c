// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: fault [nth|stream [NAME]]
 *
 * Prints TAP.  FAULT_STEP: each how many-th fault is injected (1: all); SEED
 * chooses the first, or FAULT_FROM and FAULT_TO do (their numbers are in the
 * messages of what has failed).  FAULT_SECONDS: about that time, with a larger
 * step where it needs one.  FAULT_LEAKS=1: look for leaks after each operation, not
 * only in the end.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "fault.h"

static int nr_results, nr_failed;
static unsigned int total;

/**
 * result() - the verdict of one series
 * @f: tester; f->tally tells what was injected
 * @name: what was tried
 * @err: 0: it held
 */
void result(struct fault *f, const char *name, int err)
{
	const struct tally *t = &f->tally;

	ct_say("%s: %u faults: %u refused (%u before it could speak), %u harmless, %u killed; %d s",
	       name, t->injected, t->refused, t->unnamed, t->harmless,
	       t->killed, (int)((ct_now() - f->began) / CT_SEC));
	f->began = ct_now();
	printf("%s %d %s\n", err ? "not ok" : "ok", ++nr_results, name);
	fflush(stdout);
	total += t->injected;
	nr_failed += !!err;
}

/**
 * result_skip() - a series that this kernel cannot have
 * @name: what would have been tried
 * @why: reason
 */
void result_skip(const char *name, const char *why)
{
	printf("ok %d %s # SKIP %s\n", ++nr_results, name, why);
}

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	static struct fault f;

	f.step = number("FAULT_STEP", 1);
	f.step += !f.step;
	f.seed = number("SEED", 0);
	f.phase = 1 + f.seed % f.step;
	f.phase = number("FAULT_FROM", f.phase);
	f.last = number("FAULT_TO", UINT_MAX);
	f.only = argc > 2 ? argv[2] : "";
	f.began = ct_now();
	f.leaks = number("FAULT_LEAKS", 0);
	if (number("FAULT_SECONDS", 0))
		f.until = ct_now() + number("FAULT_SECONDS", 0) * CT_SEC;
	if (fault_begin(&f)) {
		printf("not ok 1 prepare\n1..1\n");
		fault_end(&f);
		return 1;
	}
	ct_say("image of %llu bytes, %u records, of a tree %llu, %u; each %u. fault, from %u on",
	       (unsigned long long)f.single.img.size, f.single.img.nr,
	       (unsigned long long)f.grove.img.size, f.grove.img.nr, f.step,
	       f.phase);
	program_end(&f);
	leaks_begin(&f);
	if (!*what || !strcmp(what, "nth"))
		nth_series(&f);
	if (!*what || !strcmp(what, "stream"))
		stream_series(&f);
	memset(&f.tally, 0, sizeof(f.tally));
	program_end(&f);
	result(&f, "nothing leaks", leaks_check(&f));
	fault_end(&f);
	ct_say("%u faults injected", total);
	printf("1..%d\n", nr_results);
	return nr_failed > 0;
}
