// SPDX-License-Identifier: GPL-2.0-only
/* Memory protection keys: which are allocated, and what they protect. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

FIXTURE(pkey)
{
	struct ct ct;
};

FIXTURE_SETUP(pkey)
{
	if (pkey_free(pkey_alloc(0, 0)))
		SKIP(return, "the CPU has no protection keys");
	CT_SETUP(&self->ct);
}

FIXTURE_TEARDOWN(pkey)
{
	ct_end(&self->ct);
}

static sigjmp_buf away;
static volatile int fault_key;

static void on_segv(int sig, siginfo_t *info, void *context)
{
	fault_key = info->si_code == SEGV_PKUERR ? (int)info->si_pkey : -1;
	siglongjmp(away, 1);
}

static unsigned int rdpkru(void)
{
	unsigned int pkru, edx;

	asm volatile("rdpkru" : "=a"(pkru), "=d"(edx) : "c"(0));
	return pkru;
}

static void wrpkru(unsigned int pkru)
{
	asm volatile("wrpkru" : : "a"(pkru), "c"(0), "d"(0));
}

/* Key whose protection a read or write of @p meets; 0: none, -1: another. */
static int key_met(volatile char *p, bool write)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };
	volatile unsigned int pkru = rdpkru();

	sa.sa_sigaction = on_segv;
	sigaction(SIGSEGV, &sa, NULL);
	fault_key = 0;
	if (!sigsetjmp(away, 1)) {
		if (write)
			*p = *p + 1;
		else
			(void)*p;
	} else {
		wrpkru(pkru); /* the handler had another one */
	}
	return fault_key;
}

static char *map_page(int prot)
{
	return mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int keys_are_kept(struct ct_shared *s, void *arg)
{
	int closed = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	int readable = pkey_alloc(0, PKEY_DISABLE_WRITE);
	int spare = pkey_alloc(0, 0);
	char *a = map_page(PROT_READ | PROT_WRITE);
	char *b = map_page(PROT_READ | PROT_WRITE);
	int i;

	CT_CHECK(s, closed > 0 && readable > 0 && spare > 0);
	memcpy(a, "closed", 7);
	memcpy(b, "readable", 9);
	CT_EQ(s, 0, pkey_mprotect(a, 4096, PROT_READ | PROT_WRITE, closed));
	CT_EQ(s, 0, pkey_mprotect(b, 4096, PROT_READ | PROT_WRITE, readable));
	CT_EQ(s, 0, pkey_free(spare));
	ct_step(s, 1);
	CT_EQ(s, PKEY_DISABLE_ACCESS, pkey_get(closed));
	CT_EQ(s, PKEY_DISABLE_WRITE, pkey_get(readable));
	CT_EQ(s, closed, key_met(a, false));
	CT_EQ(s, 0, key_met(b, false));
	CT_EQ(s, readable, key_met(b, true));
	CT_EQ(s, 0, strcmp(b, "readable"));
	CT_EQ(s, 0, pkey_set(closed, 0));
	CT_EQ(s, 0, strcmp(a, "closed"));
	/* the same ones are free as before: all but 0 and these two */
	for (i = 0; i < 13; i++)
		CT_CHECK(s, pkey_alloc(0, 0) > 0);
	CT_EQ(s, -1, pkey_alloc(0, 0));
	CT_EQ(s, ENOSPC, errno);
	return 0;
}

CT_ROUND_TRIP(pkey, keys_are_kept)

/* An area with PROT_EXEC alone gets a key from the kernel. */
static int executable_areas_stay_unreadable(struct ct_shared *s, void *arg)
{
	char *code = map_page(PROT_READ | PROT_WRITE);
	int (*call)(void) = (int (*)(void))code;
	int key;

	memcpy(code, "\xb8\x2a\x00\x00\x00\xc3", 6); /* mov $42,%eax; ret */
	CT_EQ(s, 0, mprotect(code, 4096, PROT_EXEC));
	key = key_met(code, false);
	CT_CHECK(s, key > 0);
	ct_step(s, 1);
	CT_EQ(s, key, key_met(code, false));
	CT_EQ(s, 42, call());
	/* the next one shares the key, as before */
	code = map_page(PROT_EXEC);
	CT_EQ(s, key, key_met(code, false));
	return 0;
}

CT_ROUND_TRIP(pkey, executable_areas_stay_unreadable)

/* PROT_EXEC with a key of the program's own choice, and with none. */
static int chosen_keys_stay(struct ct_shared *s, void *arg)
{
	int key = pkey_alloc(0, 0);
	char *own = map_page(PROT_READ | PROT_WRITE);
	char *none = map_page(PROT_READ | PROT_WRITE);

	CT_CHECK(s, key > 0);
	own[0] = 7;
	none[0] = 7;
	CT_EQ(s, 0, pkey_mprotect(own, 4096, PROT_EXEC, key));
	CT_EQ(s, 0, pkey_mprotect(none, 4096, PROT_EXEC, 0));
	CT_EQ(s, 0, key_met(none, false));
	ct_step(s, 1);
	CT_EQ(s, 0, key_met(none, false));
	CT_EQ(s, 0, key_met(own, false));
	CT_EQ(s, 0, pkey_set(key, PKEY_DISABLE_ACCESS));
	CT_EQ(s, key, key_met(own, false));
	CT_EQ(s, 0, key_met(none, false));
	CT_EQ(s, 7, none[0]);
	return 0;
}

CT_ROUND_TRIP(pkey, chosen_keys_stay)

TEST_HARNESS_MAIN
