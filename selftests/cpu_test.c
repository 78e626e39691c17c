// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processor's state: general registers, x87, SSE, AVX, protection-key
 * rights, segment bases.  A program that has them all in use spins or sleeps
 * in assembler, is checkpointed there, and compares them afterwards.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <asm/prctl.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

CT_FIXTURE(cpu)

/* The assembler below finds `ready` from the address of `go`. */
_Static_assert(offsetof(struct ct_shared, ready) + 4 ==
		       offsetof(struct ct_shared, go),
	       "ready stands before go");

/* Spin at step 1, in assembler; rdi: address of `go`. */
#define SPIN                   \
	"movl $1, -4(%%rdi)\n" \
	"1: pause\n"           \
	"cmpl $1, (%%rdi)\n"   \
	"jl 1b\n"

#define NR_REGS 14
#define FLAG_DF (1 << 10)
#define FLAG_ID (1 << 21)

/*
 * spin_registers(rdi: address of `go`, rsi: 14 values to load, rdx: where the
 * values are stored after the spin, then rdi and the flags).
 */
void spin_registers(volatile int *go, const uint64_t *in, uint64_t *out);
asm(".text\n"
    "spin_registers:\n"
    "	push %rbx\n"
    "	push %rbp\n"
    "	push %r12\n"
    "	push %r13\n"
    "	push %r14\n"
    "	push %r15\n"
    "	push %rdx\n"
    "	pushfq\n"
    "	orq $0x200400, (%rsp)\n" /* ID, DF */
    "	popfq\n"
    "	mov 0(%rsi), %rax\n"
    "	mov 8(%rsi), %rbx\n"
    "	mov 16(%rsi), %rcx\n"
    "	mov 24(%rsi), %rdx\n"
    "	mov 32(%rsi), %rbp\n"
    "	mov 40(%rsi), %r8\n"
    "	mov 48(%rsi), %r9\n"
    "	mov 56(%rsi), %r10\n"
    "	mov 64(%rsi), %r11\n"
    "	mov 72(%rsi), %r12\n"
    "	mov 80(%rsi), %r13\n"
    "	mov 88(%rsi), %r14\n"
    "	mov 96(%rsi), %r15\n"
    "	mov 104(%rsi), %rsi\n"
    "	movl $1, -4(%rdi)\n"
    "1:	pause\n"
    "	cmpl $1, (%rdi)\n"
    "	jl 1b\n"
    "	pushfq\n"
    "	push %rdi\n"
    "	mov 16(%rsp), %rdi\n"
    "	mov %rax, 0(%rdi)\n"
    "	mov %rbx, 8(%rdi)\n"
    "	mov %rcx, 16(%rdi)\n"
    "	mov %rdx, 24(%rdi)\n"
    "	mov %rbp, 32(%rdi)\n"
    "	mov %r8, 40(%rdi)\n"
    "	mov %r9, 48(%rdi)\n"
    "	mov %r10, 56(%rdi)\n"
    "	mov %r11, 64(%rdi)\n"
    "	mov %r12, 72(%rdi)\n"
    "	mov %r13, 80(%rdi)\n"
    "	mov %r14, 88(%rdi)\n"
    "	mov %r15, 96(%rdi)\n"
    "	mov %rsi, 104(%rdi)\n"
    "	pop 112(%rdi)\n"
    "	pop 120(%rdi)\n"
    "	cld\n"
    "	pop %rdx\n"
    "	pop %r15\n"
    "	pop %r14\n"
    "	pop %r13\n"
    "	pop %r12\n"
    "	pop %rbp\n"
    "	pop %rbx\n"
    "	ret\n");

static uint64_t odd_value(int i)
{
	return 0x9e3779b97f4a7c15ULL * (i + 1);
}

static int general_registers(struct ct_shared *s, void *arg)
{
	uint64_t in[NR_REGS], out[NR_REGS + 2] = { 0 };
	int i;

	for (i = 0; i < NR_REGS; i++)
		in[i] = odd_value(i);
	spin_registers(&s->go, in, out);
	for (i = 0; i < NR_REGS; i++)
		CT_EQ(s, in[i], out[i]);
	CT_EQ(s, (uintptr_t)&s->go, out[NR_REGS]);
	CT_CHECK(s, out[NR_REGS + 1] & FLAG_DF);
	CT_CHECK(s, out[NR_REGS + 1] & FLAG_ID);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

CT_ROUND_TRIP(cpu, general_registers)

/* The program that is not killed must not notice anything either. */
TEST_F(cpu, general_registers_without_kill)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, general_registers, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, 0));
	ct->s->restarted = 1;
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_finish(ct));
}

static int x87(struct ct_shared *s, void *arg)
{
	uint16_t control = 0x0c7f, control_now = 0, status = 0;
	long double st[4];
	static const long double want[4] = {
		0.0L,
		0.693147180559945309417232121458176568L,
		1.442695040888963407359924681001892137L,
		3.141592653589793238462643383279502884L,
	};
	int i;

	asm volatile("fninit\n"
		     "fldpi\n"
		     "fldl2e\n"
		     "fldln2\n"
		     "fldz\n"
		     "fldcw %[control]\n" SPIN "fnstsw %[status]\n"
		     "fnstcw %[now]\n"
		     "fstpt 0(%[st])\n"
		     "fstpt 16(%[st])\n"
		     "fstpt 32(%[st])\n"
		     "fstpt 48(%[st])\n"
		     "fninit\n"
		     : [status] "=m"(status), [now] "=m"(control_now)
		     : "D"(&s->go), [st] "r"(st), [control] "m"(control)
		     : "memory", "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)",
		       "st(5)", "st(6)", "st(7)");
	CT_EQ(s, control, control_now);
	CT_EQ(s, 4, status >> 11 & 7); /* top of stack: four are in use */
	for (i = 0; i < 4; i++)
		CT_CHECK(s, st[i] == want[i]);
	return 0;
}

CT_ROUND_TRIP(cpu, x87)

#define MXCSR_ODD 0xff80 /* all masked, round to zero, flush to zero */

static int sse(struct ct_shared *s, void *arg)
{
	uint32_t mxcsr = MXCSR_ODD, mxcsr_now = 0, normal = 0x1f80;
	uint64_t in[32], out[32];
	int i;

	for (i = 0; i < 32; i++)
		in[i] = odd_value(i);
	memset(out, 0, sizeof(out));
#define LOAD(n) "movups 16*" #n "(%[in]), %%xmm" #n "\n"
#define STORE(n) "movups %%xmm" #n ", 16*" #n "(%[out])\n"
	asm volatile(LOAD(0) LOAD(1) LOAD(2) LOAD(3) LOAD(4) LOAD(5) LOAD(
			     6) LOAD(7) LOAD(8) LOAD(9) LOAD(10) LOAD(11)
			     LOAD(12) LOAD(13) LOAD(14) LOAD(
				     15) "ldmxcsr %[mxcsr]\n" SPIN
					 "stmxcsr %[now]\n"
					 "ldmxcsr %[normal]\n" STORE(0) STORE(
						 1) STORE(2) STORE(3) STORE(4)
						 STORE(5) STORE(6) STORE(7) STORE(
							 8) STORE(9) STORE(10)
							 STORE(11) STORE(
								 12) STORE(13)
								 STORE(14) STORE(
									 15)
		     : [now] "=m"(mxcsr_now)
		     : "D"(&s->go), [in] "r"(in), [out] "r"(out),
		       [mxcsr] "m"(mxcsr), [normal] "m"(normal)
		     : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
		       "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
		       "xmm12", "xmm13", "xmm14", "xmm15");
#undef LOAD
#undef STORE
	CT_EQ(s, MXCSR_ODD, mxcsr_now);
	for (i = 0; i < 32; i++)
		CT_EQ(s, in[i], out[i]);
	return 0;
}

CT_ROUND_TRIP(cpu, sse)

static void fill_ymm(const uint64_t *in)
{
#define LOAD(n) "vmovdqu 32*" #n "(%[in]), %%ymm" #n "\n"
	asm volatile(LOAD(0) LOAD(1) LOAD(2) LOAD(3) LOAD(4) LOAD(5) LOAD(6)
			     LOAD(7) LOAD(8) LOAD(9) LOAD(10) LOAD(11) LOAD(12)
				     LOAD(13) LOAD(14) LOAD(15)
		     :
		     : [in] "r"(in)
		     : "memory");
#undef LOAD
}

static void read_ymm(uint64_t *out)
{
#define STORE(n) "vmovdqu %%ymm" #n ", 32*" #n "(%[out])\n"
	asm volatile(STORE(0) STORE(1) STORE(2) STORE(3) STORE(4) STORE(5)
			     STORE(6) STORE(7) STORE(8) STORE(9) STORE(10)
				     STORE(11) STORE(12) STORE(13) STORE(14)
					     STORE(15) "vzeroupper\n"
		     :
		     : [out] "r"(out)
		     : "memory");
#undef STORE
}

static int avx(struct ct_shared *s, void *arg)
{
	uint64_t in[64], out[64];
	int i;

	for (i = 0; i < 64; i++)
		in[i] = odd_value(i);
	memset(out, 0, sizeof(out));
	fill_ymm(in);
	asm volatile(SPIN : : "D"(&s->go) : "memory", "cc");
	read_ymm(out);
	for (i = 0; i < 64; i++)
		CT_EQ(s, in[i], out[i]);
	return 0;
}

TEST_F(cpu, avx)
{
	if (!__builtin_cpu_supports("avx"))
		SKIP(return, "the CPU has no AVX");
	ASSERT_EQ(0, ct_round_trip(&self->ct, avx, NULL));
}

/* A call's registers: all but rax, rcx and r11 stay, vectors too. */
static int registers_in_a_call(struct ct_shared *s, void *arg)
{
	struct timespec ts = { 0, 50000000 };
	register uint64_t r8 asm("r8") = odd_value(8);
	register uint64_t r9 asm("r9") = odd_value(9);
	register uint64_t r10 asm("r10") = odd_value(10);
	register uint64_t r12 asm("r12") = odd_value(12);
	register uint64_t r13 asm("r13") = odd_value(13);
	register uint64_t r14 asm("r14") = odd_value(14);
	register uint64_t r15 asm("r15") = odd_value(15);
	uint64_t in[64], out[64];
	int i;

	for (i = 0; i < 64; i++)
		in[i] = odd_value(i);
	fill_ymm(in);
	asm volatile("1: movl $1, -4(%%rbx)\n"
		     "mov %[nr], %%eax\n"
		     "mov %[ts], %%rdi\n"
		     "xor %%esi, %%esi\n"
		     "syscall\n"
		     "cmpl $1, (%%rbx)\n"
		     "jl 1b\n"
		     : "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r12), "+r"(r13),
		       "+r"(r14), "+r"(r15)
		     : [nr] "i"(SYS_nanosleep), [ts] "r"(&ts), "b"(&s->go)
		     : "memory", "cc", "rax", "rcx", "r11", "rdi", "rsi");
	read_ymm(out);
	CT_EQ(s, odd_value(8), r8);
	CT_EQ(s, odd_value(9), r9);
	CT_EQ(s, odd_value(10), r10);
	CT_EQ(s, odd_value(12), r12);
	CT_EQ(s, odd_value(13), r13);
	CT_EQ(s, odd_value(14), r14);
	CT_EQ(s, odd_value(15), r15);
	for (i = 0; i < 64; i++)
		CT_EQ(s, in[i], out[i]);
	return 0;
}

TEST_F(cpu, registers_in_a_call)
{
	if (!__builtin_cpu_supports("avx"))
		SKIP(return, "the CPU has no AVX");
	ASSERT_EQ(0, ct_round_trip_in(&self->ct, registers_in_a_call, NULL,
				      SYS_nanosleep));
}

static __thread uint64_t thread_local = 0x1122334455667788;

static int segment_bases(struct ct_shared *s, void *arg)
{
	static const uint64_t target = 0xfeedfacecafebeef;
	uint64_t fs, gs, fs_now, gs_now, by_gs;

	thread_local++;
	CT_EQ(s, 0, syscall(SYS_arch_prctl, ARCH_SET_GS, &target));
	CT_EQ(s, 0, syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
	CT_EQ(s, 0, syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
	ct_spin(s, 1);
	CT_EQ(s, 0x1122334455667789, thread_local);
	asm volatile("mov %%gs:0, %0" : "=r"(by_gs));
	CT_EQ(s, target, by_gs);
	CT_EQ(s, 0, syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_now));
	CT_EQ(s, 0, syscall(SYS_arch_prctl, ARCH_GET_GS, &gs_now));
	CT_EQ(s, fs, fs_now);
	CT_EQ(s, gs, gs_now);
	return 0;
}

CT_ROUND_TRIP(cpu, segment_bases)

#define USER_DS 0x2b

static int data_segments(struct ct_shared *s, void *arg)
{
	uint16_t ds, es, null = 0, user = USER_DS;

	asm volatile("mov %0, %%ds\n"
		     "mov %1, %%es\n"
		     :
		     : "r"(user), "r"(null));
	ct_spin(s, 1);
	asm volatile("mov %%ds, %0\n"
		     "mov %%es, %1\n"
		     : "=r"(ds), "=r"(es));
	CT_EQ(s, USER_DS, ds);
	CT_EQ(s, 0, es);
	return 0;
}

CT_ROUND_TRIP(cpu, data_segments)

static int gs_selector(struct ct_shared *s, void *arg)
{
	asm volatile("mov %0, %%gs" : : "r"((uint16_t)USER_DS));
	ct_step(s, 1);
	return 0;
}

TEST_F(cpu, gs_selector_is_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, gs_selector, NULL,
				"own segment|not supported"));
}

static uint32_t rdpkru(void)
{
	uint32_t pkru;

	asm volatile("rdpkru" : "=a"(pkru) : "c"(0) : "rdx");
	return pkru;
}

static void wrpkru(uint32_t pkru)
{
	asm volatile("wrpkru" : : "a"(pkru), "c"(0), "d"(0) : "memory");
}

static bool have_pkru(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & bit_OSPKE);
}

static int key_rights(struct ct_shared *s, void *arg)
{
	uint32_t odd = rdpkru() ^ 0x30000004;

	wrpkru(odd);
	CT_EQ(s, odd, rdpkru());
	ct_spin(s, 1);
	CT_EQ(s, odd, rdpkru());
	return 0;
}

TEST_F(cpu, key_rights)
{
	if (!have_pkru())
		SKIP(return, "the CPU has no protection keys");
	ASSERT_EQ(0, ct_round_trip(&self->ct, key_rights, NULL));
}

/* State that was never touched stays untouched: XINUSE says so. */
static int unused_x87_stays_initial(struct ct_shared *s, void *arg)
{
	uint16_t control = 0, status = 0xffff;

	ct_spin(s, 1);
	asm volatile("fnstcw %0\n"
		     "fnstsw %1\n"
		     : "=m"(control), "=m"(status));
	CT_EQ(s, 0x37f, control);
	CT_EQ(s, 0, status);
	return 0;
}

CT_ROUND_TRIP(cpu, unused_x87_stays_initial)

/* Floating point goes on where it was, over several checkpoints. */
static int long_sum(struct ct_shared *s, void *arg)
{
	double x = 1, sum = 0;
	int i;

	for (i = 0; i < 3000; i++) {
		if (i % 1000 == 500)
			ct_spin(s, i / 1000 + 1);
		x = x * 1.0000001 + 1 / (x + i);
		sum += x;
	}
	memcpy((void *)&s->data[0], &sum, sizeof(sum));
	return 0;
}

TEST_F(cpu, computes_on_after_three_checkpoints)
{
	struct ct *ct = &self->ct;
	struct ct_shared plain = { .go = INT_MAX };
	int i;

	long_sum(&plain, NULL);
	ASSERT_EQ(0, ct_start(ct, long_sum, NULL));
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, ct_reach(ct, i));
		ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
		ASSERT_EQ(0, ct_restart(ct));
		ct_go(ct, i);
	}
	ASSERT_EQ(0, ct_join(ct));
	ASSERT_NE(0, ct->s->data[0]);
	ASSERT_EQ(plain.data[0], ct->s->data[0]);
}

TEST_HARNESS_MAIN
