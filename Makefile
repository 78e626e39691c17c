# SPDX-License-Identifier: GPL-2.0-only
#
# ckpt: checkpoint and restart of running programs.  `make help` tells all.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
unexport CDPATH

ifneq ($(KDIR),)
KVER := $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)
else
KVER ?= $(shell uname -r)
override KDIR := $(or $(wildcard /lib/modules/$(KVER)/build),/usr/src/linux-headers-$(KVER))
endif

BUILD := $(CURDIR)/build
MODDIR ?= $(BUILD)/$(KVER)
MODULE := $(MODDIR)/ckpt.ko

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR = $(DESTDIR)$(PREFIX)/bin
LIBDIR = $(DESTDIR)$(PREFIX)/lib
INCDIR = $(DESTDIR)$(PREFIX)/include
MANDIR = $(DESTDIR)$(PREFIX)/share/man
COMPDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
SYSLIBDIR = $(DESTDIR)/usr/lib
KMODDIR = $(DESTDIR)/lib/modules/$(KVER)/updates

PARALLEL := $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# ---- everything ---------------------------------------------------------------

.PHONY: all tools module kernels
# The module goes last and may fail for want of headers: the tools are there.
all: tools
	+@$(MAKE) --no-print-directory module

# ---- the module ---------------------------------------------------------------

# A tree of links, one for each kernel; links to what is gone are removed.
define link_sources
@mkdir -p $(MODDIR)
@find $(MODDIR) -xtype l -delete
@find Kbuild kernel common include -name '*.[chS]' -o -name '*.def' -o -name Kbuild | \
while read -r file; do \
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
LIBS = -lcap -ljson-c -lxxhash

LIB_SRC := $(sort $(wildcard user/libckpt/*.c common/*.c))
TOOL_SRC := $(sort $(wildcard user/*.c))
SAMPLE_SRC := $(sort $(wildcard user/samples/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
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

$(TOOLS): $(BUILD)/bin/%: $(BUILD)/obj/user/%.o $(STATIC_LIB)
	$(call quiet,LD)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

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

.PHONY: install install-tools install-module uninstall stage
install: install-tools $(if $(NO_MODULE),,install-module)

install-tools: tools
	$(if $(TOOLS),install -d $(BINDIR) && install $(TOOLS) $(BINDIR))
	$(if $(SAMPLES),install -d $(LIBDIR)/ckpt && install $(SAMPLES) $(LIBDIR)/ckpt)
	install -d $(LIBDIR) $(INCDIR)/linux
	$(if $(LIB_SRC),install -m 644 $(STATIC_LIB) $(SHARED_LIB) $(LIBDIR))
	$(if $(LIB_SRC),ln -sf libckpt.so.0 $(LIBDIR)/libckpt.so)
	$(if $(wildcard user/include/ckpt.h),install -m 644 user/include/ckpt.h $(INCDIR))
	install -m 644 include/uapi/linux/ckpt*.h $(INCDIR)/linux
	$(foreach page,$(MAN_PAGES),install -D -m 644 $(page) \
		$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)) &&) :
	$(if $(COMPLETIONS),install -d $(COMPDIR) && install -m 644 $(COMPLETIONS) $(COMPDIR))
	install -D -m 644 packaging/60-ckpt.rules $(SYSLIBDIR)/udev/rules.d/60-ckpt.rules
	install -D -m 644 packaging/modules-load.conf $(SYSLIBDIR)/modules-load.d/ckpt.conf
	install -D -m 644 packaging/sysctl.conf $(SYSLIBDIR)/sysctl.d/60-ckpt.conf
	$(if $(DESTDIR),,ldconfig)

install-module: module
	install -D -m 644 $(MODULE) $(KMODDIR)/ckpt.ko
	$(if $(DESTDIR),,depmod $(KVER))

uninstall:
	rm -f $(addprefix $(BINDIR)/,$(notdir $(TOOLS)))
	rm -rf $(LIBDIR)/ckpt
	rm -f $(LIBDIR)/libckpt.a $(LIBDIR)/libckpt.so $(LIBDIR)/libckpt.so.0
	rm -f $(INCDIR)/ckpt.h $(INCDIR)/linux/ckpt.h $(INCDIR)/linux/ckpt_image.h
	rm -f $(foreach page,$(MAN_PAGES),$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
	rm -f $(addprefix $(COMPDIR)/,$(notdir $(COMPLETIONS)))
	rm -f $(SYSLIBDIR)/udev/rules.d/60-ckpt.rules $(SYSLIBDIR)/modules-load.d/ckpt.conf \
		$(SYSLIBDIR)/sysctl.d/60-ckpt.conf $(KMODDIR)/ckpt.ko
	$(if $(DESTDIR),,ldconfig; depmod $(KVER))

# What the virtual machines get.
stage:
	@rm -rf $(BUILD)/stage/$(KVER)
	+@$(MAKE) --no-print-directory install DESTDIR=$(BUILD)/stage/$(KVER) PREFIX=/usr/local

# ---- tests ----------------------------------------------------------------------

.PHONY: check check-full lint unit kselftest kselftest-install format demo deps
deps:
	packaging/deps check vm

check check-full lint unit kselftest:
	+@selftests/check $@

format:
	git ls-files -co --exclude-standard -- "*.c" "*.h" | xargs clang-format --style=file -i

# The tests built and installed into build/kselftest, as the machines get them.
kselftest-install: tools
	+@$(MAKE) $(PARALLEL) --no-print-directory -C selftests kselftest-install

demo:
	@exec selftests/demo/run

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
	@echo 'make install           DESTDIR= PREFIX=/usr/local  (NO_MODULE=1: tools only)'
	@echo 'make uninstall         with the same DESTDIR and PREFIX'
	@echo 'make deps              install the Debian packages that the tests need'
	@echo "make demo              see it work; JOB='any command' for your own"
	@echo 'make check             the gate; SEED=N repeats a slice'
	@echo 'make check-full        all tests on both kernels, one CPU and two'
	@echo 'make lint, make unit   parts of the gate'
	@echo "make kselftest         in the machine; KERNELS='6.1 6.12' CPUS='1 2' TESTS='a_test'"
	@echo 'make format           clang-format all C sources'
	@echo 'make clean             remove build/'
