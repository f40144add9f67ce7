#include "CRE2.h"

#include <cstdio>
#include <new>

#include <re2/re2.h>

struct cerro_re2 {
    RE2 expression;
    cerro_re2(re2::StringPiece pattern, const RE2::Options &options)
        : expression(pattern, options) {}
};

cerro_re2 *cerro_re2_make(
    const char *pattern, size_t count, size_t memory, char *reason, size_t reason_size) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(static_cast<int64_t>(memory));
    auto *made = new (std::nothrow) cerro_re2(re2::StringPiece(pattern, count), options);
    if (made == nullptr) {
        std::snprintf(reason, reason_size, "no memory");
        return nullptr;
    }
    if (made->expression.ok()) return made;
    std::snprintf(reason, reason_size, "%s", made->expression.error().c_str());
    delete made;
    return nullptr;
}

bool cerro_re2_matches(const cerro_re2 *expression, const char *text, size_t count) {
    return RE2::FullMatch(re2::StringPiece(text, count), expression->expression);
}

void cerro_re2_free(cerro_re2 *expression) { delete expression; }
