#pragma once
#include <stddef.h>
#include <stdint.h>

// The loops over many values of the encodings of `FileFormat.md`. All integers wrap around.

/// The least and the most of some integers; INT64_MAX and INT64_MIN of none.
typedef struct {
    int64_t least, most;
} cerro_span;

/// How a group of packed integers is predicted; the numbers are those of the file.
enum { CERRO_OFFSET = 0, CERRO_DELTA = 1, CERRO_LINE = 2, CERRO_DELTA_OF_DELTA = 3 };

/// Fills `residuals` with what a prediction leaves of `count` values; returns their span.
///
/// `last` is the value before the first one and `last_delta` the difference to the one before that;
/// `slope` is the rise of a line in 1/256.
cerro_span cerro_residuals(
    int mode, const int64_t *values, size_t count, int64_t last, int64_t last_delta, int64_t slope,
    int64_t *residuals
);

/// Packs (residual - least) in `width` bits each, 1 to 64, the first in the lowest bits.
///
/// Up to eight bytes behind the last one are written over.
void cerro_pack(
    const int64_t *residuals, size_t count, int64_t least, unsigned width, uint8_t *out
);

/// What ``cerro_pack`` packed, without the least; eight bytes behind the last one are read.
void cerro_unpack(const uint8_t *packed, size_t count, unsigned width, int64_t *values);

/// Adds `base` to each value, and the rise of a line.
void cerro_add_line(int64_t *values, size_t count, int64_t base, int64_t slope);

/// Fills `integers` with value * divisor; returns whether each integer, below 2^51, gives back its
/// value bit for bit when it is divided.
int cerro_scale(const double *values, size_t count, double divisor, int64_t *integers);

/// Puts the double integer / divisor into the place of each of `count` integers.
void cerro_unscale(void *place, size_t count, double divisor);

/// Makes value * factor + first of each value.
void cerro_multiply(int64_t *values, size_t count, int64_t factor, int64_t first);

/// Fills `quotients` with (value - first value) / factor; returns whether all are integers.
int cerro_divide(const int64_t *values, size_t count, int64_t factor, int64_t *quotients);

/// Whether `count` bytes, at least eight, are those of `pattern` wherever `mask` has a bit; both are
/// count / 8 + 1 words, of which the last one is about the last eight bytes.
int cerro_fits(const void *bytes, size_t count, const uint64_t *pattern, const uint64_t *mask);

/// The span of some integers, and their sum.
cerro_span cerro_sum(const int64_t *values, size_t count, int64_t *sum);
