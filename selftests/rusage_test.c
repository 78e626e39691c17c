// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program has used so far, and when it started: all of it goes on from
 * where it was.  The restarter's own use is small, and forgotten.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include "image_edit.h"
#undef ARRAY_SIZE
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define BUSY_MS 1200
/* What RLIMIT_CPU goes by, in ticks: CPUCLOCK_PROF of the process itself. */
#define PROF_CLOCK ((clockid_t)(~0U << 3))

CT_FIXTURE(rusage)

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * CT_SEC + ts.tv_nsec;
}

static int64_t tv_ns(struct timeval tv)
{
	return tv.tv_sec * CT_SEC + tv.tv_usec * 1000LL;
}

static void burn(int ms)
{
	int64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ms * CT_MS;

	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
		;
}

/* Both clocks and getrusage() have the time from before, and no more. */
static int cpu_time_goes_on(struct ct_shared *s, void *arg)
{
	int64_t process, thread, used;
	struct rusage before, after;

	burn(BUSY_MS);
	getrusage(RUSAGE_SELF, &before);
	process = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	thread = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	ct_step(s, 1);
	used = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - process;
	CT_IN(s, 0, BUSY_MS * CT_MS / 4, used);
	used = clock_ns(CLOCK_THREAD_CPUTIME_ID) - thread;
	CT_IN(s, 0, BUSY_MS * CT_MS / 4, used);
	getrusage(RUSAGE_SELF, &after);
	used = tv_ns(after.ru_utime) - tv_ns(before.ru_utime);
	CT_IN(s, 0, BUSY_MS * CT_MS / 4, used);
	used = tv_ns(after.ru_stime) - tv_ns(before.ru_stime);
	CT_IN(s, 0, BUSY_MS * CT_MS / 4, used);
	burn(100);
	getrusage(RUSAGE_SELF, &before);
	used = tv_ns(before.ru_utime) + tv_ns(before.ru_stime);
	CT_CHECK(s, used > tv_ns(after.ru_utime) + tv_ns(after.ru_stime));
	return 0;
}

CT_ROUND_TRIP(rusage, cpu_time_goes_on)

/* RLIMIT_CPU counts what was used before the checkpoint. */
static volatile sig_atomic_t xcpu;

static void on_xcpu(int sig)
{
	xcpu = 1;
}

static int cpu_limit_counts_from_before(struct ct_shared *s, void *arg)
{
	struct rlimit lim = { .rlim_cur = 2, .rlim_max = RLIM_INFINITY };
	int64_t before, at;

	signal(SIGXCPU, on_xcpu);
	CT_EQ(s, 0, setrlimit(RLIMIT_CPU, &lim));
	burn(BUSY_MS);
	CT_EQ(s, 0, xcpu);
	before = clock_ns(PROF_CLOCK);
	CT_CHECK(s, before > 0);
	ct_step(s, 1);
	CT_IN(s, before, before + CT_SEC / 2, clock_ns(PROF_CLOCK));
	while (!xcpu && clock_ns(PROF_CLOCK) < 4 * CT_SEC)
		;
	at = clock_ns(PROF_CLOCK);
	CT_EQ(s, 1, xcpu);
	CT_IN(s, 2 * CT_SEC, 21 * CT_SEC / 10, at);
	return 0;
}

CT_ROUND_TRIP(rusage, cpu_limit_counts_from_before)

static int children_are_kept(struct ct_shared *s, void *arg)
{
	struct rusage before, after;
	struct tms tms;
	int status;

	if (!fork()) {
		burn(300);
		_exit(0);
	}
	CT_CHECK(s, wait(&status) > 0);
	getrusage(RUSAGE_CHILDREN, &before);
	CT_CHECK(s,
		 tv_ns(before.ru_utime) + tv_ns(before.ru_stime) > 250 * CT_MS);
	CT_CHECK(s, before.ru_maxrss > 0);
	ct_step(s, 1);
	getrusage(RUSAGE_CHILDREN, &after);
	CT_EQ(s, 0, memcmp(&before, &after, sizeof(before)));
	times(&tms);
	CT_CHECK(s, tms.tms_cutime + tms.tms_cstime > 0);
	return 0;
}

CT_ROUND_TRIP(rusage, children_are_kept)

/* Switches and faults: what the restart adds is less than what was there. */
static int counters_are_kept(struct ct_shared *s, void *arg)
{
	struct timespec pause = { .tv_nsec = 300000 };
	struct rusage before, after;
	size_t i, len = 4 << 20;
	char *p;

	for (i = 0; i < 500; i++)
		nanosleep(&pause, NULL);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	CT_CHECK(s, p != MAP_FAILED);
	madvise(p, len, MADV_NOHUGEPAGE);
	for (i = 0; i < len; i += 4096)
		p[i] = 1;
	munmap(p, len);
	getrusage(RUSAGE_SELF, &before);
	CT_CHECK(s, before.ru_nvcsw >= 450 && before.ru_minflt >= 1000);
	ct_step(s, 1);
	getrusage(RUSAGE_SELF, &after);
	CT_IN(s, before.ru_nvcsw, before.ru_nvcsw + 400, after.ru_nvcsw);
	CT_IN(s, before.ru_minflt, before.ru_minflt + 900, after.ru_minflt);
	CT_IN(s, before.ru_nivcsw, before.ru_nivcsw + 400, after.ru_nivcsw);
	return 0;
}

CT_ROUND_TRIP(rusage, counters_are_kept)

/* The largest resident set was larger than what is there now. */
static int peaks_are_kept(struct ct_shared *s, void *arg)
{
	struct rusage before, after;
	size_t len = 24 << 20;
	char *status, *peak;
	char *p;

	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	CT_CHECK(s, p != MAP_FAILED);
	memset(p, 1, len);
	munmap(p, len);
	getrusage(RUSAGE_SELF, &before);
	CT_CHECK(s, before.ru_maxrss >= (long)(len >> 10));
	ct_step(s, 1);
	getrusage(RUSAGE_SELF, &after);
	CT_EQ(s, before.ru_maxrss, after.ru_maxrss);
	status = ct_read_file("/proc/self/status");
	peak = strstr(status, "VmHWM:");
	CT_CHECK(s, peak && atol(peak + 6) >= (long)(len >> 10));
	peak = strstr(status, "VmPeak:");
	CT_CHECK(s, peak && atol(peak + 7) >= (long)(len >> 10));
	return 0;
}

CT_ROUND_TRIP(rusage, peaks_are_kept)

/* A line of /proc/self/io. */
static long long io_field(const char *name)
{
	char *text = ct_read_file("/proc/self/io");
	char *line = text ? strstr(text, name) : NULL;
	long long n = line ? atoll(line + strlen(name)) : -1;

	free(text);
	return n;
}

static int io_is_kept(struct ct_shared *s, void *arg)
{
	static char buf[1 << 20];
	long long wchar, syscr;
	FILE *f = fopen("/dev/null", "w");
	int i;

	CT_CHECK(s, f);
	for (i = 0; i < 8; i++)
		CT_EQ(s, 1, fwrite(buf, sizeof(buf), 1, f));
	fclose(f);
	wchar = io_field("wchar: ");
	syscr = io_field("syscr: ");
	CT_CHECK(s, wchar >= 8 << 20);
	ct_step(s, 1);
	CT_IN(s, wchar, wchar + 4096, io_field("wchar: "));
	CT_IN(s, syscr, syscr + 20, io_field("syscr: "));
	return 0;
}

CT_ROUND_TRIP(rusage, io_is_kept)

/* Field 22 of /proc/self/stat, in ticks since boot. */
static long long start_ticks(void)
{
	char *text = ct_read_file("/proc/self/stat");
	char *p = text ? strrchr(text, ')') : NULL;
	long long start = -1;
	int field;

	for (field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p)
		start = atoll(p);
	free(text);
	return start;
}

/* With its pid it names the process: it must be the very same. */
static int start_time_is_kept(struct ct_shared *s, void *arg)
{
	long long start = start_ticks();

	CT_CHECK(s, start > 0);
	ct_sleep_ms(1500);
	ct_step(s, 1);
	CT_IN(s, start - 1, start + 1, start_ticks());
	return 0;
}

CT_ROUND_TRIP(rusage, start_time_is_kept)

/* A CPU timer that is armed goes on, from the time that it is on. */
static int cpu_timer_goes_on(struct ct_shared *s, void *arg)
{
	struct itimerspec left, spec = { .it_value.tv_sec = 2 };
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	timer_t timer;

	CT_EQ(s, 0, timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &timer));
	CT_EQ(s, 0, timer_settime(timer, 0, &spec, NULL));
	burn(500);
	ct_step(s, 1);
	CT_EQ(s, 0, timer_gettime(timer, &left));
	CT_EQ(s, 1, left.it_value.tv_sec);
	CT_IN(s, 0, 520 * CT_MS, left.it_value.tv_nsec);
	burn(1600);
	CT_EQ(s, 0, timer_gettime(timer, &left));
	CT_EQ(s, 0, left.it_value.tv_sec);
	return 0;
}

CT_ROUND_TRIP(rusage, cpu_timer_goes_on)

/* ---- a long life ---- */

#define THREADS 7

static void *naps(void *arg)
{
	pause();
	return arg;
}

/* Whatever the sum is, to ask for it is harmless, and it does not go back. */
static int of_threads(struct ct_shared *s, void *arg)
{
	struct rusage before, after;
	pthread_t thread;
	int i;

	for (i = 1; i < THREADS; i++)
		CT_EQ(s, 0, pthread_create(&thread, NULL, naps, NULL));
	ct_step(s, 1);
	getrusage(RUSAGE_SELF, &before);
	s->data[1] = before.ru_utime.tv_sec;
	burn(50);
	getrusage(RUSAGE_SELF, &after);
	CT_CHECK(s, tv_ns(after.ru_utime) >= tv_ns(before.ru_utime));
	CT_CHECK(s, start_ticks() > 0); /* by /proc/self/stat */
	return 0;
}

/* An image in which each thread, and those before them, have used @ns and @ns. */
static int image_of(struct ct *ct, __u64 ns, const char *to)
{
	struct ckpt_rusage *r;
	struct ib ib;
	int i;

	if (ie_load(&ib, ct->img))
		return ct_say("no image in %s", ct->img);
	for (i = 0; i <= THREADS; i++) {
		r = i < THREADS ? &IE_REC(&ib, task, i)->rusage :
				  &IE_REC(&ib, signal, 0)->exited;
		r->utime = ns;
		r->stime = ns;
		r->runtime = ns;
		r->seen_utime = 0;
		r->seen_stime = 0;
	}
	i = ie_store(&ib, to);
	ib_free(&ib);
	return i ? ct_say("%s: %m", to) : 0;
}

/*
 * The kernel divides by the sum of all of them, which must not come to 2^64 and
 * so to nothing.
 */
TEST_F(rusage, too_much_in_all)
{
	const __u64 most = CKPT_CPU_SUM_MAX / (2 * (THREADS + 1));
	struct ct *ct = &self->ct;
	char img[PATH_MAX + 8];

	if (getenv("CT_SKIP_CHECKPOINT"))
		SKIP(return, "nothing without a checkpoint");
	snprintf(img, sizeof(img), "%s.more", ct->img);
	ASSERT_EQ(0, ct_start(ct, of_threads, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, image_of(ct, 2 * most, img));
	EXPECT_EQ(1, ct_tool(ct, "restart", "-i", img, NULL));
	EXPECT_NE(NULL, strstr(ct->err, "too much CPU time in all"));
	EXPECT_EQ(1, ct_tool(ct, "ckptinfo", "--check", img, NULL));
	EXPECT_NE(NULL, strstr(ct->err, "too much CPU time in all"));
	ASSERT_EQ(0, image_of(ct, most, img));
	ct_go(ct, 1);
	EXPECT_EQ(0, ct_restart_from(ct, img, NULL));
	EXPECT_EQ(0, ct_join(ct));
	EXPECT_LT(70LL * 365 * 86400, ct->s->data[1]);
	unlink(img);
}

TEST_HARNESS_MAIN
