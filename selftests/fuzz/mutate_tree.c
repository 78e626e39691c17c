// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes to what an image says of its tasks, and of what they are to each
 * other: lies that the validation of single records cannot see, and other trees
 * that could be.
 */
#include <string.h>
#include "tree_image.h"

#define SIGCHLD_NR 17
#define FT_NOBODY 4000000 /* a pid that no task has */
#define CROWD 40

/* ---- choosing ---- */

typedef bool (*kind_fn)(const struct fz_image *img, int i);

static bool any(const struct fz_image *img, int i)
{
	(void)img;
	(void)i;
	return true;
}

static bool thread(const struct fz_image *img, int i)
{
	return ft_is_thread(ft_row(img, i));
}

static bool process(const struct fz_image *img, int i)
{
	return !thread(img, i);
}

/* A process that another task of the tree has made. */
static bool child(const struct fz_image *img, int i)
{
	return i && process(img, i);
}

static bool zombie(const struct fz_image *img, int i)
{
	return ft_row(img, i)->exit_state;
}

static bool alive(const struct fz_image *img, int i)
{
	return !zombie(img, i);
}

static bool alive_child(const struct fz_image *img, int i)
{
	return alive(img, i) && child(img, i);
}

/* A row of a kind, but not @but; -1: there is none. */
static int pick(const struct fz_image *img, struct fz_rng *rng, kind_fn kind,
		int but)
{
	int rows = fz_tree_rows(img), found = -1, i;
	__u32 nr = 0;

	for (i = 0; i < rows; i++)
		if (i != but && kind(img, i) && fz_one_in(rng, ++nr))
			found = i;
	return found;
}

/* ---- parents ---- */

static bool other_parent(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, child, -1), to = pick(img, rng, any, i);

	if (i < 0 || to < 0)
		return false;
	ft_set_parent(ft_row(img, i), ft_row(img, to));
	return true;
}

static bool no_parent(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, child, -1);

	if (i < 0)
		return false;
	ft_row(img, i)->parent_tid = fz_one_in(rng, 2) ? FT_NOBODY : 0;
	return true;
}

static bool torn_parent(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, child, -1);

	if (i < 0)
		return false;
	ft_row(img, i)->ppid = fz_one_in(rng, 2) ? FT_NOBODY : 0;
	return true;
}

/* Of two, or of one that is its own. */
static bool cycle(struct fz_image *img, struct fz_rng *rng)
{
	int a = pick(img, rng, child, -1), b = pick(img, rng, child, a);

	if (a < 0)
		return false;
	if (b < 0)
		b = a;
	ft_set_parent(ft_row(img, a), ft_row(img, b));
	ft_set_parent(ft_row(img, b), ft_row(img, a));
	return true;
}

/* ---- pids ---- */

static bool pid_twice(struct fz_image *img, struct fz_rng *rng)
{
	int a = pick(img, rng, any, -1), b = pick(img, rng, any, a);
	struct ckpt_hdr_task *t;
	__s32 pid;

	if (a < 0 || b < 0)
		return false;
	pid = ft_row(img, b)->pid;
	t = ft_state(img, a);
	if (t && fz_one_in(rng, 2))
		t->pid = pid;
	if (process(img, a))
		ft_row(img, a)->tgid = pid;
	ft_set_pid(ft_row(img, a), pid);
	return true;
}

static bool nobodys_thread(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, any, -1);

	if (i < 0)
		return false;
	ft_row(img, i)->tgid = FT_NOBODY;
	ft_row(img, i)->exit_signal = -1;
	return true;
}

static bool anothers_thread(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, thread, -1), to = pick(img, rng, process, -1);

	if (i < 0 || to < 0 || ft_row(img, i)->tgid == ft_row(img, to)->pid)
		return false;
	ft_row(img, i)->tgid = ft_row(img, to)->pid;
	return true;
}

/* Two threads of a process have the same one. */
static bool parent_of_thread(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, thread, -1);
	__s32 *to;

	if (i < 0)
		return false;
	to = fz_one_in(rng, 2) ? &ft_row(img, i)->ppid :
				 &ft_row(img, i)->parent_tid;
	if (*to == ft_row(img, i)->tgid)
		return false;
	*to = ft_row(img, i)->tgid;
	return true;
}

/* A thread, as far as the row can tell. */
static bool process_as_thread(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, child, -1);
	struct ckpt_hdr_tree_task *r, *before;

	if (i < 0)
		return false;
	r = ft_row(img, i);
	before = ft_row(img, i - 1);
	r->tgid = before->tgid;
	r->exit_signal = -1;
	if (fz_one_in(rng, 2))
		return true;
	r->pgid = before->pgid;
	r->sid = before->sid;
	r->flags = before->flags;
	r->signal_objref = before->signal_objref;
	r->sighand_objref = before->sighand_objref;
	r->mm_objref = before->mm_objref;
	return true;
}

static bool thread_as_process(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, thread, -1);
	struct ckpt_hdr_tree_task *r;

	if (i < 0)
		return false;
	r = ft_row(img, i);
	ft_set_parent(r, ft_row(img, 0));
	r->tgid = r->pid;
	r->exit_signal = SIGCHLD_NR;
	return true;
}

static bool states_swapped(struct fz_image *img, struct fz_rng *rng)
{
	int a = pick(img, rng, any, -1), b = pick(img, rng, any, a);
	struct ckpt_hdr_task *x, *y;
	__s32 pid;

	if (a < 0 || b < 0)
		return false;
	x = ft_state(img, a);
	y = ft_state(img, b);
	if (!x || !y)
		return false;
	pid = x->pid;
	x->pid = y->pid;
	y->pid = pid;
	return true;
}

/* ---- ends ---- */

static bool exit_signal(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, process, -1), sig = fz_below(rng, 65);
	struct ckpt_hdr_task *t;

	if (i < 0)
		return false;
	t = ft_state(img, i);
	if (t && fz_one_in(rng, 2))
		t->exit_signal = sig;
	ft_row(img, i)->exit_signal = sig;
	return true;
}

static bool row_alone_dies(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, alive, -1);

	if (i < 0 || thread(img, i))
		return false;
	ft_row_dies(ft_row(img, i), fz_below(rng, 0x10000));
	return true;
}

/* A zombie that could be, if it has neither children nor threads. */
static bool alive_as_zombie(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, alive_child, -1), n;
	__s32 objref[FT_NR_REFS];
	enum ft_ref ref;

	if (i < 0)
		return false;
	n = ft_state_index(img, ft_row(img, i)->pid);
	if (n < 0)
		return false;
	for (ref = 0; ref < FT_NR_REFS; ref++)
		objref[ref] = *ft_row_ref(ft_row(img, i), ref);
	ft_row_dies(ft_row(img, i), fz_below(rng, 256) << 8);
	ft_state_dies(img, n);
	for (ref = 0; ref < FT_SIGNAL; ref++)
		ft_remove_unused(img, ref, objref[ref]);
	return true;
}

/* With what another one has. */
static bool zombie_as_alive(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, zombie, -1), from = pick(img, rng, alive, -1);
	bool state = fz_one_in(rng, 2);
	struct ckpt_hdr_task *t;
	enum ft_ref ref;

	if (i < 0 || from < 0)
		return false;
	t = ft_state(img, i);
	ft_row(img, i)->exit_state = 0;
	ft_row(img, i)->exit_code = 0;
	for (ref = 0; ref < FT_NR_REFS; ref++) {
		if (ref == FT_SIGNAL || ref == FT_CRED)
			continue;
		*ft_row_ref(ft_row(img, i),
			    ref) = *ft_row_ref(ft_row(img, from), ref);
		if (t && state)
			*ft_state_ref(t, ref) = *ft_row_ref(ft_row(img, from),
							    ref);
	}
	if (t && state)
		t->flags &= ~CKPT_TASK_DEAD;
	return true;
}

static bool exit_code(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, zombie, -1);

	if (i < 0)
		return false;
	ft_row(img, i)->exit_code = fz_rand(rng) & 0xffff;
	return true;
}

/* ---- groups and sessions ---- */

static __s32 some_leader(const struct fz_image *img, struct fz_rng *rng, int i)
{
	switch (fz_below(rng, 4)) {
	case 0:
		return FT_NOBODY + fz_below(rng, 3);
	case 1:
		return ft_row(img, i)->pid;
	case 2:
		return fz_below(rng, 3);
	default:
		return ft_row(img, pick(img, rng, any, -1))->pid;
	}
}

static bool group(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, process, -1);

	if (i < 0)
		return false;
	ft_row(img, i)->pgid = some_leader(img, rng, i);
	if (fz_one_in(rng, 2))
		ft_row(img, i)->flags &= ~CKPT_TREE_PGID_OUTSIDE;
	return true;
}

static bool session(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, process, -1);

	if (i < 0)
		return false;
	ft_row(img, i)->sid = some_leader(img, rng, i);
	if (fz_one_in(rng, 2))
		ft_row(img, i)->pgid = some_leader(img, rng, i);
	if (fz_one_in(rng, 2))
		ft_row(img, i)->flags = 0;
	return true;
}

static bool threads_group(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, process, -1), of = pick(img, rng, thread, -1);

	if (i < 0 || of < 0)
		return false;
	ft_row(img, i)->flags &= ~CKPT_TREE_PGID_OUTSIDE;
	ft_row(img, i)->pgid = ft_row(img, of)->pid;
	return true;
}

static bool outside(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, process, -1);

	if (i < 0)
		return false;
	ft_row(img, i)->flags = fz_below(rng, CKPT_TREE_FLAGS + 1);
	return true;
}

/* All in groups and sessions of the dead: a ghost for each, or one for all. */
static bool ghosts(struct fz_image *img, struct fz_rng *rng)
{
	bool one = fz_one_in(rng, 2);
	int rows = fz_tree_rows(img), i;
	__s32 leader = FT_NOBODY;

	for (i = 0; i < rows; i++) {
		struct ckpt_hdr_tree_task *r = ft_row(img, i);

		leader += !one && !ft_is_thread(r);
		r->pgid = leader;
		r->sid = one ? FT_NOBODY : leader;
		r->flags = 0;
	}
	return rows > 0;
}

/* ---- what they share ---- */

static bool refs_swapped(struct fz_image *img, struct fz_rng *rng)
{
	int a = pick(img, rng, alive, -1), b = pick(img, rng, alive, a);
	enum ft_ref ref = fz_below(rng, FT_NR_REFS);
	struct ckpt_hdr_task *s, *t;
	__s32 *x, *y, was;

	if (a < 0 || b < 0)
		return false;
	x = ft_row_ref(ft_row(img, a), ref);
	y = ft_row_ref(ft_row(img, b), ref);
	if (*x == *y)
		return false;
	was = *x;
	*x = *y;
	*y = was;
	s = ft_state(img, a);
	t = ft_state(img, b);
	if (!s || !t || fz_one_in(rng, 2))
		return true;
	*ft_state_ref(s, ref) = *x;
	*ft_state_ref(t, ref) = *y;
	return true;
}

/* The later one has what the earlier one has; what it had is gone. */
static bool ref_shared(struct fz_image *img, struct fz_rng *rng)
{
	int a = pick(img, rng, alive, -1), b = pick(img, rng, alive_child, a);
	enum ft_ref ref = fz_below(rng, FT_NSPROXY);
	struct ckpt_hdr_task *t;
	__s32 was;

	if (a < 0 || b < 0 || b < a)
		return false;
	t = ft_state(img, b);
	was = *ft_row_ref(ft_row(img, b), ref);
	if (!t || was == *ft_row_ref(ft_row(img, a), ref))
		return false;
	*ft_row_ref(ft_row(img, b), ref) = *ft_row_ref(ft_row(img, a), ref);
	*ft_state_ref(t, ref) = *ft_row_ref(ft_row(img, a), ref);
	ft_remove_unused(img, ref, was);
	return true;
}

/* ---- how many, in which order ---- */

static bool too_many(struct fz_image *img, struct fz_rng *rng)
{
	static const __u32 counts[] = { CKPT_TASKS_MAX, CKPT_TASKS_MAX + 1,
					0x7fffffff, 0xffffffff };
	struct ckpt_hdr_tree *t = ft_tree(img);

	if (!t || (int)t->nr_tasks != fz_tree_rows(img))
		return false;
	t->nr_tasks = fz_one_in(rng, 2) ? t->nr_tasks + 1 :
					  counts[fz_below(rng, 4)];
	return true;
}

static bool too_few(struct fz_image *img, struct fz_rng *rng)
{
	struct ckpt_hdr_tree *t = ft_tree(img);

	if (!t || (int)t->nr_tasks != fz_tree_rows(img) || t->nr_tasks < 2)
		return false;
	t->nr_tasks = fz_below(rng, t->nr_tasks);
	return true;
}

/* Row @i stands before the one that it must follow. */
static bool before(struct fz_image *img, int i,
		   __s32 (*follows)(const struct ckpt_hdr_tree_task *t))
{
	int p = 0;

	if (i < 0)
		return false;
	while (p < i && ft_row(img, p)->pid != follows(ft_row(img, i)))
		p++;
	if (p == i)
		return false;
	ft_swap_rows(img, p, i);
	return true;
}

static __s32 its_parent(const struct ckpt_hdr_tree_task *t)
{
	return t->parent_tid;
}

static __s32 its_leader(const struct ckpt_hdr_tree_task *t)
{
	return t->tgid;
}

static bool child_first(struct fz_image *img, struct fz_rng *rng)
{
	return before(img, pick(img, rng, child, -1), its_parent);
}

static bool thread_first(struct fz_image *img, struct fz_rng *rng)
{
	return before(img, pick(img, rng, thread, -1), its_leader);
}

static bool rows_swapped(struct fz_image *img, struct fz_rng *rng)
{
	int a = pick(img, rng, any, -1), b = pick(img, rng, any, a);

	if (a < 0 || b < 0)
		return false;
	ft_swap_rows(img, a, b);
	return true;
}

static bool one_more(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, fz_one_in(rng, 2) ? thread : any, -1);

	return i >= 0 && ft_copy_task(img, i, FT_NOBODY - 1, process(img, i));
}

static bool crowd(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, fz_one_in(rng, 4) ? zombie : thread, -1), nr;

	for (nr = 0; i >= 0 && nr < CROWD; nr++)
		if (!ft_copy_task(img, i, FT_NOBODY - 1 - nr, process(img, i)))
			return false;
	return i >= 0;
}

static bool grown(struct fz_image *img, struct fz_rng *rng)
{
	(void)rng;
	return fz_tree_rows(img) == 1 && fz_tree_grow(img);
}

/* With all that was its own. */
static bool one_less(struct fz_image *img, struct fz_rng *rng)
{
	int i = pick(img, rng, any, -1), n;
	struct ckpt_hdr_tree *tree = ft_tree(img);
	__s32 objref[FT_NR_REFS];
	enum ft_ref ref;

	if (i < 1 || !tree)
		return false;
	n = ft_state_index(img, ft_row(img, i)->pid);
	if (n < 0)
		return false;
	for (ref = 0; ref < FT_NR_REFS; ref++)
		objref[ref] = *ft_row_ref(ft_row(img, i), ref);
	ft_remove_parts(img, n);
	fz_rec_remove(img, n);
	fz_rec_remove(img, ft_first(img) + i);
	tree->nr_tasks--;
	for (ref = 0; ref < FT_NSPROXY; ref++)
		if (objref[ref])
			ft_remove_unused(img, ref, objref[ref]);
	return true;
}

/* ---- CPU times ---- */

static void much(struct ckpt_rusage *r, __u64 ns)
{
	r->utime = ns;
	r->stime = ns;
	r->runtime = ns;
	r->seen_utime = 0;
	r->seen_stime = 0;
}

/* Each of them fine; the kernel adds those of a process, and divides by the sum. */
static bool cpu_times(struct fz_image *img, struct fz_rng *rng)
{
	__u64 ns = 1ULL << (56 + fz_below(rng, 7));
	struct ckpt_hdr_signal *sig;
	struct ckpt_hdr_task *t;
	int i;

	for (i = 0; i < img->nr; i++) {
		if (((struct ckpt_hdr *)fz_at(img, i))->type ==
		    CKPT_HDR_SIGNAL) {
			sig = fz_at(img, i);
			much(&sig->exited, ns);
		}
		if (((struct ckpt_hdr *)fz_at(img, i))->type == CKPT_HDR_TASK) {
			t = fz_at(img, i);
			much(&t->rusage, ns);
		}
	}
	return true;
}

/* ---- all of them ---- */

enum outcome { POSSIBLE, IMPOSSIBLE };

static const struct {
	const char *name;
	bool (*change)(struct fz_image *img, struct fz_rng *rng);
	enum outcome outcome; /* whether such a tree can be */
} changes[] = {
	{ "another parent", other_parent, POSSIBLE },
	{ "a parent that is nobody", no_parent, IMPOSSIBLE },
	{ "a parent of another process", torn_parent, IMPOSSIBLE },
	{ "a cycle of parents", cycle, IMPOSSIBLE },
	{ "a pid twice", pid_twice, IMPOSSIBLE },
	{ "a thread of no process", nobodys_thread, IMPOSSIBLE },
	{ "a thread of another process", anothers_thread, IMPOSSIBLE },
	{ "a thread of another parent", parent_of_thread, IMPOSSIBLE },
	{ "a process as a thread", process_as_thread, IMPOSSIBLE },
	{ "a thread as a process", thread_as_process, IMPOSSIBLE },
	{ "states of each other", states_swapped, IMPOSSIBLE },
	{ "another exit signal", exit_signal, POSSIBLE },
	{ "a row that has exited", row_alone_dies, IMPOSSIBLE },
	{ "a living one as a zombie", alive_as_zombie, POSSIBLE },
	{ "a zombie that lives", zombie_as_alive, IMPOSSIBLE },
	{ "another exit code", exit_code, POSSIBLE },
	{ "another process group", group, POSSIBLE },
	{ "another session", session, POSSIBLE },
	{ "a thread that leads a group", threads_group, IMPOSSIBLE },
	{ "groups inside and outside", outside, POSSIBLE },
	{ "ghosts for all", ghosts, POSSIBLE },
	{ "objects swapped", refs_swapped, POSSIBLE },
	{ "an object shared", ref_shared, POSSIBLE },
	{ "too many tasks", too_many, IMPOSSIBLE },
	{ "too few tasks", too_few, IMPOSSIBLE },
	{ "a child before its parent", child_first, IMPOSSIBLE },
	{ "a thread before its process", thread_first, IMPOSSIBLE },
	{ "rows in another order", rows_swapped, IMPOSSIBLE },
	{ "much CPU time", cpu_times, POSSIBLE },
	{ "a task more", one_more, POSSIBLE },
	{ "a crowd of tasks", crowd, POSSIBLE },
	{ "a task less", one_less, POSSIBLE },
	{ "a tree of one", grown, POSSIBLE },
};

#define NR_CHANGES ((int)(sizeof(changes) / sizeof(changes[0])))

const char *fz_tree_name(int n)
{
	return n < NR_CHANGES ? changes[n].name : NULL;
}

bool fz_tree_fatal(int n)
{
	return changes[n].outcome == IMPOSSIBLE;
}

static const struct ckpt_hdr_task *state_at(const struct fz_image *img, int n)
{
	return fz_at(img, n);
}

/* The pids of the states, as they come. */
static bool states_same(const struct fz_image *a, const struct fz_image *b)
{
	int n = -1, m = -1;

	do {
		n = ft_next_state(a, n);
		m = ft_next_state(b, m);
		if (n < 0 || m < 0)
			return n == m;
	} while (state_at(a, n)->pid == state_at(b, m)->pid);
	return false;
}

bool fz_tree_same(const struct fz_image *a, const struct fz_image *b)
{
	int rows = fz_tree_rows(a), i;

	if (rows != fz_tree_rows(b))
		return false;
	for (i = 0; i < rows; i++)
		if (memcmp(ft_row(a, i), ft_row(b, i), sizeof(*ft_row(a, i))))
			return false;
	return states_same(a, b);
}

bool fz_tree_change(struct fz_image *img, int n, struct fz_rng *rng)
{
	return ft_first(img) < img->nr && changes[n].change(img, rng);
}

int fz_tree_mutate(struct fz_image *img, struct fz_rng *rng)
{
	int n = fz_below(rng, NR_CHANGES), tries;

	for (tries = 0; tries < NR_CHANGES; tries++, n = (n + 1) % NR_CHANGES)
		if (fz_tree_change(img, n, rng))
			return n;
	return -1;
}
