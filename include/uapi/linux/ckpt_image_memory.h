/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* ckpt: records of memory, and of its contents.  Part of ckpt_image.h. */
#ifndef _UAPI_LINUX_CKPT_IMAGE_MEMORY_H
#define _UAPI_LINUX_CKPT_IMAGE_MEMORY_H

#ifndef _UAPI_LINUX_CKPT_IMAGE_H
#error "include <linux/ckpt_image.h>"
#endif

/* ckpt_hdr_mm.flags */
#define CKPT_MM_DUMPABLE_MASK 3U /* 0 no, 1 user, 2 root */
#define CKPT_MM_THP_DISABLE (1U << 2) /* PR_SET_THP_DISABLE */
#define CKPT_MM_LOCK_FUTURE (1U << 3) /* mlockall(MCL_FUTURE) */
#define CKPT_MM_LOCK_ONFAULT (1U << 4) /* ... | MCL_ONFAULT */
#define CKPT_MM_TOPDOWN (1U << 5) /* mmap() searches downwards */
#define CKPT_MM_MDWE (1U << 6) /* PR_SET_MDWE, refused for now */
/* registered with membarrier(2) for MEMBARRIER_CMD_... */
#define CKPT_MM_MEMBARRIER_GLOBAL (1U << 7) /* GLOBAL_EXPEDITED */
#define CKPT_MM_MEMBARRIER_PRIVATE (1U << 8) /* PRIVATE_EXPEDITED */
#define CKPT_MM_MEMBARRIER_SYNC_CORE (1U << 9) /* ..._SYNC_CORE */
#define CKPT_MM_MEMBARRIER_RSEQ (1U << 10) /* ..._RSEQ */

#define CKPT_AUXV_MAX 64

struct ckpt_hdr_mm {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 flags; /* CKPT_MM_* */
	__u32 nr_vmas; /* VMA records that follow, each with its PGARRs */
	__s32 exe_objref; /* the exe link's FILE */
	__u64 start_code, end_code, start_data, end_data;
	__u64 start_brk, brk, start_stack;
	__u64 arg_start, arg_end, env_start, env_end;
	__u64 mmap_base, mmap_legacy_base;
	__u64 vdso; /* address of the vdso's text, 0 if unmapped */
	__u64 hiwater_rss, hiwater_vm; /* pages: VmHWM, VmPeak */
	__u32 pkeys; /* bit n: protection key n is allocated; 0 always is */
	__s32 exec_pkey; /* key of areas with PROT_EXEC alone; -1: none yet */
	__u32 dump_filter; /* coredump_filter */
	__u32 nr_auxv; /* 64-bit words of auxv[] */
	__u64 auxv[];
};

enum ckpt_vma_kind {
	CKPT_VMA_ANON = 1, /* private anonymous */
	CKPT_VMA_FILE, /* private mapping of file_objref */
	CKPT_VMA_SHARED_FILE, /* shared mapping: contents stay in the file */
	CKPT_VMA_VDSO, /* the vdso's text */
	CKPT_VMA_VVAR, /* its data pages (several areas on some kernels) */
	CKPT_VMA_KINDS
};

/* ckpt_hdr_vma.prot: PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 */

/* ckpt_hdr_vma.flags: neutral names of what the kernels number differently */
#define CKPT_VMA_GROWSDOWN (1U << 0)
#define CKPT_VMA_NORESERVE (1U << 1)
#define CKPT_VMA_LOCKED (1U << 2)
#define CKPT_VMA_LOCKONFAULT (1U << 3)
#define CKPT_VMA_SEQ_READ (1U << 4)
#define CKPT_VMA_RAND_READ (1U << 5)
#define CKPT_VMA_DONTFORK (1U << 6)
#define CKPT_VMA_WIPEONFORK (1U << 7)
#define CKPT_VMA_DONTDUMP (1U << 8)
#define CKPT_VMA_HUGEPAGE (1U << 9)
#define CKPT_VMA_NOHUGEPAGE (1U << 10)
#define CKPT_VMA_MERGEABLE (1U << 11)
#define CKPT_VMA_MAYWRITE (1U << 12) /* shared: the file was open for writing */
#define CKPT_VMA_FLAGS ((1U << 13) - 1)

struct ckpt_hdr_vma {
	struct ckpt_hdr h;
	__u64 csum;
	__u64 start, end; /* page aligned */
	__u64 pgoff; /* page offset in the file */
	__u32 kind; /* ckpt_vma_kind */
	__u32 prot;
	__u32 flags; /* CKPT_VMA_* */
	__s32 file_objref;
	__u32 pkey; /* protection key */
	__u32 pad;
	char name[80]; /* PR_SET_VMA_ANON_NAME, NUL padded */
};

/* ckpt_page_range.flags */
#define CKPT_PAGES_ZERO (1U << 0) /* all zero: no contents follow */
#define CKPT_PAGES_HUGE (1U << 1) /* lay within huge pages */

struct ckpt_page_range {
	__u64 start; /* page aligned: an address, in a SHMEM an offset */
	__u32 nr_pages;
	__u32 flags; /* CKPT_PAGES_* */
};

/*
 * Memory that has no name in a file system, or none any more.  Pages follow in
 * PGARR records, by their offset; what is left out are zeros.
 */
enum ckpt_shmem_kind {
	CKPT_SHMEM_ANON = 1, /* MAP_SHARED | MAP_ANONYMOUS, or of /dev/zero */
	CKPT_SHMEM_MEMFD, /* memfd_create() */
	CKPT_SHMEM_KINDS
};

/* ckpt_hdr_shmem.flags */
#define CKPT_SHMEM_NORESERVE (1U << 0) /* pages are accounted for one by one */

#define CKPT_SHMEM_SEALS 0x3fU /* F_SEAL_* */
#define CKPT_SHMEM_NAME_MAX 250 /* bytes of a memfd's name, with its NUL */

struct ckpt_hdr_shmem {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 kind; /* ckpt_shmem_kind */
	__u64 size; /* bytes */
	__u32 flags; /* CKPT_SHMEM_* */
	__u32 seals; /* as F_GET_SEALS says */
	__u32 i_mode; /* st_mode */
	__u32 uid, gid; /* owner, as the checkpointer saw it */
	__u32 name_len; /* bytes of name[], with its NUL */
	char name[]; /* of a memfd; padded to 8 */
};

/* ckpt_hdr_pgarr.compress */
enum ckpt_compress {
	CKPT_COMPRESS_NONE,
	CKPT_COMPRESS_LZ4, /* one block */
	CKPT_COMPRESS_ZSTD, /* one frame */
	CKPT_COMPRESS_KINDS
};

/*
 * A run of pages: @nr_ranges ranges by rising address, then, back to back,
 * the contents of every page of those that are not CKPT_PAGES_ZERO: as they are,
 * or all together packed into @packed_len bytes, fewer than they are, and padded
 * with zeros to 8.
 */
struct ckpt_hdr_pgarr {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 mm_objref; /* of the MM or the SHMEM whose they are */
	__u32 nr_ranges;
	__u32 nr_pages; /* pages with contents */
	__u32 compress; /* ckpt_compress */
	__u32 packed_len; /* bytes; 0 of CKPT_COMPRESS_NONE */
	__u32 pad;
	struct ckpt_page_range range[];
};

#endif /* _UAPI_LINUX_CKPT_IMAGE_MEMORY_H */
