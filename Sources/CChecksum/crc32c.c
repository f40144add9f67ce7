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

// An instruction takes three steps and one can begin in each: so three pieces of as many words are
// done at a time, and one after the other only where there are few bytes.
enum { MOST_WORDS = 128, FEWEST_BYTES = 96 };

// x^(64 words - 33) mod P: the crc of what stands so many words earlier is multiplied by it. The
// missing 33 come with the product (1) and with the crc of its eight bytes (32).
static uint32_t beyond[2 * MOST_WORDS + 1];

__attribute__((constructor)) static void fill_beyond(void) {
    uint32_t value = 1;
    for (size_t words = 1; words <= 2 * MOST_WORDS; words++) {
        beyond[words] = value;
        for (int bit = 0; bit < 64; bit++) value = (value >> 1) ^ (value & 1 ? 0x82F63B78u : 0);
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

HARDWARE static inline uint64_t three_pieces(uint64_t crc, const uint8_t *p, size_t words) {
    uint64_t second = 0, third = 0;
    size_t piece = 8 * words;
    for (const uint8_t *end = p + piece; p < end; p += 8) {
        crc = _mm_crc32_u64(crc, word_at(p));
        second = _mm_crc32_u64(second, word_at(p + piece));
        third = _mm_crc32_u64(third, word_at(p + 2 * piece));
    }
    return shifted(crc, beyond[2 * words]) ^ shifted(second, beyond[words]) ^ third;
}

HARDWARE static uint32_t counted(uint32_t count) { return _mm_crc32_u32(~0u, count); }

static inline int has_instructions(void) {
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

HARDWARE static uint32_t hardware(uint32_t start, const uint8_t *p, size_t count) {
    uint64_t crc = start;
    while (count >= FEWEST_BYTES) {
        size_t words = count / 24 < MOST_WORDS ? count / 24 : MOST_WORDS;
        crc = three_pieces(crc, p, words);
        p += 24 * words;
        count -= 24 * words;
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

static inline uint32_t continued(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (has_instructions()) return hardware(crc, bytes, count);
#endif
    return portable(crc, bytes, count);
}

uint32_t cerro_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return ~continued(~crc, bytes, count);
}

uint32_t cerro_crc32c_counted(const void *bytes, uint32_t count) {
#if defined(__x86_64__)
    if (has_instructions()) return ~hardware(counted(count), bytes, count);
#endif
    uint8_t length[4] = {count & 255, count >> 8 & 255, count >> 16 & 255, count >> 24};
    return ~continued(continued(~0u, length, 4), bytes, count);
}
