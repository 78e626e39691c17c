// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: chain pause|spin|many STATE
 *
 * A program for a debugger to look at: known values in a known chain of calls,
 * in a system call or in a loop with known registers.  Bit 0 of the file STATE
 * says that it is there.  With many it has more areas than fit into the ELF
 * header of a core.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define MANY 70000UL
#define RESERVED (4UL << 40)
#define UNUSED __attribute__((unused))

/* No argument or local is to live in a register alone. */
#pragma GCC optimize("O0")

struct point {
	int x, y;
	const char *name;
};

static volatile int *state;
static int number = 12345;
static volatile int zeros[4096];
static struct point *heap;

/* Must not get into a core, says madvise(). */
static char *secret;

static void leave_secret(void)
{
	secret = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (secret == MAP_FAILED || madvise(secret, PAGE, MADV_DONTDUMP))
		exit(1);
	for (int i = 0; i < 64; i++)
		secret[i] = i % 2 ? 'k' : 'q';
}

/* Contents at both ends of what no file could hold all of. */
static char *reserve(void)
{
	char *p = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	memcpy(p + PAGE, "near", 5);
	memcpy(p + RESERVED - PAGE, "far", 4);
	return p;
}

static void make_areas(void)
{
	char *p = mmap(NULL, MANY * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long i;

	for (i = 0; p != MAP_FAILED && i < MANY; i += 2)
		if (mprotect(p + i * PAGE, PAGE, PROT_READ))
			exit(1);
}

static void spin(void)
{
	static const double xmm[2] = { 1234.5, -0.25 };
	static const long ymm[4] = { 1, 2, 3, 4444 };

	asm volatile("movupd (%0), %%xmm7\n\t"
		     "vmovdqu (%1), %%ymm9\n\t"
		     "fldpi\n\t"
		     "mov $0x1122334455667788, %%r12\n\t"
		     "stc\n"
		     "1:\tmovl $1, (%2)\n\t"
		     "pause\n\t"
		     "jmp 1b"
		     :
		     : "r"(xmm), "r"(ymm), "r"(state)
		     : "r12", "xmm7", "xmm9", "st", "memory", "cc");
}

static int third(int depth, const char *how, double ratio UNUSED)
{
	long local UNUSED = 0x5eed;
	struct point here UNUSED = { 3, -4, "here" };

	if (!strcmp(how, "spin"))
		spin();
	*state = 1;
	pause();
	return depth;
}

static int second(int depth, const char *how)
{
	char text[] UNUSED = "a text of its own";

	return third(depth + 1, how, 2.75) + 1;
}

static int first(int depth, const char *how)
{
	char *far UNUSED = reserve();

	return second(depth + 1, how) + 1;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 3)
		return 2;
	fd = open(argv[2], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, PAGE))
		return 1;
	state = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (state == MAP_FAILED)
		return 1;
	leave_secret();
	if (!strcmp(argv[1], "many"))
		make_areas();
	zeros[1] = 7;
	heap = malloc(sizeof(*heap));
	*heap = (struct point){ 10, number, "on the heap" };
	return first(1, argv[1]);
}
