# What macOS wants of a program that hears: an Info.plist that says what for, in
# the program that launchd starts, whose permission all it starts share, and in
# the one that opens the microphone, which is installed as the program of an app
# bundle, where System Settings finds its name; and a signature that binds them.
# Signed without an identity, a program that was built anew has to ask anew.

CODESIGN_IDENTITY ?= -
HEARING           := vu-supervisor vu-capture
INFO_PLIST        := $(OBJ)/Info.plist
BUNDLE_PLIST      := $(OBJ)/bundle/Info.plist
BUNDLE             = $(LIBEXEC)/VoiceUnlock.app

$(INFO_PLIST): deploy/macos/Info.plist Makefile
	@mkdir -p $(@D)
	sed 's|@VERSION@|$(VERSION)|g' $< >$@

# The same, and which program of the bundle it is.
$(BUNDLE_PLIST): $(INFO_PLIST)
	@mkdir -p $(@D)
	sed 's|^<dict>$$|&<key>CFBundlePackageType</key><string>APPL</string><key>CFBundleExecutable</key><string>vu-capture</string>|' $< >$@

ifeq ($(UNAME),Darwin)
$(OBJ)/info_plist.o: common/platform/darwin/info_plist.S $(INFO_PLIST)
	$(CC) -DVU_INFO_PLIST='"$(INFO_PLIST)"' -c $< -o $@

$(HEARING:%=$(BIN)/%): $(OBJ)/info_plist.o

install: $(BUNDLE_PLIST)

# After the programs were put into their place, with $(1) before it: the one that hears moves into its bundle.
define install_bundle
install -d $(1)$(BUNDLE)/Contents/MacOS
install -m 644 $(BUNDLE_PLIST) $(1)$(BUNDLE)/Contents/Info.plist
mv -f $(1)$(PREFIX)/bin/vu-capture $(1)$(BUNDLE)/Contents/MacOS/vu-capture
ln -sf ../libexec/voice-unlock/VoiceUnlock.app/Contents/MacOS/vu-capture $(1)$(PREFIX)/bin/vu-capture
codesign --force --sign "$(CODESIGN_IDENTITY)" --identifier org.voiceunlock.suite $(1)$(PREFIX)/bin/vu-supervisor $(1)$(BUNDLE)
endef
endif
