#pragma once
#include <stdint.h>

// The kernel's timers, which Swift's Glibc module leaves out: `timerfd_create(2)`.

/// A timer of the monotonic clock, or -1 with errno set; readable once it has rung.
int cerro_timer_make(void);

/// Has the timer ring when the clock shows `nanoseconds`, once, and not at any other time.
void cerro_timer_ring(int timer, int64_t nanoseconds);
