#pragma once
#include <spawn.h>
#include <stdint.h>
#include <sys/types.h>

// What Swift's Glibc module leaves out of the kernel's calls, and of the C library's.

/// A timer of the monotonic clock, or -1 with errno set; readable once it has rung. Source:
/// `timerfd_create(2)`.
int cerro_timer_make(void);

/// Has the timer ring when the clock shows `nanoseconds`, once, and not at any other time.
void cerro_timer_ring(int timer, int64_t nanoseconds);

/// A descriptor of a process, whoever started it, which becomes readable when that ends; -1 with
/// errno set where there is none of that number. Source: `pidfd_open(2)`.
int cerro_process_open(pid_t pid);

/// 1 where something keeps the clock right, 0 where nothing does, -1 where the kernel does not tell.
/// Source: `adjtimex(2)`.
int cerro_clock_is_synchronised(void);

/// Sends a signal to the process of that descriptor, whose number may be another's by now; -1 with
/// errno set where it has ended. Source: `pidfd_send_signal(2)`.
int cerro_process_signal(int process, int signal);

/// Has a child begin without the descriptors from `first` on. Source:
/// `posix_spawn_file_actions_addclosefrom_np(3)`.
int cerro_close_from(posix_spawn_file_actions_t *actions, int first);

/// The flag by which `posix_spawn(3)` gives a child a session of its own.
extern const int cerro_new_session;

/// Has the process keep so many bytes of freed memory for what it will allocate, which the kernel
/// would else have to clear again. Source: `mallopt(3)`.
void cerro_memory_keep(int bytes);

/// Gives freed memory back to the kernel. Source: `malloc_trim(3)`.
void cerro_memory_return(void);

/// Lets go of the pages of the program and its libraries that are as they are in their files; those
/// that are needed again come back from there. Source: `madvise(2)`, `proc_pid_smaps(5)`.
void cerro_program_return(void);
