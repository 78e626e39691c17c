/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CKPT_DEV_H
#define _CKPT_DEV_H

extern int ckpt_unpriv_allowed; /* sysctl kernel.ckpt_unpriv_allowed */

int ckpt_dev_init(void);
void ckpt_dev_exit(void);

#endif /* _CKPT_DEV_H */
