#pragma once
#include <stddef.h>
#include <stdint.h>

/// Continues the CRC-32C (Castagnoli, reflected, as in RFC 3720 B.4) `crc` of earlier bytes
/// over `count` more; begin with 0. Uses the processor's instruction where it has one.
uint32_t cerro_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The CRC-32C of `count` in four bytes, the lowest first, and so many bytes behind it.
uint32_t cerro_crc32c_counted(const void *bytes, uint32_t count);
