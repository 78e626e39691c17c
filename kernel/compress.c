// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contents of pages, packed by the kernel's own libraries.
 *
 * Their memory is taken once, by who packs or unpacks run after run, and charged
 * to his cgroup.  What is to be packed is copied first: whoever else has the
 * memory may write to it meanwhile, and no library is made for that.  What is to
 * be unpacked has been verified, which tells damage, not malice: both libraries
 * are told how much room there is, and what comes out must fill it exactly.
 */
#include <linux/lz4.h>
#include <linux/slab.h>
#include "ckpt.h"
#include "compress.h"
#include "run.h"

#define ZSTD_LEVEL 1 /* who has more time than room packs the image himself */

static size_t work_size(struct ckpt_packer *packer)
{
	switch (packer->compress) {
	case CKPT_COMPRESS_LZ4:
		return LZ4_MEM_COMPRESS;
	case CKPT_COMPRESS_ZSTD:
		packer->params = zstd_get_params(ZSTD_LEVEL, CKPT_RUN_BYTES);
		return zstd_cctx_workspace_bound(&packer->params.cParams);
	default:
		return zstd_dctx_workspace_bound();
	}
}

static bool work_init(struct ckpt_packer *packer, size_t size)
{
	switch (packer->compress) {
	case CKPT_COMPRESS_LZ4:
		return true;
	case CKPT_COMPRESS_ZSTD:
		packer->pack = zstd_init_cctx(packer->work, size);
		return packer->pack;
	default:
		packer->unpack = zstd_init_dctx(packer->work, size);
		return packer->unpack;
	}
}

/**
 * ckpt_packer_alloc() - get ready to pack, or to unpack
 * @compress: CKPT_COMPRESS_* to pack with; CKPT_COMPRESS_NONE: to unpack
 *
 * Return: for ckpt_packer_free(), or NULL: out of memory.
 */
struct ckpt_packer *ckpt_packer_alloc(u32 compress)
{
	struct ckpt_packer *packer;
	size_t size;

	packer = kzalloc(sizeof(*packer), GFP_KERNEL_ACCOUNT);
	if (!packer)
		return NULL;
	packer->compress = compress;
	size = work_size(packer);
	/* zeros: malice could have LZ4 leave some of it as it was */
	packer->flat = kvzalloc(CKPT_RUN_BYTES, GFP_KERNEL_ACCOUNT);
	packer->work = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (packer->flat && packer->work && work_init(packer, size))
		return packer;
	ckpt_packer_free(packer);
	return NULL;
}

/**
 * ckpt_packer_free() - the contrary
 * @packer: or NULL
 */
void ckpt_packer_free(struct ckpt_packer *packer)
{
	if (!packer)
		return;
	kvfree(packer->work);
	kvfree(packer->flat);
	kfree(packer);
}

/**
 * ckpt_pack() - pack what is in @packer->flat
 * @packer: to pack
 * @len: how much, in bytes
 * @to: where to
 * @room: bytes there
 *
 * Return: how many bytes it takes; 0: more than @room.
 */
size_t ckpt_pack(struct ckpt_packer *packer, size_t len, void *to, size_t room)
{
	size_t n;

	if (packer->compress == CKPT_COMPRESS_LZ4)
		return LZ4_compress_default(packer->flat, to, len, room,
					    packer->work);
	n = zstd_compress_cctx(packer->pack, to, room, packer->flat, len,
			       &packer->params);
	return zstd_is_error(n) ? 0 : n;
}

/**
 * ckpt_unpack() - unpack contents
 * @packer: to unpack
 * @compress: CKPT_COMPRESS_*, how they were packed
 * @from: packed, any bytes
 * @size: of them
 * @to: where to
 * @len: how many bytes it must be
 *
 * Return: 0 or -EINVAL.
 */
int ckpt_unpack(struct ckpt_packer *packer, u32 compress, const void *from,
		size_t size, void *to, size_t len)
{
	size_t n;
	int out;

	if (compress == CKPT_COMPRESS_LZ4) {
		out = LZ4_decompress_safe(from, to, size, len);
		return out < 0 || out != len ? -EINVAL : 0;
	}
	if (zstd_find_frame_compressed_size(from, size) != size)
		return -EINVAL;
	n = zstd_decompress_dctx(packer->unpack, to, len, from, size);
	return zstd_is_error(n) || n != len ? -EINVAL : 0;
}
