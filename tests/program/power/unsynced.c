/*
 * A disk whose unsynced writes can be taken back.
 *
 * Loaded into a program (LD_PRELOAD) it watches the files below $UNSYNCED_ROOT. Before each change of a file it writes down
 * what was there; once the file is synced it forgets that. The same for names: that a file was made, renamed or removed is
 * forgotten once its folder is synced. What is written down when the program is killed is what a power cut may undo, and
 * `power.rs` does. Strict on purpose: kernels write much of it back by themselves, and no program may count on that.
 *
 * In $UNSYNCED_JOURNAL, on the same file system:
 *   INODE.file   another name of the file, so that it can be found whatever becomes of its own
 *   INODE.log    changes of its content: struct change, and the bytes that were there
 *   INODE.names  changes of a folder: "made PATH", "removed PATH\tINODE", "renamed FROM\tTO\tINODE of what was at TO, or 0"
 *
 * With $UNSYNCED_CUT_AT=n the program is killed when it asks for its n-th sync, before anything is synced.
 *
 * Not watched: -shm, which SQLite says need not survive, and the reserve, whose content is never read. Writing through
 * mmap, writev and the like is not seen; a watched file is never written so (the exam's own test would not undo it).
 */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct change {
    uint64_t offset;
    uint64_t length; /* of what is written; CUT: the file is cut to `offset` */
    uint64_t size;   /* of the file before */
    uint64_t kept;   /* bytes of it that follow */
};
#define CUT UINT64_MAX

enum { DESCRIPTORS = 4096 };

static char root[PATH_MAX], journal[PATH_MAX];
static long cut_at, syncs;
static int logs[DESCRIPTORS]; /* the log of what a descriptor leads to; 0: it is not watched */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* The function that ours stands before. */
#define REAL(name, result, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int real_open(const char *path, int flags, mode_t mode) {
    REAL("open64", int, const char *, int, ...);
    return real(path, flags, mode);
}

static ssize_t real_write(int fd, const void *bytes, size_t length) {
    REAL("write", ssize_t, int, const void *, size_t);
    return real(fd, bytes, length);
}

static int real_close(int fd) {
    REAL("close", int, int);
    return real(fd);
}

/* An exam that cannot write its journal must not pass. */
static void must(int holds, const char *what) {
    if (holds) return;
    dprintf(2, "unsynced: %s: %s\n", what, strerror(errno));
    abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("UNSYNCED_ROOT"), *to = getenv("UNSYNCED_JOURNAL"), *at = getenv("UNSYNCED_CUT_AT");
    if (!text || !to) return;
    snprintf(root, sizeof root, "%s", text);
    snprintf(journal, sizeof journal, "%s", to);
    cut_at = at ? atol(at) : 0;
}

static int ends(const char *path, const char *with) {
    size_t length = strlen(path), tail = strlen(with);
    return length >= tail && !strcmp(path + length - tail, with);
}

/* Is this ours to watch? The root's own parent is: there it is made. */
static int watched(const char *path) {
    size_t length = strlen(root);
    if (!length) return 0;
    if (!strncmp(path, root, length) && (path[length] == '/' || !path[length]))
        return !ends(path, "-shm") && !ends(path, "-reserve");
    size_t parent = strlen(path);
    return parent < length && !strncmp(path, root, parent) && root[parent] == '/' && !strchr(root + parent + 1, '/');
}

/* The absolute path of a name whose folder is there. */
static int whole(const char *path, char *into) {
    char copy[PATH_MAX], folder[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    char *slash = strrchr(copy, '/');
    const char *name = slash ? slash + 1 : copy;
    if (slash) *slash = 0;
    if (!realpath(slash ? (*copy ? copy : "/") : ".", folder)) return 0;
    return snprintf(into, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

static int open_log(ino_t inode, const char *kind) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%lu.%s", journal, (unsigned long)inode, kind);
    int log = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    must(log >= 0, path);
    return log;
}

/* Another name for a file that is there. */
static void hold(const char *path, ino_t inode) {
    char held[PATH_MAX + 64];
    snprintf(held, sizeof held, "%s/%lu.file", journal, (unsigned long)inode);
    must(!link(path, held) || errno == EEXIST, held);
}

/* Writes down a change of the folder of `path`. */
static void note(const char *path, const char *words) {
    char folder[PATH_MAX];
    struct stat facts;
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    must(!stat(folder, &facts), folder);
    int log = open_log(facts.st_ino, "names");
    must(real_write(log, words, strlen(words)) == (ssize_t)strlen(words), "a note");
    real_close(log);
}

static void watch(int fd) {
    char link_path[64], path[PATH_MAX];
    struct stat facts;
    if (fd < 0 || fd >= DESCRIPTORS || !*root) return;
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link_path, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    if (!watched(path) || fstat(fd, &facts)) return;
    if (S_ISREG(facts.st_mode)) hold(path, facts.st_ino);
    logs[fd] = open_log(facts.st_ino, S_ISDIR(facts.st_mode) ? "names" : "log");
}

/* Writes down `[from, to)` of a file as it is, before it is changed. */
static void keep(int fd, uint64_t offset, uint64_t length, uint64_t to) {
    struct stat facts;
    must(!fstat(fd, &facts), "a file's size");
    uint64_t size = facts.st_size;
    uint64_t end = to < size ? to : size;
    struct change change = {offset, length, size, end > offset ? end - offset : 0};
    char *record = malloc(sizeof change + change.kept), path[64];
    must(record != 0, "memory");
    memcpy(record, &change, sizeof change);
    /* It may be open for writing only. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reader = change.kept ? real_open(path, O_RDONLY | O_CLOEXEC, 0) : -1;
    for (uint64_t done = 0; done < change.kept;) {
        ssize_t read = pread(reader, record + sizeof change + done, change.kept - done, offset + done);
        must(read > 0, "what is there");
        done += read;
    }
    if (reader >= 0) real_close(reader);
    ssize_t whole_record = sizeof change + change.kept;
    must(real_write(logs[fd], record, whole_record) == whole_record, "a change");
    free(record);
}

static int is_watched(int fd) { return fd >= 0 && fd < DESCRIPTORS && logs[fd] > 0; }

static int open_watched(const char *path, int flags, mode_t mode) {
    char at[PATH_MAX], words[PATH_MAX + 8];
    struct stat facts;
    pthread_mutex_lock(&turn);
    if (*root && (flags & O_CREAT) && whole(path, at) && watched(at) && lstat(at, &facts)) {
        snprintf(words, sizeof words, "made %s\n", at);
        note(at, words);
    }
    /* Emptied by itself, so that what was in it is written down. */
    int empties = *root && (flags & O_TRUNC) && whole(path, at) && watched(at);
    int fd = real_open(path, empties ? flags & ~O_TRUNC : flags, mode);
    watch(fd);
    pthread_mutex_unlock(&turn);
    if (fd >= 0 && empties) must(!ftruncate(fd, 0), "emptied");
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return open_watched(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (!is_watched(fd)) return real_close(fd);
    pthread_mutex_lock(&turn);
    real_close(logs[fd]);
    logs[fd] = 0;
    int done = real_close(fd);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!is_watched(fd)) return real_write(fd, bytes, length);
    pthread_mutex_lock(&turn);
    off_t at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    keep(fd, at, length, at + length);
    ssize_t done = real_write(fd, bytes, length);
    pthread_mutex_unlock(&turn);
    return done;
}

#define PWRITE(name) \
    ssize_t name(int fd, const void *bytes, size_t length, off_t at) { \
        REAL(#name, ssize_t, int, const void *, size_t, off_t); \
        if (!is_watched(fd)) return real(fd, bytes, length, at); \
        pthread_mutex_lock(&turn); \
        keep(fd, at, length, at + length); \
        ssize_t done = real(fd, bytes, length, at); \
        pthread_mutex_unlock(&turn); \
        return done; \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define FTRUNCATE(name) \
    int name(int fd, off_t size) { \
        REAL(#name, int, int, off_t); \
        if (!is_watched(fd)) return real(fd, size); \
        pthread_mutex_lock(&turn); \
        keep(fd, size, CUT, UINT64_MAX); \
        int done = real(fd, size); \
        pthread_mutex_unlock(&turn); \
        return done; \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define SYNC(name) \
    int name(int fd) { \
        REAL(#name, int, int); \
        if (!is_watched(fd)) return real(fd); \
        pthread_mutex_lock(&turn); \
        if (++syncs == cut_at) kill(getpid(), SIGKILL); \
        int done = real(fd); \
        if (!done) must(!ftruncate(logs[fd], 0), "a log"); \
        pthread_mutex_unlock(&turn); \
        return done; \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    REAL("unlink", int, const char *);
    char at[PATH_MAX], words[PATH_MAX + 64];
    struct stat facts;
    pthread_mutex_lock(&turn);
    if (*root && whole(path, at) && watched(at) && !lstat(at, &facts)) {
        hold(at, facts.st_ino);
        snprintf(words, sizeof words, "removed %s\t%lu\n", at, (unsigned long)facts.st_ino);
        note(at, words);
    }
    int done = real(path);
    pthread_mutex_unlock(&turn);
    return done;
}

int rename(const char *from, const char *to) {
    REAL("rename", int, const char *, const char *);
    char at[PATH_MAX], there[PATH_MAX], words[2 * PATH_MAX + 64];
    struct stat facts;
    pthread_mutex_lock(&turn);
    if (*root && whole(from, at) && whole(to, there) && watched(at)) {
        unsigned long replaced = lstat(there, &facts) ? 0 : facts.st_ino;
        if (replaced) hold(there, replaced);
        snprintf(words, sizeof words, "renamed %s\t%s\t%lu\n", at, there, replaced);
        note(at, words);
    }
    int done = real(from, to);
    pthread_mutex_unlock(&turn);
    return done;
}

int mkdir(const char *path, mode_t mode) {
    REAL("mkdir", int, const char *, mode_t);
    char at[PATH_MAX], words[PATH_MAX + 8];
    struct stat facts;
    pthread_mutex_lock(&turn);
    if (*root && whole(path, at) && watched(at) && lstat(at, &facts)) {
        snprintf(words, sizeof words, "made %s\n", at);
        note(at, words);
    }
    int done = real(path, mode);
    pthread_mutex_unlock(&turn);
    return done;
}
