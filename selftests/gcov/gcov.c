// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a module built by selftests/coverage (CKPT_GCOV) counts, on any kernel:
 * Debian's have no gcov of their own.  gcc leaves a pointer to the counters of
 * each object file in a section (-fprofile-info-section); this object is linked
 * first, gcov_end.o last.
 *
 * The name of a file, written to the parameter gcov, has all counters appended
 * to that file and sets them to zero: for each object the length of its .gcda
 * file's name, the name, the length of the contents, the contents.  The layout
 * of these is in gcc's gcov-io.h.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

/* gcc's own structures, as version 12 has them. */
#if __GNUC__ < 12 || __GNUC__ > 13
#error "the counters of gcc 12 and 13 only"
#endif
#define COUNTERS 8

struct counters {
	u32 num;
	s64 *values;
};

struct function {
	const struct object *key;
	u32 ident;
	u32 line_checksum;
	u32 cfg_checksum;
	struct counters counters[];
};

struct object {
	u32 version;
	struct object *next;
	u32 stamp;
	u32 checksum;
	const char *name;
	void (*merge[COUNTERS])(s64 *values, u32 num);
	u32 num;
	struct function **functions;
};

#define DATA_MAGIC 0x67636461 /* "gcda" */
#define TAG_FUNCTION 0x01000000
#define TAG_COUNTERS(i) (0x01a10000 + ((u32)(i) << 17))

static struct object *ckpt_gcov_begin[0] __used __section("ckpt_gcov");

/* Where gcc has each kind of counter merged; we never do. */
void __gcov_merge_add(s64 *values, u32 num);
void __gcov_merge_add(s64 *values, u32 num)
{
}

/* Words of a file, counted only as long as there is no buffer. */
struct words {
	u32 *buf;
	size_t num;
};

static void put(struct words *words, u32 word)
{
	if (words->buf)
		words->buf[words->num] = word;
	words->num++;
}

static void put_function(struct words *words, const struct object *object,
			 const struct function *function)
{
	const struct counters *counters = function->counters;
	u32 i, j;

	put(words, TAG_FUNCTION);
	put(words, 12);
	put(words, function->ident);
	put(words, function->line_checksum);
	put(words, function->cfg_checksum);
	for (i = 0; i < COUNTERS; i++) {
		if (!object->merge[i])
			continue;
		put(words, TAG_COUNTERS(i));
		put(words, counters->num * sizeof(s64));
		for (j = 0; j < counters->num; j++) {
			s64 value = READ_ONCE(counters->values[j]);

			put(words, lower_32_bits(value));
			put(words, upper_32_bits(value));
			if (words->buf)
				WRITE_ONCE(counters->values[j], 0);
		}
		counters++;
	}
}

static void put_object(struct words *words, const struct object *object)
{
	u32 i;

	words->num = 0;
	put(words, DATA_MAGIC);
	put(words, object->version);
	put(words, object->stamp);
	put(words, object->checksum);
	for (i = 0; i < object->num; i++)
		if (object->functions[i] && object->functions[i]->key == object)
			put_function(words, object, object->functions[i]);
	put(words, 0);
}

static int append(struct file *file, const void *data, size_t len)
{
	ssize_t done = kernel_write(file, data, len, &file->f_pos);

	if (done < 0)
		return done;
	return (size_t)done == len ? 0 : -EIO;
}

static int append_object(struct file *file, const struct object *object)
{
	struct words words = {};
	u32 len;
	int err;

	len = strlen(object->name);
	err = append(file, &len, sizeof(len)) ?:
						append(file, object->name, len);
	if (err)
		return err;
	put_object(&words, object);
	words.buf = vmalloc(array_size(words.num, sizeof(u32)));
	if (!words.buf)
		return -ENOMEM;
	put_object(&words, object);
	len = words.num * sizeof(u32);
	err = append(file, &len, sizeof(len)) ?: append(file, words.buf, len);
	vfree(words.buf);
	return err;
}

static int gcov_set(const char *val, const struct kernel_param *param)
{
	char *name __free(kfree) = kstrdup(val, GFP_KERNEL);
	struct object **object = ckpt_gcov_begin;
	struct file *file;
	int err = 0;

	if (!name)
		return -ENOMEM;
	file = filp_open(strim(name), O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (IS_ERR(file))
		return PTR_ERR(file);
	/* the compiler is not to know that the array ends at once */
	OPTIMIZER_HIDE_VAR(object);
	for (; *object && !err; object++)
		err = append_object(file, *object);
	fput(file);
	return err;
}

static const struct kernel_param_ops gcov_ops = { .set = gcov_set };
module_param_cb(gcov, &gcov_ops, NULL, 0200);
