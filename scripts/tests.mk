# Tests, fuzz targets and benchmarks, found by folder.
#
# tests/unit/<layer>/test_x.c           links common/
# tests/unit/services/<name>/test_x.c   links common/ and that service without its main.c
# tests/unit/tools/<name>/test_x.c      links common/ and that tool without its main.c
# tests/unit/client/test_x.c            links common/ and the client library

# ThreadSanitizer leaves out common/ml, which starts no thread and is the slowest under it.
UNIT_C      := $(sort $(shell find tests/unit -name 'test_*.c' $(if $(filter thread,$(SAN)),! -path 'tests/unit/ml/*')))
UNIT_BIN    := $(UNIT_C:tests/unit/%.c=$(BUILD)/tests/unit/%)
UNIT_AID_C  := $(sort $(shell find tests/unit -name '*.c' ! -name 'test_*.c'))
FUZZ_C      := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN    := $(FUZZ_C:tests/fuzz/%.c=build/fuzz/bin/%)
BENCH_C     := $(sort $(wildcard tests/bench/bench_*.c))
BENCH_BIN   := $(BENCH_C:tests/bench/%.c=$(BUILD)/tests/bench/%)
AID_C       := $(sort $(wildcard tests/system/aid/*.c))
AID_BIN     := $(AID_C:tests/system/aid/%.c=$(BUILD)/tests/aid/%)

# Objects of the service that a unit test is about, without its main.
service_under_test = $(filter-out %/main.o %/installed.o,$(call objects,$(call service_c,$(word 2,$(subst /, ,$(patsubst tests/unit/%,%,$(1)))))))

tool_under_test = $(filter-out %/main.o,$(call objects,$(call service_c,tools/$(word 2,$(subst /, ,$(patsubst tests/unit/%,%,$(1)))))))

define unit_test
$(BUILD)/$(1:.c=): $(OBJ)/$(1:.c=.o) $(if $(filter tests/unit/services/%,$(1)),$(call service_under_test,$(1))) \
		$(if $(filter tests/unit/tools/%,$(1)),$(call tool_under_test,$(1))) \
		$(if $(filter tests/unit/client/% tests/unit/services/cli/%,$(1)),$(CLIENT_A)) $(call objects,$(UNIT_AID_C)) $(COMMON_A)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(filter %/libvoiceunlock.a,$$^) $$(COMMON_A) $$(LIBS_COMMON) \
		$$(LIBS_$(word 2,$(subst /, ,$(patsubst tests/unit/%,%,$(1))))) -lcmocka $$(LIBS_LAST)
endef
$(foreach t,$(UNIT_C),$(eval $(call unit_test,$(t))))

# A test of a service sees that service's headers, and no other's.
define service_test_includes
$(OBJ)/tests/unit/services/$(1)/%.o: CPPFLAGS += -Iservices/$(1)
endef
$(foreach s,$(SERVICES) cli pam,$(eval $(call service_test_includes,$(s))))

define tool_test_includes
$(OBJ)/tests/unit/tools/$(1)/%.o: CPPFLAGS += -Iservices/tools/$(1)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_test_includes,$(t))))

# These measure the policies of the model-server, so they link it.
BENCH_OF_MODELS := prediction capacity
$(BENCH_OF_MODELS:%=$(BUILD)/tests/bench/bench_%): $(filter-out %/main.o,$(call objects,$(call service_c,models)))
$(BENCH_OF_MODELS:%=$(OBJ)/tests/bench/bench_%.o): CPPFLAGS += -Iservices/models

$(BUILD)/tests/bench/%: $(OBJ)/tests/bench/%.o $(CLIENT_A) $(COMMON_A)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(CLIENT_A) $(COMMON_A) $(LIBS_COMMON) $(LIBS_LAST)

# As the module asks the helper.
$(BUILD)/tests/bench/bench_security: $(call objects,services/pam/module/ask.c)

# This one measures within a service.
$(BUILD)/tests/bench/bench_replay: $(filter-out %/main.o,$(call objects,$(call service_c,antispoof)))
$(OBJ)/tests/bench/bench_replay.o: CPPFLAGS += -Iservices/antispoof

# This one writes what the model-server reads.
$(BUILD)/tests/aid/seed_habits: $(OBJ)/tests/system/aid/seed_habits.o \
		$(filter-out %/main.o,$(call objects,$(call service_c,models))) $(COMMON_A)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(COMMON_A) $(LIBS_COMMON) $(LIBS_models) $(LIBS_LAST)
$(OBJ)/tests/system/aid/seed_habits.o: CPPFLAGS += -Iservices/models

$(BUILD)/tests/aid/%: $(OBJ)/tests/system/aid/%.o $(CLIENT_A) $(COMMON_A)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< $(CLIENT_A) $(COMMON_A) $(LIBS_COMMON) $(LIBS_LAST)

# Weight and another time for a service, put into it by the dynamic linker: no part of any build of ours.
ifeq ($(UNAME),Linux)
AID_BIN += build/tests/ballast.so build/tests/clock_shift.so
build/tests/ballast.so build/tests/clock_shift.so: build/tests/%.so: tests/loaders/%.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 -g -fPIC -shared -D_GNU_SOURCE $(WARNINGS) -pthread -o $@ $<
endif

# Fuzz targets build everything again with clang's coverage, sharing nothing
# with the ordinary objects.
FUZZ_FLAGS  := -O1 -g -std=c11 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
               -fno-omit-frame-pointer -DVU_SANITIZER=1 -pthread
FUZZ_COMMON := $(COMMON_C:%.c=build/fuzz/obj/%.o) $(GEN_C:$(GEN)/%.c=build/fuzz/obj/gen/%.o)

build/fuzz/obj/gen/%.o: $(GEN)/%.c | $(GEN_H)
	@mkdir -p $(@D)
	clang $(CPPFLAGS) $(FUZZ_FLAGS) -w -MD -MP -c $< -o $@

build/fuzz/obj/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	clang $(CPPFLAGS) $(FUZZ_FLAGS) -MD -MP -c $< -o $@

build/fuzz/libvu-common.a: $(FUZZ_COMMON)
	@rm -f $@
	$(AR) rcs $@ $^

# Requests of a service: its objects, and calls and a runtime in the place of the real ones.
FUZZ_REQUESTS := $(patsubst tests/fuzz/fuzz_requests_%.c,%,$(wildcard tests/fuzz/fuzz_requests_*.c))
fuzz_objects  = $(patsubst %.c,build/fuzz/obj/%.o,$(1))
FUZZ_CALL     := build/fuzz/obj/tests/fuzz/aid/fake_call.o
$(foreach s,$(FUZZ_REQUESTS),$(eval build/fuzz/bin/fuzz_requests_$(s): \
	$(filter-out %/main.o,$(call fuzz_objects,$(call service_c,$(s)))) $(FUZZ_CALL) build/fuzz/obj/tests/fuzz/aid/fake_runtime.o))
$(FUZZ_REQUESTS:%=build/fuzz/obj/tests/fuzz/fuzz_requests_%.o) build/fuzz/obj/tests/fuzz/aid/fake_runtime.o: \
	CPPFLAGS += -Itests/fuzz -DFUZZ_BACKGROUND='"services/models/background/background.vum"'
build/fuzz/bin/fuzz_audit_log build/fuzz/bin/fuzz_sealed: $(FUZZ_CALL)
build/fuzz/bin/fuzz_stored_blobs: $(call fuzz_objects,services/models/habit.c services/antispoof/replay_record.c services/antispoof/imprint.c)
build/fuzz/bin/fuzz_pam: $(call fuzz_objects,services/pam/module/options.c)

build/fuzz/bin/%: build/fuzz/obj/tests/fuzz/%.o build/fuzz/libvu-common.a
	@mkdir -p $(@D)
	clang -fsanitize=fuzzer,address,undefined -pthread -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_COMMON) $(LIBS_orchestrator)

.PRECIOUS: build/fuzz/obj/%.o $(OBJ)/%.o
-include $(shell find build/fuzz/obj -name '*.d' 2>/dev/null)

# Custom loaders: the example, and those that misbehave. Plain objects in every
# build: they are foreign code.
ODD_LOADERS := FAILS HANGS PRIES LIES CRASHES GROWS NONSENSE ABI
LOADERS     := build/tests/loaders/example.so $(ODD_LOADERS:%=build/tests/loaders/odd-%.so)

# The model lies beside it: of any build, its host reads the object's own folder.
build/tests/loaders/example.so: services/loaders/example/loader.c common/ml/vu_loader.h scripts/tests.mk $(wildcard services/models/background/background.vum)
	@mkdir -p $(@D)
	cp services/models/background/background.vum $(@D)/
	$(CC) -std=c11 -O1 -g -fPIC -shared -Icommon $(WARNINGS) -DEXAMPLE_MODEL='"$(CURDIR)/$(@D)/background.vum"' \
		-o $@ $<

build/tests/loaders/odd-%.so: tests/loaders/odd_loader.c common/ml/vu_loader.h scripts/tests.mk
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 -g -fPIC -shared -D_GNU_SOURCE -Icommon $(WARNINGS) -DODD_$* -o $@ $<

$(BUILD)/tests/unit/services/models/test_loader: $(LOADERS) $(BIN)/vu-loader-host $(BUILD)/share/voice-unlock/background.vum
$(OBJ)/tests/unit/services/models/test_loader.o: CPPFLAGS += -DLOADER_HOST='"$(BIN)/vu-loader-host"' -DMODEL='"$(BUILD)/share/voice-unlock/background.vum"'

# Preloaded into services that are made to grow (tests/fault/storm.t). Foreign to every build as well.
BLOAT := build/tests/bloat.so
$(BLOAT): tests/fault/aid/bloat.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 -g -fPIC -shared -D_GNU_SOURCE $(WARNINGS) -o $@ $<
