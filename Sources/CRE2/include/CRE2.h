#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled regular expression of RE2, which matches in time linear in the text.
typedef struct cerro_re2 cerro_re2;

/// Compiles `pattern`, whose automaton may take `memory` bytes; NULL if it is none, and then
/// `reason` (of `reason_size` bytes, ended by 0) says why. Ends with `cerro_re2_free`.
cerro_re2 *cerro_re2_make(
    const char *pattern, size_t count, size_t memory, char *reason, size_t reason_size);

/// Whether the whole of `text` matches. May be called from several threads at once.
bool cerro_re2_matches(const cerro_re2 *expression, const char *text, size_t count);

void cerro_re2_free(cerro_re2 *expression);

#ifdef __cplusplus
}
#endif
