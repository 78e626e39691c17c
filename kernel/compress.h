/* SPDX-License-Identifier: GPL-2.0-only */
/* Contents of pages, packed by the kernel's own libraries. */
#ifndef _CKPT_COMPRESS_H
#define _CKPT_COMPRESS_H

#include <linux/types.h>
#include <linux/zstd.h>

/**
 * struct ckpt_packer - what one who packs or unpacks runs needs
 * @compress: CKPT_COMPRESS_* that it packs with; CKPT_COMPRESS_NONE: it unpacks
 * @flat: contents of a run, CKPT_RUN_BYTES
 * @work: memory of the library
 * @params: of zstd
 * @pack: zstd's view of @work
 * @unpack: the same
 */
struct ckpt_packer {
	u32 compress;
	u8 *flat;
	void *work;
	zstd_parameters params;
	zstd_cctx *pack;
	zstd_dctx *unpack;
};

struct ckpt_packer *ckpt_packer_alloc(u32 compress);
void ckpt_packer_free(struct ckpt_packer *packer);
size_t ckpt_pack(struct ckpt_packer *packer, size_t len, void *to, size_t room);
int ckpt_unpack(struct ckpt_packer *packer, u32 compress, const void *from,
		size_t size, void *to, size_t len);

#endif /* _CKPT_COMPRESS_H */
