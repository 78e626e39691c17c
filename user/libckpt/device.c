// SPDX-License-Identifier: GPL-2.0-only
/* /dev/ckpt and its ioctls, with words for their errors. */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "lib.h"

/* The beginning of a small file; empty if it cannot be read. */
static void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	text[n < 0 ? 0 : n] = 0;
	if (fd >= 0)
		close(fd);
}

/*
 * Lockdown, which Secure Boot switches on, and module.sig_enforce each refuse a
 * module without a signature that the kernel trusts.
 */
static bool signature_needed(void)
{
	char text[128];

	read_text("/sys/kernel/security/lockdown", text, sizeof(text));
	if (text[0] && !strstr(text, "[none]"))
		return true;
	read_text("/sys/module/module/parameters/sig_enforce", text,
		  sizeof(text));
	return text[0] == 'Y';
}

static int open_failed(int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		if (signature_needed())
			return ckpt_set_error(
				-err, CKPT_DEVICE
				": no such device: the kernel takes signed modules only (Secure Boot): sign ckpt.ko, enroll the key, then: modprobe ckpt");
		return ckpt_set_error(-err, CKPT_DEVICE
				      ": no such device: load the module: modprobe ckpt");
	case EACCES:
	case EPERM:
		return ckpt_set_error(
			-err, CKPT_DEVICE
			": permission denied: run as root, or see its mode and kernel.ckpt_unpriv_allowed");
	default:
		return ckpt_set_error(-err, CKPT_DEVICE ": %s", strerror(err));
	}
}

int ckpt_open(void)
{
	int fd = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? open_failed(errno) : fd;
}

static int ioctl_failed(const char *what, int err)
{
	const char *why;

	switch (err) {
	case ENOTTY:
	case E2BIG:
		why = "module and tools differ: install both from one build, reload the module";
		break;
	case EINTR:
		why = "interrupted";
		break;
	case EPERM:
	case EACCES:
		why = "not permitted: run as root, or see kernel.ckpt_unpriv_allowed";
		break;
	case ESRCH:
		why = "no such process";
		break;
	case EBADF:
		why = "a descriptor is not open, or not for this";
		break;
	case EPIPE:
		why = "the reader has closed the pipe";
		break;
	case EOPNOTSUPP:
		why = "the program uses something that is not supported";
		break;
	default:
		why = strerror(err);
	}
	return ckpt_set_error(-err, "%s: %s", what, why);
}

static int dev_ioctl(int dev, unsigned long cmd, void *arg, const char *what)
{
	int ret = ioctl(dev, cmd, arg);

	return ret < 0 ? ioctl_failed(what, errno) : ret;
}

int ckpt_ioctl_checkpoint(int dev, struct ckpt_ioc_checkpoint *arg)
{
	arg->size = sizeof(*arg);
	return dev_ioctl(dev, CKPT_IOC_CHECKPOINT, arg, "checkpoint");
}

int ckpt_ioctl_stream(int dev, struct ckpt_ioc_stream *arg)
{
	arg->size = sizeof(*arg);
	return dev_ioctl(dev, CKPT_IOC_STREAM, arg, "checkpoint");
}

int ckpt_ioctl_restart(int dev, struct ckpt_ioc_restart *arg)
{
	arg->size = sizeof(*arg);
	return dev_ioctl(dev, CKPT_IOC_RESTART, arg, "restart");
}

static int lease_call(int dev, int fd, __u64 flags)
{
	struct ckpt_ioc_lease arg = {
		.size = sizeof(arg),
		.fd = fd,
		.flags = flags,
	};

	return dev_ioctl(dev, CKPT_IOC_LEASE, &arg, "lease on a cgroup");
}

int ckpt_ioctl_lease(int dev, int fd)
{
	return lease_call(dev, fd, 0);
}

int ckpt_ioctl_lease_return(int dev, int fd)
{
	return lease_call(dev, fd, CKPT_LEASE_RETURN);
}
