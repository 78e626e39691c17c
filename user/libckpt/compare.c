// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two records of one type: every field that CKPT_VARYING does not name must be
 * the same, of all structures of ckpt_image.h, which fields.def lists.  A
 * difference is one line: record, which one it is, field, both values.
 */
#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "compare.h"

#define NS_PER_SEC 1000000000LL
#define SYSCALL_BYTES 2 /* of the instruction */

#define S(st) #st
#define N "number"
#define C "char"
#define FIELD(st, member, size, elem, kind) \
	{ #st, #member, offsetof(struct st, member), size, elem, kind },
#define SIZE(st, member) sizeof(((struct st *)0)->member)
#define F(st, m, kind) FIELD(st, m, SIZE(st, m), SIZE(st, m), kind)
#define A(st, m, kind) FIELD(st, m, SIZE(st, m), SIZE(st, m[0]), kind)
#define T(st, m, kind) FIELD(st, m, 0, SIZE(st, m[0]), kind)
static const struct ckpt_field fields[] = {
#include "fields.def"
};

static const struct mark {
	const char *st;
	const char *name;
	enum ckpt_vary how;
} marks[] = {
#define CKPT_X(st, m, how) \
	{ #st, 0 ? (char *)offsetof(struct st, m) : #m, CKPT_VARY_##how },
	CKPT_VARYING(CKPT_X)
#undef CKPT_X
};

static const char *const structs[CKPT_HDR_MAX] = {
#define CKPT_X(name, num, st, tail) [num] = #st,
	CKPT_RECORDS(CKPT_X)
#undef CKPT_X
};

/**
 * ckpt_field_next() - go through the fields of a structure
 * @f: the one before, or NULL
 * @st: name of the structure
 *
 * Return: the next one, or NULL.
 */
const struct ckpt_field *ckpt_field_next(const struct ckpt_field *f,
					 const char *st)
{
	for (f = f ? f + 1 : fields; f < fields + ARRAY_SIZE(fields); f++)
		if (!strcmp(f->st, st))
			return f;
	return NULL;
}

/**
 * ckpt_record_struct() - name of a record's structure
 * @type: CKPT_HDR_*
 *
 * Return: its name; NULL if there is no such type.
 */
const char *ckpt_record_struct(__s32 type)
{
	return type >= 0 && type < CKPT_HDR_MAX ? structs[type] : NULL;
}

/**
 * ckpt_field_varies() - how a field may differ
 * @st: name of its structure
 * @name: its own
 *
 * Return: CKPT_VARY_*.
 */
enum ckpt_vary ckpt_field_varies(const char *st, const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(marks); i++)
		if (!strcmp(marks[i].st, st) && !strcmp(marks[i].name, name))
			return marks[i].how;
	return CKPT_VARY_NOT;
}

/* ---- names that may be others ---- */

struct pair {
	__s64 from, to;
};

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* What @from has become; if nobody knows, @to from now on. */
static __s64 name_of(void **tree, __s64 from, __s64 to)
{
	struct pair key = { from, to }, **found, *new;

	found = tfind(&key, tree, compare_pairs);
	if (found)
		return (*found)->to;
	new = malloc(sizeof(*new));
	if (!new)
		return ~to; /* a difference: never a false "equal" */
	*new = key;
	if (!tsearch(new, tree, compare_pairs))
		return ~to;
	return to;
}

static bool same_name(void **trees, __s64 a, __s64 b)
{
	return name_of(&trees[0], a, b) == b && name_of(&trees[1], b, a) == a;
}

static bool known(void **tree, __s64 name)
{
	struct pair key = { .from = name };

	return tfind(&key, tree, compare_pairs);
}

/* 0 is "none", and stays so. */
static bool same_ref(struct ckpt_compare *c, __s64 a, __s64 b)
{
	return a && b ? same_name(c->refs, a, b) : a == b;
}

/*
 * TREE_TASK names all tasks of an image before anything else can; others, such
 * as the parent, are those of the restarter.
 */
static bool same_pid(struct ckpt_compare *c, const struct ckpt_field *f,
		     __s64 a, __s64 b)
{
	bool own = f->off == offsetof(struct ckpt_hdr_tree_task, pid) &&
		   c->rec[0]->type == CKPT_HDR_TREE_TASK;

	if (!own && !known(&c->pids[0], a) && !known(&c->pids[1], b))
		return c->rec[0]->type == CKPT_HDR_TREE_TASK || a == b;
	return same_name(c->pids, a, b) && (c->fresh_pids || a == b);
}

/**
 * ckpt_compare_end() - free what a comparison has kept
 * @c: comparison
 */
void ckpt_compare_end(struct ckpt_compare *c)
{
	int i;

	for (i = 0; i < 2; i++) {
		tdestroy(c->refs[i], free);
		tdestroy(c->pids[i], free);
		c->refs[i] = NULL;
		c->pids[i] = NULL;
	}
}

/* ---- saying it ---- */

static __s64 number(const void *p, size_t size)
{
	const __s32 *four = p;
	const __s64 *eight = p;
	const __u16 *two = p;
	const __u8 *one = p;

	return size == 8 ? *eight : size == 4 ? *four : size == 2 ? *two : *one;
}

static void put_value(FILE *to, const struct ckpt_field *f, const void *p,
		      size_t len)
{
	__s64 n;

	if (!strcmp(f->kind, C)) {
		ckpt_put(to, "\"%.*s\"", (int)strnlen(p, len), (const char *)p);
		return;
	}
	n = number(p, f->elem);
	if (n > -1000000 && n < 1000000)
		fprintf(to, "%lld", (long long)n);
	else if (f->elem == 4)
		fprintf(to, "%#x", (__u32)n);
	else
		fprintf(to, "%#llx", (unsigned long long)n);
}

/* Which one of its type it is: its first field, and a path. */
static void put_record(FILE *to, const struct ckpt_hdr *rec)
{
	const struct ckpt_field *f = NULL, *path = NULL;
	const char *st = ckpt_record_struct(rec->type);

	fputs(ckpt_rec_name(rec->type), to);
	f = ckpt_field_next(NULL, st);
	if (!f || !strcmp(f->kind, C) || f->size != f->elem)
		return;
	fprintf(to, " %s ", f->name);
	put_value(to, f, (const char *)rec + f->off, f->size);
	for (; f; f = ckpt_field_next(f, st))
		if (!strcmp(f->name, "path"))
			path = f;
	if (path)
		ckpt_put(to, " %.*s", (int)(rec->len - path->off),
			 (const char *)rec + path->off);
}

/* A line, up to the values. */
static void put_place(struct ckpt_compare *c, const struct ckpt_field *outer,
		      const struct ckpt_field *f, size_t at, size_t inner)
{
	put_record(c->to, c->rec[0]);
	fprintf(c->to, ": %s", outer->name);
	if (outer->size != outer->elem && strcmp(outer->kind, C))
		fprintf(c->to, "[%zu]", at);
	if (f != outer)
		fprintf(c->to, ".%s", f->name);
	if (f != outer && f->size != f->elem)
		fprintf(c->to, "[%zu]", inner);
	fputs(": ", c->to);
	c->differences++;
}

/* ---- the ways to differ ---- */

static bool is_pipe(const struct ckpt_hdr *rec)
{
	const struct ckpt_hdr_file *f = (const void *)rec;

	return f->kind == CKPT_FILE_PIPE || f->kind == CKPT_FILE_EXTERNAL;
}

static bool is_node(const struct ckpt_hdr *rec)
{
	const struct ckpt_hdr_file *f = (const void *)rec;

	return f->kind != CKPT_FILE_REG && f->kind != CKPT_FILE_DIR;
}

static bool is_timens(const struct ckpt_hdr *rec)
{
	const struct ckpt_hdr_ns *n = (const void *)rec;

	return n->kind == CKPT_NS_TIME;
}

static bool is_anon(const struct ckpt_hdr *rec)
{
	const struct ckpt_hdr_vma *v = (const void *)rec;

	return v->kind == CKPT_VMA_ANON;
}

/* ns since the restart began: no clock of the program has gone on further. */
static __s64 elapsed(const struct ckpt_compare *c)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec - c->started;
}

/* Gone down by the time that has passed, or started anew from @interval. */
static bool left_fits(const struct ckpt_compare *c, __s64 a, __s64 b,
		      __s64 interval)
{
	__s64 gone = elapsed(c);

	if (a <= 0)
		return a == b;
	if (b <= a && b >= a - gone)
		return true;
	return a <= gone && b >= 0 && b <= interval;
}

/* @interval stands behind the value, in both structures that have it. */
static bool timer_fits(const struct ckpt_compare *c, const void *a,
		       const void *b)
{
	const struct ckpt_hdr_timer *t = (const void *)c->rec[0];
	const __s64 *x = a, *y = b;

	if (t->h.type == CKPT_HDR_TIMER && t->flags & CKPT_TIMER_ABS)
		return *x == *y || (!*y && *x);
	return left_fits(c, *x, *y, x[1]);
}

static bool deadline_fits(const struct ckpt_compare *c)
{
	const struct ckpt_hdr_restart_block *a = (const void *)c->rec[0],
					    *b = (const void *)c->rec[1];
	__s64 left_a = a->expires - a->now, left_b = b->expires - b->now;

	/* none, or one of the calendar, which nobody moves */
	if (!a->expires || !b->expires ||
	    (a->kind == CKPT_RESTART_FUTEX && a->flags & CKPT_FUTEX_CLOCKRT))
		return a->expires == b->expires;
	return left_b <= left_a && left_b >= left_a - elapsed(c);
}

/* Freezing ends some calls with EINTR: a restart makes them anew. */
static bool call_fits(const struct ckpt_compare *c)
{
	const struct ckpt_hdr_cpu *a = (const void *)c->rec[0],
				  *b = (const void *)c->rec[1];

	return (__s64)a->ax == -EINTR && (__s64)a->orig_ax >= 0 &&
	       (__s64)b->orig_ax == -1 && b->ax == a->orig_ax &&
	       b->ip == a->ip - SYSCALL_BYTES;
}

static bool levels_fit(const struct ckpt_compare *c)
{
	const struct ckpt_hdr_tree_task *a = (const void *)c->rec[0],
					*b = (const void *)c->rec[1];
	__u32 i;

	for (i = 0; i < a->nr_levels && i < b->nr_levels; i++)
		if (a->pids[i] != b->pids[i] && !c->fresh_pids)
			return false;
	return true;
}

/* Whether two numbers are alike, or as alike as they must be. */
static bool fits(struct ckpt_compare *c, const struct ckpt_field *f,
		 enum ckpt_vary how, const void *pa, const void *pb)
{
	__s64 a = number(pa, f->elem), b = number(pb, f->elem);
	size_t len = strlen(f->name);

	if (len >= 6 && !strcmp(f->name + len - 6, "objref"))
		return same_ref(c, a, b);
	switch (how) {
	case CKPT_VARY_ANY:
	case CKPT_VARY_COUNT:
	case CKPT_VARY_PAGES:
		return true;
	case CKPT_VARY_RISES:
		return (__u64)b >= (__u64)a || c->no_timens;
	case CKPT_VARY_START:
		return a == b || c->no_timens || c->fresh_pids;
	case CKPT_VARY_LEFT:
		return timer_fits(c, pa, pb);
	case CKPT_VARY_DEADLINE:
		return deadline_fits(c);
	case CKPT_VARY_PID:
		return same_pid(c, f, a, b);
	case CKPT_VARY_LEVELS:
		return levels_fit(c);
	case CKPT_VARY_CALL:
		return a == b || call_fits(c);
	case CKPT_VARY_TIMENS:
		return a == b || is_timens(c->rec[0]);
	case CKPT_VARY_PIPE:
		return a == b || is_pipe(c->rec[0]);
	case CKPT_VARY_NODE:
		return a == b || is_node(c->rec[0]);
	case CKPT_VARY_ANON:
		return a == b || is_anon(c->rec[0]);
	default:
		return a == b;
	}
}

/* ---- fields and records ---- */

/* Where something is, for put_place(). */
struct place {
	const struct ckpt_field *outer;
	size_t at;
};

/* A text is one value; of an array each element is. */
static void compare_values(struct ckpt_compare *c, const struct place *in,
			   const struct ckpt_field *f, enum ckpt_vary how,
			   const char *a, const char *b, size_t len)
{
	bool text = !strcmp(f->kind, C);
	size_t i, j;

	for (i = 0; i < len; i += f->elem) {
		if (fits(c, f, how, a + i, b + i))
			continue;
		j = i / f->elem;
		put_place(c, in ? in->outer : f, f, in ? in->at : j, j);
		put_value(c->to, f, text ? a : a + i, len);
		fputs(" became ", c->to);
		put_value(c->to, f, text ? b : b + i, len);
		putc('\n', c->to);
		if (text)
			return;
	}
}

static void compare_element(struct ckpt_compare *c, const struct place *in,
			    enum ckpt_vary how, const char *a, const char *b)
{
	const struct ckpt_field *f = NULL;
	const char *st = in->outer->kind;

	while ((f = ckpt_field_next(f, st)))
		compare_values(c, in, f, how ?: ckpt_field_varies(st, f->name),
			       a + f->off, b + f->off, f->size);
}

static void compare_field(struct ckpt_compare *c, const struct ckpt_field *f,
			  enum ckpt_vary how, const char *a, const char *b,
			  size_t len)
{
	struct place in = { f, 0 };
	size_t i;

	if (!strcmp(f->kind, C) || !strcmp(f->kind, N)) {
		compare_values(c, NULL, f, how, a, b, len);
		return;
	}
	for (i = 0; i + f->elem <= len; i += f->elem, in.at++)
		compare_element(c, &in, how, a + i, b + i);
}

/* What may be of any length has been marked so. */
static bool length_varies(struct ckpt_compare *c, enum ckpt_vary how)
{
	return how == CKPT_VARY_ANY || how == CKPT_VARY_LEVELS ||
	       (how == CKPT_VARY_PIPE && is_pipe(c->rec[0]));
}

static void compare_tail(struct ckpt_compare *c, const struct ckpt_field *f,
			 enum ckpt_vary how)
{
	const struct ckpt_hdr *a = c->rec[0], *b = c->rec[1];
	size_t len = a->len - f->off;

	if (a->len != b->len && !length_varies(c, how)) {
		put_place(c, f, f, 0, 0);
		fprintf(c->to, "length of %d became %d\n", a->len, b->len);
		return;
	}
	if (how == CKPT_VARY_LEVELS)
		len = f->elem; /* levels_fit() looks at all of them */
	else if (a->len != b->len)
		return;
	compare_field(c, f, how, (const char *)a + f->off,
		      (const char *)b + f->off, len);
}

/**
 * ckpt_compare_records() - compare two records of one type
 * @c: comparison
 * @a: record of the first image
 * @b: of the second
 *
 * Both have been verified, as ckpt_image_next() does.
 */
void ckpt_compare_records(struct ckpt_compare *c, const struct ckpt_hdr *a,
			  const struct ckpt_hdr *b)
{
	const char *st = ckpt_record_struct(a->type);
	const struct ckpt_field *f = NULL;
	enum ckpt_vary how;

	c->rec[0] = a;
	c->rec[1] = b;
	while ((f = ckpt_field_next(f, st))) {
		how = ckpt_field_varies(st, f->name);
		if (f->size)
			compare_field(c, f, how, (const char *)a + f->off,
				      (const char *)b + f->off, f->size);
		else if (a->type != CKPT_HDR_PGARR)
			compare_tail(c, f, how);
	}
}
