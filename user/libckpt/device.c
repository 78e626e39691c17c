// SPDX-License-Identifier: GPL-2.0-only
/* /dev/ckpt and its ioctls, with words for their errors. */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "lib.h"

/* Secure Boot: an unsigned module is refused; integrity mode says so here. */
static bool kernel_locked_down(void)
{
	char text[128] = "";
	int fd = open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return text[0] && !strstr(text, "[none]");
}

static int open_failed(int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		if (kernel_locked_down())
			return ckpt_set_error(
				-err, CKPT_DEVICE
				": no such device: the kernel is locked down (Secure Boot): sign the module, enroll the key, then: modprobe ckpt");
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

int ckpt_ioctl_restart(int dev, struct ckpt_ioc_restart *arg)
{
	arg->size = sizeof(*arg);
	return dev_ioctl(dev, CKPT_IOC_RESTART, arg, "restart");
}

int ckpt_ioctl_lease(int dev, int freeze_fd)
{
	struct ckpt_ioc_lease arg = { .size = sizeof(arg), .fd = freeze_fd };

	return dev_ioctl(dev, CKPT_IOC_LEASE, &arg, "lease on the freezer");
}

/*
 * The restarted process has the device open under the same number, so that
 * the close is right on both ways out of the ioctl.
 */
int ckpt_self(int fd, unsigned long flags)
{
	struct ckpt_ioc_checkpoint arg = {
		.fd = fd,
		.logfd = CHECKPOINT_FD_NONE,
		.flags = flags | CHECKPOINT_SUBTREE,
	};
	int dev, ret;

	dev = ckpt_open();
	if (dev < 0) {
		errno = -dev;
		return -1;
	}
	ret = ckpt_ioctl_checkpoint(dev, &arg);
	close(dev);
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}
