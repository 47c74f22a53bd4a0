/* Shared by linux/ and darwin/: putting folder paths together from the environment. */
#ifndef VU_PLATFORM_PATH_H
#define VU_PLATFORM_PATH_H

/* The variable's value when it is set to an absolute path, else NULL: XDG says to ignore relative ones. */
const char *vu_path_from_environment(const char *variable);

/* "a" and "b" joined by one slash; the caller frees. NULL when out of memory or when `folder` is NULL. */
char *vu_path_join(const char *folder, const char *name);

/* The home folder of this process's user: $HOME when absolute, else the password database. The caller frees. */
char *vu_path_user_home(void);

/* An override like $VOICE_UNLOCK_HOME made absolute and without final slashes, or NULL when it is not set. The caller
 * frees. */
char *vu_path_override(const char *variable);

#endif
