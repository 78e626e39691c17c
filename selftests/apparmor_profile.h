/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An AppArmor profile that allows nothing, made without AppArmor's own tools: in
 * the form that the kernel reads, each value a byte of type and the value, names
 * before values.  The format is that of security/apparmor/policy_unpack.c, whose
 * optional parts are left out.
 */
#ifndef _APPARMOR_PROFILE_H
#define _APPARMOR_PROFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include "ckpt_test.h"

#define AP_DIR "/sys/kernel/security"
#define AP_NAME "ckpt-selftest"

enum ap_type { AP_U32 = 2, AP_LABEL = 4, AP_STRING = 5, AP_STRUCT = 7, AP_END };

struct ap {
	char buf[512];
	size_t len;
};

static inline void ap_put(struct ap *ap, const void *from, size_t len)
{
	memcpy(ap->buf + ap->len, from, len);
	ap->len += len;
}

static inline void ap_type(struct ap *ap, enum ap_type type)
{
	ap->buf[ap->len++] = type;
}

static inline void ap_text(struct ap *ap, enum ap_type type, const char *text)
{
	uint16_t len = strlen(text) + 1;

	ap_type(ap, type);
	ap_put(ap, &len, sizeof(len));
	ap_put(ap, text, len);
}

static inline void ap_u32(struct ap *ap, uint32_t value)
{
	ap_type(ap, AP_U32);
	ap_put(ap, &value, sizeof(value));
}

static inline void ap_struct(struct ap *ap, const char *name)
{
	ap_text(ap, AP_LABEL, name);
	ap_type(ap, AP_STRUCT);
}

static inline bool ap_enabled(void)
{
	char *text = ct_read_file("/sys/module/apparmor/parameters/enabled");
	bool yes = text && *text == 'Y';

	free(text);
	return yes;
}

/* Load it: 0 or -1. */
static inline int ap_load(void)
{
	struct ap ap = { .len = 0 };
	ssize_t n;
	int fd, i;

	ap_text(&ap, AP_LABEL, "version");
	ap_u32(&ap, 5);
	ap_struct(&ap, "profile");
	ap_text(&ap, AP_STRING, AP_NAME);
	ap_struct(&ap, "flags");
	for (i = 0; i < 3; i++) /* no hat, enforced, nothing audited */
		ap_u32(&ap, 0);
	ap_type(&ap, AP_END);
	for (i = 0; i < 4; i++) /* no capability allowed or audited */
		ap_u32(&ap, 0);
	ap_type(&ap, AP_END);

	mount("none", AP_DIR, "securityfs", 0, NULL); /* if it is not there */
	fd = open(AP_DIR "/apparmor/.replace", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = write(fd, ap.buf, ap.len);
	close(fd);
	return n == (ssize_t)ap.len ? 0 : -1;
}

/* The caller is confined from here on: 0 or -1. */
static inline int ap_enter(void)
{
	return ct_write_file("/proc/self/attr/apparmor/current",
			     "changeprofile " AP_NAME);
}

#endif /* _APPARMOR_PROFILE_H */
