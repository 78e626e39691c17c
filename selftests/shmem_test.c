// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory without a name: shared anonymous memory and memfds, however
 * they are mapped, opened and sealed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include "image_edit.h"
#undef ARRAY_SIZE
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define PAGE 4096UL
#define MB (1UL << 20)
#define GB (1UL << 30)
#define RW (PROT_READ | PROT_WRITE)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#define MFD_EXEC 0x10U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4U
#endif

CT_FIXTURE(shmem)

/* Every 8 bytes differ, and depend on their place. */
static void fill(void *at, size_t len, uint64_t seed)
{
	uint64_t *p = at;
	size_t i;

	for (i = 0; i < len / 8; i++)
		p[i] = (i + 1 + seed) * 0x9e3779b97f4a7c15ULL;
}

static bool filled(const void *at, size_t len, uint64_t seed)
{
	const uint64_t *p = at;
	size_t i;

	for (i = 0; i < len / 8; i++)
		if (p[i] != (i + 1 + seed) * 0x9e3779b97f4a7c15ULL)
			return false;
	return true;
}

/* A line of /proc/self/maps or smaps that begins with @at, up to its end. */
static bool map_line(const void *at, const char *words)
{
	char start[32], *text = ct_read_file("/proc/self/maps"), *line, *end;
	bool found = false;

	snprintf(start, sizeof(start), "%lx-", (unsigned long)at);
	line = text ? strstr(text, start) : NULL;
	end = line ? strchr(line, '\n') : NULL;
	if (end) {
		*end = 0;
		found = strstr(line, words);
	}
	free(text);
	return found;
}

/* ---- shared anonymous memory ---- */

static int anonymous(struct ct_shared *s, int fd, int flags)
{
	char *a = mmap(NULL, 16 * PAGE, RW, MAP_SHARED | flags, fd, 0);
	char *b, *c;

	CT_CHECK(s, a != MAP_FAILED);
	fill(a, 4 * PAGE, 1);
	fill(a + 10 * PAGE, PAGE, 2);
	/* the same memory once more, a part of it, and not from its beginning */
	b = mremap(a, 0, 16 * PAGE, MREMAP_MAYMOVE);
	CT_CHECK(s, b != MAP_FAILED && b != a);
	CT_EQ(s, 0, munmap(b, 2 * PAGE));
	c = b + 2 * PAGE;
	CT_EQ(s, 0, mprotect(c + PAGE, PAGE, PROT_READ));
	if (fd >= 0)
		close(fd);
	ct_step(s, 1);
	CT_CHECK(s, filled(a, 4 * PAGE, 1) && filled(a + 10 * PAGE, PAGE, 2));
	CT_CHECK(s, !memcmp(c, a + 2 * PAGE, 14 * PAGE));
	CT_EQ(s, 0, a[12 * PAGE]);
	c[10 * PAGE] = 77;
	CT_EQ(s, 77, a[12 * PAGE]);
	a[2 * PAGE] = 78;
	CT_EQ(s, 78, c[0]);
	CT_CHECK(s, map_line(a, "/dev/zero (deleted)"));
	CT_CHECK(s, map_line(c, "rw-s 00002000"));
	CT_CHECK(s, map_line(c + PAGE, "r--s"));
	/* a child shares it */
	if (!fork()) {
		a[0] = 79;
		_exit(0);
	}
	CT_CHECK(s, wait(NULL) > 0);
	CT_EQ(s, 79, a[0]);
	return 0;
}

static int anonymous_mapped_twice(struct ct_shared *s, void *arg)
{
	return anonymous(s, -1, MAP_ANONYMOUS);
}

CT_ROUND_TRIP(shmem, anonymous_mapped_twice)

static int mapping_of_dev_zero(struct ct_shared *s, void *arg)
{
	return anonymous(s, open("/dev/zero", O_RDWR), 0);
}

CT_ROUND_TRIP(shmem, mapping_of_dev_zero)

/* Two of the same size are not one. */
static int many_stay_apart(struct ct_shared *s, void *arg)
{
	char *p[200];
	int i;

	for (i = 0; i < 200; i++) {
		p[i] = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CT_CHECK(s, p[i] != MAP_FAILED);
		p[i][5] = i;
	}
	ct_step(s, 1);
	for (i = 0; i < 200; i++)
		CT_EQ(s, (char)i, p[i][5]);
	p[0][5] = 1;
	CT_EQ(s, 1, p[1][5]);
	p[1][5] = 2;
	CT_EQ(s, 1, p[0][5]);
	return 0;
}

CT_ROUND_TRIP(shmem, many_stay_apart)

static int flags_of_areas(struct ct_shared *s, void *arg)
{
	char *p = mmap(NULL, 8 * PAGE, RW,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char core[8];

	CT_CHECK(s, p != MAP_FAILED);
	CT_EQ(s, 0, madvise(p, 4 * PAGE, MADV_DONTFORK));
	CT_EQ(s, 0, mlock(p + 4 * PAGE, 2 * PAGE));
	ct_step(s, 1);
	CT_EQ(s, 0, mincore(p + 4 * PAGE, 2 * PAGE, core));
	CT_EQ(s, 3, (core[0] & 1) + 2 * (core[1] & 1));
	CT_EQ(s, 0, mincore(p, 4 * PAGE, core));
	CT_EQ(s, 0, core[0] & 1);
	if (!fork()) {
		p[4 * PAGE] = 1;
		signal(SIGSEGV, SIG_DFL);
		p[0] = 1; /* not there: DONTFORK */
		_exit(0);
	}
	CT_CHECK(s, wait(NULL) > 0);
	CT_EQ(s, 1, p[4 * PAGE]);
	CT_EQ(s, 0, p[0]);
	return 0;
}

CT_ROUND_TRIP(shmem, flags_of_areas)

/* ---- memfds ---- */

static int again(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

static int memfd_by_descriptors(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("some name", MFD_CLOEXEC), ro, rw, dup_fd;
	char buf[PAGE] = "", link[100] = "";

	CT_CHECK(s, fd >= 0);
	fill(buf, PAGE, 3);
	CT_EQ(s, PAGE, pwrite(fd, buf, PAGE, 2 * PAGE));
	CT_EQ(s, 0, ftruncate(fd, 5 * PAGE + 100));
	CT_EQ(s, 10, lseek(fd, 10, SEEK_SET));
	dup_fd = dup(fd);
	ro = again(fd, O_RDONLY);
	rw = again(fd, O_RDWR | O_APPEND);
	CT_CHECK(s, dup_fd >= 0 && ro >= 0 && rw >= 0);
	CT_EQ(s, 7, lseek(ro, 7, SEEK_SET));
	ct_step(s, 1);
	CT_EQ(s, 10, lseek(dup_fd, 0, SEEK_CUR));
	CT_EQ(s, 7, lseek(ro, 0, SEEK_CUR));
	CT_EQ(s, 20, lseek(fd, 20, SEEK_SET));
	CT_EQ(s, 20, lseek(dup_fd, 0, SEEK_CUR));
	CT_EQ(s, O_RDWR | 0100000, fcntl(fd, F_GETFL));
	CT_EQ(s, O_RDONLY | 0100000, fcntl(ro, F_GETFL));
	CT_EQ(s, O_RDWR | O_APPEND | 0100000, fcntl(rw, F_GETFL));
	CT_EQ(s, FD_CLOEXEC, fcntl(fd, F_GETFD));
	CT_EQ(s, 5 * PAGE + 100, lseek(rw, 0, SEEK_END));
	CT_EQ(s, PAGE, pread(ro, buf, PAGE, 2 * PAGE));
	CT_CHECK(s, filled(buf, PAGE, 3));
	CT_EQ(s, 3, write(rw, "end", 3));
	CT_EQ(s, 3, pread(fd, buf, 10, 5 * PAGE + 100));
	CT_CHECK(s, !memcmp(buf, "end", 3));
	CT_EQ(s, -1, write(ro, "x", 1));
	CT_CHECK(s, readlink("/proc/self/fd/3", link, 99) > 0 || fd != 3);
	CT_CHECK(s, fd != 3 || !strcmp(link, "/memfd:some name (deleted)"));
	return 0;
}

CT_ROUND_TRIP(shmem, memfd_by_descriptors)

static int memfd_mapped_both_ways(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("m", 0);
	char *shared, *private, *fixed;

	CT_EQ(s, 0, ftruncate(fd, 8 * PAGE));
	shared = mmap(NULL, 8 * PAGE, RW, MAP_SHARED, fd, 0);
	private = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 4 * PAGE);
	fixed = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CT_CHECK(s, shared != MAP_FAILED && private != MAP_FAILED);
	CT_CHECK(s, fixed != MAP_FAILED);
	fill(shared, 8 * PAGE, 4);
	private[0] = 99; /* its own from now on */
	memset(private + PAGE, 0, PAGE);
	close(fd);
	ct_step(s, 1);
	CT_CHECK(s, filled(shared, 8 * PAGE, 4));
	CT_CHECK(s, filled(fixed, PAGE, 4));
	CT_EQ(s, 99, private[0]);
	CT_CHECK(s, shared[4 * PAGE] != 99);
	CT_EQ(s, 0, private[PAGE]);
	CT_CHECK(s, !memcmp(private + 2 * PAGE, shared + 6 * PAGE, 2 * PAGE));
	shared[6 * PAGE] = 55;
	CT_EQ(s, 55, private[2 * PAGE]);
	CT_CHECK(s, map_line(shared, "/memfd:m (deleted)"));
	CT_CHECK(s, map_line(private, "rw-p 00004000"));
	return 0;
}

CT_ROUND_TRIP(shmem, memfd_mapped_both_ways)

/* Nothing but a mapping of more than the file: SIGBUS behind its end. */
static sigjmp_buf bus;

static void on_bus(int sig)
{
	siglongjmp(bus, 1);
}

static int end_of_file_in_a_mapping(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("short", 0);
	volatile char *p;

	CT_EQ(s, 0, ftruncate(fd, PAGE));
	p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	p[0] = 1;
	signal(SIGBUS, on_bus);
	ct_step(s, 1);
	CT_EQ(s, 1, p[0]);
	if (!sigsetjmp(bus, 1)) {
		p[PAGE] = 1;
		CT_CHECK(s, !"no SIGBUS");
	}
	CT_EQ(s, 0, ftruncate(fd, 2 * PAGE));
	p[PAGE] = 2;
	CT_EQ(s, 2, p[PAGE]);
	return 0;
}

CT_ROUND_TRIP(shmem, end_of_file_in_a_mapping)

static int holes_stay_holes(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("sparse", 0);
	char buf[PAGE] = "";
	struct stat st;
	int i;

	CT_EQ(s, 0, ftruncate(fd, 4 * GB));
	for (i = 1; i <= 3; i++) {
		fill(buf, PAGE, i);
		CT_EQ(s, PAGE, pwrite(fd, buf, PAGE, i * GB));
	}
	ct_step(s, 1);
	CT_EQ(s, 0, fstat(fd, &st));
	CT_EQ(s, 4 * GB, st.st_size);
	CT_EQ(s, 3 * 8, st.st_blocks);
	for (i = 1; i <= 3; i++) {
		CT_EQ(s, i * GB, lseek(fd, i * GB - PAGE, SEEK_DATA));
		CT_EQ(s, i * GB + PAGE, lseek(fd, i * GB, SEEK_HOLE));
		CT_EQ(s, PAGE, pread(fd, buf, PAGE, i * GB));
		CT_CHECK(s, filled(buf, PAGE, i));
	}
	return 0;
}

TEST_F(shmem, holes_stay_holes)
{
	struct stat st;

	ASSERT_EQ(0, ct_round_trip(&self->ct, holes_stay_holes, NULL));
	ASSERT_EQ(0, stat(self->ct.img, &st));
	ASSERT_LT(st.st_size, 4 * MB);
}

/* More than one run, with contents on both sides of its border. */
static int large_one(struct ct_shared *s, void *arg)
{
	char *p = mmap(NULL, 10 * MB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CT_CHECK(s, p != MAP_FAILED);
	fill(p, 10 * MB, 5);
	memset(p + 3 * MB, 0, 40 * PAGE);
	ct_step(s, 1);
	CT_CHECK(s, filled(p, 3 * MB, 5));
	CT_EQ(s, 0, p[3 * MB]);
	CT_EQ(s, 0, memcmp(p + 3 * MB, p + 3 * MB + PAGE, 39 * PAGE));
	memset(p, 0, 3 * MB + 40 * PAGE);
	fill(p, 3 * MB + 40 * PAGE, 5);
	CT_CHECK(s, filled(p, 10 * MB, 5));
	return 0;
}

CT_ROUND_TRIP(shmem, large_one)

/* "Swap: 12 kB" of the area that begins at @at. */
static long swapped_kb(const void *at)
{
	char start[32], *text = ct_read_file("/proc/self/smaps"), *line;
	long kb = -1;

	snprintf(start, sizeof(start), "%lx-", (unsigned long)at);
	line = text ? strstr(text, start) : NULL;
	line = line ? strstr(line, "\nSwap:") : NULL;
	if (line)
		kb = atol(line + 6);
	free(text);
	return kb;
}

static int swapped_pages(struct ct_shared *s, void *arg)
{
	char *p = mmap(NULL, 4 * MB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	fill(p, 4 * MB, 6);
	CT_EQ(s, 0, madvise(p, 4 * MB, MADV_PAGEOUT));
	CT_CHECK(s, swapped_kb(p) > 1024);
	ct_step(s, 1);
	CT_CHECK(s, filled(p, 4 * MB, 6));
	return 0;
}

TEST_F(shmem, swapped_pages)
{
	int ret;

	ASSERT_EQ(0, system("head -c 16M /dev/zero >ckpt-shmem-swap"));
	ASSERT_EQ(0, chmod("ckpt-shmem-swap", 0600));
	ASSERT_EQ(0, system("mkswap -q ckpt-shmem-swap"));
	ASSERT_EQ(0, swapon("ckpt-shmem-swap", 0));
	ret = ct_round_trip(&self->ct, swapped_pages, NULL);
	ASSERT_EQ(0, swapoff("ckpt-shmem-swap"));
	ASSERT_EQ(0, unlink("ckpt-shmem-swap"));
	ASSERT_EQ(0, ret);
}

/* ---- seals, owner, execution ---- */

static int seals(struct ct_shared *s, void *arg)
{
	int size = memfd_create("size", MFD_ALLOW_SEALING);
	int wr = memfd_create("write", MFD_ALLOW_SEALING);
	int none = memfd_create("none", 0);
	int open_ = memfd_create("open", MFD_ALLOW_SEALING);
	char *p;

	CT_EQ(s, 4, write(size, "size", 4));
	CT_EQ(s, 5, write(wr, "write", 5));
	CT_EQ(s, 0, fcntl(size, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	CT_EQ(s, 0, fcntl(wr, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
	ct_step(s, 1);
	CT_EQ(s, F_SEAL_SHRINK | F_SEAL_GROW, fcntl(size, F_GET_SEALS));
	CT_EQ(s, F_SEAL_WRITE | F_SEAL_SEAL, fcntl(wr, F_GET_SEALS));
	CT_EQ(s, F_SEAL_SEAL, fcntl(none, F_GET_SEALS));
	CT_EQ(s, 0, fcntl(open_, F_GET_SEALS));
	CT_EQ(s, -1, ftruncate(size, 3));
	CT_EQ(s, -1, ftruncate(size, 5));
	CT_EQ(s, 4, pwrite(size, "SIZE", 4, 0));
	CT_EQ(s, -1, pwrite(wr, "W", 1, 0));
	CT_EQ(s, EPERM, errno);
	CT_EQ(s, -1, fcntl(wr, F_ADD_SEALS, F_SEAL_GROW));
	CT_EQ(s, -1, fcntl(none, F_ADD_SEALS, F_SEAL_GROW));
	CT_CHECK(s, mmap(NULL, PAGE, RW, MAP_SHARED, wr, 0) == MAP_FAILED);
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wr, 0);
	CT_CHECK(s, p != MAP_FAILED && !strcmp(p, "write"));
	CT_EQ(s, 0, fcntl(open_, F_ADD_SEALS, F_SEAL_GROW));
	CT_EQ(s, F_SEAL_GROW, fcntl(open_, F_GET_SEALS));
	return 0;
}

CT_ROUND_TRIP(shmem, seals)

/* Older mappings may write on, newer ones not. */
static int seal_of_future_writes(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("future", MFD_ALLOW_SEALING);
	char *old, *new;

	CT_EQ(s, 0, ftruncate(fd, PAGE));
	old = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CT_EQ(s, 0, fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	new = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CT_CHECK(s, old != MAP_FAILED && new != MAP_FAILED);
	ct_step(s, 1);
	CT_EQ(s, F_SEAL_FUTURE_WRITE, fcntl(fd, F_GET_SEALS));
	old[0] = 5;
	CT_EQ(s, 5, new[0]);
	CT_EQ(s, -1, mprotect(new, PAGE, RW));
	CT_EQ(s, 0, mprotect(old, PAGE, PROT_READ));
	CT_EQ(s, 0, mprotect(old, PAGE, RW));
	CT_CHECK(s, mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED);
	CT_EQ(s, -1, pwrite(fd, "x", 1, 0));
	return 0;
}

CT_ROUND_TRIP(shmem, seal_of_future_writes)

static int not_executable(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("noexec", MFD_NOEXEC_SEAL);
	struct stat st;

	CT_CHECK(s, fd >= 0);
	CT_EQ(s, F_SEAL_EXEC, fcntl(fd, F_GET_SEALS));
	ct_step(s, 1);
	CT_EQ(s, F_SEAL_EXEC, fcntl(fd, F_GET_SEALS));
	CT_EQ(s, 0, fstat(fd, &st));
	CT_EQ(s, 0100666, st.st_mode);
	CT_EQ(s, -1, fchmod(fd, 0777));
	return 0;
}

TEST_F(shmem, not_executable)
{
	int fd = memfd_create("noexec", MFD_NOEXEC_SEAL);

	if (fd < 0)
		SKIP(return, "this kernel has no MFD_NOEXEC_SEAL");
	close(fd);
	ASSERT_EQ(0, ct_round_trip(&self->ct, not_executable, NULL));
}

/* Sealed to be executable for ever. */
static int executable(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("exec", MFD_ALLOW_SEALING);

	CT_EQ(s, 0, fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC));
	CT_CHECK(s, fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE);
	ct_step(s, 1);
	return 0;
}

TEST_F(shmem, executable_where_it_is_forbidden)
{
	const char *path = "/proc/sys/vm/memfd_noexec";
	struct ct *ct = &self->ct;
	int status;

	if (access(path, W_OK))
		SKIP(return, "this kernel has no vm.memfd_noexec");
	ASSERT_EQ(0, ct_start(ct, executable, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	/* once 2 it stays: in a pid namespace of its own */
	status =
		ct_tool(ct, "unshare", "-pf", "--mount-proc", "sh", "-c",
			"echo 2 >/proc/sys/vm/memfd_noexec && restart --no-pids -i $0",
			ct->img, NULL);
	EXPECT_EQ(1, status);
	EXPECT_NE(NULL, strstr(ct->err, "vm.memfd_noexec forbids"));
	ct_go(ct, 1);
	EXPECT_EQ(0, ct_restart(ct));
	EXPECT_EQ(0, ct_join(ct));
}

/* A memfd like shared anonymous memory, and nobody who may open the latter. */
static int open_without_rights(struct ct_shared *s, void *arg)
{
	const cap_value_t caps[] = { CAP_SYS_ADMIN, CAP_CHECKPOINT_RESTORE };
	cap_t set = cap_get_proc();
	int fd = memfd_create("", 0);

	CT_EQ(s, 4, write(fd, "code", 4));
	CT_EQ(s, 0, prctl(PR_CAPBSET_DROP, caps[0]));
	CT_EQ(s, 0, prctl(PR_CAPBSET_DROP, caps[1]));
	CT_EQ(s, 0, cap_set_flag(set, CAP_PERMITTED, 2, caps, CAP_CLEAR));
	CT_EQ(s, 0, cap_set_flag(set, CAP_EFFECTIVE, 2, caps, CAP_CLEAR));
	CT_EQ(s, 0, cap_set_flag(set, CAP_INHERITABLE, 2, caps, CAP_CLEAR));
	CT_EQ(s, 0, cap_set_proc(set));
	ct_step(s, 1);
	return 0;
}

TEST_F(shmem, anonymous_memory_has_no_descriptor)
{
	struct ct *ct = &self->ct;
	struct ckpt_hdr_shmem *r;
	struct ib ib;

	if (getenv("CT_SKIP_CHECKPOINT"))
		SKIP(return, "nothing without a checkpoint");
	ASSERT_EQ(0, ct_start(ct, open_without_rights, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ie_load(&ib, ct->img));
	r = IE_REC(&ib, shmem, 0);
	r->kind = CKPT_SHMEM_ANON;
	ASSERT_EQ(0, ie_store(&ib, ct->img));
	ib_free(&ib);
	ct_go(ct, 1);
	EXPECT_EQ(1, ct_tool(ct, "setpriv", "--bounding-set",
			     "-sys_admin,-checkpoint_restore", "restart",
			     "--no-pids", "-i", ct->img, NULL));
	EXPECT_NE(NULL, strstr(ct->err, "that is open needs CAP_CHECK"))
	{
		TH_LOG("%s", ct->err);
	}
	/* who may open it has it again */
	EXPECT_EQ(0, ct_tool(ct, "restart", "-i", ct->img, NULL));
}

static int owner_and_mode(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("owned", 0);
	struct stat st;

	CT_EQ(s, 0, fchown(fd, 1000, 7));
	CT_EQ(s, 0, fchmod(fd, 04750));
	ct_step(s, 1);
	CT_EQ(s, 0, fstat(fd, &st));
	CT_EQ(s, 1000, st.st_uid);
	CT_EQ(s, 7, st.st_gid);
	CT_EQ(s, 0104750, st.st_mode);
	return 0;
}

CT_ROUND_TRIP(shmem, owner_and_mode)

static int copy_into(int to, const char *path)
{
	char buf[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			return -1;
	close(fd);
	return n;
}

/* The descriptor that memfd_create() gave does not count as a writer. */
static int executed_afterwards(struct ct_shared *s, void *arg)
{
	char *const argv[] = { "true", NULL }, *const env[] = { NULL };
	int fd = memfd_create("program", 0), status, rw;

	CT_EQ(s, 0, copy_into(fd, "/bin/true"));
	rw = again(fd, O_RDWR);
	close(rw);
	ct_step(s, 1);
	if (!fork()) {
		fexecve(fd, argv, env);
		_exit(errno);
	}
	CT_CHECK(s, wait(&status) > 0);
	CT_EQ(s, 0, status);
	rw = again(fd, O_RDWR); /* this one does */
	if (!fork()) {
		fexecve(fd, argv, env);
		_exit(errno);
	}
	CT_CHECK(s, wait(&status) > 0);
	CT_EQ(s, ETXTBSY, WEXITSTATUS(status));
	return 0;
}

CT_ROUND_TRIP(shmem, executed_afterwards)

static int opened_for_writing_counts(struct ct_shared *s, void *arg)
{
	char *const argv[] = { "true", NULL }, *const env[] = { NULL };
	int fd = memfd_create("program", 0), status, rw;

	CT_EQ(s, 0, copy_into(fd, "/bin/true"));
	rw = again(fd, O_RDWR);
	CT_CHECK(s, rw >= 0);
	ct_step(s, 1);
	if (!fork()) {
		fexecve(fd, argv, env);
		_exit(errno);
	}
	CT_CHECK(s, wait(&status) > 0);
	CT_EQ(s, ETXTBSY, WEXITSTATUS(status));
	return 0;
}

CT_ROUND_TRIP(shmem, opened_for_writing_counts)

/* The program itself lies in a memfd. */
TEST_F(shmem, program_in_a_memfd)
{
	static const char command[] =
		"import ctypes, os, sys, time\n"
		"fd = os.memfd_create('prog', 0)\n"
		"os.write(fd, open('/bin/sleep', 'rb').read())\n"
		"os.set_inheritable(fd, False)\n"
		"os.execve(fd, ['sleep', '3'], {})\n";
	char *argv[] = { "python3", "-c", (char *)command, NULL };
	char path[64], link[100] = "";
	struct ct *ct = &self->ct;
	int i;

	ASSERT_EQ(0, ct_start_command(ct, argv));
	snprintf(path, sizeof(path), "/proc/%d/exe", ct->pid);
	for (i = 0; i < 1000 && !strstr(link, "memfd"); i++) {
		ct_sleep_ms(10);
		memset(link, 0, sizeof(link));
		ASSERT_LT(0, readlink(path, link, 99));
	}
	ASSERT_STREQ("/memfd:prog (deleted)", link);
	ASSERT_EQ(0, ct_in_syscall(ct, SYS_clock_nanosleep));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	for (i = 0; i < 200; i++) {
		memset(link, 0, sizeof(link));
		if (readlink(path, link, 99) > 0 && strstr(link, "memfd"))
			break;
		ct_sleep_ms(10);
	}
	ASSERT_STREQ("/memfd:prog (deleted)", link);
	ASSERT_EQ(0, ct_join(ct));
}

/* ---- limits, and what is refused ---- */

static int ten_megabytes(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("ten", 0);

	CT_EQ(s, 0, ftruncate(fd, 10 * MB));
	ct_step(s, 1);
	return 0;
}

TEST_F(shmem, size_is_within_the_callers_limit)
{
	struct rlimit small = { MB, RLIM_INFINITY }, old;
	struct ct *ct = &self->ct;
	int ret;

	ASSERT_EQ(0, ct_start(ct, ten_megabytes, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, getrlimit(RLIMIT_FSIZE, &old));
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &small));
	ret = ct_tool(ct, "restart", "-i", ct->img, NULL);
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &old));
	ASSERT_EQ(1, ret);
	ASSERT_NE(NULL, strstr(ct->err, "memfd ten: 10485760 bytes"));
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_join(ct));
}

static int huge_memfd(struct ct_shared *s, void *arg)
{
	CT_CHECK(s, memfd_create("huge", MFD_HUGETLB) >= 0);
	ct_step(s, 1);
	return 0;
}

TEST_F(shmem, huge_memfd_is_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, huge_memfd, NULL,
				"/memfd:huge|hugetlbfs"));
}

static int endless_memfd(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("endless", 0);

	CT_EQ(s, 0, ftruncate(fd, 1L << 60));
	ct_step(s, 1);
	return 0;
}

TEST_F(shmem, larger_than_an_address_space_is_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, endless_memfd, NULL,
				"/memfd:endless|larger than"));
}

static int locked_memfd(struct ct_shared *s, void *arg)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd = memfd_create("locked", 0);

	CT_EQ(s, 0, fcntl(fd, F_SETLK, &lock));
	ct_step(s, 1);
	return 0;
}

TEST_F(shmem, locked_memfd_is_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, locked_memfd, NULL,
				"a POSIX record lock|memfd:locked"));
}

static int flags_memfd(struct ct_shared *s, void *arg)
{
	int fd = memfd_create("flags", 0), nodump = 0x40;

	CT_EQ(s, 0, ioctl(fd, _IOW('f', 2, long), &nodump));
	ct_step(s, 1);
	return 0;
}

TEST_F(shmem, inode_flags_are_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, flags_memfd, NULL,
				"/memfd:flags|chattr"));
}

TEST_HARNESS_MAIN
