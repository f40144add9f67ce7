#pragma once
#include <cairo/cairo.h>

// Cairo's own functions, of which those in cairo.c can be called once Cairo has been loaded.

/// Loads Cairo, once for the process; NULL, or why it cannot be. Source: `dlopen(3)`.
const char *cerro_cairo_load(void);
