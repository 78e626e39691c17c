/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing behind: an image does not fill the page cache. */
#ifndef _CKPT_BEHIND_H
#define _CKPT_BEHIND_H

struct ckpt_ctx;

void ckpt_out_behind(struct ckpt_ctx *ctx);

#endif /* _CKPT_BEHIND_H */
