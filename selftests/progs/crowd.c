// SPDX-License-Identifier: GPL-2.0-only
/*
 * A crowd at work: three processes in a ring of pipes, four threads in each,
 * with mutexes, robust and PI ones too, condition variables, barriers, and
 * threads that begin, die with a lock, and end.  What comes out follows from
 * the number of rounds alone; it is computed once more by one thread and
 * compared.
 *
 * usage: crowd ROUNDS	so many rounds
 *	  crowd FILE	until FILE appears
 *
 * Prints the result of each process.  Status 1, and a line on stderr: something
 * went wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 3
#define THREADS 4
#define WORK 2000
#define DEATH_EVERY 8

struct message {
	uint64_t sum;
	int64_t last; /* the last round, or -1 */
};

struct report {
	uint64_t hash;
	int64_t rounds, deaths;
};

static pthread_mutex_t pi, robust, plain = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t next_round = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int64_t current, last = -1, deaths, entries;
static uint64_t hash[THREADS], sum, carry;
static int self, from_fd, to_fd, results[PROCESSES][2];
static pid_t child[PROCESSES];
static const char *stop_file;

static void die(const char *what)
{
	fprintf(stderr, "crowd: process %d, round %lld: %s: %s\n", self,
		(long long)current, what, strerror(errno));
	_exit(1);
}

static void must(int err, const char *what)
{
	errno = err;
	if (err)
		die(what);
}

/* One thread's work in one round. */
static uint64_t work(uint64_t h, int64_t round, int process, int thread)
{
	int i;

	h ^= round * 1000003 + process * 101 + thread;
	for (i = 0; i < WORK; i++) {
		h ^= h << 13;
		h ^= h >> 7;
		h ^= h << 17;
	}
	return h;
}

static uint64_t seed(int process, int thread)
{
	return 88172645463325252ULL + process * 77 + thread;
}

static uint64_t mix(uint64_t carry, uint64_t got)
{
	return carry * 6364136223846793005ULL + got;
}

/* ---- at work ----------------------------------------------------- */

static void *dies_with_lock(void *arg)
{
	int ret = pthread_mutex_lock(&robust);

	return ret ? die("robust"), NULL : NULL;
}

static void let_one_die(void)
{
	pthread_t thread;
	int ret;

	must(pthread_create(&thread, NULL, dies_with_lock, NULL), "create");
	must(pthread_join(thread, NULL), "join");
	ret = pthread_mutex_lock(&robust);
	if (ret != EOWNERDEAD)
		must(ret ?: EINVAL, "a robust mutex of a dead owner");
	must(pthread_mutex_consistent(&robust), "consistent");
	must(pthread_mutex_unlock(&robust), "unlock");
	deaths++;
}

static void transfer(int fd, struct message *m, bool out)
{
	size_t done = 0;
	ssize_t n;

	while (done < sizeof(*m)) {
		char *at = (char *)m + done;

		n = out ? write(fd, at, sizeof(*m) - done) :
			  read(fd, at, sizeof(*m) - done);
		if (n <= 0)
			die(out ? "write" : "read");
		done += n;
	}
}

/* What one thread does while the others wait for the next round. */
static void exchange(void)
{
	struct message m;

	if (!self && stop_file && last < 0 && !access(stop_file, F_OK))
		last = current + PROCESSES;
	m.sum = sum;
	m.last = last;
	transfer(to_fd, &m, true);
	transfer(from_fd, &m, false);
	carry = mix(carry, m.sum);
	if (m.last >= 0)
		last = m.last;
	sum = 0;
	if (entries != THREADS)
		die("some have not been there");
	entries = 0;
	if (current % DEATH_EVERY == 0)
		let_one_die();
	must(pthread_mutex_lock(&plain), "lock");
	current++;
	must(pthread_cond_broadcast(&next_round), "broadcast");
	must(pthread_mutex_unlock(&plain), "unlock");
}

static void *takes_part(void *arg)
{
	int nr = (long)arg;
	int64_t round = 0;

	hash[nr] = seed(self, nr);
	while (last < 0 || round <= last) {
		hash[nr] = work(hash[nr], round, self, nr);
		must(pthread_mutex_lock(&pi), "PI mutex");
		sum += hash[nr];
		must(pthread_mutex_unlock(&pi), "PI mutex");
		must(pthread_mutex_lock(&robust), "robust mutex");
		entries++;
		must(pthread_mutex_unlock(&robust), "robust mutex");
		pthread_barrier_wait(&barrier);
		round++;
		if (!nr) {
			exchange();
			continue;
		}
		must(pthread_mutex_lock(&plain), "lock");
		while (current < round)
			must(pthread_cond_wait(&next_round, &plain), "wait");
		must(pthread_mutex_unlock(&plain), "unlock");
	}
	return NULL;
}

static void make_locks(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	must(pthread_mutex_init(&pi, &attr), "PI mutex");
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	must(pthread_mutex_init(&robust, &attr), "robust mutex");
	must(pthread_barrier_init(&barrier, NULL, THREADS), "barrier");
}

static struct report take_part(void)
{
	struct report r = { 0 };
	pthread_t thread[THREADS];
	long i;

	make_locks();
	for (i = 1; i < THREADS; i++)
		must(pthread_create(&thread[i], NULL, takes_part, (void *)i),
		     "create");
	takes_part(NULL);
	for (i = 1; i < THREADS; i++)
		must(pthread_join(thread[i], NULL), "join");
	r.hash = carry;
	r.rounds = current;
	r.deaths = deaths;
	return r;
}

/* ---- by one thread ----------------------------------------------- */

static void compute(int64_t rounds, struct report *r)
{
	uint64_t h[PROCESSES][THREADS], sums[PROCESSES];
	int64_t round;
	int p, t;

	memset(r, 0, PROCESSES * sizeof(*r));
	for (p = 0; p < PROCESSES; p++)
		for (t = 0; t < THREADS; t++)
			h[p][t] = seed(p, t);
	for (round = 0; round < rounds; round++) {
		for (p = 0; p < PROCESSES; p++) {
			sums[p] = 0;
			for (t = 0; t < THREADS; t++) {
				h[p][t] = work(h[p][t], round, p, t);
				sums[p] += h[p][t];
			}
		}
		for (p = 0; p < PROCESSES; p++) {
			r[p].hash = mix(r[p].hash,
					sums[(p + PROCESSES - 1) % PROCESSES]);
			r[p].deaths += round % DEATH_EVERY == 0;
			r[p].rounds++;
		}
	}
}

static int compare(const struct report *have)
{
	struct report want[PROCESSES];
	int p, ret = 0;

	compute(have[0].rounds, want);
	for (p = 0; p < PROCESSES; p++) {
		printf("process %d: %016llx, %lld locks of dead owners\n", p,
		       (unsigned long long)have[p].hash,
		       (long long)have[p].deaths);
		if (memcmp(&want[p], &have[p], sizeof(want[p]))) {
			fprintf(stderr,
				"crowd: process %d: %016llx after %lld rounds\n",
				p, (unsigned long long)want[p].hash,
				(long long)want[p].rounds);
			ret = 1;
		}
	}
	return ret;
}

/* What is open in others only ends with them: who lost a neighbour must see it. */
static void close_others(int ring[][2])
{
	int i;

	for (i = 0; i < PROCESSES; i++) {
		if (ring[i][0] != from_fd)
			close(ring[i][0]);
		if (ring[i][1] != to_fd)
			close(ring[i][1]);
		if (self)
			close(results[i][0]);
		if (i != self)
			close(results[i][1]);
	}
}

static int begin(const char *until)
{
	int ring[PROCESSES][2], i;

	if (*until >= '0' && *until <= '9')
		last = atoll(until) - 1;
	else
		stop_file = until;
	for (i = 0; i < PROCESSES; i++)
		if (pipe(ring[i]) || pipe(results[i]))
			die("pipe");
	for (i = 1; i < PROCESSES && !self; i++) {
		child[i] = fork();
		if (child[i] < 0)
			die("fork");
		if (!child[i])
			self = i;
	}
	from_fd = ring[self][0];
	to_fd = ring[(self + 1) % PROCESSES][1];
	close_others(ring);
	return self;
}

int main(int argc, char **argv)
{
	struct report all[PROCESSES];
	int status, i;

	if (argc != 2)
		return 2;
	if (begin(argv[1])) {
		all[0] = take_part();
		if (write(results[self][1], all, sizeof(*all)) != sizeof(*all))
			die("report");
		return 0;
	}
	all[0] = take_part();
	for (i = 1; i < PROCESSES; i++) {
		if (read(results[i][0], &all[i], sizeof(*all)) != sizeof(*all))
			die("report");
		if (waitpid(child[i], &status, 0) != child[i] || status)
			die("child");
	}
	return compare(all);
}
