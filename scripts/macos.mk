# What macOS wants of a program that hears: an Info.plist that says what for, in
# the program that launchd starts, whose permission all it starts share, and in
# the one that opens the microphone; and a signature that binds it. Signed
# without an identity, a program that was built anew has to ask anew.

CODESIGN_IDENTITY ?= -
HEARING           := vu-supervisor vu-capture
INFO_PLIST        := $(OBJ)/Info.plist

$(INFO_PLIST): deploy/macos/Info.plist Makefile
	@mkdir -p $(@D)
	sed 's|@VERSION@|$(VERSION)|g' $< >$@

ifeq ($(UNAME),Darwin)
$(OBJ)/info_plist.o: common/platform/darwin/info_plist.S $(INFO_PLIST)
	$(CC) -DVU_INFO_PLIST='"$(INFO_PLIST)"' -c $< -o $@

$(HEARING:%=$(BIN)/%): $(OBJ)/info_plist.o

# After they were put into their place, with $(1) before it.
sign_programs = codesign --force --sign "$(CODESIGN_IDENTITY)" --identifier org.voiceunlock.suite $(HEARING:%=$(1)/bin/%)
endif
