// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images that ask for what their restarter could not give himself:
 * credentials, limits, priorities, pids, signals, timers, registers.
 */
#define _GNU_SOURCE
#include "privilege_image.h"
#include <linux/filter.h>
#include <linux/seccomp.h>

#define NET_RAW (1ULL << CAP_NET_RAW)
#define ENOUGH (1ULL << 30) /* a limit with which anything works */

/* ---- credentials --------------------------------------------------- */

PV_EDIT(uid, cred, 0, r->uid = 0)
PV_EDIT(euid, cred, 0, r->euid = 0)
PV_EDIT(suid, cred, 0, r->suid = 0)
PV_EDIT(fsuid, cred, 0, r->fsuid = 0)
PV_EDIT(other_user, cred, 0, r->uid = 1001; r->euid = 1001; r->suid = 1001;
	r->fsuid = 1001)
PV_EDIT(no_user, cred, 0, r->uid = ~0U)
PV_EDIT(gid, cred, 0, r->gid = 0)
PV_EDIT(egid, cred, 0, r->egid = 0)
PV_EDIT(sgid, cred, 0, r->sgid = 0)
PV_EDIT(fsgid, cred, 0, r->fsgid = 0)
PV_EDIT(permitted, cred, 0, r->cap_permitted |= NET_RAW)
PV_EDIT(effective, cred, 0, r->cap_effective |= NET_RAW)
PV_EDIT(inheritable, cred, 0, r->cap_inheritable |= NET_RAW)
PV_EDIT(ambient, cred, 0, r->cap_ambient |= NET_RAW)
PV_EDIT(no_capability, cred, 0, r->cap_permitted |= 1ULL << 63)
PV_EDIT(securebits, cred, 0, r->securebits = SECBIT_NOROOT)
PV_EDIT(securebit, cred, 0, r->securebits = 1U << 30)
PV_EDIT(all_capabilities, cred, 0, r->cap_permitted = r->cap_bset;
	r->cap_effective = r->cap_bset)

static void edit_groups(struct ib *ib)
{
	int n = ib_index(ib, CKPT_HDR_CRED, 0);
	struct ckpt_hdr_cred *r;

	ib_resize(ib, n, 8);
	r = ib_at(ib, n);
	r->nr_groups = 1;
	r->groups[0] = 0;
}

static void has_less_bounding(void)
{
	prctl(PR_CAPBSET_DROP, CAP_NET_RAW);
}

static void has_locked_bits(void)
{
	prctl(PR_SET_SECUREBITS,
	      SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED);
}

static bool is_root_in_one_id(const struct ct_shared *s)
{
	return !s->data[PV_UID] && s->data[PV_EUID] == PV_USER;
}

static bool has_net_raw(const struct ct_shared *s)
{
	return s->data[PV_PERMITTED] & NET_RAW;
}

static bool has_group(const struct ct_shared *s)
{
	return s->data[PV_GROUPS] == 1;
}

static bool has_noroot(const struct ct_shared *s)
{
	return s->data[PV_SECUREBITS] == SECBIT_NOROOT;
}

static const struct pv_row cred_rows[] = {
	{ "user_id", edit_uid, "user ids need CAP_SETUID", EPERM, PV_ROOT_MAY,
	  NULL, is_root_in_one_id },
	{ "effective_user_id", edit_euid, "user ids need CAP_SETUID", EPERM },
	{ "saved_user_id", edit_suid, "user ids need CAP_SETUID", EPERM },
	{ "file_system_user_id", edit_fsuid, "user ids need CAP_SETUID",
	  EPERM },
	{ "another_users_ids", edit_other_user, "user ids need CAP_SETUID",
	  EPERM },
	{ "user_id_that_is_none", edit_no_user, "cred: invalid id", EINVAL,
	  PV_ROOT_TOO },
	{ "user_id_outside_the_namespace", edit_other_user,
	  "not in the caller's user namespace", EINVAL, PV_NAMESPACE },
	{ "group_id", edit_gid, "group ids need CAP_SETGID", EPERM,
	  PV_ROOT_MAY },
	{ "effective_group_id", edit_egid, "group ids need CAP_SETGID", EPERM },
	{ "saved_group_id", edit_sgid, "group ids need CAP_SETGID", EPERM },
	{ "file_system_group_id", edit_fsgid, "group ids need CAP_SETGID",
	  EPERM },
	{ "supplementary_group", edit_groups,
	  "supplementary groups need CAP_SETGID", EPERM, PV_ROOT_MAY, NULL,
	  has_group },
	{ "permitted_capability", edit_permitted,
	  "permitted capabilities that the caller lacks", EPERM, PV_ROOT_MAY,
	  NULL, has_net_raw },
	{ "effective_capability", edit_effective,
	  "effective capabilities beyond", EINVAL, PV_ROOT_TOO },
	{ "inheritable_capability", edit_inheritable,
	  "inheritable capabilities", EPERM, PV_ROOT_MAY },
	{ "ambient_capability", edit_ambient, "ambient capabilities beyond",
	  EINVAL, PV_ROOT_TOO },
	{ "bounding_set", NULL, "bounding set", EPERM, PV_ROOT_MAY,
	  has_less_bounding },
	{ "capability_that_is_none", edit_no_capability, "unknown capabilities",
	  EINVAL, PV_ROOT_TOO },
	{ "securebits", edit_securebits, "its securebits", EPERM, PV_ROOT_MAY,
	  NULL, has_noroot },
	{ "securebit_that_is_none", edit_securebit, "unknown securebits",
	  EINVAL, PV_ROOT_TOO },
	{ "securebits_that_are_locked", NULL, "its securebits", EPERM,
	  PV_ROOT_MAY, has_locked_bits },
	{ "capabilities_in_a_user_namespace", edit_all_capabilities, NULL, 0,
	  PV_NAMESPACE },
};

/* ---- limits, priorities -------------------------------------------- */

/* One more than the caller has; enough for the restart itself. */
static rlim_t limit_of(int i)
{
	struct rlimit rlim;

	getrlimit(i, &rlim);
	if (i == RLIMIT_NOFILE)
		return 4096;
	return rlim.rlim_max < ENOUGH ? rlim.rlim_max : ENOUGH;
}

static void edit_limit(struct ib *ib)
{
	struct ckpt_rlimit *r = &IE_REC(ib, signal, 0)->rlim[pv_number];

	r->max = limit_of(pv_number) + 1;
	if (r->cur > r->max)
		r->cur = r->max;
}

static void has_limit(void)
{
	struct rlimit rlim = { limit_of(pv_number), limit_of(pv_number) };

	setrlimit(pv_number, &rlim);
}

static bool limit_is(const struct ct_shared *s)
{
	return s->data[PV_LIMITS + pv_number] ==
	       (int64_t)limit_of(pv_number) + 1;
}

static struct pv_row limit_rows[CKPT_NLIMITS];

static void make_limit_rows(void)
{
	static char names[CKPT_NLIMITS][32];
	int i;

	for (i = 0; i < CKPT_NLIMITS; i++) {
		snprintf(names[i], sizeof(names[i]), "hard_limit_%d", i);
		limit_rows[i] = (struct pv_row){
			.name = names[i],
			.edit = edit_limit,
			.words =
				"limit: RLIMIT_|: hard limit|above the caller's",
			.err = EPERM,
			.flags = PV_ROOT_MAY,
			.caller = has_limit,
			.holds = limit_is,
			.number = i,
		};
	}
}

PV_EDIT(nr_open, signal, 0, r->rlim[RLIMIT_NOFILE].max = 1U << 31)
PV_EDIT(oom, signal, 0, r->oom_score_adj = -1000)
PV_EDIT(nice, task, 0, r->nice = -20)
PV_EDIT(fifo, task, 0, r->policy = SCHED_FIFO; r->rt_priority = 1)
PV_EDIT(deadline, task, 0, r->policy = SCHED_DEADLINE)
PV_EDIT(ioprio, task, 0, r->ioprio = 1 << 13)
PV_EDIT(exit_signal, task, 0,
	r->exit_signal = IE_REC(ib, tree_task, 0)->exit_signal = SIGKILL)
PV_EDIT(no_new_privs, task, 0, r->flags |= CKPT_TASK_NO_NEW_PRIVS)

static void is_idle(void)
{
	struct sched_param none = { 0 };

	sched_setscheduler(0, SCHED_IDLE, &none);
}

static void resets_on_fork(void)
{
	struct sched_param none = { 0 };

	sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none);
}

static void is_nicer(void)
{
	setpriority(PRIO_PROCESS, 0, 10);
}

static void has_no_new_privs(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void is_under_seccomp(void)
{
	struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
	struct sock_fprog prog = { 1, &allow };

	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

static bool is_nice_20(const struct ct_shared *s)
{
	return s->data[PV_NICE] == -20;
}

static bool is_fifo(const struct ct_shared *s)
{
	return s->data[PV_POLICY] == SCHED_FIFO;
}

static bool is_unkillable(const struct ct_shared *s)
{
	return s->data[PV_OOM_SCORE_ADJ] == -1000;
}

static bool gains_nothing(const struct ct_shared *s)
{
	return s->data[PV_NO_NEW_PRIVS] == 1;
}

/* A filter in the image; with no_new_privs anyone may install it. */
static void insert_filter(struct ib *ib, __u32 flags)
{
	struct ckpt_hdr_task *t = IE_REC(ib, task, 0);
	struct ckpt_hdr_seccomp *f;

	t->flags |= flags;
	t->seccomp = CKPT_SECCOMP_FILTER;
	t->nr_seccomp = 1;
	f = ie_insert(ib, ib_index(ib, CKPT_HDR_TRAILER, 0), CKPT_HDR_SECCOMP,
		      sizeof(*f) + sizeof(f->insn[0]));
	f->nr_insns = 1;
	f->insn[0].code = BPF_RET | BPF_K;
	f->insn[0].k = SECCOMP_RET_ALLOW;
}

static void edit_filter(struct ib *ib)
{
	insert_filter(ib, 0);
}

static void edit_filter_no_new_privs(struct ib *ib)
{
	insert_filter(ib, CKPT_TASK_NO_NEW_PRIVS);
}

static bool is_filtered(const struct ct_shared *s)
{
	return s->data[PV_SECCOMP] == SECCOMP_MODE_FILTER;
}

static const struct pv_row right_rows[] = {
	{ "hard_limit_above_nr_open", edit_nr_open, "above fs.nr_open", EPERM,
	  PV_ROOT_TOO },
	{ "oom_score_adj", edit_oom, "oom_score_adj -1000|CAP_SYS_RESOURCE",
	  EPERM, PV_ROOT_MAY, NULL, is_unkillable },
	{ "nice", edit_nice, "nice -20|CAP_SYS_NICE", EPERM, PV_ROOT_MAY, NULL,
	  is_nice_20 },
	{ "nice_in_a_user_namespace", edit_nice, "nice -20|CAP_SYS_NICE", EPERM,
	  PV_NAMESPACE },
	{ "nice_of_a_nice_caller", NULL, "nice 0|CAP_SYS_NICE", EPERM,
	  PV_ROOT_MAY, is_nicer },
	{ "real_time_policy", edit_fifo, "scheduling policy needs", EPERM,
	  PV_ROOT_MAY, NULL, is_fifo },
	{ "deadline_policy", edit_deadline, "scheduling policy 6", EOPNOTSUPP,
	  PV_ROOT_TOO },
	{ "out_of_the_idle_policy", NULL, "scheduling policy needs", EPERM,
	  PV_ROOT_MAY, is_idle },
	{ "out_of_reset_on_fork", NULL, "scheduling policy needs", EPERM,
	  PV_ROOT_MAY | PV_SELF, resets_on_fork },
	{ "real_time_io_priority", edit_ioprio, "I/O priority needs", EPERM,
	  PV_ROOT_MAY },
	{ "exit_signal_to_anothers_process", edit_exit_signal,
	  "exit signal 9: the caller may not signal its parent", EPERM,
	  PV_SELF },
	{ "no_new_privs_dropped", NULL, "no_new_privs", EPERM, PV_ROOT_MAY,
	  has_no_new_privs },
	{ "no_new_privs_kept", edit_no_new_privs, NULL, 0, 0, has_no_new_privs,
	  gains_nothing },
	{ "seccomp_dropped", NULL, "under seccomp", EPERM, PV_ROOT_MAY,
	  is_under_seccomp },
	{ "seccomp_exchanged", edit_filter_no_new_privs, "under seccomp", EPERM,
	  PV_ROOT_MAY, is_under_seccomp, is_filtered },
	{ "seccomp_without_no_new_privs", edit_filter,
	  "seccomp filters without no_new_privs need CAP_SYS_ADMIN", EPERM,
	  PV_ROOT_MAY, NULL, is_filtered },
	{ "seccomp_with_no_new_privs", edit_filter_no_new_privs, NULL, 0, 0,
	  NULL, is_filtered },
};

/* ---- pids, namespaces, signals, timers ----------------------------- */

static void set_pid(struct ib *ib, int pid)
{
	struct ckpt_hdr_tree_task *t = IE_REC(ib, tree_task, 0);

	t->pid = pid;
	t->tgid = pid;
	t->pids[0] = pid;
	IE_REC(ib, task, 0)->pid = pid;
}

static void edit_init(struct ib *ib)
{
	set_pid(ib, 1);
}

PV_EDIT(pids_differ, task, 0, r->pid++)
PV_EDIT(namespace, ns, 0, r->callers = 0)
PV_EDIT(kill_handled, sighand, 0, r->action[SIGKILL - 1].handler = 0x400000)
PV_EDIT(stop_handled, sighand, 0, r->action[SIGSTOP - 1].handler = 0x400000)
PV_EDIT(stop_flags, sighand, 0, r->action[SIGSTOP - 1].flags = SA_RESTART)
PV_EDIT(handler, sighand, 0, r->action[SIGUSR2 - 1].handler = PV_DEEP)
PV_EDIT(restorer, sighand, 0, r->action[SIGUSR2 - 1].restorer = PV_DEEP)
PV_EDIT(handler_flags, sighand, 0, r->action[SIGUSR2 - 1].flags = 1ULL << 40)
PV_EDIT(kill_pending, siginfo, 0, r->signo = SIGKILL; r->info[0] = SIGKILL)
PV_EDIT(stop_bare, siginfo, 0, r->signo = SIGSTOP; r->has_info = 0;
	memset(r->info, 0, sizeof(r->info)))
PV_EDIT(other_info, siginfo, 0, r->info[0] = SIGCHLD)
PV_EDIT(forged_info, siginfo, 0, r->info[8] = 0x80; /* SI_KERNEL */
	r->info[16] = 1 /* from init */)
PV_EDIT(kill_blocked, task, 0, r->blocked |= 1ULL << (SIGKILL - 1))
PV_EDIT(others_clock, timer, 0, r->clockid = ~1 << 3 | 2 /* pid 1's */)
PV_EDIT(alarm_clock, timer, 0, r->clockid = CLOCK_REALTIME_ALARM)
PV_EDIT(others_thread, timer, 0, r->notify = SIGEV_THREAD_ID; r->target_tid = 1;
	r->signo = SIGTERM)
PV_EDIT(sleep_clock, restart_block, 0, r->kind = CKPT_RESTART_NANOSLEEP;
	r->clockid = 5)
PV_EDIT(sleep_alarm, restart_block, 0, r->kind = CKPT_RESTART_ALARM_NANOSLEEP;
	r->clockid = 1)
PV_EDIT(sleep_others_cpu, restart_block, 0,
	r->kind = CKPT_RESTART_CPU_NANOSLEEP;
	r->clockid = ~1 << 3 | 2)
PV_EDIT(tid_address, task, 0, r->clear_child_tid = PV_DEEP)
PV_EDIT(robust_list, task, 0, r->robust_list = PV_DEEP)
PV_EDIT(rseq, task, 0, r->rseq = PV_DEEP; r->rseq_len = 32)
PV_EDIT(signal_stack, task, 0, r->sas_ss_flags = 0; r->sas_ss_sp = PV_DEEP;
	r->sas_ss_size = 65536)

static void edit_owner(struct ib *ib)
{
	struct ckpt_hdr_file *f = ie_file(ib, "/open");

	f->owner_type = F_OWNER_PID;
	f->owner_pid = 1;
}

static const struct pv_row signal_rows[] = {
	{ "pid_of_the_init", edit_init, "cannot choose pid 1", 0,
	  PV_NAMESPACE },
	{ "pids_that_differ", edit_pids_differ, "stands where task", EINVAL,
	  PV_ROOT_TOO },
	{ "another_namespace", edit_namespace, "namespace other than",
	  EOPNOTSUPP, PV_ROOT_TOO },
	{ "sigio_to_another_process", edit_owner, "owner 1 is not in the tree",
	  EINVAL, PV_ROOT_TOO },
	{ "handler_of_sigkill", edit_kill_handled, "SIGKILL or SIGSTOP handled",
	  EINVAL, PV_ROOT_TOO },
	{ "handler_of_sigstop", edit_stop_handled, "SIGKILL or SIGSTOP handled",
	  EINVAL, PV_ROOT_TOO },
	{ "flags_of_sigstop", edit_stop_flags, "a handler for signal 19",
	  EINVAL, PV_ROOT_TOO },
	{ "handler_in_the_kernel", edit_handler, "bad address for signal",
	  EINVAL, PV_ROOT_TOO },
	{ "restorer_in_the_kernel", edit_restorer, "bad address for signal",
	  EINVAL, PV_ROOT_TOO },
	{ "handler_with_unknown_flags", edit_handler_flags, "unknown flags",
	  EINVAL, PV_ROOT_TOO },
	{ "pending_sigkill", edit_kill_pending, "SIGKILL or SIGSTOP pending",
	  EINVAL, PV_ROOT_TOO },
	{ "pending_sigstop", edit_stop_bare, "SIGKILL or SIGSTOP pending",
	  EINVAL, PV_ROOT_TOO },
	{ "siginfo_of_another_signal", edit_other_info, "of another signal",
	  EINVAL, PV_ROOT_TOO },
	{ "siginfo_from_the_kernel", edit_forged_info, NULL },
	{ "blocked_sigkill", edit_kill_blocked, "SIGKILL or SIGSTOP blocked",
	  EINVAL, PV_ROOT_TOO },
	{ "timer_on_anothers_clock", edit_others_clock, "timer 0 on clock",
	  EOPNOTSUPP, PV_ROOT_TOO },
	{ "timer_that_wakes_the_machine", edit_alarm_clock,
	  "timer 0 on clock 8", EOPNOTSUPP, PV_ROOT_TOO },
	{ "timer_that_signals_another", edit_others_thread,
	  "bad notification of timer 0", EINVAL, PV_ROOT_TOO },
	{ "sleep_on_no_clock", edit_sleep_clock, "a bad clock 5", EINVAL,
	  PV_ROOT_TOO },
	{ "sleep_that_wakes_the_machine", edit_sleep_alarm, "CAP_WAKE_ALARM",
	  EPERM },
	{ "sleep_on_anothers_clock", edit_sleep_others_cpu, "a bad clock",
	  EINVAL, PV_ROOT_TOO },
	{ "clear_child_tid_in_the_kernel", edit_tid_address,
	  "bad clear_child_tid", EINVAL, PV_ROOT_TOO },
	{ "robust_list_in_the_kernel", edit_robust_list, "robust list", EINVAL,
	  PV_ROOT_TOO },
	{ "rseq_in_the_kernel", edit_rseq, "bad rseq area", EINVAL,
	  PV_ROOT_TOO },
	{ "signal_stack_in_the_kernel", edit_signal_stack,
	  "bad alternate signal stack", EINVAL, PV_ROOT_TOO },
};

int main(void)
{
	const struct pv_table tables[] = {
		PV_TABLE(cred_rows),
		PV_TABLE(limit_rows),
		PV_TABLE(right_rows),
		PV_TABLE(signal_rows),
	};

	make_limit_rows();
	return pv_main(tables, ARRAY_SIZE(tables));
}
