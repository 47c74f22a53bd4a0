# The PAM module and its helper. The module is built only where PAM's headers
# are; both know by compilation where the machine suite is, so what a test
# builds for places of its own (PAM_* on the command line) goes elsewhere.

PAM_HEADER := $(firstword $(wildcard /usr/include/security/pam_modules.h) \
              $(if $(filter Darwin,$(UNAME)),$(wildcard $(shell xcrun --show-sdk-path 2>/dev/null)/usr/include/security/pam_modules.h)))
PAM_RUNTIME_FOLDER ?= $(if $(filter Darwin,$(UNAME)),/var/db/voice-unlock/run,/run/voice-unlock)
PAM_CONFIG         ?= /etc/voice-unlock/config.yaml
PAM_USER           ?= _voiceunlock
PAM_LIBEXEC        ?= $(or $(LIBEXECDIR),$(or $(PREFIX),/usr/local)/libexec)/voice-unlock
PAM_HELPER_PATH    ?= $(PAM_LIBEXEC)/vu-pam-helper
PAM_OUT            ?= $(BIN)/../pam

PAM_MODULE_C := services/pam/module/main.c services/pam/module/ask.c services/pam/module/options.c \
                common/platform/orphan_child.c common/platform/$(PLATFORM)/orphan.c
PAM_HELPER_O := $(call objects,$(filter-out %/installed.c,$(sort $(wildcard services/pam/helper/*.c))))
PAM_MODULE   := $(PAM_OUT)/pam_voice_unlock.so
PAM_HELPER   := $(PAM_OUT)/vu-pam-helper

all: $(PAM_HELPER) $(if $(PAM_HEADER),$(PAM_MODULE))

.PHONY: pam
pam: $(PAM_HELPER) $(if $(PAM_HEADER),$(PAM_MODULE))

# Compiled anew when the places change, which are written down beside them.
PAM_PLACES := $(PAM_HELPER_PATH) $(PAM_RUNTIME_FOLDER) $(PAM_CONFIG) $(PAM_USER)
$(PAM_OUT)/places: PAM-FORCE
	@mkdir -p $(@D)
	@echo '$(PAM_PLACES)' | cmp -s - $@ || echo '$(PAM_PLACES)' >$@
.PHONY: PAM-FORCE
PAM-FORCE:

# From the sources, sharing no object with programs: libpam's hosts load it, so it takes libpam and libc alone.
$(PAM_MODULE): $(PAM_MODULE_C) $(wildcard services/pam/module/*.h) $(PAM_OUT)/places
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -DVU_PAM_HELPER='"$(PAM_HELPER_PATH)"' \
		-DVU_PAM_RUNTIME_FOLDER='"$(PAM_RUNTIME_FOLDER)"' $(LDFLAGS_OS) $(if $(SAN_FLAGS),$(SAN_FLAGS)) \
		$(if $(filter Darwin,$(UNAME)),-bundle,-shared) -o $@ $(PAM_MODULE_C) -lpam

$(PAM_HELPER): $(PAM_HELPER_O) services/pam/helper/installed.c $(CLIENT_A) $(COMMON_A) $(PAM_OUT)/places
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -DVU_PAM_RUNTIME_FOLDER='"$(PAM_RUNTIME_FOLDER)"' \
		-DVU_PAM_CONFIG='"$(PAM_CONFIG)"' -DVU_PAM_USER='"$(PAM_USER)"' $(LDFLAGS) -o $@ \
		$(PAM_HELPER_O) services/pam/helper/installed.c $(CLIENT_A) $(COMMON_A) $(LIBS_COMMON) $(LIBS_client) $(LIBS_LAST)
