/* SPDX-License-Identifier: GPL-2.0-only */
/* The namespaces of a task, by kind. */
#ifndef _CKPT_NS_H
#define _CKPT_NS_H

#include <linux/ns_common.h>
#include "ckpt.h"

struct nsproxy;

void ckpt_ns_of(struct task_struct *t, const struct nsproxy *nsproxy,
		struct ns_common *ns[CKPT_NS_KINDS]);

int ckpt_nsproxy_check_restarter(struct ckpt_ctx *ctx);

#endif /* _CKPT_NS_H */
