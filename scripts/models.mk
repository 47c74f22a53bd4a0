# The trained background model lies where programs look for it: beside their
# folder, in the build tree as where they are installed.

BACKGROUND_FILES := $(wildcard services/models/background/background.vum services/models/background/manifest.json)
SHARE_FILES      += $(BACKGROUND_FILES)
BACKGROUND_BUILT := $(BACKGROUND_FILES:services/models/background/%=$(BUILD)/share/voice-unlock/%)

all: $(BACKGROUND_BUILT)

# install, not cp: a model that others may write is refused.
$(BUILD)/share/voice-unlock/%: services/models/background/%
	@mkdir -p $(@D)
	install -m 644 $< $@
