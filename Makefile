# SPDX-License-Identifier: GPL-2.0-only
#
# ckpt: checkpoint and restart of running programs.  `make help` tells all.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
unexport CDPATH

# Here is the debug kernel, see selftests/vm/debug-kernel.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ckpt

ifneq ($(KDIR),)
KVER := $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)
else
KVER ?= $(shell uname -r)
override KDIR := $(or $(wildcard /lib/modules/$(KVER)/build),$(wildcard $(CACHE)/kernel-$(KVER)/build),/usr/src/linux-headers-$(KVER))
endif

BUILD := $(CURDIR)/build
MODDIR ?= $(BUILD)/$(if $(CKPT_GCOV),coverage/)$(KVER)
MODULE := $(MODDIR)/ckpt.ko

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR = $(DESTDIR)$(PREFIX)/bin
LIBDIR = $(DESTDIR)$(PREFIX)/lib
PCDIR = $(LIBDIR)/pkgconfig
INCDIR = $(DESTDIR)$(PREFIX)/include
MANDIR = $(DESTDIR)$(PREFIX)/share/man
COMPDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
SYSLIBDIR = $(DESTDIR)/usr/lib
MODULESDIR = $(DESTDIR)/lib/modules
KMODDIR = $(MODULESDIR)/$(KVER)/updates

# The one place where it stands.
VERSION := $(shell sed -n 's/^.define CKPT_VERSION "\(.*\)"/\1/p' include/uapi/linux/ckpt.h)
DKMSDIR = $(DESTDIR)/usr/src/ckpt-$(VERSION)

PARALLEL := $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# ---- everything ---------------------------------------------------------------

.PHONY: all tools module kernels
# The module goes last and may fail for want of headers: the tools are there.
all: tools
	+@$(MAKE) --no-print-directory module

# ---- the module ---------------------------------------------------------------

find_sources = find Kbuild kernel common include $(if $(CKPT_GCOV),selftests/gcov) \
	-name '*.[chS]' -o -name '*.def' -o -name Kbuild

# A tree of links, one for each kernel; links to what is gone are removed.
define link_sources
@mkdir -p $(MODDIR)
@find $(MODDIR) -xtype l -delete
@$(find_sources) | while read -r file; do \
	[ -L "$(MODDIR)/$$file" ] && continue; \
	mkdir -p "$(MODDIR)/$${file%/*}" 2>/dev/null; \
	rmdir "$(MODDIR)/$$file" 2>/dev/null; \
	ln -sfr "$$file" "$(MODDIR)/$$file"; \
done
endef

# No BTF of the module itself: the headers packages have no vmlinux to base it on.
module:
	@[ -n "$(KVER)" ] && [ -e "$(KDIR)/Makefile" ] || { echo "ckpt: no kernel headers in $(or $(KDIR),KDIR) for '$(KVER)': install linux-headers-$(KVER), or give KVER= or KDIR=, or use 'make kernels'" >&2; exit 1; }
	$(link_sources)
	+@$(MAKE) $(PARALLEL) --no-print-directory -C $(KDIR) M=$(MODDIR) \
		CONFIG_DEBUG_INFO_BTF_MODULES= CKPT_WERROR=$(if $(WERROR),y) modules

kernels:
	@for series in 6.1 6.12; do \
		release=$$(selftests/vm/kernel-release --headers $$series) && \
		$(MAKE) --no-print-directory module KDIR= KVER=$$release || exit 1; \
	done

# ---- the tools and libckpt ------------------------------------------------------

CC = gcc
AR = ar
CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes \
	-Wold-style-definition -Wpointer-arith $(if $(WERROR),-Werror)
USER_CPPFLAGS = -D_GNU_SOURCE -Iinclude/uapi -Iinclude -Iuser/include \
	-Icommon -Iuser/libckpt $(CPPFLAGS)
USER_CFLAGS = -std=gnu11 -fPIC $(WARNINGS) $(CFLAGS)
LIBS = -Wl,--as-needed -lcap -ljson-c -lxxhash -llz4 -lzstd

LIB_SRC := $(sort $(wildcard user/libckpt/*.c common/*.c))
TOOL_SHARED_SRC := $(wildcard user/tool_*.c)
TOOL_SRC := $(sort $(filter-out $(TOOL_SHARED_SRC),$(wildcard user/*.c)))
SAMPLE_SRC := $(sort $(wildcard user/samples/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
TOOL_SHARED_OBJ := $(TOOL_SHARED_SRC:%.c=$(BUILD)/obj/%.o)
TOOLS := $(TOOL_SRC:user/%.c=$(BUILD)/bin/%)
SAMPLES := $(SAMPLE_SRC:user/samples/%.c=$(BUILD)/bin/%)
LIB_MAP := $(wildcard user/libckpt/libckpt.map)
STATIC_LIB := $(BUILD)/lib/libckpt.a
SHARED_LIB := $(BUILD)/lib/libckpt.so.0

quiet = @printf '  %-7s %s\n' $(1) $(patsubst $(CURDIR)/%,%,$@)

tools: $(if $(LIB_SRC),$(STATIC_LIB) $(SHARED_LIB)) $(TOOLS) $(SAMPLES)

# Remembers the flags, so that other flags build again.
$(BUILD)/obj/.flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(USER_CPPFLAGS) $(USER_CFLAGS) $(LDFLAGS)' | cmp -s - $@ || \
		{ packaging/deps --check build && \
		echo '$(CC) $(USER_CPPFLAGS) $(USER_CFLAGS) $(LDFLAGS)' >$@; }

$(BUILD)/obj/%.o: %.c $(BUILD)/obj/.flags
	$(call quiet,CC)
	@mkdir -p $(@D)
	@$(CC) $(USER_CPPFLAGS) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

# Made anew each time: no member outlives its source.
$(STATIC_LIB): $(LIB_OBJ)
	$(call quiet,AR)
	@mkdir -p $(@D)
	@rm -f $@
	@$(AR) rcsD $@ $^

$(SHARED_LIB): $(LIB_OBJ) $(LIB_MAP)
	$(call quiet,LD)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -shared -Wl,-soname,libckpt.so.0 -Wl,-z,defs \
		$(if $(LIB_MAP),-Wl$(comma)--version-script=$(LIB_MAP)) -o $@ $(LIB_OBJ) $(LIBS)
	@ln -sf libckpt.so.0 $(@D)/libckpt.so

# To load shared libraries takes these longer than a small program's checkpoint.
STATIC_TOOLS := $(BUILD)/bin/checkpoint $(BUILD)/bin/restart

$(TOOLS): $(BUILD)/bin/%: $(BUILD)/obj/user/%.o $(TOOL_SHARED_OBJ) $(STATIC_LIB)
	$(call quiet,LD)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) $(if $(filter $@,$(STATIC_TOOLS)),-static) -o $@ $^ $(LIBS)

$(SAMPLES): $(BUILD)/bin/%: $(BUILD)/obj/user/samples/%.o $(STATIC_LIB)
	$(call quiet,LD)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

comma := ,
.PRECIOUS: $(BUILD)/obj/%.o
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# ---- install --------------------------------------------------------------------

MAN_PAGES := $(wildcard user/man/*.[1-8])
COMPLETIONS := $(wildcard user/completion/*)
HEADERS := $(wildcard include/uapi/linux/ckpt*.h)

man_path = $(MANDIR)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))
expand = sed 's|@VERSION@|$(VERSION)|g; s|@PREFIX@|$(PREFIX)|g' $(1) | install -m 644 /dev/stdin $(2)

.PHONY: install install-tools install-module install-dkms uninstall stage
install: install-tools install-dkms $(if $(NO_MODULE),,install-module)

install-tools: tools
	install -d $(BINDIR) $(LIBDIR)/ckpt $(INCDIR)/linux $(PCDIR) $(COMPDIR) \
		$(sort $(foreach page,$(MAN_PAGES),$(dir $(call man_path,$(page)))))
	install $(TOOLS) $(BINDIR)
	install $(SAMPLES) $(LIBDIR)/ckpt
	install -m 644 $(STATIC_LIB) $(SHARED_LIB) $(LIBDIR)
	ln -sf $(notdir $(SHARED_LIB)) $(LIBDIR)/libckpt.so
	install -m 644 user/include/ckpt.h $(INCDIR)
	install -m 644 $(HEADERS) $(INCDIR)/linux
	$(call expand,packaging/ckpt.pc.in,$(PCDIR)/ckpt.pc)
	$(foreach page,$(MAN_PAGES),$(call expand,$(page),$(call man_path,$(page))) &&) :
	install -m 644 $(COMPLETIONS) $(COMPDIR)
	install -D -m 644 packaging/60-ckpt.rules $(SYSLIBDIR)/udev/rules.d/60-ckpt.rules
	install -D -m 644 packaging/modules-load.conf $(SYSLIBDIR)/modules-load.d/ckpt.conf
	install -D -m 644 packaging/sysctl.conf $(SYSLIBDIR)/sysctl.d/60-ckpt.conf
	$(if $(DESTDIR),,ldconfig)

# Two modules of one name would be a matter of luck.
install-module: module
	@! ls $(KMODDIR)/dkms/ckpt.ko* >/dev/null 2>&1 || { echo "ckpt: dkms has installed the module for $(KVER): use 'make install NO_MODULE=1' and 'make dkms', or 'make dkms-remove' first" >&2; exit 1; }
	install -D -m 644 $(MODULE) $(KMODDIR)/ckpt.ko
	$(if $(DESTDIR),,depmod $(KVER))

install-dkms:
	rm -rf $(DKMSDIR)
	install -d $(DKMSDIR)
	$(call expand,dkms.conf,$(DKMSDIR)/dkms.conf)
	@$(find_sources) | while read -r file; do \
		install -D -m 644 "$$file" "$(DKMSDIR)/$$file"; \
	done

# The module and the sources for DKMS go for all kernels, directories that were
# made for ckpt if nothing else is in them.
uninstall: $(if $(DESTDIR),,dkms-remove)
	rm -f $(addprefix $(BINDIR)/,$(notdir $(TOOLS)))
	rm -rf $(LIBDIR)/ckpt
	rm -f $(addprefix $(LIBDIR)/,$(notdir $(STATIC_LIB) $(SHARED_LIB)) libckpt.so)
	rm -f $(INCDIR)/ckpt.h $(addprefix $(INCDIR)/linux/,$(notdir $(HEADERS)))
	rm -f $(PCDIR)/ckpt.pc $(foreach page,$(MAN_PAGES),$(call man_path,$(page)))
	rm -f $(addprefix $(COMPDIR)/,$(notdir $(COMPLETIONS)))
	rm -f $(SYSLIBDIR)/udev/rules.d/60-ckpt.rules $(SYSLIBDIR)/modules-load.d/ckpt.conf \
		$(SYSLIBDIR)/sysctl.d/60-ckpt.conf
	rm -rf $(DKMSDIR)
	@for module in $(MODULESDIR)/*/updates/ckpt.ko; do \
		[ ! -e "$$module" ] || { echo "rm $$module"; rm "$$module"; \
		$(if $(DESTDIR),:,release=$${module%/updates/*} && depmod "$${release##*/}"); }; \
	done
	@for dir in $(INCDIR)/linux $(PCDIR) $(MODULESDIR)/*/updates; do \
		[ ! -d "$$dir" ] || rmdir --ignore-fail-on-non-empty "$$dir"; done
	$(if $(DESTDIR),,ldconfig)

# ---- dkms -----------------------------------------------------------------------

.PHONY: dkms dkms-remove
dkms: install-dkms
	@[ -z "$(DESTDIR)" ] || { echo "ckpt: make dkms works on this system: no DESTDIR" >&2; exit 1; }
	@command -v dkms >/dev/null || { echo "ckpt: no dkms: apt-get install dkms linux-headers-$(KVER)" >&2; exit 1; }
	@[ ! -e $(KMODDIR)/ckpt.ko ] || { echo "ckpt: dkms takes over from 'make install': removing $(KMODDIR)/ckpt.ko"; rm $(KMODDIR)/ckpt.ko; }
	@dkms status ckpt/$(VERSION) | grep -q . || dkms add ckpt/$(VERSION)
	dkms build --force -k $(KVER) ckpt/$(VERSION)
	dkms install --force -k $(KVER) ckpt/$(VERSION)

# From all kernels.
dkms-remove:
	@! { command -v dkms >/dev/null && dkms status ckpt/$(VERSION) | grep -q .; } || \
		dkms remove ckpt/$(VERSION) --all

# What the virtual machines get.
stage:
	@rm -rf $(BUILD)/stage/$(KVER)
	+@$(MAKE) --no-print-directory install DESTDIR=$(BUILD)/stage/$(KVER) PREFIX=/usr/local

# ---- tests ----------------------------------------------------------------------

.PHONY: check check-full check-debug lint unit kselftest install-check fuzz coverage \
	kselftest-install format demo bench deps
deps:
	packaging/deps check vm kernel

check check-full check-debug lint unit kselftest:
	+@selftests/check $@

install-check:
	+@selftests/check install

# Until it is stopped.
fuzz:
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),0) exec selftests/fuzz/run

coverage:
	@exec selftests/coverage

format:
	git ls-files -co --exclude-standard -- "*.c" "*.h" | xargs clang-format --style=file -i

# The tests built and installed into build/kselftest, as the machines get them.
kselftest-install: tools
	+@$(MAKE) $(PARALLEL) --no-print-directory -C selftests kselftest-install

demo:
	@exec selftests/demo/run

bench:
	@exec bench/run

# ---- the rest -------------------------------------------------------------------

.PHONY: clean help FORCE
clean:
	rm -rf $(BUILD)

help:
	@echo 'make                   the module for the running kernel, and the tools'
	@echo '  KVER=RELEASE           for that kernel'
	@echo '  KDIR=DIR               with these kernel headers or build tree'
	@echo 'make tools             build/bin/* and build/lib/libckpt.* only'
	@echo 'make module            build/<release>/ckpt.ko only'
	@echo 'make kernels           the module for both Debian kernels, 6.1 and 6.12'
	@echo 'make install           DESTDIR= PREFIX=/usr/local  (NO_MODULE=1: no module)'
	@echo 'make uninstall         with the same DESTDIR and PREFIX'
	@echo 'make dkms              the module by DKMS, built anew for each new kernel'
	@echo 'make dkms-remove       the contrary, for all kernels'
	@echo 'make deps              install the Debian packages that the tests need'
	@echo "make demo              see it work; JOB='any command' for your own"
	@echo "make bench             beside cp and criu; WORKLOADS='memory-1024' KERNELS='6.1 6.12'"
	@echo 'make check             the gate; SEED=N repeats a slice'
	@echo 'make check-full        all tests on all kernels, and the long runs: hours'
	@echo 'make check-debug       all that runs on the debug kernel: KASAN, lockdep, faults'
	@echo 'make fuzz              libFuzzer on the host until stopped; FUZZ_SECONDS=N'
	@echo 'make coverage          lines and branches of the module that the tests run'
	@echo 'make lint, make unit   parts of the gate'
	@echo "make kselftest         in the machine; KERNELS='6.1 6.12' CPUS='1 2' TESTS='a_test'"
	@echo 'make install-check     install and DKMS tried on a new machine, and the examples'
	@echo 'make format           clang-format all C sources'
	@echo 'make clean             remove build/'
