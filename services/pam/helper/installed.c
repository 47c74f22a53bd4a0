/* The places of this installation, from the build. A file of its own, so that a test can link others. */
#include "places.h"

const vu_pam_places VU_PAM_PLACES = {
    .runtime_folder = VU_PAM_RUNTIME_FOLDER,
    .config_path = VU_PAM_CONFIG,
    .user = VU_PAM_USER,
};
