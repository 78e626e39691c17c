// SPDX-License-Identifier: GPL-2.0-only
/*
 * ckptinfo(1): what is in an image.
 *
 * The records are gathered into one JSON object as they come by; the text
 * forms are printed from it.
 */
#include <ckpt.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>
#include "draw.h"
#include "tool.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum mode {
	SUMMARY,
	RECORDS,
	ERROR_TEXT,
	TREE,
	JSON,
	CHECK,
	CORE,
};

/* What is known of the image so far. */
struct info {
	enum mode mode;
	struct ckpt_image *img;
	struct json_object *all, *tasks, *files, *fds, *areas, *records;
	struct json_object *area; /* the current one */
	struct json_object *by_ref; /* files, not printed */
	struct json_object *known; /* of tasks, by kind and number; not printed */
	uint64_t nr_records, bytes, nr_areas, area_bytes, pages, zero_pages;
	uint64_t packed_pages, packed_bytes;
	uint32_t compress; /* CKPT_COMPRESS_* of those */
	const char *error; /* of a checkpoint that failed, or NULL */
};

/*
 * An image may hold any bytes: control characters must not get to a terminal,
 * nor what is not UTF-8 into JSON.  They become \\ooo, as ls -b writes them.
 */
static void quote(char *to, size_t size, const char *from)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t n, i;

	for (; *from && size > 4 * MB_LEN_MAX; from += n) {
		n = mbrtowc(&wide, from, MB_LEN_MAX, &state);
		if (n <= MB_LEN_MAX && iswprint(wide) && wide != '\\') {
			memcpy(to, from, n);
			to += n;
			size -= n;
			continue;
		}
		if (n > MB_LEN_MAX) {
			memset(&state, 0, sizeof(state));
			n = 1;
		}
		for (i = 0; i < n; i++, size -= 4)
			to += sprintf(to, "\\%03o", (unsigned char)from[i]);
	}
	*to = 0;
}

/* json-c does not bear what it could not make. */
static struct json_object *needed(struct json_object *o)
{
	if (o)
		return o;
	fputs("ckptinfo: out of memory\n", stderr);
	exit(1);
}

static void put_str(struct json_object *o, const char *key, const char *s)
{
	char text[4 * CKPT_PATH_MAX + 4 * MB_LEN_MAX + 1];

	quote(text, sizeof(text), s);
	json_object_object_add(o, key, needed(json_object_new_string(text)));
}

static void put_bool(struct json_object *o, const char *key, bool yes)
{
	json_object_object_add(o, key, needed(json_object_new_boolean(yes)));
}

static void put_num(struct json_object *o, const char *key, int64_t n)
{
	json_object_object_add(o, key, needed(json_object_new_int64(n)));
}

static void put_hex(struct json_object *o, const char *key, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, n);
	put_str(o, key, text);
}

static const char *get_str(struct json_object *o, const char *key)
{
	struct json_object *v = json_object_object_get(o, key);

	return v ? json_object_get_string(v) : "";
}

static int64_t get_num(struct json_object *o, const char *key)
{
	return json_object_get_int64(json_object_object_get(o, key));
}

/* ---- gathering: a function for each record that says something ---- */

static void add_header(struct info *in, const struct ckpt_hdr_header *h)
{
	time_t sec = h->time_real / 1000000000;
	char when[64];
	struct tm tm;

	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %Z",
		 localtime_r(&sec, &tm));
	put_num(in->all, "ckptid", h->ckptid);
	put_str(in->all, "kind", h->self ? "self" : "external");
	put_str(in->all, "time", when);
	put_str(in->all, "host", h->nodename);
	put_str(in->all, "kernel", h->release);
	put_str(in->all, "machine", h->machine);
	put_num(in->all, "revision", h->rev);
	put_num(in->all, "owner_uid", h->owner_uid);
}

static void add_arch(struct info *in, const struct ckpt_hdr_header_arch *h)
{
	put_str(in->all, "cpu_vendor", h->vendor);
	put_num(in->all, "cpu_family", h->family);
	put_num(in->all, "cpu_model", h->model);
	put_hex(in->all, "xfeatures", h->xfeatures);
}

/* What was said first of a number of some kind; @first if nothing was. */
static int64_t known(struct info *in, const char *kind, int64_t number,
		     int64_t first)
{
	struct json_object *v;
	char key[48];

	snprintf(key, sizeof(key), "%s %" PRId64, kind, number);
	v = json_object_object_get(in->known, key);
	if (v)
		return json_object_get_int64(v);
	put_num(in->known, key, first);
	return first;
}

/* With whom it shares what a process has of its own, and a thread does not. */
static void put_shared(struct info *in, struct json_object *o,
		       const struct ckpt_hdr_tree_task *t)
{
	const struct {
		const char *name;
		int32_t objref;
	} kinds[] = {
		{ "mm", t->mm_objref },
		{ "files", t->files_objref },
		{ "fs", t->fs_objref },
		{ "sighand", t->sighand_objref },
	};
	struct json_object *shared = needed(json_object_new_object());
	size_t i, n = 0;
	char text[128];
	int64_t owner;

	text[0] = 0;
	for (i = 0; i < ARRAY_SIZE(kinds) && !t->exit_state; i++) {
		put_num(shared, kinds[i].name, kinds[i].objref);
		owner = known(in, kinds[i].name, kinds[i].objref, t->tgid);
		if (owner != t->tgid)
			n += snprintf(text + n, sizeof(text) - n,
				      "%s%s of %" PRId64, n ? ", " : "",
				      kinds[i].name, owner);
		else if (t->pid != t->tgid &&
			 known(in, kinds[i].name, -(int64_t)t->tgid,
			       kinds[i].objref) != kinds[i].objref)
			n += snprintf(text + n, sizeof(text) - n, "%sown %s",
				      n ? ", " : "", kinds[i].name);
		known(in, kinds[i].name, -(int64_t)t->tgid, kinds[i].objref);
	}
	put_num(shared, "signal", t->signal_objref);
	json_object_object_add(o, "objrefs", shared);
	if (n)
		put_str(o, "shares", text);
}

static void add_tree_task(struct info *in, const struct ckpt_hdr_tree_task *t)
{
	struct json_object *o = needed(json_object_new_object());

	put_num(o, "pid", t->pid);
	put_num(o, "ppid", t->ppid);
	put_num(o, "parent_tid", t->parent_tid);
	put_num(o, "tgid", t->tgid);
	put_num(o, "pgid", t->pgid);
	put_num(o, "sid", t->sid);
	put_str(o, "comm", t->comm);
	put_num(o, "exit_signal", t->exit_signal);
	put_str(o, "state", t->exit_state ? "zombie" : "alive");
	if (t->exit_state)
		put_num(o, "exit_code", t->exit_code);
	put_bool(o, "pgid_outside", t->flags & CKPT_TREE_PGID_OUTSIDE);
	put_bool(o, "sid_outside", t->flags & CKPT_TREE_SID_OUTSIDE);
	put_bool(o, "foreground", t->flags & CKPT_TREE_FOREGROUND);
	put_shared(in, o, t);
	if (t->cgroup_len > 1)
		put_str(o, "cgroup", (const char *)&t->pids[t->nr_levels]);
	json_object_array_add(in->tasks, o);
}

/* Whether the process is stopped, for all tasks that have this record. */
static void add_signal(struct info *in, const struct ckpt_hdr_signal *s)
{
	if (s->flags & CKPT_SIGNAL_STOPPED)
		known(in, "stopped", s->objref, s->stop_signal);
}

static const char *file_kind(uint32_t kind)
{
	static const char *const names[] = { "?",      "file",	  "directory",
					     "device", "pipe",	  "external",
					     "shmem",  "eventfd", "fifo" };

	return kind < CKPT_FILE_KINDS ? names[kind] : "?";
}

/* O_* of x86-64 that F_GETFL shows. */
static void put_open_flags(struct json_object *o, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} names[] = {
		{ 02000, "append" },  { 04000, "nonblock" },
		{ 010000, "dsync" },  { 020000, "async" },
		{ 040000, "direct" }, { 01000000, "noatime" },
		{ 04000000, "sync" }, { 010000000, "path" },
	};
	static const char *const modes[] = { "read", "write", "read/write",
					     "none" };
	char text[128];
	size_t i, n;

	n = snprintf(text, sizeof(text), "%s", modes[flags & 3]);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			n += snprintf(text + n, sizeof(text) - n, ",%s",
				      names[i].name);
	put_str(o, "open", text);
}

static void add_file(struct info *in, const struct ckpt_hdr_file *f)
{
	struct json_object *o = needed(json_object_new_object());
	char key[24];

	put_num(o, "objref", f->objref);
	put_str(o, "kind", file_kind(f->kind));
	put_num(o, "pos", f->pos);
	put_num(o, "size", f->size);
	put_hex(o, "flags", f->f_flags);
	put_open_flags(o, f->f_flags);
	put_str(o, "path", f->path);
	json_object_array_add(in->files, o);
	snprintf(key, sizeof(key), "%d", f->objref);
	json_object_object_add(in->by_ref, key, json_object_get(o));
}

static void add_fd(struct info *in, const struct ckpt_hdr_fd *f)
{
	struct json_object *o = needed(json_object_new_object());

	put_num(o, "fd", f->fd);
	put_num(o, "file_objref", f->file_objref);
	put_bool(o, "cloexec", f->flags & CKPT_FD_CLOEXEC);
	json_object_array_add(in->fds, o);
}

static const char *area_kind(uint32_t kind)
{
	static const char *const names[] = {
		"?", "anon", "private file", "shared file", "vdso", "vvar"
	};

	return kind < CKPT_VMA_KINDS ? names[kind] : "?";
}

static void add_vma(struct info *in, const struct ckpt_hdr_vma *v)
{
	struct json_object *o;
	char prot[4] = "---";

	in->nr_areas++;
	in->area_bytes += v->end - v->start;
	if (in->mode != JSON)
		return;
	o = needed(json_object_new_object());
	if (v->prot & PROT_READ)
		prot[0] = 'r';
	if (v->prot & PROT_WRITE)
		prot[1] = 'w';
	if (v->prot & PROT_EXEC)
		prot[2] = 'x';
	put_hex(o, "start", v->start);
	put_hex(o, "end", v->end);
	put_str(o, "prot", prot);
	put_str(o, "kind", area_kind(v->kind));
	put_num(o, "file_objref", v->file_objref);
	put_num(o, "pgoff", v->pgoff);
	put_hex(o, "flags", v->flags);
	if (v->name[0])
		put_str(o, "name", v->name);
	json_object_array_add(in->areas, o);
	in->area = o;
}

static void add_pgarr(struct info *in, const struct ckpt_hdr_pgarr *p)
{
	uint32_t i;

	in->pages += p->nr_pages;
	if (p->compress) {
		in->compress = p->compress;
		in->packed_pages += p->nr_pages;
		in->packed_bytes += p->packed_len;
	}
	for (i = 0; i < p->nr_ranges; i++)
		if (p->range[i].flags & CKPT_PAGES_ZERO)
			in->zero_pages += p->range[i].nr_pages;
	if (in->area)
		put_num(in->area, "pages",
			get_num(in->area, "pages") + p->nr_pages);
}

static void add_err(struct info *in, const struct ckpt_hdr_err *e)
{
	size_t len;
	const char *text = ckpt_err_text(e, &len);
	char copy[CKPT_ERR_MAX + 1];

	snprintf(copy, sizeof(copy), "%.*s", (int)len, text);
	put_str(in->all, "error", copy);
	in->error = get_str(in->all, "error");
}

static void add_record(struct info *in, const struct ckpt_hdr *rec)
{
	struct json_object *o;

	if (in->mode == RECORDS)
		printf("%12llu %10d  %s\n",
		       (unsigned long long)ckpt_image_offset(in->img), rec->len,
		       ckpt_rec_name(rec->type));
	if (in->mode != JSON)
		return;
	o = needed(json_object_new_object());
	put_str(o, "type", ckpt_rec_name(rec->type));
	put_num(o, "offset", ckpt_image_offset(in->img));
	put_num(o, "len", rec->len);
	json_object_array_add(in->records, o);
}

static bool wanted(enum mode mode, int32_t type)
{
	switch (type) {
	case CKPT_HDR_ERR:
		return true;
	case CKPT_HDR_TREE_TASK:
	case CKPT_HDR_SIGNAL:
		return mode == SUMMARY || mode == TREE || mode == JSON;
	default:
		return mode == SUMMARY || mode == JSON;
	}
}

static void add(struct info *in, const struct ckpt_hdr *rec)
{
	in->nr_records++;
	in->bytes += rec->len;
	add_record(in, rec);
	/* no memory for what nobody will see: there may be millions */
	if (!wanted(in->mode, rec->type))
		return;
	switch (rec->type) {
	case CKPT_HDR_HEADER:
		add_header(in, (const void *)rec);
		break;
	case CKPT_HDR_HEADER_ARCH:
		add_arch(in, (const void *)rec);
		break;
	case CKPT_HDR_TREE_TASK:
		add_tree_task(in, (const void *)rec);
		break;
	case CKPT_HDR_SIGNAL:
		add_signal(in, (const void *)rec);
		break;
	case CKPT_HDR_FILE:
		add_file(in, (const void *)rec);
		break;
	case CKPT_HDR_FD:
		add_fd(in, (const void *)rec);
		break;
	case CKPT_HDR_VMA:
		add_vma(in, (const void *)rec);
		break;
	case CKPT_HDR_SHMEM:
		in->area = NULL; /* pages that follow are no area's */
		break;
	case CKPT_HDR_PGARR:
		add_pgarr(in, (const void *)rec);
		break;
	case CKPT_HDR_ERR:
		add_err(in, (const void *)rec);
		break;
	default:
		break;
	}
}

/* ---- printing ---- */

/* Files by objref: a table of a million descriptors must not take a day. */
static struct json_object *file_of(struct info *in, int64_t objref)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRId64, objref);
	return json_object_object_get(in->by_ref, key);
}

static int parent_of(struct info *in, struct json_object *t)
{
	bool thread = get_num(t, "pid") != get_num(t, "tgid");

	return known(in, "index", get_num(t, thread ? "tgid" : "parent_tid"),
		     -1);
}

static void print_task(void *arg, int i, const char *line)
{
	struct info *in = arg;
	struct json_object *t = json_object_array_get_idx(in->tasks, i);
	bool thread = get_num(t, "pid") != get_num(t, "tgid");
	bool zombie = !strcmp(get_str(t, "state"), "zombie");
	int64_t stopped, code = get_num(t, "exit_code");

	printf("%8" PRId64 "%8" PRId64 "%8" PRId64 "%8" PRId64 "  %s%s%s%s",
	       get_num(t, "pid"), get_num(t, "ppid"), get_num(t, "pgid"),
	       get_num(t, "sid"), line, thread ? "{" : "", get_str(t, "comm"),
	       thread ? "}" : "");
	stopped = known(in, "stopped",
			get_num(json_object_object_get(t, "objrefs"), "signal"),
			0);
	if (zombie && code & 0x7f)
		printf(" (zombie, signal %" PRId64 ")", code & 0x7f);
	else if (zombie)
		printf(" (zombie, status %" PRId64 ")", code >> 8);
	else if (stopped && !thread)
		printf(" (stopped, signal %" PRId64 ")", stopped);
	if (*get_str(t, "shares"))
		printf(" (%s)", get_str(t, "shares"));
	putchar('\n');
}

static void print_tree(struct info *in)
{
	int i, nr = json_object_array_length(in->tasks);
	int *parent = calloc(nr + 1, sizeof(*parent));

	for (i = 0; parent && i < nr; i++) {
		struct json_object *t = json_object_array_get_idx(in->tasks, i);

		parent[i] = i ? parent_of(in, t) : -1;
		known(in, "index", get_num(t, "pid"), i);
	}
	printf("tasks:\n     pid    ppid    pgid     sid  name\n");
	if (parent)
		ckpt_draw(nr, parent, print_task, in);
	free(parent);
}

static void print_fds(struct info *in)
{
	size_t i;

	printf("files:\n      fd  kind              pos  %-12s path\n", "open");
	for (i = 0; i < json_object_array_length(in->fds); i++) {
		struct json_object *d = json_object_array_get_idx(in->fds, i);
		struct json_object *f = file_of(in, get_num(d, "file_objref"));

		if (f)
			printf("%8" PRId64 "  %-9s%12" PRId64 "  %-12s %s\n",
			       get_num(d, "fd"), get_str(f, "kind"),
			       get_num(f, "pos"), get_str(f, "open"),
			       get_str(f, "path"));
	}
}

static void print_areas(struct info *in)
{
	printf("memory: %" PRIu64 " areas of %" PRIu64 " KiB in all; %" PRIu64
	       " pages stored (%" PRIu64 " KiB)",
	       in->nr_areas, in->area_bytes / 1024, in->pages,
	       in->pages * CKPT_PAGE_SIZE / 1024);
	if (in->zero_pages)
		printf(", %" PRIu64 " of zeros left out", in->zero_pages);
	putchar('\n');
	if (in->packed_pages)
		printf("%s: %" PRIu64 " of those pages in %" PRIu64
		       " KiB, ratio %.2f\n",
		       ckpt_compress_name(in->compress), in->packed_pages,
		       in->packed_bytes / 1024,
		       (double)in->packed_pages * CKPT_PAGE_SIZE /
			       in->packed_bytes);
}

static void print_summary(struct info *in)
{
	printf("checkpoint %" PRId64 " (%s) of %s\n",
	       get_num(in->all, "ckptid"), get_str(in->all, "kind"),
	       get_str(in->all, "time"));
	printf("made on %s, Linux %s, %s", get_str(in->all, "host"),
	       get_str(in->all, "kernel"), get_str(in->all, "machine"));
	if (json_object_object_get(in->all, "cpu_vendor"))
		printf(", %s family %" PRId64 " model %" PRId64,
		       get_str(in->all, "cpu_vendor"),
		       get_num(in->all, "cpu_family"),
		       get_num(in->all, "cpu_model"));
	putchar('\n');
	if (in->error) {
		printf("the checkpoint had failed: %s\n", in->error);
		return;
	}
	print_tree(in);
	print_fds(in);
	print_areas(in);
	printf("image: %" PRIu64 " records, %" PRIu64 " bytes, complete\n",
	       in->nr_records, in->bytes);
}

static void print_json(struct info *in)
{
	put_num(in->all, "nr_records", in->nr_records);
	put_num(in->all, "pages", in->pages);
	put_num(in->all, "zero_pages", in->zero_pages);
	put_str(in->all, "compression", ckpt_compress_name(in->compress));
	put_num(in->all, "packed_pages", in->packed_pages);
	put_num(in->all, "packed_bytes", in->packed_bytes);
	puts(json_object_to_json_string_ext(in->all,
					    JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void print(struct info *in)
{
	switch (in->mode) {
	case SUMMARY:
		print_summary(in);
		break;
	case ERROR_TEXT:
		puts(in->error ? in->error : "no error");
		break;
	case TREE:
		print_tree(in);
		break;
	case JSON:
		print_json(in);
		break;
	case RECORDS:
	case CHECK:
	case CORE:
		break;
	}
}

/* ---- */

static struct json_object *new_array(struct info *in, const char *key)
{
	struct json_object *a = needed(json_object_new_array());

	json_object_object_add(in->all, key, a);
	return a;
}

static int read_all(struct info *in)
{
	const struct ckpt_hdr *rec;
	int ret;

	/* to the end, whatever is asked for: a writer may be behind a pipe */
	while ((ret = ckpt_image_next(in->img, &rec)) > 0)
		add(in, rec);
	if (!ret && in->mode == CHECK)
		ret = ckpt_image_finish(in->img);
	return ret;
}

static int show(int fd, enum mode mode)
{
	struct info in = { .mode = mode };
	int err;

	in.all = needed(json_object_new_object());
	in.tasks = new_array(&in, "tasks");
	in.files = new_array(&in, "files");
	in.fds = new_array(&in, "fds");
	in.areas = new_array(&in, "areas");
	if (mode == JSON)
		in.records = new_array(&in, "records");
	in.by_ref = needed(json_object_new_object());
	in.known = needed(json_object_new_object());
	in.img = ckpt_image_open(fd);
	err = in.img ? read_all(&in) : -ENOMEM;
	if (err)
		fprintf(stderr, "ckptinfo: %s\n", ckpt_error());
	else
		print(&in);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "ckptinfo: standard output: %s\n",
			strerror(errno));
		err = err ?: -EIO;
	}
	if (!err && in.error) {
		if (mode == CHECK || mode == RECORDS)
			fprintf(stderr,
				"ckptinfo: the checkpoint had failed: %s\n",
				in.error);
		err = 1;
	}
	ckpt_image_close(in.img);
	json_object_put(in.by_ref);
	json_object_put(in.known);
	json_object_put(in.all);
	return err ? 1 : 0;
}

/* Each process has a file that is open until the end. */
static void many_files(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

static int write_core(int fd, const char *path, pid_t pid)
{
	ckpt_stop_catch();
	many_files();
	if (!ckpt_core_write_one(fd, path, pid, stderr))
		return 0;
	fprintf(stderr, "ckptinfo: %s\n", ckpt_error());
	return 1;
}

static void print_help(FILE *to)
{
	fputs("usage: ckptinfo [options] [image]\n"
	      "\n"
	      "Shows what is in an image (default: standard input).\n"
	      "\n"
	      "  -v, --verbose  every record: offset, length, type\n"
	      "  -e, --error    the error of a failed checkpoint\n"
	      "  -p, --tree     the process tree\n"
	      "      --json     all of it as JSON\n"
	      "      --check    verify the whole image; silent if it is good\n"
	      "      --core FILE    write an ELF core, for gdb PROGRAM FILE; of several\n"
	      "                     processes each has its own, FILE.PID\n"
	      "      --pid PID      only that of the process PID\n"
	      "      --help, --version\n"
	      "\n"
	      "Exit status: 0 complete; 1 damaged, or a failed checkpoint; 2 usage.\n",
	      to);
}

enum { OPT_JSON = 256, OPT_CHECK, OPT_CORE, OPT_PID, OPT_HELP, OPT_VERSION };

static const struct option options[] = {
	{ "verbose", no_argument, NULL, 'v' },
	{ "error", no_argument, NULL, 'e' },
	{ "tree", no_argument, NULL, 'p' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "core", required_argument, NULL, OPT_CORE },
	{ "pid", required_argument, NULL, OPT_PID },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{}
};

struct command {
	enum mode mode;
	const char *core;
	pid_t pid;
};

/* Return: 0, or the exit status. */
static int parse_pid(const char *text, pid_t *pid)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || end == text || n < 1 || n > INT_MAX) {
		fprintf(stderr, "ckptinfo: %s: not a pid\n", text);
		return 2;
	}
	*pid = n;
	return 0;
}

/* -1: go on, else the exit status */
static int parse(int argc, char **argv, struct command *cmd)
{
	int c;

	while ((c = getopt_long(argc, argv, ":vep", options, NULL)) != -1) {
		switch (c) {
		case 'v':
			cmd->mode = RECORDS;
			break;
		case 'e':
			cmd->mode = ERROR_TEXT;
			break;
		case 'p':
			cmd->mode = TREE;
			break;
		case OPT_JSON:
			cmd->mode = JSON;
			break;
		case OPT_CHECK:
			cmd->mode = CHECK;
			break;
		case OPT_CORE:
			cmd->mode = CORE;
			cmd->core = optarg;
			break;
		case OPT_PID:
			if (parse_pid(optarg, &cmd->pid))
				return 2;
			break;
		case OPT_HELP:
			print_help(stdout);
			return 0;
		case OPT_VERSION:
			puts("ckptinfo (ckpt) " CKPT_VERSION);
			return 0;
		default:
			return tool_bad_option("ckptinfo", c, argv, options);
		}
	}
	if (cmd->pid && cmd->mode != CORE)
		return tool_usage("ckptinfo", "--pid is for --core");
	if (argc - optind > 1)
		return tool_usage("ckptinfo", "%s: one image at a time",
				  argv[optind + 1]);
	return -1;
}

int main(int argc, char **argv)
{
	struct command cmd = { .mode = SUMMARY };
	int fd = STDIN_FILENO, status = parse(argc, argv, &cmd);

	if (status >= 0)
		return status;
	setlocale(LC_CTYPE, "");
	if (optind < argc) {
		fd = open(argv[optind], O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			fprintf(stderr, "ckptinfo: %s: %s\n", argv[optind],
				strerror(errno));
			return 1;
		}
	} else if (isatty(fd)) {
		return tool_usage("ckptinfo",
				  "an image does not come from a terminal: name a file");
	}
	return cmd.mode == CORE ? write_core(fd, cmd.core, cmd.pid) :
				  show(fd, cmd.mode);
}
