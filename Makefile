# Voice Unlock. `make help` lists the targets; README.md is the guide.

VERSION := 0.1.0
UNAME   := $(shell uname -s)
SAN     ?=
BUILD   := build$(if $(SAN),/$(SAN))
GEN     := build/gen
BIN     := $(BUILD)/bin
LIB     := $(BUILD)/lib
OBJ     := $(BUILD)/obj

include scripts/toolchain.mk

# ---- sources: found by folder, so that a new file needs no line here ----

PROTOS      := $(sort $(shell find proto -name '*.proto'))
GEN_C       := $(PROTOS:proto/%.proto=$(GEN)/%.pb-c.c)
GEN_H       := $(GEN_C:.c=.h)
PLATFORM    := $(if $(filter Darwin,$(UNAME)),darwin,linux)
LAYERS      := base platform audio dsp ml store rpc runtime
COMMON_C    := $(foreach layer,$(filter-out platform,$(LAYERS)),$(sort $(shell find common/$(layer) -name '*.c'))) \
               $(sort $(wildcard common/platform/*.c common/platform/$(PLATFORM)/*.c))
SERVICES    := supervisor capture features models antispoof orchestrator
service_c    = $(sort $(shell find services/$(1) -name '*.c' 2>/dev/null))
CLIENT_C    := $(filter-out services/client/example/%,$(call service_c,client))
CLI_C       := $(call service_c,cli)
TOOLS       := $(sort $(patsubst services/tools/%/main.c,%,$(wildcard services/tools/*/main.c)))

objects      = $(patsubst %.c,$(OBJ)/%.o,$(1))
COMMON_O    := $(call objects,$(COMMON_C)) $(patsubst $(GEN)/%.c,$(OBJ)/gen/%.o,$(GEN_C))
COMMON_A    := $(LIB)/libvu-common.a
CLIENT_A    := $(LIB)/libvoiceunlock.a
CLIENT_SO   := $(LIB)/libvoiceunlock.so

PROGRAMS    := $(foreach s,$(SERVICES),$(if $(wildcard services/$(s)/main.c),$(BIN)/vu-$(s))) \
               $(if $(wildcard services/cli/main.c),$(BIN)/jarvis-voice-unlock $(BIN)/voice-unlock) \
               $(TOOLS:%=$(BIN)/vu-%)

.PHONY: all
all: $(PROGRAMS) $(if $(CLIENT_C),$(CLIENT_A) $(CLIENT_SO)) $(EXTRA_ALL) ## build programs and libraries (DEVELOPER=1: warnings are errors; SAN=address|thread)

include scripts/tests.mk
include scripts/targets.mk
include scripts/client.mk
include scripts/models.mk
include scripts/pam.mk
include scripts/macos.mk
include scripts/install.mk

# ---- generated protobuf code ----

.PHONY: generated
generated: $(GEN_C) $(GEN_H)

$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h &: proto/%.proto
	@mkdir -p $(GEN)
	protoc-c -Iproto $(PROTO_INCLUDES) --c_out=$(GEN) $<

# Some are reached only through patterns; make would delete them as intermediate.
.SECONDARY: $(GEN_C) $(GEN_H)

$(OBJ)/gen/%.o: $(GEN)/%.c | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -w -MD -MP -c $< -o $@

$(OBJ)/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -MD -MP -c $< -o $@

$(COMMON_A): $(COMMON_O)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

# ---- programs: every folder under services/ is one ----

define service_program
$(BIN)/vu-$(1): $(call objects,$(call service_c,$(1))) $(COMMON_A)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(COMMON_A) $$(LIBS_COMMON) $$(LIBS_$(1)) $$(LIBS_LAST)
endef
$(foreach s,$(SERVICES),$(eval $(call service_program,$(s))))

define tool_program
$(BIN)/vu-$(1): $(call objects,$(call service_c,tools/$(1))) $(COMMON_A)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(COMMON_A) $$(LIBS_COMMON) $$(LIBS_$(1)) $$(LIBS_LAST)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_program,$(t))))

$(CLIENT_A): $(call objects,$(CLIENT_C))
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

# The shared library carries what it needs of common/ and shows only voiceunlock.h.
$(CLIENT_SO): $(call objects,$(CLIENT_C)) $(COMMON_A)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_SHARED) -o $@ $(filter %.o,$^) $(COMMON_A) $(LIBS_COMMON) $(LIBS_client)

$(BIN)/jarvis-voice-unlock: $(call objects,$(CLI_C)) $(CLIENT_A) $(COMMON_A)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(CLIENT_A) $(COMMON_A) $(LIBS_COMMON) $(LIBS_client) $(LIBS_cli) $(LIBS_LAST)

$(BIN)/voice-unlock: $(BIN)/jarvis-voice-unlock
	ln -sf jarvis-voice-unlock $@

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
