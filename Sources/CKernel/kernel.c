#define _GNU_SOURCE
#include "CKernel.h"

#include <malloc.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

int cerro_timer_make(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC); }

void cerro_timer_ring(int timer, int64_t nanoseconds) {
    // 0 would be no time at all.
    int64_t at = nanoseconds > 0 ? nanoseconds : 1;
    struct itimerspec time = {.it_value = {at / 1000000000, at % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &time, 0);
}

int cerro_process_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int cerro_clock_is_synchronised(void) {
    // Without a mode it only reads, which everybody may.
    struct timex state = {.modes = 0};
    int status = adjtimex(&state);
    return status < 0 ? -1 : status != TIME_ERROR && !(state.status & STA_UNSYNC);
}

int cerro_process_signal(int process, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, process, signal, 0, 0);
}

int cerro_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

const int cerro_new_session = POSIX_SPAWN_SETSID;

void cerro_memory_keep(int bytes) {
    mallopt(M_TRIM_THRESHOLD, bytes);
    // The most that the library allows; longer pieces come from the kernel and go back to it.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

void cerro_memory_return(void) {
    // From here on four batches of a log, and not as much as was asked for before.
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    malloc_trim(0);
}

void cerro_program_return(void) {
    FILE *maps = fopen("/proc/self/smaps", "re");
    if (!maps) return;
    unsigned long start = 0, end = 0;
    char line[512];
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to, file, own;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &from, &to, rights, &file) == 4) {
            start = from;
            end = file != 0 && rights[1] == '-' ? to : from;
        } else if (end > start && sscanf(line, "Anonymous: %lu", &own) == 1) {
            // Where one page was written to and closed again, as the linker's are, all stay.
            if (own == 0) madvise((void *)start, end - start, MADV_DONTNEED);
        }
    }
    fclose(maps);
}
