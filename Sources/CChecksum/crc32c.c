// C, because Swift has no way to name the CRC instruction; everything around it is Swift.
#include "CChecksum.h"
#include <string.h>

static uint32_t table[256];

__attribute__((constructor)) static void fill_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? 0x82F63B78u : 0);
        table[i] = value;
    }
}

static uint32_t portable(uint32_t crc, const uint8_t *p, size_t count) {
    while (count--) crc = (crc >> 8) ^ table[(crc ^ *p++) & 0xFF];
    return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define HARDWARE __attribute__((target("sse4.2,pclmul")))

// An instruction takes three steps and one can begin in each: so three pieces are done at a time,
// long ones and then short ones.
enum { LONG = 1024, SHORT = 128 };
static uint64_t beyond_long[2], beyond_short[2];

// x^(8 bytes - 33) mod P: the crc of what stands so many bytes earlier is multiplied by it. The
// missing 33 come with the product (1) and with the crc of its eight bytes (32).
static uint64_t beyond(size_t bytes) {
    uint32_t value = 0x80000000u;
    for (size_t bit = 0; bit < 8 * bytes - 33; bit++) {
        value = (value >> 1) ^ (value & 1 ? 0x82F63B78u : 0);
    }
    return value;
}

__attribute__((constructor)) static void fill_beyond(void) {
    for (size_t piece = 0; piece < 2; piece++) {
        beyond_long[piece] = beyond((piece + 1) * LONG);
        beyond_short[piece] = beyond((piece + 1) * SHORT);
    }
}

HARDWARE static inline uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

HARDWARE static inline uint64_t shifted(uint64_t crc, uint64_t factor) {
    __m128i product = _mm_clmulepi64_si128(
        _mm_cvtsi64_si128((long long)crc), _mm_cvtsi64_si128((long long)factor), 0
    );
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

HARDWARE static inline uint64_t three_pieces(
    uint64_t crc, const uint8_t *p, size_t piece, const uint64_t *factors
) {
    uint64_t second = 0, third = 0;
    for (const uint8_t *end = p + piece; p < end; p += 8) {
        crc = _mm_crc32_u64(crc, word_at(p));
        second = _mm_crc32_u64(second, word_at(p + piece));
        third = _mm_crc32_u64(third, word_at(p + 2 * piece));
    }
    return shifted(crc, factors[1]) ^ shifted(second, factors[0]) ^ third;
}

HARDWARE static uint32_t hardware(uint32_t start, const uint8_t *p, size_t count) {
    uint64_t crc = start;
    for (; count >= 3 * LONG; count -= 3 * LONG, p += 3 * LONG) {
        crc = three_pieces(crc, p, LONG, beyond_long);
    }
    for (; count >= 3 * SHORT; count -= 3 * SHORT, p += 3 * SHORT) {
        crc = three_pieces(crc, p, SHORT, beyond_short);
    }
    for (; count >= 8; count -= 8, p += 8) crc = _mm_crc32_u64(crc, word_at(p));
    uint32_t rest = (uint32_t)crc;
    if (count & 4) {
        uint32_t word;
        memcpy(&word, p, 4);
        rest = _mm_crc32_u32(rest, word);
        p += 4;
    }
    for (count &= 3; count; count--) rest = _mm_crc32_u8(rest, *p++);
    return rest;
}
#endif

uint32_t cerro_crc32c(uint32_t crc, const void *bytes, size_t count) {
    crc = ~crc;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) {
        return ~hardware(crc, bytes, count);
    }
#endif
    return ~portable(crc, bytes, count);
}
