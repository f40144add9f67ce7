#include "CTimer.h"

#include <sys/timerfd.h>
#include <time.h>

int cerro_timer_make(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC); }

void cerro_timer_ring(int timer, int64_t nanoseconds) {
    // 0 would be no time at all.
    int64_t at = nanoseconds > 0 ? nanoseconds : 1;
    struct itimerspec time = {.it_value = {at / 1000000000, at % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &time, 0);
}
