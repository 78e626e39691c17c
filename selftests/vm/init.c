// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process 1 of the test machine, statically linked, alone in the initrd.
 *
 * Loads the modules that the root file system needs, mounts it and everything
 * a running system has, starts guest.sh from the payload disk, reaps orphans
 * until that ends, sends its status to the host and turns the machine off.
 *
 * Channels to the host: /dev/vport0p1 is COMMAND's output, /dev/vport0p2 takes
 * the exit status as decimal text. Without a status the host knows that the
 * machine came to a bad end. A port can be open only once, and /dev/stdout
 * opens it again: COMMAND writes into a pipe, which we empty into the port.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETUP_FAILED 97
#define P9_OPTIONS "trans=virtio,version=9p2000.L,msize=262144"

static void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	pause();
}

__attribute__((format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	printf("ckpt-init: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(": %s\n", strerror(error));
	fflush(stdout);
	power_off();
}

static void mount_at(const char *source, const char *target, const char *type,
		     unsigned long flags, const char *data)
{
	mkdir(target, 0755);
	if (mount(source, target, type, flags, data))
		fail("mount %s on %s", source, target);
}

static void load_modules(void)
{
	FILE *order = fopen("/modules/order", "r");
	char path[128];

	if (!order)
		fail("/modules/order");
	while (fscanf(order, "%127s", path) == 1) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 ||
		    (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			fail("load %s", path);
		close(fd);
	}
	fclose(order);
}

/* The initrd is rootfs: it cannot be pivoted away, so move onto it. */
static void enter_root(void)
{
	mount_at("/dev/vda", "/root", "ext4", MS_NOATIME, NULL);
	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL))
		fail("move /dev");
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		fail("enter the root file system");
}

/* A whole system's root (run -r) brings the kernel's modules along. */
static void mount_modules(void)
{
	struct utsname kernel;
	char path[sizeof(kernel.release) + 32];

	uname(&kernel);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep",
		 kernel.release);
	if (!access(path, F_OK))
		return;

	/* ckpt.ko goes on top of the kernel's own modules. */
	mount_at("modules", "/run/modules", "9p", MS_RDONLY,
		 P9_OPTIONS ",cache=loose");
	mkdir("/run/modules-upper", 0755);
	mkdir("/run/modules-work", 0755);
	mount_at("modules", "/lib/modules", "overlay", 0,
		 "lowerdir=/run/modules,upperdir=/run/modules-upper,workdir=/run/modules-work");
}

/* Of this kernel, built in or loaded. */
static int has_filesystem(const char *name)
{
	FILE *f = fopen("/proc/filesystems", "re");
	char line[64];
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *type = strrchr(line, '\t');

		line[strcspn(line, "\n")] = 0;
		found = type && !strcmp(type + 1, name);
	}
	if (f)
		fclose(f);
	return found;
}

/* Without 9p the payload has copies of them. */
static void mount_shared(void)
{
	if (!has_filesystem("9p"))
		return;
	mount_at("repo", "/repo", "9p", MS_RDONLY, P9_OPTIONS ",cache=loose");
	mount_at("out", "/host-out", "9p", 0, P9_OPTIONS);
	mount_modules();
}

static void mount_all(void)
{
	mount_at("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		 NULL);
	mount_at("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		 NULL);
	mount_at("cgroup2", "/sys/fs/cgroup", "cgroup2",
		 MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		 "gid=5,mode=620,ptmxmode=666");
	mount_at("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
		 "mode=1777");
	mount_at("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	mount_at("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_shared();
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
	symlink("/proc/mounts", "/etc/mtab");
}

static void set_up_network(void)
{
	struct ifreq lo = { .ifr_name = "lo",
			    .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	sethostname("ckpt", 4);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo))
		fail("bring lo up");
	close(fd);
}

/* The host announces the ports some time after their driver is there. */
static int open_port(const char *path)
{
	int tries = 1000, fd;

	while ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0 && errno == ENOENT &&
	       tries--)
		usleep(10000);
	if (fd < 0)
		fail("open %s", path);
	return fd;
}

static void guest_main(int out)
{
	static char *const argv[] = {
		"sh", "-c",
		"tar --keep-directory-symlink --no-overwrite-dir -xf /dev/vdb -C / && exec bash /ckpt-vm/guest.sh",
		NULL
	};
	static char *const envp[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LANG=C.UTF-8", "TERM=dumb", NULL
	};
	int in = open("/dev/null", O_RDONLY);
	sigset_t none;

	if (in < 0)
		fail("open /dev/null");
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	if (in > 2)
		close(in);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	execve("/bin/sh", argv, envp);
	_exit(SETUP_FAILED);
}

/* Move what the pipe holds; 0 when there is no more for now. */
static int relay(int from, int port)
{
	char buf[65536];
	ssize_t len = read(from, buf, sizeof(buf)), done = 0;

	while (done < len) {
		ssize_t n = write(port, buf + done, len - done);

		if (n < 0 && errno != EINTR)
			fail("write to the host");
		if (n > 0)
			done += n;
	}
	return len > 0;
}

/* Reap whoever ended; true when @guest did, and then @status is its own. */
static int reap(pid_t guest, int *status)
{
	int one, found = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &one, WNOHANG)) > 0) {
		if (pid == guest) {
			*status = one;
			found = 1;
		}
	}
	return found;
}

static void on_child(int sig)
{
	(void)sig; /* it is enough that ppoll() returns */
}

static int run_guest(int port)
{
	struct sigaction sa = { .sa_handler = on_child };
	struct pollfd poll = { .events = POLLIN };
	sigset_t child, none;
	int fds[2], status;
	pid_t guest;

	sigemptyset(&none);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	sigaction(SIGCHLD, &sa, NULL);

	if (pipe2(fds, O_CLOEXEC))
		fail("pipe");
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	guest = fork();
	if (guest < 0)
		fail("fork");
	if (!guest)
		guest_main(fds[1]);

	/* We keep the write end too: no end of file before the guest's end. */
	poll.fd = fds[0];
	while (!reap(guest, &status)) {
		if (ppoll(&poll, 1, NULL, &none) > 0)
			relay(fds[0], port);
	}
	kill(-1, SIGKILL);
	while (relay(fds[0], port) || reap(guest, &status))
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void report(int status)
{
	int fd = open_port("/dev/vport0p2");

	if (dprintf(fd, "%d\n", status) < 0)
		fail("send the status");
	close(fd);
}

int main(void)
{
	int port, status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL) &&
	    errno != EBUSY)
		fail("mount /dev");
	load_modules();
	enter_root();
	mount_all();
	set_up_network();

	port = open_port("/dev/vport0p1");
	status = run_guest(port);
	close(port);
	sync();
	umount("/disk");
	report(status);
	power_off();
	return 0;
}
