/* A library to preload: counts the calls of libc that change files below a folder and strikes at the n-th.
 *
 * Settings, from the environment or given by injector_arm():
 *   CRASH_PREFIX  what a path begins with to be counted
 *   CRASH_N       the call to strike at, from 1; 0 strikes never
 *   CRASH_MODE    count: never   kill: the process group dies before the call   torn: after half of a write
 *                 enospc, eio, eacces: the call fails once   enospc-on, eio-on, eacces-on: it and all after it fail
 *                 power: the volume loses whatever was not flushed, and the process group dies (ext4, XFS)
 *                 power-data: the same, but names are durable and contents that were not flushed are lost
 *   CRASH_CTR     file of 8 bytes that holds the count, shared by a tree of processes
 *   CRASH_LOG     file to which every counted call is appended: number, name, path
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONG_PATH 8192
#define SHUT_DOWN _IOR('X', 125, unsigned)  /* EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN */
#define NO_FLUSH 2
enum mode { COUNT, KILL, TORN, FAIL, FAIL_ON, POWER, POWER_DATA };

static int ready, active, log_fd = -1, fault;
static enum mode mode;
static unsigned long strike_at, then_kill_at;
static unsigned long own_counter;
static volatile unsigned long *counter = &own_counter;
static char prefix[LONG_PATH];
static size_t prefix_length;

static void set_mode(const char *name) {
    mode = COUNT;
    if (!strcmp(name, "kill")) mode = KILL;
    if (!strcmp(name, "torn")) mode = TORN;
    if (!strcmp(name, "power")) mode = POWER;
    if (!strcmp(name, "power-data")) mode = POWER_DATA;
    fault = !strncmp(name, "enospc", 6) ? ENOSPC : !strncmp(name, "eio", 3) ? EIO : !strncmp(name, "eacces", 6) ? EACCES : 0;
    if (fault) mode = strstr(name, "-on") ? FAIL_ON : FAIL;
}

/* Begin to count anew, in this process; the descriptor is for the log, or -1. */
void injector_arm(const char *below, unsigned long call, const char *name, int descriptor) {
    snprintf(prefix, sizeof prefix, "%s", below);
    prefix_length = strlen(prefix);
    own_counter = 0;
    counter = &own_counter;
    strike_at = call;
    then_kill_at = 0;
    log_fd = descriptor;
    set_mode(name);
    ready = active = 1;
}

/* After the call that fails, die before a later one. */
void injector_then_kill(unsigned long call) {
    then_kill_at = call;
}

/* How many calls there were, and no more counting. */
unsigned long injector_disarm(void) {
    active = 0;
    return *counter;
}

static void from_environment(void) {
    const char *below = getenv("CRASH_PREFIX"), *shared = getenv("CRASH_CTR"), *call = getenv("CRASH_N");
    const char *name = getenv("CRASH_MODE"), *log = getenv("CRASH_LOG");
    if (ready) return;
    ready = 1;
    if (!below || !shared) return;
    injector_arm(below, call ? strtoul(call, NULL, 10) : 0, name ? name : "count", -1);
    int fd = syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    syscall(SYS_ftruncate, fd, sizeof *counter);
    counter = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (log) log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Where a descriptor points; 0 if nowhere. */
static int path_of_fd(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, out, LONG_PATH - 1);
    if (length < 0) return 0;
    out[length] = 0;
    return 1;
}

static int path_at(int folder, const char *path, char *out) {
    char above[LONG_PATH];
    if (!path) return 0;
    if (path[0] == '/') return snprintf(out, LONG_PATH, "%s", path) > 0;
    if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, above, sizeof above) < 0) return 0;
    } else if (!path_of_fd(folder, above)) {
        return 0;
    }
    return snprintf(out, LONG_PATH, "%.4000s/%.4000s", above, path) > 0;
}

static void die(void) {
    kill(0, SIGKILL);
    for (;;) pause();
}

/* What a power loss leaves: flushing a file of its own commits the file system's journal, and with it all names. */
static void lose_power(void) {
    char other[LONG_PATH];
    unsigned how = NO_FLUSH;
    if (mode == POWER_DATA) {
        snprintf(other, sizeof other, "%.8000s.other", prefix);
        int fd = syscall(SYS_openat, AT_FDCWD, other, O_WRONLY | O_CREAT, 0600);
        syscall(SYS_write, fd, "x", 1);
        syscall(SYS_fsync, fd);
    }
    syscall(SYS_ioctl, syscall(SYS_openat, AT_FDCWD, prefix, O_RDONLY), SHUT_DOWN, &how);
    die();
}

/* Count a call; returns 0 to go on, an errno to fail with, or -1 to tear a write. */
static int struck(const char *name, const char *path) {
    if (strncmp(path, prefix, prefix_length)) return 0;
    unsigned long number = __sync_add_and_fetch(counter, 1);
    if (log_fd >= 0) {
        char line[LONG_PATH + 64];
        int length = snprintf(line, sizeof line, "%lu %s %.8000s\n", number, name, path);
        syscall(SYS_write, log_fd, line, length);
    }
    if (!strike_at || (mode == FAIL_ON ? number < strike_at : number != strike_at)) return 0;
    if (mode == KILL) die();
    if (mode == POWER || mode == POWER_DATA) lose_power();
    if (mode == TORN) return -1;
    if (then_kill_at) {
        strike_at = then_kill_at;
        mode = KILL;
    }
    return fault;
}

#define REAL(function)                              \
    static __typeof__(&function) real;              \
    if (!real) real = dlsym(RTLD_NEXT, #function);  \
    from_environment()

/* Strike before a call whose path could be formed in `where`. */
#define STRIKE(name, formed)                        \
    if (active) {                                   \
        char where[LONG_PATH];                      \
        int kept = errno;                           \
        int wrong = (formed) ? struck(name, where) : 0; \
        if (wrong < 0) die();                       \
        errno = kept;                               \
        if (wrong > 0) { errno = wrong; return -1; } \
    }

#define OPENING(real_call, folder)                                             \
    va_list rest;                                                              \
    va_start(rest, flags);                                                     \
    int bits = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, int) : 0; \
    va_end(rest);                                                              \
    if (flags & (O_CREAT | O_TRUNC)) STRIKE("open", path_at(folder, path, where)) \
    return real_call

int open(const char *path, int flags, ...) { REAL(open); OPENING(real(path, flags, bits), AT_FDCWD); }
int open64(const char *path, int flags, ...) { REAL(open64); OPENING(real(path, flags, bits), AT_FDCWD); }
int openat(int folder, const char *path, int flags, ...) { REAL(openat); OPENING(real(folder, path, flags, bits), folder); }
int openat64(int folder, const char *path, int flags, ...) { REAL(openat64); OPENING(real(folder, path, flags, bits), folder); }

#define BY_PATH(function, name, folder, path, parameters, arguments) \
    int function parameters {                                        \
        REAL(function);                                              \
        STRIKE(name, path_at(folder, path, where))                   \
        return real arguments;                                       \
    }
BY_PATH(rename, "rename", AT_FDCWD, to, (const char *from, const char *to), (from, to))
BY_PATH(renameat, "rename", b, to, (int a, const char *from, int b, const char *to), (a, from, b, to))
BY_PATH(renameat2, "rename", b, to, (int a, const char *from, int b, const char *to, unsigned f), (a, from, b, to, f))
BY_PATH(link, "link", AT_FDCWD, to, (const char *from, const char *to), (from, to))
BY_PATH(linkat, "link", b, to, (int a, const char *from, int b, const char *to, int f), (a, from, b, to, f))
BY_PATH(symlink, "symlink", AT_FDCWD, to, (const char *from, const char *to), (from, to))
BY_PATH(unlink, "unlink", AT_FDCWD, path, (const char *path), (path))
BY_PATH(unlinkat, "unlink", folder, path, (int folder, const char *path, int f), (folder, path, f))
BY_PATH(rmdir, "rmdir", AT_FDCWD, path, (const char *path), (path))
BY_PATH(remove, "remove", AT_FDCWD, path, (const char *path), (path))
BY_PATH(mkdir, "mkdir", AT_FDCWD, path, (const char *path, mode_t m), (path, m))
BY_PATH(mkdirat, "mkdir", folder, path, (int folder, const char *path, mode_t m), (folder, path, m))
BY_PATH(chmod, "chmod", AT_FDCWD, path, (const char *path, mode_t m), (path, m))
BY_PATH(fchmodat, "chmod", folder, path, (int folder, const char *path, mode_t m, int f), (folder, path, m, f))
BY_PATH(utimensat, "utime", folder, path, (int folder, const char *path, const struct timespec t[2], int f), (folder, path, t, f))
BY_PATH(truncate, "truncate", AT_FDCWD, path, (const char *path, off_t n), (path, n))

#define BY_FD(type, function, name, fd, parameters, arguments) \
    type function parameters {                                 \
        REAL(function);                                        \
        STRIKE(name, path_of_fd(fd, where))                    \
        return real arguments;                                 \
    }
BY_FD(int, fchmod, "chmod", fd, (int fd, mode_t m), (fd, m))
BY_FD(int, futimens, "utime", fd, (int fd, const struct timespec t[2]), (fd, t))
BY_FD(int, ftruncate, "ftruncate", fd, (int fd, off_t n), (fd, n))
BY_FD(int, ftruncate64, "ftruncate", fd, (int fd, off64_t n), (fd, n))
BY_FD(int, fsync, "fsync", fd, (int fd), (fd))
BY_FD(int, fdatasync, "fsync", fd, (int fd), (fd))
BY_FD(int, syncfs, "syncfs", fd, (int fd), (fd))
BY_FD(ssize_t, sendfile, "sendfile", fd, (int fd, int from, off_t *o, size_t n), (fd, from, o, n))
BY_FD(ssize_t, sendfile64, "sendfile", fd, (int fd, int from, off64_t *o, size_t n), (fd, from, o, n))
BY_FD(ssize_t, copy_file_range, "copy", fd, (int from, off64_t *o, int fd, off64_t *p, size_t n, unsigned f), (from, o, fd, p, n, f))

/* A torn write leaves half of its bytes, and then the process dies. */
#define WRITING(function, parameters, whole, half)                     \
    ssize_t function parameters {                                      \
        REAL(function);                                                \
        if (active) {                                                  \
            char where[LONG_PATH];                                     \
            int kept = errno;                                          \
            int wrong = path_of_fd(fd, where) ? struck("write", where) : 0; \
            errno = kept;                                              \
            if (wrong > 0) { errno = wrong; return -1; }               \
            if (wrong < 0) { (void)!real half; die(); }                \
        }                                                              \
        return real whole;                                             \
    }
WRITING(write, (int fd, const void *data, size_t n), (fd, data, n), (fd, data, n / 2))
WRITING(pwrite, (int fd, const void *data, size_t n, off_t o), (fd, data, n, o), (fd, data, n / 2, o))
WRITING(pwrite64, (int fd, const void *data, size_t n, off64_t o), (fd, data, n, o), (fd, data, n / 2, o))
