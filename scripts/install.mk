# Installing: make install, make uninstall, make deb. Every folder can be set
# on the command line; DESTDIR stands before all of them.

PREFIX             ?= /usr/local
LIBEXEC            := $(PREFIX)/libexec/voice-unlock
MANDIR             ?= $(PREFIX)/share/man
SHAREDIR           := $(PREFIX)/share/voice-unlock
BASH_COMPLETIONS   ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS    ?= $(PREFIX)/share/zsh/site-functions
SYSTEMD_DIR        ?= $(PREFIX)/lib/systemd
SYSUSERS_DIR       ?= $(PREFIX)/lib/sysusers.d
PAM_MODULE_DIR     ?= $(PREFIX)/lib/security
LAUNCHD_DIR        := $(SHAREDIR)/launchd
LIBDIR             ?= $(PREFIX)/lib

# Made from what the programs say of themselves.
PAGES := $(BUILD)/pages
$(PAGES)/stamp: $(BIN)/jarvis-voice-unlock scripts/make-man scripts/make-completions deploy/config/config.yaml $(wildcard deploy/man/*)
	scripts/make-man $(BIN)/jarvis-voice-unlock $(PAGES)/man $(VERSION) $(PREFIX)
	scripts/make-completions $(BIN)/jarvis-voice-unlock $(PAGES)/completions
	@touch $@

.PHONY: pages install uninstall deb
pages: $(PAGES)/stamp ## manual pages and shell completions, into build/pages

# Files with @PREFIX@ in them, as they are for this PREFIX.
fill = sed 's|@PREFIX@|$(PREFIX)|g' $(1) >$(DESTDIR)$(2)/$(notdir $(1)) && chmod 644 $(DESTDIR)$(2)/$(notdir $(1))

INSTALLED_PROGRAMS := $(filter-out $(BIN)/voice-unlock,$(PROGRAMS))

install: all pages ## install under $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR) $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(SHAREDIR) $(DESTDIR)$(LIBEXEC)
	install -d $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8
	install -d $(DESTDIR)$(BASH_COMPLETIONS) $(DESTDIR)$(ZSH_COMPLETIONS)
	install -m 755 $(INSTALLED_PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	ln -sf jarvis-voice-unlock $(DESTDIR)$(PREFIX)/bin/voice-unlock
	install -m 644 $(CLIENT_A) $(DESTDIR)$(LIBDIR)
	install -m 755 $(CLIENT_SO) $(DESTDIR)$(LIBDIR)
	install -m 644 services/client/voiceunlock.h $(DESTDIR)$(PREFIX)/include
	install -m 644 deploy/config/config.yaml $(DESTDIR)$(SHAREDIR)/config.yaml
	$(if $(SHARE_FILES),install -m 644 $(SHARE_FILES) $(DESTDIR)$(SHAREDIR))
	install -m 755 $(PAM_HELPER) $(DESTDIR)$(LIBEXEC)
ifneq ($(PAM_HEADER),)
	install -d $(DESTDIR)$(PAM_MODULE_DIR)
	install -m 644 $(PAM_MODULE) $(DESTDIR)$(PAM_MODULE_DIR)
endif
	install -m 644 $(PAGES)/man/*.1 $(DESTDIR)$(MANDIR)/man1
	ln -sf jarvis-voice-unlock.1 $(DESTDIR)$(MANDIR)/man1/voice-unlock.1
	install -m 644 $(PAGES)/man/*.5 $(DESTDIR)$(MANDIR)/man5
	install -m 644 $(PAGES)/man/*.8 $(DESTDIR)$(MANDIR)/man8
	install -m 644 $(PAGES)/completions/jarvis-voice-unlock.bash $(DESTDIR)$(BASH_COMPLETIONS)/jarvis-voice-unlock
	ln -sf jarvis-voice-unlock $(DESTDIR)$(BASH_COMPLETIONS)/voice-unlock
	install -m 644 deploy/completions/vu-pki.bash $(DESTDIR)$(BASH_COMPLETIONS)/vu-pki
	install -m 644 $(PAGES)/completions/_jarvis-voice-unlock $(DESTDIR)$(ZSH_COMPLETIONS)
ifeq ($(UNAME),Darwin)
	install -d $(DESTDIR)$(LAUNCHD_DIR)
	$(foreach f,$(wildcard deploy/launchd/*.plist),$(call fill,$(f),$(LAUNCHD_DIR)) &&) true
	$(call install_bundle,$(DESTDIR))
else
	install -d $(DESTDIR)$(SYSTEMD_DIR)/system $(DESTDIR)$(SYSTEMD_DIR)/user $(DESTDIR)$(SYSUSERS_DIR)
	$(call fill,deploy/systemd/system/voice-unlock.service,$(SYSTEMD_DIR)/system)
	$(call fill,deploy/systemd/user/voice-unlock.service,$(SYSTEMD_DIR)/user)
	install -m 644 deploy/sysusers/voice-unlock.conf $(DESTDIR)$(SYSUSERS_DIR)
endif

uninstall: ## remove what install put there; templates and settings stay
	rm -f $(patsubst $(BIN)/%,$(DESTDIR)$(PREFIX)/bin/%,$(PROGRAMS)) $(DESTDIR)$(PREFIX)/include/voiceunlock.h
	rm -f $(DESTDIR)$(LIBDIR)/$(notdir $(CLIENT_A)) $(DESTDIR)$(LIBDIR)/$(notdir $(CLIENT_SO))
	rm -rf $(DESTDIR)$(SHAREDIR) $(DESTDIR)$(LIBEXEC)
	rm -f $(DESTDIR)$(PAM_MODULE_DIR)/pam_voice_unlock.so
	rm -f $(DESTDIR)$(MANDIR)/man1/jarvis-voice-unlock.1 $(DESTDIR)$(MANDIR)/man1/voice-unlock.1 \
		$(DESTDIR)$(MANDIR)/man5/voice-unlock.yaml.5 $(patsubst deploy/man/%,$(DESTDIR)$(MANDIR)/man8/%,$(wildcard deploy/man/*.8))
	rm -f $(DESTDIR)$(BASH_COMPLETIONS)/vu-pki $(DESTDIR)$(BASH_COMPLETIONS)/jarvis-voice-unlock $(DESTDIR)$(BASH_COMPLETIONS)/voice-unlock \
		$(DESTDIR)$(ZSH_COMPLETIONS)/_jarvis-voice-unlock
	rm -f $(DESTDIR)$(SYSTEMD_DIR)/system/voice-unlock.service $(DESTDIR)$(SYSTEMD_DIR)/user/voice-unlock.service \
		$(DESTDIR)$(SYSUSERS_DIR)/voice-unlock.conf
	@echo "Templates and settings are kept: ~/.local/state/voice-unlock of each user (macOS: ~/Library/Application"
	@echo "Support/voice-unlock), /var/lib/voice-unlock of the machine suite, and config.yaml in ~/.config/voice-unlock"
	@echo "and /etc/voice-unlock; their keys in ~/.config/voice-unlock-keys (macOS: beside the templates) and"
	@echo "/var/lib/voice-unlock-keys. Remove these folders to erase them."

# A Debian package of the architecture it is built on.
DEB_ARCH    = $(shell dpkg --print-architecture)
DEB_TRIPLET = $(shell $(CC) -print-multiarch)
DEB         = build/voice-unlock_$(VERSION)_$(DEB_ARCH).deb
DEB_FOLDER  = $(CURDIR)/build/deb
deb: ## build/voice-unlock_VERSION_ARCH.deb
	rm -rf $(DEB_FOLDER)
	$(MAKE) install DESTDIR=$(DEB_FOLDER)/root PREFIX=/usr PAM_OUT=$(DEB_FOLDER)/pam PAGES=$(DEB_FOLDER)/pages SYSTEMD_DIR=/lib/systemd \
		LIBDIR=/usr/lib/$(DEB_TRIPLET) PAM_MODULE_DIR=/lib/$(DEB_TRIPLET)/security \
		ZSH_COMPLETIONS=/usr/share/zsh/vendor-completions
	scripts/make-deb $(DEB_FOLDER)/root $(VERSION) $(DEB_ARCH) $(DEB)
	@echo $(DEB)
