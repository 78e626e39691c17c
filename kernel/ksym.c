// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look-up of what the kernel has and does not export: functions and objects by
 * name, members of private structures by BTF.  All of it happens once, at
 * load; every name that is missing is listed, and the load refused.
 *
 * kallsyms_lookup_name() itself is found through a kprobe, which registers by
 * name.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/btf.h>
#include <linux/errno.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/regset.h>
#include <linux/resource.h>
#include "ksym.h"

#define KSYM_FUNC(ret, name, args) \
	DEFINE_STATIC_CALL_NULL(ckpt_kcall_##name, ckpt_k_##name);
#define KSYM_DATA(type, name) type *ckpt_kdata_##name;
#include "ksym.def"
#include "compat/ksym.def"
#undef KSYM_FUNC
#undef KSYM_DATA

unsigned int ckpt_btf_offsets[CKPT_BTF_MEMBERS + 1]; /* one at least */

unsigned long ckpt_k_lookup_name(const char *name);
DEFINE_STATIC_CALL_NULL(ckpt_kcall_lookup_name, ckpt_k_lookup_name);

/* The kprobe's address may lie behind the ENDBR: ask the function for itself. */
static int find_lookup_name(void)
{
	struct kprobe kp = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long addr;
	int err;

	err = register_kprobe(&kp);
	if (err) {
		pr_err("cannot find kallsyms_lookup_name (%d): kernel built without CONFIG_KPROBES?\n",
		       err);
		return err;
	}
	addr = (unsigned long)kp.addr;
	unregister_kprobe(&kp);
	static_call_update(ckpt_kcall_lookup_name, (void *)addr);
	addr = static_call(ckpt_kcall_lookup_name)("kallsyms_lookup_name");
	if (!addr)
		return -ENOENT;
	static_call_update(ckpt_kcall_lookup_name, (void *)addr);
	return 0;
}

static unsigned long lookup(const char *name, int *missing)
{
	unsigned long addr = static_call(ckpt_kcall_lookup_name)(name);

	if (!addr) {
		pr_err("this kernel has no %s\n", name);
		(*missing)++;
	}
	return addr;
}

static int resolve_symbols(void)
{
	unsigned long addr;
	int missing = 0;

#define KSYM_FUNC(ret, name, args)      \
	addr = lookup(#name, &missing); \
	if (addr)                       \
		static_call_update(ckpt_kcall_##name, (void *)addr);
#define KSYM_DATA(type, name) \
	ckpt_kdata_##name = (void *)lookup(#name, &missing);
#include "ksym.def"
#include "compat/ksym.def"
#undef KSYM_FUNC
#undef KSYM_DATA
	return missing;
}

static int member_offset(const struct btf *btf, const char *structure,
			 const char *name, unsigned int *offset)
{
	const struct btf_member *m;
	const struct btf_type *t;
	s32 id;
	u16 i;

	id = K(btf_find_by_name_kind)(btf, structure, BTF_KIND_STRUCT);
	if (id < 0)
		return -ENOENT;
	t = btf_type_by_id(btf, id);
	m = btf_type_member(t);
	for (i = 0; i < btf_type_vlen(t); i++, m++) {
		if (strcmp(K(btf_name_by_offset)(btf, m->name_off), name))
			continue;
		*offset = __btf_member_bit_offset(t, m) / 8;
		return 0;
	}
	return -ENOENT;
}

static const struct {
	const char *structure, *member;
} members[] = {
#define BTF_MEMBER(structure, member) { #structure, #member },
#include "btf.def"
#undef BTF_MEMBER
	{}
};

static int resolve_members(void)
{
	const struct btf *btf;
	int i, missing = 0;

	if (!CKPT_BTF_MEMBERS)
		return 0;
	btf = K(bpf_get_btf_vmlinux)();
	if (IS_ERR_OR_NULL(btf)) {
		pr_err("this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)\n");
		return 1;
	}
	for (i = 0; i < CKPT_BTF_MEMBERS; i++) {
		if (!member_offset(btf, members[i].structure, members[i].member,
				   &ckpt_btf_offsets[i]))
			continue;
		pr_err("this kernel has no struct %s.%s\n",
		       members[i].structure, members[i].member);
		missing++;
	}
	return missing;
}

/**
 * ckpt_ksym_init() - find everything in ksym.def and btf.def
 *
 * Return: 0, or -ENOENT after a message for each name that is missing.
 */
int ckpt_ksym_init(void)
{
	int err, missing;

	err = find_lookup_name();
	if (err)
		return err;
	missing = resolve_symbols();
	if (!missing)
		missing = resolve_members();
	if (!missing)
		return 0;
	pr_err("%d names missing: this kernel is not supported (6.1 and 6.12 of Debian are)\n",
	       missing);
	return -ENOENT;
}
