// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: privileged wait PROGRAM SECRET
 *        privileged take SECRET
 *
 * The first waits, and at SIGUSR1 executes PROGRAM, this one with the
 * set-user-ID bit, to take the secret: to read the eight bytes of the file
 * SECRET, keep them in its memory and in its registers, and loop; or if it may
 * not read them, to sleep.  Descriptor 3 is closed as soon as it waits.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#define COPIES 8192

static char *argv_of_next[] = { "privileged", "take", NULL, NULL };
static const char *next;
static volatile uint64_t copies[COPIES];

static void execute(int sig)
{
	(void)sig;
	execv(next, argv_of_next);
	_exit(1);
}

static void __attribute__((noreturn)) wait_for_signal(char **argv)
{
	next = argv[0];
	argv_of_next[2] = argv[1];
	signal(SIGUSR1, execute);
	close(3);
	for (;;)
		pause();
}

static int take(const char *path)
{
	int fd = open(path, O_RDONLY), i;
	uint64_t secret;

	if (fd < 0 || read(fd, &secret, sizeof(secret)) != sizeof(secret))
		return pause();
	for (i = 0; i < COPIES; i++)
		copies[i] = secret;
	asm volatile("mov %0, %%rbx; mov %0, %%r12; mov %0, %%r13;"
		     "movq %0, %%xmm0; movq %0, %%xmm15;"
		     "1: pause; jmp 1b"
		     :
		     : "r"(secret)
		     : "rbx", "r12", "r13", "xmm0", "xmm15");
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 4)
		wait_for_signal(argv + 2);
	return argc == 3 ? take(argv[2]) : 2;
}
