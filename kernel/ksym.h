/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of the kernel that are not exported: K(name)(...) calls one,
 * KDATA(name) is the address of an object.  The table is ksym.def; what stands
 * there is certain to be there, since the module would not have loaded.
 *
 * Calls are static calls, patched to direct ones: an indirect call could meet
 * a function whose ENDBR the kernel has sealed, and fault where IBT is on.
 */
#ifndef _CKPT_KSYM_H
#define _CKPT_KSYM_H

#include <linux/capability.h>
#include <linux/static_call.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct address_space;
struct btf;
struct cpumask;
struct cred;
struct file;
struct file_operations;
struct files_struct;
struct fpstate;
struct fs_struct;
struct itimerspec64;
struct k_itimer;
struct k_sigaction;
struct kernel_clone_args;
struct lsm_blob_sizes;
struct membuf;
struct mm_struct;
struct mm_walk_ops;
struct mnt_namespace;
struct mutex;
struct ns_common;
struct nsproxy;
struct path;
struct pt_regs;
struct rlimit;
struct rq;
struct rusage;
struct sighand_struct;
struct sock_filter;
struct task_struct;
struct user_regset;
struct user_struct;
struct vdso_image;
struct vm_operations_struct;

#define KSYM_FUNC(ret, name, args)     \
	extern ret ckpt_k_##name args; \
	DECLARE_STATIC_CALL(ckpt_kcall_##name, ckpt_k_##name);
#define KSYM_DATA(type, name) extern type *ckpt_kdata_##name;
#include "ksym.def"
#include "compat/ksym.def"
#undef KSYM_FUNC
#undef KSYM_DATA

#define K(name) static_call(ckpt_kcall_##name)
#define KDATA(name) (ckpt_kdata_##name)

int ckpt_ksym_init(void);

/* Byte offset of @member in @structure, from the running kernel's BTF. */
enum ckpt_btf_member {
#define BTF_MEMBER(structure, member) CKPT_BTF_##structure##_##member,
#include "btf.def"
#undef BTF_MEMBER
	CKPT_BTF_MEMBERS
};

extern unsigned int ckpt_btf_offsets[CKPT_BTF_MEMBERS + 1];
#define BTF_OFFSET(structure, member) \
	(ckpt_btf_offsets[CKPT_BTF_##structure##_##member])

#endif /* _CKPT_KSYM_H */
