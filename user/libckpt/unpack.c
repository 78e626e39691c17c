// SPDX-License-Identifier: GPL-2.0-only
/* Contents of pages that the kernel has packed. */
#include <lz4.h>
#include <string.h>
#include <zstd.h>
#include "lib.h"

#define ZSTD_FRAME 0xfd2fb528U /* begins with it, little endian (RFC 8878) */

static const char *const names[CKPT_COMPRESS_KINDS] = {
	[CKPT_COMPRESS_NONE] = "none",
	[CKPT_COMPRESS_LZ4] = "lz4",
	[CKPT_COMPRESS_ZSTD] = "zstd",
};

const char *ckpt_compress_name(__u32 compress)
{
	return compress < CKPT_COMPRESS_KINDS ? names[compress] : "?";
}

int ckpt_compress_number(const char *name)
{
	int i;

	for (i = 0; i < CKPT_COMPRESS_KINDS; i++)
		if (!strcmp(name, names[i]))
			return i;
	return ckpt_set_error(-EINVAL,
			      "%s: not a compression: lz4, zstd or none", name);
}

/* One frame and nothing else, as the kernel has it, and not of zstd's own past. */
static bool is_one_frame(const unsigned char *from, size_t size)
{
	__u32 magic;

	if (size < sizeof(magic))
		return false;
	magic = from[0] | from[1] << 8 | from[2] << 16 | (__u32)from[3] << 24;
	return magic == ZSTD_FRAME &&
	       ZSTD_findFrameCompressedSize(from, size) == size;
}

int ckpt_unpack(__u32 compress, const void *from, size_t size, void *to,
		size_t len)
{
	size_t n;
	int out;

	if (compress == CKPT_COMPRESS_LZ4) {
		out = LZ4_decompress_safe(from, to, size, len);
		return out < 0 || (size_t)out != len ? -EINVAL : 0;
	}
	if (!is_one_frame(from, size))
		return -EINVAL;
	n = ZSTD_decompress(to, len, from, size);
	return ZSTD_isError(n) || n != len ? -EINVAL : 0;
}
