// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading. */
#include <linux/ckpt.h>
#include <linux/init.h>
#include <linux/module.h>
#include "compat/sysctl.h"
#include "dev.h"
#include "ksym.h"
#include "snapshot.h"

/* The empty entry ends the table on 6.1. */
static struct ctl_table ckpt_table[] = {
	{
		.procname = "ckpt_unpriv_allowed",
		.data = &ckpt_unpriv_allowed,
		.maxlen = sizeof(ckpt_unpriv_allowed),
		.mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = SYSCTL_ZERO,
		.extra2 = SYSCTL_ONE,
	},
	{}
};

static struct ctl_table_header *ckpt_sysctl;

static int __init ckpt_init(void)
{
	int err;

	err = ckpt_ksym_init();
	if (err)
		return err;
	ckpt_sysctl = ckpt_register_sysctl("kernel", ckpt_table, 1);
	if (!ckpt_sysctl)
		return -ENOMEM;
	err = ckpt_dev_init();
	if (err)
		unregister_sysctl_table(ckpt_sysctl);
	return err;
}

static void __exit ckpt_exit(void)
{
	ckpt_dev_exit();
	ckpt_snapshot_exit();
	unregister_sysctl_table(ckpt_sysctl);
}

module_init(ckpt_init);
module_exit(ckpt_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Checkpoint and restart of running programs");
MODULE_VERSION(CKPT_VERSION);
