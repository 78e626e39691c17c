// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `restart --verify` finds in two images: every field of every record of
 * the table, one after another, is changed; those that CKPT_VARYING does not
 * mark are found and named, the marked ones are let pass within their bounds.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <time.h>
#include "image_build.h"
#include "compare.h"
#include "tap.h"

#define SECOND 1000000000LL

/* A comparison that keeps what it says. */
struct told {
	struct ckpt_compare c;
	char *text;
	size_t len;
};

static void told_begin(struct told *t)
{
	struct timespec ts;

	memset(t, 0, sizeof(*t));
	t->c.to = open_memstream(&t->text, &t->len);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	t->c.started = ts.tv_sec * SECOND + ts.tv_nsec - SECOND;
}

static void told_end(struct told *t)
{
	fclose(t->c.to);
	free(t->text);
	ckpt_compare_end(&t->c);
}

/* ---- field by field ---- */

static const char *struct_of(const struct ib *ib, int n)
{
	return ckpt_record_struct(((struct ckpt_hdr *)ib_at(ib, n))->type);
}

static int is_objref(const char *name)
{
	size_t len = strlen(name);

	return len >= 6 && !strcmp(name + len - 6, "objref");
}

/* Whether a change by @by of a field may pass. */
static int may_pass(const struct ckpt_hdr *rec, enum ckpt_vary how, int by)
{
	const struct ckpt_hdr_file *file = (const void *)rec;
	const struct ckpt_hdr_ns *ns = (const void *)rec;
	const struct ckpt_hdr_vma *vma = (const void *)rec;
	int pipe = file->kind == CKPT_FILE_PIPE ||
		   file->kind == CKPT_FILE_EXTERNAL;

	switch (how) {
	case CKPT_VARY_ANY:
	case CKPT_VARY_COUNT:
	case CKPT_VARY_PAGES:
		return 1;
	case CKPT_VARY_RISES:
		return by > 0;
	case CKPT_VARY_LEFT: /* there is some left, and a second has passed */
	case CKPT_VARY_DEADLINE:
		return by < 0;
	case CKPT_VARY_TIMENS:
		return ns->kind == CKPT_NS_TIME;
	case CKPT_VARY_PIPE:
		return pipe;
	case CKPT_VARY_NODE:
		return file->kind != CKPT_FILE_REG &&
		       file->kind != CKPT_FILE_DIR;
	case CKPT_VARY_ANON:
		return vma->kind == CKPT_VMA_ANON;
	default: /* NOT, START, PID, LEVELS */
		return 0;
	}
}

/* The parent is the restarter's business, and so are sessions outside. */
static int outside(const struct ckpt_hdr *rec, const char *name)
{
	const struct ckpt_hdr_tree_task *t = (const void *)rec;

	return rec->type == CKPT_HDR_TREE_TASK &&
	       ((!strcmp(name, "ppid") && t->ppid != IB_PID) ||
		(!strcmp(name, "parent_tid") && t->parent_tid != IB_PID) ||
		(!strcmp(name, "sid") && t->sid != IB_PID));
}

/* Its clock is part of the deadline, and may be any with another of those. */
static int is_now(const struct ckpt_field *f)
{
	return !strcmp(f->st, "ckpt_hdr_restart_block") &&
	       !strcmp(f->name, "now");
}

/* Add to the number at @p. */
static void change(void *p, size_t size, int by)
{
	__u64 n = 0;

	memcpy(&n, p, size);
	n += by;
	memcpy(p, &n, size);
}

struct tally {
	int fields, marked, wrong;
};

/*
 * Compare record @n with its changed copy; before, if it matters what a name
 * has stood for, the images as they are.
 */
static void try_change(struct ib *ib, int n, const struct ckpt_field *f,
		       const char *named, enum ckpt_vary how, size_t at,
		       size_t size, struct tally *tally)
{
	const struct ckpt_hdr *rec = ib_at(ib, n);
	int names = is_objref(f->name) || how == CKPT_VARY_PID;
	struct ckpt_hdr *copy = malloc(rec->len);
	int by, i, pass, good;
	struct told t;

	for (by = -1; by <= 1; by += 2) {
		memcpy(copy, rec, rec->len);
		change((char *)copy + at, size, by);
		told_begin(&t);
		for (i = 0; names && i < ib->nr; i++)
			ckpt_compare_records(&t.c, ib_at(ib, i), ib_at(ib, i));
		good = !t.c.differences;
		ckpt_compare_records(&t.c, rec, copy);
		fflush(t.c.to);
		pass = may_pass(rec, how, by) || outside(rec, f->name);
		if (is_now(f)) {
			pass = by > 0;
			named = "expires";
		}
		if (pass)
			good = good && !t.c.differences;
		else
			good = good && t.c.differences == 1 &&
			       strstr(t.text, ckpt_rec_name(rec->type)) &&
			       strstr(t.text, named);
		if (!good && !tally->wrong++)
			tap_note("%s.%s %+d, to be %s: %s", f->st, f->name, by,
				 pass ? "let pass" : "found", t.text);
		told_end(&t);
		tally->marked += pass;
	}
	tally->fields++;
	free(copy);
}

/* Each element of a field, whose structure is at @base of the record. */
static void try_field(struct ib *ib, int n, const struct ckpt_field *f,
		      enum ckpt_vary how, size_t base, struct tally *tally)
{
	const struct ckpt_hdr *rec = ib_at(ib, n);
	size_t at = base + f->off, end = at + f->size;
	const struct ckpt_field *inner = NULL;

	if (!f->size)
		end = how == CKPT_VARY_LEVELS ? at + f->elem : (size_t)rec->len;
	if (!f->size && rec->type == CKPT_HDR_PGARR)
		return; /* by the pages, below */
	for (; at + f->elem <= end; at += f->elem) {
		if (!strcmp(f->kind, "number") || !strcmp(f->kind, "char")) {
			try_change(ib, n, f, f->name, how, at, f->elem, tally);
			continue;
		}
		while ((inner = ckpt_field_next(inner, f->kind)))
			try_field(ib, n, inner,
				  how	?:
					  ckpt_field_varies(inner->st,
							    inner->name),
				  at, tally);
	}
}

/* Numbers that can go down and up, where zeros stand. */
static void fill(struct ib *ib)
{
	struct ckpt_hdr_restart_block *b = ib_find(ib, CKPT_HDR_RESTART_BLOCK,
						   0);
	struct ckpt_hdr_signal *s = ib_find(ib, CKPT_HDR_SIGNAL, 0);
	struct ckpt_hdr_task *t = ib_find(ib, CKPT_HDR_TASK, 0);
	struct ckpt_hdr_mm *m = ib_find(ib, CKPT_HDR_MM, 0);
	__u64 *p;
	int i;

	for (p = (void *)&t->rusage; p < (__u64 *)(&t->rusage + 1); p++)
		*p = 100;
	for (p = (void *)&s->exited; p < (__u64 *)(&s->children + 1); p++)
		*p = 100;
	for (i = 0; i < CKPT_NITIMERS; i++)
		s->itimer[i].value = 100 * SECOND;
	s->maxrss = 100;
	m->hiwater_rss = 100;
	m->hiwater_vm = 100;
	b->expires = 200 * SECOND;
	b->now = 100 * SECOND;
	((struct ckpt_hdr_timer *)ib_find(ib, CKPT_HDR_TIMER, 0))->value =
		100 * SECOND;
	ib_seal(ib);
}

static void test_fields(void)
{
	const struct ckpt_field *f;
	struct tally tally = { 0 };
	struct ib ib;
	int n;

	ib_good(&ib);
	fill(&ib);
	for (n = 0; n < ib.nr; n++) {
		f = NULL;
		while ((f = ckpt_field_next(f, struct_of(&ib, n))))
			try_field(&ib, n, f, ckpt_field_varies(f->st, f->name),
				  0, &tally);
	}
	tap_ok(!tally.wrong && tally.fields > 1000 && tally.marked > 50,
	       "each of %d fields and elements: found, or let pass as marked",
	       tally.fields);
	ib_free(&ib);
}

/* No byte of a record that is not of a field. */
static void test_covered(void)
{
	static const size_t size[CKPT_HDR_MAX] = {
#define CKPT_X(name, num, st, tail) [num] = sizeof(struct st),
		CKPT_RECORDS(CKPT_X)
#undef CKPT_X
	};
	const struct ckpt_field *f;
	int type, wrong = 0;
	size_t end;

	for (type = 0; type < CKPT_HDR_MAX; type++) {
		if (!size[type])
			continue;
		end = sizeof(struct ckpt_rec_front);
		f = NULL;
		while ((f = ckpt_field_next(f, ckpt_record_struct(type)))) {
			if (f->off != end && !wrong++)
				tap_note("%s.%s", f->st, f->name);
			end = f->off + f->size;
		}
		if (end != size[type] && !wrong++)
			tap_note("%s", ckpt_record_struct(type));
	}
	tap_ok(!wrong, "every byte of every record is of a field");
}

/* ---- images ---- */

static long compare(const struct ib *a, const struct ib *b, struct told *t)
{
	struct ib_reader ra = { .buf = a->buf, .len = a->len };
	struct ib_reader rb = { .buf = b->buf, .len = b->len, .chunk = 4093 };
	struct ckpt_image *first = ckpt_image_open_fn(ib_read, &ra);
	struct ckpt_image *second = ckpt_image_open_fn(ib_read, &rb);
	int err = ckpt_compare_images(&t->c, first, second);

	ckpt_image_close(first);
	ckpt_image_close(second);
	fflush(t->c.to);
	return err ?: (long)t->c.differences;
}

#define SOME LONG_MAX /* of differences, one of which is told so */

static int told_so(long have, long want, const char *text, const char *words)
{
	return (have == want || (want == SOME && have > 0)) &&
	       (have <= 0 || strstr(text, words));
}

/* The good image and what @spoil makes of a second one: so many differences. */
#define IMAGES(want, words, how, ...)                            \
	do {                                                     \
		struct ib a, b;                                  \
		struct told t;                                   \
		long have;                                       \
		ib_good(&a);                                     \
		ib_good(&b);                                     \
		told_begin(&t);                                  \
		__VA_ARGS__;                                     \
		ib_seal(&a);                                     \
		ib_seal(&b);                                     \
		have = compare(&a, &b, &t);                      \
		tap_ok(told_so(have, want, t.text, words), how); \
		if (!told_so(have, want, t.text, words))         \
			tap_note("%ld: %s%s", have, t.text,      \
				 have < 0 ? ckpt_error() : "");  \
		told_end(&t);                                    \
		ib_free(&a);                                     \
		ib_free(&b);                                     \
	} while (0)

/* Other numbers for all objects, by the table of fields. */
static void renumber(struct ib *ib)
{
	const struct ckpt_field *f;
	__s32 *ref;
	size_t i;
	int n;

	for (n = 0; n < ib->nr; n++) {
		f = NULL;
		while ((f = ckpt_field_next(f, struct_of(ib, n)))) {
			if (!is_objref(f->name))
				continue;
			ref = (void *)((char *)ib_at(ib, n) + f->off);
			for (i = 0; i < f->size / f->elem; i++)
				if (ref[i])
					ref[i] = 1000 - ref[i];
		}
	}
}

static void other_pids(struct ib *ib)
{
	struct ckpt_hdr_tree_task *t = ib_find(ib, CKPT_HDR_TREE_TASK, 0);
	struct ckpt_hdr_task *task = ib_find(ib, CKPT_HDR_TASK, 0);
	struct ckpt_hdr_file *f = ib_find(ib, CKPT_HDR_FILE, 1);

	t->pid = 77;
	t->tgid = 77;
	t->pgid = 77;
	t->pids[0] = 77;
	task->pid = 77;
	f->owner_pid = 77;
}

static void test_images(void)
{
	IMAGES(0, "", "an image is equal to itself", (void)0);
	IMAGES(0, "", "other objrefs for the same objects", renumber(&b));
	IMAGES(1, "FD fd 0: file_objref", "another object",
	       ((struct ckpt_hdr_fd *)ib_find(&b, CKPT_HDR_FD, 0))
		       ->file_objref = REF_REG);
	IMAGES(0, "", "other pids, that was wanted",
	       (other_pids(&b), t.c.fresh_pids = true));
	IMAGES(6, "TREE_TASK pid 1234: pid: 1234 became 77",
	       "other pids, that was not wanted", other_pids(&b));
	IMAGES(-EINVAL, "", "the second one is cut short",
	       (b.len = b.off[--b.nr]));
	IMAGES(-ENODATA, "", "of checkpoints that have failed",
	       (a.nr = b.nr = 1, a.len = b.len = b.off[1], ib_add_err(&a, "no"),
		ib_add_err(&b, "no")));
}

static void test_signals(void)
{
	IMAGES(1, "TIMER", "a signal more",
	       (((struct ckpt_hdr_signal *)ib_find(&a, CKPT_HDR_SIGNAL, 0))
			->nr_siginfo--,
		ib_remove(&a, ib_index(&a, CKPT_HDR_SIGINFO, 1))));
	IMAGES(1, "SIGINFO", "a signal less",
	       (((struct ckpt_hdr_signal *)ib_find(&b, CKPT_HDR_SIGNAL, 0))
			->nr_siginfo--,
		ib_remove(&b, ib_index(&b, CKPT_HDR_SIGINFO, 1))));
	IMAGES(0, "", "a signal more, of a timer",
	       (((struct ckpt_hdr_signal *)ib_find(&a, CKPT_HDR_SIGNAL, 0))
			->nr_siginfo--,
		ib_remove(&a, ib_index(&a, CKPT_HDR_SIGINFO, 1)),
		((struct ckpt_hdr_siginfo *)ib_find(&b, CKPT_HDR_SIGINFO, 1))
			->info[8] = 0xfe,
		memset(((struct ckpt_hdr_siginfo *)ib_find(&b, CKPT_HDR_SIGINFO,
							   1))
				       ->info +
			       9,
		       0xff, 3)));
	IMAGES(0, "", "a timer has gone on",
	       ((struct ckpt_hdr_timer *)ib_find(&b, CKPT_HDR_TIMER, 0))
		       ->value = 400000000);
	IMAGES(0, "", "a timer has expired and begun again",
	       ((struct ckpt_hdr_timer *)ib_find(&b, CKPT_HDR_TIMER, 0))
		       ->value = 900000000);
	IMAGES(1, "TIMER id 0: value", "a timer has more than its interval",
	       ((struct ckpt_hdr_timer *)ib_find(&b, CKPT_HDR_TIMER, 0))
		       ->value = 1100000000);
	IMAGES(1, "TIMER id 0: value", "a timer has gone on for too long",
	       (((struct ckpt_hdr_timer *)ib_find(&a, CKPT_HDR_TIMER, 0))
			->value = 100 * SECOND,
		((struct ckpt_hdr_timer *)ib_find(&b, CKPT_HDR_TIMER, 0))
			->value = 10 * SECOND));
}

/* A call begins again: with its number, at its instruction; nothing less. */
static void wind_back(struct ib *a, struct ib *b, __u64 error, int bytes)
{
	struct ckpt_hdr_cpu *c = ib_find(a, CKPT_HDR_CPU, 0);

	c->ax = error;
	c->orig_ax = 128;
	c->ip = IB_CODE;
	c = ib_find(b, CKPT_HDR_CPU, 0);
	c->ax = 128;
	c->orig_ax = -1;
	c->ip = IB_CODE - bytes;
}

static void test_calls(void)
{
	IMAGES(0, "", "a call that begins again", wind_back(&a, &b, -EINTR, 2));
	IMAGES(3, "CPU", "a call that begins somewhere else",
	       wind_back(&a, &b, -EINTR, 3));
	IMAGES(3, "CPU", "a call that had not been interrupted",
	       wind_back(&a, &b, -EIO, 2));
}

/* ---- pages ---- */

static __u8 *page_of(struct ib *ib, int nth)
{
	struct ckpt_hdr_pgarr *p = ib_find(ib, CKPT_HDR_PGARR, nth);

	return (__u8 *)&p->range[p->nr_ranges];
}

/* The first area of the heap's pages @at becomes one of its own. */
static void split_area(struct ib *ib, int at, __u32 prot)
{
	struct ckpt_hdr_mm *m = ib_find(ib, CKPT_HDR_MM, 0);
	int n = ib_index(ib, CKPT_HDR_VMA, 1), last = ib->nr;
	struct ckpt_hdr_vma *v = ib_at(ib, n), *w;

	m->nr_vmas++;
	w = ib_add(ib, CKPT_HDR_VMA, sizeof(*w));
	*w = *v;
	v->end = v->start + at * CKPT_PAGE_SIZE;
	w->start = v->end;
	w->prot = prot;
	while (last > n + 2)
		ib_swap(ib, --last);
}

/* The zeros of a run go, its page stays. */
static void drop_zeros(struct ib *ib, int nth)
{
	struct ckpt_hdr_pgarr *p = ib_find(ib, CKPT_HDR_PGARR, nth);
	int n = ib_index(ib, CKPT_HDR_PGARR, nth);

	memmove(&p->range[0], &p->range[1],
		sizeof(p->range[0]) + CKPT_PAGE_SIZE);
	p->nr_ranges = 1;
	ib_resize(ib, n, -(int)sizeof(p->range[0]));
}

/* The runs' area is one of a file, where zeros count. */
static void of_file(struct ib *ib)
{
	struct ckpt_hdr_vma *v = ib_find(ib, CKPT_HDR_VMA, 1);

	v->kind = CKPT_VMA_FILE;
	v->file_objref = REF_REG;
	memset(v->name, 0, sizeof(v->name));
}

static void test_pages(void)
{
	struct ckpt_hdr_pgarr *p;

	IMAGES(1, "PGARR 0x10003000-0x10004000", "a byte of a page",
	       page_of(&b, 0)[4095]++);
	IMAGES(1, "PGARR 0x10007000-0x10008000", "a byte of another page",
	       page_of(&b, 1)[0]++);
	IMAGES(1, "PGARR 0x10007000-0x10008000", "a page that is missing",
	       ib_remove(&b, ib_index(&b, CKPT_HDR_PGARR, 1)));
	IMAGES(1, "PGARR 0x10002000-0x10004000", "a page at another address",
	       (p = ib_find(&b, CKPT_HDR_PGARR, 0), p->range[0].nr_pages = 2,
		p->range[1].start -= CKPT_PAGE_SIZE));
	IMAGES(0, "", "zeros or nothing, of anonymous memory",
	       drop_zeros(&b, 0));
	IMAGES(1, "PGARR 0x10000000-0x10003000", "zeros or nothing, of a file",
	       (of_file(&a), of_file(&b), drop_zeros(&b, 0)));
	IMAGES(0, "", "huge pages or small ones",
	       (p = ib_find(&b, CKPT_HDR_PGARR, 0),
		p->range[1].flags |= CKPT_PAGES_HUGE));
	IMAGES(0, "", "an area cut in two", split_area(&b, 4, 3));
	IMAGES(SOME, "VMA start 0x10000000: end",
	       "an area cut in two, with different rights",
	       split_area(&b, 4, 1));
}

/* Whatever can be left out of a good image is missed. */
static void test_missing(void)
{
	int n, wrong = 0, tried = 0;
	struct ib a, b;
	struct told t;

	ib_good(&a);
	for (n = 0; n < a.nr; n++) {
		ib_good(&b);
		ib_remove(&b, n);
		ib_seal(&b);
		told_begin(&t);
		if (!ib_parse(b.buf, b.len) && ++tried &&
		    compare(&a, &b, &t) <= 0 && !wrong++)
			tap_note("record %d", n);
		told_end(&t);
		told_begin(&t);
		if (!ib_parse(b.buf, b.len) && compare(&b, &a, &t) <= 0 &&
		    !wrong++)
			tap_note("record %d, the other way", n);
		told_end(&t);
		ib_free(&b);
	}
	tap_ok(!wrong && tried > 5, "each of %d records that can be left out",
	       tried);
	ib_free(&a);
}

/* ---- several tasks ---- */

#define FAMILY 4

union member {
	struct ckpt_hdr_tree_task t;
	char room[sizeof(struct ckpt_hdr_tree_task) + 8]; /* with a pid */
};

struct family {
	union member m[FAMILY];
};

/* A root, two children that share their files, a thread of the second. */
static void family_make(struct family *f, int base)
{
	struct ckpt_hdr_tree_task *t;
	int i;

	memset(f, 0, sizeof(*f));
	for (i = 0; i < FAMILY; i++) {
		t = &f->m[i].t;
		t->h.type = CKPT_HDR_TREE_TASK;
		t->h.len = sizeof(f->m[i]);
		t->nr_levels = 1;
		t->pids[0] = base + i;
		t->cgroup_len = 1;
		t->pid = base + i;
		t->tgid = base + i;
		t->ppid = i ? base : 1;
		t->parent_tid = t->ppid;
		t->pgid = base;
		t->sid = base;
		t->exit_signal = SIGCHLD;
		t->mm_objref = 10 + i;
		t->files_objref = 20 + i;
	}
	t->tgid = base + 2;
	t->mm_objref = 12;
	t->exit_signal = -1;
	f->m[1].t.files_objref = 22;
}

static unsigned long family_compare(const struct family *a,
				    const struct family *b, bool fresh)
{
	unsigned long found;
	struct told t;
	int i;

	told_begin(&t);
	t.c.fresh_pids = fresh;
	for (i = 0; i < FAMILY; i++)
		ckpt_compare_records(&t.c, &a->m[i].t.h, &b->m[i].t.h);
	found = t.c.differences;
	told_end(&t);
	return found;
}

#define FAMILIES(fresh, found, how, ...)                                 \
	do {                                                             \
		struct family a, b;                                      \
		family_make(&a, 100);                                    \
		family_make(&b, (fresh) ? 700 : 100);                    \
		__VA_ARGS__;                                             \
		tap_ok(!!family_compare(&a, &b, fresh) == (found), how); \
	} while (0)

static void test_family(void)
{
	FAMILIES(false, 0, "a tree is equal to itself", (void)0);
	FAMILIES(true, 0, "and to one with other pids", (void)0);
	FAMILIES(true, 1, "what two have shared each has for itself",
		 b.m[1].t.files_objref = 21);
	FAMILIES(true, 1, "what each had for itself two share",
		 b.m[0].t.files_objref = 22);
	FAMILIES(true, 1, "another has become its parent", b.m[2].t.ppid = 701);
	FAMILIES(true, 1, "a child of another thread",
		 b.m[2].t.parent_tid = 703);
	FAMILIES(true, 1, "a thread of another process", b.m[3].t.tgid = 701);
	FAMILIES(true, 1, "two pids have become one", b.m[3].t.pid = 701);
	FAMILIES(false, 1, "another process group", b.m[1].t.pgid = 101);
	FAMILIES(false, 1, "a zombie that was alive", b.m[1].t.exit_state = 1);
	FAMILIES(false, 0, "the root has another parent",
		 (b.m[0].t.ppid = 5, b.m[0].t.parent_tid = 5));
}

int main(void)
{
	test_family();
	test_covered();
	test_fields();
	test_images();
	test_signals();
	test_calls();
	test_pages();
	test_missing();
	return tap_end();
}
