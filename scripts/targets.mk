# The verbs: what a person types after `make`.

.PHONY: help evaluate-challenge evaluate-replay unit check check-built bootstrap demo bench evaluate evaluate-antispoof fuzz fmt lint darwin dist clean

help: ## this list
	@grep -hE '^[a-z%-]+:.*## ' Makefile scripts/*.mk | sed 's/:.*## /\t/' | expand -t 20

# ---- tests ----

unit: $(UNIT_BIN) ## build and run the unit tests (with SAN=: under that sanitizer)
	@status=0; for t in $(UNIT_BIN); do echo "# $$t"; $(SAN_ENV) $$t || status=1; done; exit $$status

SAN_ENV := $(if $(filter thread,$(SAN)),TSAN_OPTIONS=suppressions=tests/tsan.supp) \
	$(if $(filter address,$(SAN)),LSAN_OPTIONS=suppressions=tests/lsan.supp:print_suppressions=0)

.PHONY: test-programs
test-programs: all $(UNIT_BIN) $(AID_BIN) $(BLOAT)

# As many compilers as processors, unless the caller said how many.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN))

# From a fresh clone: installs, builds all variants, runs everything.
check: ## install what is missing, build, run all tests; ends with "N passed, N failed"
	scripts/bootstrap
	$(MAKE) check-built

ifeq ($(SAN),)
check-built: ## the same without installing
	$(MAKE) $(PARALLEL) test-programs fuzz-programs
	$(MAKE) $(PARALLEL) SAN=address unit-programs
	$(MAKE) $(PARALLEL) SAN=thread unit-programs all
	tests/run
else
check-built: unit
endif

.PHONY: unit-programs fuzz-programs
unit-programs: $(UNIT_BIN)
fuzz-programs: $(FUZZ_BIN)

.PHONY: check-least
check-least: test-programs ## the system tests again, at the lowest memory ceiling that is accepted
	tests/run least

.PHONY: check-sanitized
check-sanitized: test-programs ## the system tests again, with programs under the address and undefined behaviour sanitizers
	$(MAKE) $(PARALLEL) SAN=address all
	tests/run sanitized

.PHONY: soak
soak: all $(AID_BIN) $(BLOAT) ## SOAK_FAULTS (1000) faults, one every 200 ms, while people authenticate
	SOAK_FAULTS=$${SOAK_FAULTS:-1000} prove -v --merge --exec '' tests/fault/storm.t

fuzz: fuzz-programs ## run every fuzz target for FUZZ_SECONDS (60)
	FUZZ_SECONDS=$${FUZZ_SECONDS:-60} tests/run fuzz

darwin: ## compile all our C for macOS (zig from npm)
	scripts/check-darwin

# ---- showing and measuring ----

demo: ## enrol real voices, let them in, keep others and a synthetic voice out
	scripts/bootstrap
	$(MAKE) all $(AID_BIN)
	scripts/demo

bench: all $(BENCH_BIN) $(AID_BIN) ## run every benchmark and write build/bench.json
	tests/bench/run

bench-%: all $(BENCH_BIN) $(AID_BIN) ## run one benchmark, for example bench-rpc
	tests/bench/run $*

evaluate: all $(AID_BIN) ## score the lists of VOICE_UNLOCK_DATA (../shared/data) and print the figures
	scripts/evaluate

evaluate-antispoof: all $(AID_BIN) ## detectors of attacks on generators, repositories and corpora left out of their training
	scripts/evaluate-antispoof

evaluate-challenge: $(BIN)/vu-challenge ## how well spoken challenges are told apart (VOICE_UNLOCK_DATA)
	scripts/evaluate-challenge

evaluate-replay: $(BUILD)/tests/unit/services/antispoof/test_replay_reuse ## how much re-use of past attempts is known again (VOICE_UNLOCK_DATA)
	scripts/evaluate-replay

# ---- the source ----

FORMAT_FILES = $(shell find common services tests -name '*.[ch]' -not -path '*/corpus/*')

fmt: ## format all C as .clang-format says
	clang-format -i $(FORMAT_FILES)

lint: ## strict warnings, format, layers, static analysis, shell syntax
	scripts/lint

# ---- installing ----

dist: ## build/voice-unlock-$(VERSION).tar.gz of what is committed
	@mkdir -p build
	git archive --format=tar.gz --prefix=voice-unlock-$(VERSION)/ -o build/voice-unlock-$(VERSION).tar.gz HEAD
	@echo build/voice-unlock-$(VERSION).tar.gz

bootstrap: ## install what is missing (apt or brew)
	scripts/bootstrap

clean: ## remove build/
	rm -rf build
