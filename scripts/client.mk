# The example program of libvoiceunlock: it uses voiceunlock.h alone and links
# the shared library, as a program of somebody else would.

# A tool that is a client of the suite, and its tests.
$(BIN)/vu-screen $(BUILD)/tests/unit/tools/screen/test_gate: $(CLIENT_A)

EXAMPLE := $(BIN)/voiceunlock-example

ifneq ($(wildcard services/client/example/main.c),)
all: $(EXAMPLE)
endif

$(EXAMPLE): services/client/example/main.c services/client/voiceunlock.h $(CLIENT_SO)
	@mkdir -p $(@D)
	$(CC) -Iservices/client $(CFLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $< -L$(LIB) -lvoiceunlock \
		-Wl,-rpath,'$(if $(filter Darwin,$(UNAME)),@loader_path,$$ORIGIN)/../lib'
