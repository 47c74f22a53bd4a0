# Trained models lie where programs look for them: beside their folder, in the
# build tree as where they are installed.

BACKGROUND_FILES := $(wildcard services/models/background/background.vum services/models/background/manifest.json)
DETECTOR_FILES   := $(wildcard services/antispoof/detectors/*.vum)
SHARE_FILES      += $(BACKGROUND_FILES) $(DETECTOR_FILES)
MODELS_BUILT     := $(addprefix $(BUILD)/share/voice-unlock/,$(notdir $(BACKGROUND_FILES) $(DETECTOR_FILES)))

all: $(MODELS_BUILT)

# install, not cp: a model that others may write is refused.
$(BUILD)/share/voice-unlock/%: services/models/background/%
	@mkdir -p $(@D)
	install -m 644 $< $@

$(BUILD)/share/voice-unlock/%: services/antispoof/detectors/%
	@mkdir -p $(@D)
	install -m 644 $< $@

# Training is loops over weights; only this level makes vectors of them.
$(OBJ)/common/ml/mlp_train.o $(OBJ)/common/ml/trees_train.o: CFLAGS += -O3
$(OBJ)/common/ml/subspace.o $(OBJ)/common/ml/pca.o: CFLAGS += -O3
