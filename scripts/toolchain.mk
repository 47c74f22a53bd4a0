# Compiler, flags and libraries, by platform and by SAN=/DEVELOPER=.

ifeq ($(UNAME),Darwin)
BREW           := $(shell brew --prefix 2>/dev/null)
CPPFLAGS_OS    := -D_DARWIN_C_SOURCE -I$(BREW)/include -I$(BREW)/opt/libsvm/include
LDFLAGS_OS     := -L$(BREW)/lib
PROTO_INCLUDES := -I$(BREW)/include
SHARED         := -dynamiclib -install_name @rpath/libvoiceunlock.so
# macOS has no --as-needed to lose it by.
LIB_JEMALLOC   := -ljemalloc
PLATFORM_LIBS  := -framework Security -framework CoreFoundation
else
CPPFLAGS_OS    := -D_GNU_SOURCE
LDFLAGS_OS     := -Wl,--as-needed -Wl,-z,relro,-z,now -Wl,-z,noexecstack
PROTO_INCLUDES := -I/usr/include
SHARED         := -shared -Wl,-soname,libvoiceunlock.so
# The default link is --as-needed: a program that calls malloc only through
# libraries would silently lose jemalloc.
LIB_JEMALLOC   := -Wl,--push-state,--no-as-needed -ljemalloc -Wl,--pop-state
PLATFORM_LIBS  := -ldl -lseccomp
endif

# Generated headers count as system headers: their macros cast constness away.
CPPFLAGS += -Icommon -Iservices/client -isystem $(GEN) $(CPPFLAGS_OS) -DVU_VERSION='"$(VERSION)"'
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef -Wvla
CFLAGS   ?= -O2 -g
CFLAGS   += -std=c11 -fPIC -fno-common -fvisibility=hidden
LDFLAGS  += $(LDFLAGS_OS) -pthread
CFLAGS   += -pthread

ifeq ($(DEVELOPER),1)
WARNINGS += -Werror -Wformat=2 -Wcast-qual -Wconversion -Wno-sign-conversion
endif

ifeq ($(SAN),)
CFLAGS   += -fstack-protector-strong -D_FORTIFY_SOURCE=2
LIBS_LAST := $(LIB_JEMALLOC)
else ifneq ($(filter address thread,$(SAN)),)
SAN_FLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer
ifeq ($(SAN),address)
SAN_FLAGS += -fsanitize=undefined -fno-sanitize-recover=undefined
endif
CFLAGS   += -O1 $(SAN_FLAGS)
LDFLAGS  += $(SAN_FLAGS)
CPPFLAGS += -DVU_SANITIZER=1
LIBS_LAST :=
else
$(error SAN=$(SAN): use address (undefined behaviour is looked for as well) or thread)
endif

LDFLAGS_SHARED = $(SHARED) $(LDFLAGS)

# What common/ needs; --as-needed drops what a program does not use.
LIBS_COMMON       := -lnng -lprotobuf-c -luv -lcyaml -lyaml -lfftw3f -lsvm -lsndfile -lsoxr -lportaudio \
                     -lsodium -lsqlite3 -ljansson $(PLATFORM_LIBS) -lm
LIBS_orchestrator := -lmicrohttpd
LIBS_client       :=
LIBS_cli          :=
LIBS_train-detector := -lspeex
LIBS_pki          := -lmbedtls -lmbedx509 -lmbedcrypto
# A tool that is a client: before the libraries that the client needs.
LIBS_screen        = $(CLIENT_A) $(COMMON_A) $(LIBS_COMMON)
