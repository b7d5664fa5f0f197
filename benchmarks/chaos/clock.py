"""A clock that is off, for a program that is started with it.

libfaketime would do for PostgreSQL, but spoils Python's `time.sleep`, and makes its threads wait
for each other.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

OFF = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, which, now);
    if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        now->tv_sec += SECONDS;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    int failed = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *also) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (also)
        *also = now.tv_sec;
    return now.tv_sec;
}
"""


def clock_off(seconds: int, folder: Path) -> Mapping[str, str]:
    """Return the variables of a program whose clock is to be ahead by so many seconds.

    What they name is made in a folder, by a C compiler.
    """
    library = folder / f"clock{seconds}.so"
    make = ["cc", "-shared", "-fPIC", f"-DSECONDS=({seconds})", "-xc", "-", "-o", str(library)]
    subprocess.run(make, input=OFF, text=True, check=True)
    return {"LD_PRELOAD": str(library)}
