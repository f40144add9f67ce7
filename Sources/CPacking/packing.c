// C, because Swift makes one function of each for the oldest processor, and has no way to make
// others beside it: these loops take a third of the time where many values are done at once.
#include "CPacking.h"
#include <string.h>

// A product and a sum are rounded one after the other on every processor, or files would differ.
#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__)
#define FOR_EACH_PROCESSOR \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE int64_t minus(int64_t left, int64_t right) {
    return (int64_t)((uint64_t)left - (uint64_t)right);
}

INLINE int64_t plus(int64_t left, int64_t right) {
    return (int64_t)((uint64_t)left + (uint64_t)right);
}

INLINE int64_t rise(int64_t slope, size_t row) {
    return (int64_t)((uint64_t)slope * (uint64_t)row) >> 8;
}

INLINE cerro_span span_of(const int64_t *values, size_t count) {
    cerro_span span = {INT64_MAX, INT64_MIN};
    for (size_t row = 0; row < count; row++) {
        span.least = values[row] < span.least ? values[row] : span.least;
        span.most = values[row] > span.most ? values[row] : span.most;
    }
    return span;
}

FOR_EACH_PROCESSOR cerro_span cerro_residuals(
    int mode, const int64_t *values, size_t count, int64_t last, int64_t last_delta, int64_t slope,
    int64_t *restrict residuals
) {
    if (count == 0) return span_of(values, 0);
    switch (mode) {
    case CERRO_DELTA:
        residuals[0] = minus(values[0], last);
        for (size_t row = 1; row < count; row++) {
            residuals[row] = minus(values[row], values[row - 1]);
        }
        break;
    case CERRO_LINE:
        for (size_t row = 0; row < count; row++) {
            residuals[row] = minus(values[row], rise(slope, row));
        }
        break;
    case CERRO_DELTA_OF_DELTA: {
        int64_t first = minus(values[0], last);
        residuals[0] = minus(first, last_delta);
        if (count > 1) residuals[1] = minus(minus(values[1], values[0]), first);
        for (size_t row = 2; row < count; row++) {
            int64_t before = minus(values[row - 1], values[row - 2]);
            residuals[row] = minus(minus(values[row], values[row - 1]), before);
        }
        break;
    }
    default: memcpy(residuals, values, count * 8);
    }
    return span_of(residuals, count);
}

// Values that are packed together: words of them stand on the stack, and fill whole bytes.
enum { PIECE = 128 };

INLINE uint8_t *pack_words(
    const uint64_t *words, size_t count, unsigned width, size_t bits, uint8_t *restrict out
) {
    uint8_t *end = out + (bits + 7) / 8;
    uint64_t word = 0;
    unsigned filled = 0;
    for (size_t row = 0; row < count; row++) {
        word |= words[row] << filled;
        filled += width;
        if (filled >= 64) {
            memcpy(out, &word, 8);
            out += 8;
            filled -= 64;
            word = filled == 0 ? 0 : words[row] >> (width - filled);
        }
    }
    memcpy(out, &word, 8);
    return end;
}

// As long as two fit one word they become one, many at once: then there are fewer to put one behind
// the other. Returns how many there are.
INLINE size_t join_pairs(
    const uint64_t *words, size_t count, unsigned width, uint64_t *restrict joined
) {
    for (size_t pair = 0; pair < count / 2; pair++) {
        joined[pair] = words[2 * pair] | words[2 * pair + 1] << width;
    }
    if (count % 2) joined[count / 2] = words[count - 1];
    return (count + 1) / 2;
}

FOR_EACH_PROCESSOR void cerro_pack(
    const int64_t *residuals, size_t count, int64_t least, unsigned width, uint8_t *restrict out
) {
    uint64_t room[2][PIECE];
    for (size_t from = 0; from < count; from += PIECE) {
        size_t words = count - from < PIECE ? count - from : PIECE;
        size_t bits = words * width;
        unsigned joined = width;
        uint64_t *place = room[0], *other = room[1];
        for (size_t row = 0; row < words; row++) {
            place[row] = (uint64_t)minus(residuals[from + row], least);
        }
        for (; joined <= 32 && words > 1; joined *= 2) {
            words = join_pairs(place, words, joined, other);
            uint64_t *swapped = place;
            place = other;
            other = swapped;
        }
        out = pack_words(place, words, joined, bits, out);
    }
}

INLINE int64_t bits_at(const uint8_t *packed, size_t bit, unsigned width) {
    uint64_t word;
    memcpy(&word, packed + (bit >> 3), 8);
    word >>= bit & 7;
    // A ninth byte has the rest: twice shifted, as 64 at once would be none.
    if (width > 57) word |= ((uint64_t)packed[(bit >> 3) + 8] << 1) << (63 - (bit & 7));
    return (int64_t)(word & (((uint64_t)1 << width) - 1));
}

// Where the width is known, so are the places and shifts of eight values in so many bytes.
INLINE void unpack(
    const uint8_t *packed, size_t count, unsigned width, int64_t *restrict values
) {
    for (; count >= 8; count -= 8, packed += width, values += 8) {
#pragma GCC unroll 8
        for (unsigned row = 0; row < 8; row++) values[row] = bits_at(packed, row * width, width);
    }
    for (size_t row = 0; row < count; row++) values[row] = bits_at(packed, row * width, width);
}

FOR_EACH_PROCESSOR void cerro_unpack(
    const uint8_t *packed, size_t count, unsigned width, int64_t *restrict values
) {
#define WIDTH(n) case n: unpack(packed, count, n, values); return;
#define WIDTHS(n) \
    WIDTH(n) WIDTH(n + 1) WIDTH(n + 2) WIDTH(n + 3) WIDTH(n + 4) WIDTH(n + 5) WIDTH(n + 6)
    switch (width) {
        WIDTHS(1) WIDTHS(8) WIDTHS(15) WIDTHS(22) WIDTHS(29) WIDTHS(36) WIDTHS(43) WIDTHS(50)
        WIDTHS(57)
    case 64: memcpy(values, packed, count * 8); return;
    default: memset(values, 0, count * 8);
    }
}

FOR_EACH_PROCESSOR void cerro_add_line(
    int64_t *values, size_t count, int64_t base, int64_t slope
) {
    if (slope == 0) {
        for (size_t row = 0; row < count; row++) values[row] = plus(values[row], base);
        return;
    }
    for (size_t row = 0; row < count; row++) {
        values[row] = plus(plus(values[row], base), rise(slope, row));
    }
}

FOR_EACH_PROCESSOR int cerro_scale(
    const double *values, size_t count, double divisor, int64_t *restrict integers
) {
    // Adding it to a smaller number leaves an integer in the low bits.
    const double magic = 0x1.8p52, largest = 0x1p51;
    int64_t magic_bits;
    memcpy(&magic_bits, &magic, 8);
    uint64_t wrong = 0;
    for (size_t row = 0; row < count; row++) {
        double shifted = values[row] * divisor + magic;
        double scaled = shifted - magic;
        double back = scaled / divisor;
        int64_t shifted_bits, back_bits, bits;
        memcpy(&shifted_bits, &shifted, 8);
        memcpy(&back_bits, &back, 8);
        memcpy(&bits, &values[row], 8);
        integers[row] = minus(shifted_bits, magic_bits);
        wrong |= (uint64_t)(back_bits ^ bits);
        wrong |= __builtin_fabs(scaled) < largest ? 0 : 1;
    }
    return wrong == 0;
}

FOR_EACH_PROCESSOR void cerro_unscale(void *place, size_t count, double divisor) {
    uint8_t *bytes = place;
    for (size_t row = 0; row < count; row++) {
        int64_t integer;
        memcpy(&integer, bytes + 8 * row, 8);
        double value = (double)integer / divisor;
        memcpy(bytes + 8 * row, &value, 8);
    }
}

FOR_EACH_PROCESSOR void cerro_multiply(
    int64_t *values, size_t count, int64_t factor, int64_t first
) {
    for (size_t row = 0; row < count; row++) {
        values[row] = (int64_t)((uint64_t)values[row] * (uint64_t)factor + (uint64_t)first);
    }
}

FOR_EACH_PROCESSOR int cerro_divide(
    const int64_t *values, size_t count, int64_t factor, int64_t *restrict quotients
) {
    // Below 2^51 a product is rounded to an integer in its low bits; the others are no quotients
    // that a multiplication gives back, and are told as wrong.
    const double magic = 0x1.8p52, inverse = 1 / (double)factor;
    int64_t magic_bits;
    memcpy(&magic_bits, &magic, 8);
    uint64_t wrong = 0;
    for (size_t row = 0; row < count; row++) {
        int64_t difference = minus(values[row], values[0]);
        double shifted = (double)difference * inverse + magic;
        int64_t shifted_bits;
        memcpy(&shifted_bits, &shifted, 8);
        quotients[row] = minus(shifted_bits, magic_bits);
        wrong |= (uint64_t)quotients[row] * (uint64_t)factor ^ (uint64_t)difference;
    }
    return wrong == 0;
}

FOR_EACH_PROCESSOR cerro_span cerro_sum(const int64_t *values, size_t count, int64_t *sum) {
    uint64_t total = 0;
    for (size_t row = 0; row < count; row++) total += (uint64_t)values[row];
    *sum = (int64_t)total;
    return span_of(values, count);
}

FOR_EACH_PROCESSOR int cerro_fits(
    const void *bytes, size_t count, const uint64_t *pattern, const uint64_t *mask
) {
    const uint8_t *place = bytes;
    uint64_t word, difference = 0;
    for (size_t number = 0; number < count / 8; number++) {
        memcpy(&word, place + 8 * number, 8);
        difference |= (word ^ pattern[number]) & mask[number];
    }
    memcpy(&word, place + count - 8, 8);
    return (difference | ((word ^ pattern[count / 8]) & mask[count / 8])) == 0;
}
