/* Help with words that people type: which known one they may have meant. */
#ifndef VU_BASE_TEXT_H
#define VU_BASE_TEXT_H

#include <stddef.h>

/* Longer words are never near to anything. */
#define VU_TEXT_NEAREST_MAX 96

/*
 * The choice that `word` is most likely a slip of: the smallest number of
 * inserted, deleted, changed or swapped neighbouring letters, regardless of
 * case, at most 2 or a third of the word's length. NULL when nothing is that
 * near. NULL entries of `choices` are skipped. Any thread.
 */
const char *vu_text_nearest(const char *word, const char *const *choices, size_t count);

#endif
