// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which tasks a restart has to make, out of the head of an image: who makes
 * whom, and which pids need a ghost because a session or process group goes by
 * the pid of a leader that is dead.
 *
 * The image is not trusted: parents must stand before their children, leaders
 * before their threads.  Nothing here is recursive, whatever the depth.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "hierarchy.h"

struct entry {
	pid_t pid;
	__u32 index;
};

/* Tasks by their pids. */
struct index {
	__u32 nr;
	struct entry *entry;
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int compare_pids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int invalid(const struct ckpt_hdr_tree_task *t, const char *why)
{
	return ckpt_set_error(-EINVAL, "image: tree: task %d: %s", t->pid, why);
}

static int index_make(const struct ckpt_head *head, struct index *index)
{
	__u32 i;

	index->nr = head->nr_tasks;
	index->entry = calloc(index->nr, sizeof(*index->entry));
	if (!index->entry)
		return ckpt_set_error(-ENOMEM, "out of memory");
	for (i = 0; i < index->nr; i++)
		index->entry[i] = (struct entry){ head->task[i]->pid, i };
	qsort(index->entry, index->nr, sizeof(*index->entry), compare_entries);
	for (i = 1; i < index->nr; i++)
		if (index->entry[i].pid == index->entry[i - 1].pid)
			return invalid(head->task[index->entry[i].index],
				       "it is there twice");
	return 0;
}

/* Return: the index of a task before @before, or @before: there is none. */
static __u32 index_find(const struct index *index, pid_t pid, __u32 before)
{
	struct entry key = { .pid = pid };
	struct entry *found = bsearch(&key, index->entry, index->nr,
				      sizeof(key), compare_entries);

	return found && found->index < before ? found->index : before;
}

/* ---- links ---- */

static void append(struct ckpt_hierarchy *h, __u32 *first, __u32 *last, __u32 i)
{
	if (*last)
		h->node[*last].next = i;
	else
		*first = i;
	*last = i;
}

static int link_thread(struct ckpt_hierarchy *h, const struct index *index,
		       __u32 i)
{
	const struct ckpt_hdr_tree_task *t = h->node[i].task;
	__u32 leader = index_find(index, t->tgid, i);
	struct ckpt_node *l = &h->node[leader];

	if (leader == i || l->task->pid != l->task->tgid)
		return invalid(t, "its process is not there before it");
	if (t->exit_state)
		return invalid(t, "a thread cannot be a zombie");
	if (t->ppid != l->task->ppid || t->parent_tid != l->task->parent_tid)
		return invalid(t, "a thread has the parent of its process");
	h->node[i].leader = leader;
	append(h, &l->thread, &l->last_thread, i);
	return 0;
}

static int link_process(struct ckpt_hierarchy *h, const struct index *index,
			__u32 i)
{
	const struct ckpt_hdr_tree_task *t = h->node[i].task;
	__u32 parent;

	h->node[i].leader = i;
	if (t->exit_signal < 0)
		return invalid(t, "a process without an exit signal");
	if (!i)
		return 0;
	parent = index_find(index, t->parent_tid, i);
	if (parent == i)
		return invalid(t, "its parent is not there before it");
	if (h->node[parent].task->tgid != t->ppid)
		return invalid(t, "its parent is of another process");
	if (h->node[parent].task->exit_state)
		return invalid(t, "its parent is a zombie");
	append(h, &h->node[parent].child, &h->node[parent].last_child, i);
	return 0;
}

static int link_all(struct ckpt_hierarchy *h, const struct index *index)
{
	const struct ckpt_hdr_tree_task *t;
	int err = 0;
	__u32 i;

	t = h->node[0].task;
	if (t->pid != t->tgid)
		return invalid(t, "the first one is not a process");
	if (h->pid_ns && t->pid != 1)
		return invalid(t, "it is the init of a pid namespace");
	if (h->pid_ns &&
	    ((t->pgid != t->pid && !(t->flags & CKPT_TREE_PGID_OUTSIDE)) ||
	     (t->sid != t->pid && !(t->flags & CKPT_TREE_SID_OUTSIDE))))
		return invalid(t, "an init in another's group");
	for (i = 0; i < h->nr && !err; i++) {
		t = h->node[i].task;
		err = t->pid == t->tgid ? link_process(h, index, i) :
					  link_thread(h, index, i);
	}
	return err;
}

/* ---- ghosts ---- */

static __u32 want_ghost(const struct index *index, pid_t pid, bool outside,
			pid_t *to)
{
	if (outside || pid <= 0 ||
	    index_find(index, pid, index->nr) < index->nr)
		return 0;
	*to = pid;
	return 1;
}

static int find_ghosts(struct ckpt_hierarchy *h, const struct index *index)
{
	const struct ckpt_hdr_tree_task *t;
	__u32 i, nr = 0;
	pid_t *pid = calloc(2 * (size_t)h->nr, sizeof(*pid));

	if (!pid)
		return ckpt_set_error(-ENOMEM, "out of memory");
	for (i = 0; i < h->nr; i++) {
		t = h->node[i].task;
		nr += want_ghost(index, t->pgid,
				 t->flags & CKPT_TREE_PGID_OUTSIDE, pid + nr);
		nr += want_ghost(index, t->sid,
				 t->flags & CKPT_TREE_SID_OUTSIDE, pid + nr);
	}
	qsort(pid, nr, sizeof(*pid), compare_pids);
	for (i = 0; i < nr; i++)
		if (!i || pid[i] != pid[i - 1])
			pid[h->nr_ghosts++] = pid[i];
	h->ghost = pid;
	h->ghost_real = calloc(h->nr_ghosts + 1, sizeof(*h->ghost_real));
	return h->ghost_real ? 0 : ckpt_set_error(-ENOMEM, "out of memory");
}

/* ---- altogether ---- */

/*
 * Stacks for all but the root, which has a copy of the coordinator's; a page of
 * each is used.  What coordinator and tasks tell each other is shared.
 */
static int map_memory(struct ckpt_hierarchy *h)
{
	h->birth_size = sizeof(*h->birth) + 2 * (h->nr + 1) * sizeof(__s32);
	h->birth = mmap(NULL, h->birth_size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (h->birth == MAP_FAILED) { /* it needs an open file */
		h->birth = NULL;
		return ckpt_set_error(-errno,
				      "no memory shared by %u tasks: %s", h->nr,
				      strerror(errno));
	}
	h->stacks = mmap(NULL, (size_t)h->nr * CKPT_STACK_SIZE,
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (h->stacks == MAP_FAILED) {
		h->stacks = NULL;
		return ckpt_set_error(-errno, "no stacks for %u tasks: %s",
				      h->nr, strerror(errno));
	}
	return 0;
}

/**
 * ckpt_hierarchy_free() - free what was planned
 * @h: plan or NULL; tasks that exist stay
 */
void ckpt_hierarchy_free(struct ckpt_hierarchy *h)
{
	if (!h)
		return;
	ckpt_places_drop(h);
	if (h->birth)
		munmap(h->birth, h->birth_size);
	if (h->stacks)
		munmap(h->stacks, (size_t)h->nr * CKPT_STACK_SIZE);
	free(h->ghost);
	free(h->ghost_real);
	free(h->node);
	free(h);
}

/**
 * ckpt_hierarchy_plan() - see which tasks must be made
 * @head: head of the image, which must stay as long as the plan
 * @out: the plan, for ckpt_hierarchy_free()
 *
 * Return: 0; -EINVAL: no such tree can be; or another negative errno.
 */
int ckpt_hierarchy_plan(const struct ckpt_head *head,
			struct ckpt_hierarchy **out)
{
	struct ckpt_hierarchy *h = calloc(1, sizeof(*h));
	struct index index = { 0 };
	int err;
	__u32 i;

	if (!h)
		return ckpt_set_error(-ENOMEM, "out of memory");
	h->nr = head->nr_tasks;
	h->pid_ns = head->container->pid_ns;
	h->root_fd = -1;
	h->node = calloc(h->nr, sizeof(*h->node));
	err = h->node ? index_make(head, &index) :
			ckpt_set_error(-ENOMEM, "out of memory");
	for (i = 0; i < h->nr && !err; i++) {
		h->node[i].task = head->task[i];
		h->node[i].cgroup_fd = -1;
	}
	if (!err)
		err = link_all(h, &index);
	if (!err)
		err = find_ghosts(h, &index);
	if (!err)
		err = map_memory(h);
	free(index.entry);
	if (err)
		ckpt_hierarchy_free(h);
	else
		*out = h;
	return err;
}
