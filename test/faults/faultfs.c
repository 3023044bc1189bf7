/*
 * faultfs.so, for LD_PRELOAD: disk calls of one process fail, lie, linger, tear or kill it, and are counted.
 *
 * TIDEGATE_FAULTS names the file with the rules. It is looked at before every call; whoever changes it puts a new file in
 * its place (rename), so that nobody reads half of it. One rule a line; the first one that fits decides, only delays let
 * the next ones have their turn:
 *
 *   CALL NAMEPART ACTION [skip=N] [times=N]
 *
 *   CALL      open pread pwrite write sync ftruncate unlink rename, or * (sync: fsync and fdatasync)
 *   NAMEPART  part of the path of the file, or * (every call of the process: better not, its own output is among them)
 *   ACTION    fail=ENOSPC|EIO|EROFS|EACCES   does nothing and fails
 *             torn=ENOSPC|EIO               writes half, then fails (pwrite, write)
 *             short                         writes half and says so (pwrite, write)
 *             delay=MS                      sleeps, then goes on
 *             lie                           does nothing and reports success
 *             kill                          SIGKILL to the process, before the call
 *   skip      the first N calls that fit pass; times: only N calls are hit. Counted from when the rules were read.
 *
 * TIDEGATE_FAULT_COUNTS names a file of 64 KiB, zeros at first, shared by all: entries of 128 bytes, in no order:
 *   char call[16], char name[64] (the end of the path), uint64 state (2: valid), calls, good, failed, lied, last_good
 *   (CLOCK_MONOTONIC in ns). `good` was done and succeeded. Opens are not counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RULES_MAX = 32, ENTRIES_MAX = 512, NAME_BYTES = 64, PATH_BYTES = 4096, LINE_BYTES = 512 };
enum action { PASS, FAIL, TORN, SHORT, DELAY, LIE, KILL };

struct rule {
  char call[16], part[256];
  enum action action;
  int argument;
  long skip, times;
};

struct entry {
  char call[16], name[NAME_BYTES];
  uint64_t state, calls, good, failed, lied, last_good;
};

/* What is to happen to one call, and where it is counted. */
struct verdict {
  enum action action;
  int error;
  struct entry *entry;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX];
static int rule_count;
static struct stat seen;
static struct entry *entries;
/* Our own calls, and those of whatever they call, are not looked at. */
static __thread int busy;

#define REAL(type, name, ...)                              \
  static type (*real_##name)(__VA_ARGS__);                 \
  if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

static const struct { const char *name; int error; } errors[] = {
    {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EROFS", EROFS}, {"EACCES", EACCES}};

static int error_named(const char *name) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (strcmp(errors[i].name, name) == 0) return errors[i].error;
  return 0;
}

static void refuse(const char *line) {
  dprintf(2, "faultfs: not a rule: %s\n", line);
  abort();
}

static void parse_action(struct rule *rule, const char *word, const char *line) {
  const char *value = strchr(word, '=');
  value = value ? value + 1 : "";
  if (strncmp(word, "fail=", 5) == 0) rule->action = FAIL, rule->argument = error_named(value);
  else if (strncmp(word, "torn=", 5) == 0) rule->action = TORN, rule->argument = error_named(value);
  else if (strncmp(word, "delay=", 6) == 0) rule->action = DELAY, rule->argument = atoi(value);
  else if (strcmp(word, "short") == 0) rule->action = SHORT;
  else if (strcmp(word, "lie") == 0) rule->action = LIE;
  else if (strcmp(word, "kill") == 0) rule->action = KILL;
  else if (strncmp(word, "skip=", 5) == 0) rule->skip = atol(value);
  else if (strncmp(word, "times=", 6) == 0) rule->times = atol(value);
  else refuse(line);
  if ((rule->action == FAIL || rule->action == TORN) && rule->argument == 0) refuse(line);
}

static void parse_line(char *line) {
  char whole[LINE_BYTES], *rest;
  memcpy(whole, line, LINE_BYTES);
  char *call = strtok_r(line, " ", &rest), *part = strtok_r(NULL, " ", &rest);
  if (!call) return;
  if (!part || rule_count == RULES_MAX) refuse(whole);
  struct rule *rule = &rules[rule_count++];
  memset(rule, 0, sizeof *rule);
  rule->times = -1;
  snprintf(rule->call, sizeof rule->call, "%s", call);
  snprintf(rule->part, sizeof rule->part, "%s", part);
  for (char *word; (word = strtok_r(NULL, " ", &rest));) parse_action(rule, word, whole);
  if (rule->action == PASS) refuse(whole);
}

static void read_rules(void) {
  const char *file = getenv("TIDEGATE_FAULTS");
  struct stat now;
  if (!file || stat(file, &now) != 0) return;
  if (now.st_ino == seen.st_ino && now.st_mtim.tv_nsec == seen.st_mtim.tv_nsec && now.st_mtim.tv_sec == seen.st_mtim.tv_sec)
    return;
  seen = now;
  rule_count = 0;
  FILE *stream = fopen(file, "re");
  char text[LINE_BYTES];
  if (!stream) return;
  while (fgets(text, sizeof text, stream)) {
    text[strcspn(text, "\n")] = 0;
    parse_line(text);
  }
  fclose(stream);
}

static void map_entries(void) {
  const char *file = getenv("TIDEGATE_FAULT_COUNTS");
  if (entries || !file) return;
  REAL(int, open, const char *, int, ...);
  int fd = real_open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *mapped = mmap(NULL, ENTRIES_MAX * sizeof(struct entry), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped != MAP_FAILED) entries = mapped;
}

/* Other processes may claim entries at the same time: a claim goes from 0 over 1 to 2. */
static struct entry *entry_of(const char *call, const char *path) {
  if (!entries) return NULL;
  size_t length = strlen(path);
  const char *name = length < NAME_BYTES ? path : path + length - NAME_BYTES + 1;
  for (int i = 0; i < ENTRIES_MAX; i++) {
    struct entry *entry = &entries[i];
    uint64_t unclaimed = 0;
    if (__atomic_compare_exchange_n(&entry->state, &unclaimed, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
      strcpy(entry->call, call);
      strcpy(entry->name, name);
      __atomic_store_n(&entry->state, 2, __ATOMIC_SEQ_CST);
    }
    while (__atomic_load_n(&entry->state, __ATOMIC_SEQ_CST) != 2) usleep(10);
    if (strcmp(entry->call, call) == 0 && strcmp(entry->name, name) == 0) return entry;
  }
  dprintf(2, "faultfs: too many files to count\n");
  abort();
}

static void count(uint64_t *counter) {
  __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static int fits(const struct rule *rule, const char *call, const char *path) {
  if (strcmp(rule->call, "*") != 0 && strcmp(rule->call, call) != 0) return 0;
  return strcmp(rule->part, "*") == 0 || strstr(path, rule->part) != NULL;
}

static struct verdict judge(const char *call, const char *path) {
  struct verdict verdict = {PASS, 0, NULL};
  if (busy) return verdict;
  busy = 1;
  int delay = 0;
  pthread_mutex_lock(&lock);
  map_entries();
  read_rules();
  /* A program of many modules opens more files than there are entries. */
  verdict.entry = strcmp(call, "open") == 0 ? NULL : entry_of(call, path);
  for (int i = 0; i < rule_count && verdict.action == PASS; i++) {
    struct rule *rule = &rules[i];
    if (!fits(rule, call, path) || rule->times == 0) continue;
    if (rule->skip > 0) {
      rule->skip--;
      continue;
    }
    if (rule->times > 0) rule->times--;
    if (rule->action == DELAY) delay += rule->argument;
    else verdict.action = rule->action, verdict.error = rule->argument;
  }
  pthread_mutex_unlock(&lock);
  busy = 0;
  if (verdict.entry) count(&verdict.entry->calls);
  if (delay > 0) nanosleep(&(struct timespec){delay / 1000, delay % 1000 * 1000000L}, NULL);
  if (verdict.action == KILL) kill(getpid(), SIGKILL);
  return verdict;
}

static struct verdict judge_fd(const char *call, int fd) {
  char link[64], path[PATH_BYTES];
  if (busy) return (struct verdict){PASS, 0, NULL};
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length > 0 ? length : 0] = 0;
  /* Pipes and sockets are no files. */
  if (path[0] != '/') return (struct verdict){PASS, 0, NULL};
  return judge(call, path);
}

/* The result of a call that was made, counted. */
static long made(struct verdict verdict, long result) {
  int error = errno;
  if (verdict.entry && result < 0) count(&verdict.entry->failed);
  else if (verdict.entry) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    __atomic_store_n(&verdict.entry->last_good, now.tv_sec * 1000000000ull + now.tv_nsec, __ATOMIC_SEQ_CST);
    count(&verdict.entry->good);
  }
  errno = error;
  return result;
}

/* The result of a call that is not made. */
static long unmade(struct verdict verdict, long lie) {
  if (verdict.action == LIE) {
    if (verdict.entry) count(&verdict.entry->lied);
    return lie;
  }
  if (verdict.entry) count(&verdict.entry->failed);
  errno = verdict.error;
  return -1;
}

static int is_made(struct verdict verdict) {
  return verdict.action != FAIL && verdict.action != LIE;
}

static long write_part(struct verdict verdict, size_t bytes, ssize_t (*part)(void *, size_t), void *call) {
  if (!is_made(verdict)) return unmade(verdict, (long)bytes);
  if (verdict.action == PASS) return made(verdict, part(call, bytes));
  ssize_t half = part(call, bytes / 2);
  return verdict.action == SHORT ? made(verdict, half) : unmade(verdict, 0);
}

struct writing {
  int fd;
  const void *bytes;
  off64_t at;
};

static ssize_t pwrite_some(void *call, size_t bytes) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  struct writing *writing = call;
  return real_pwrite64(writing->fd, writing->bytes, bytes, writing->at);
}

static ssize_t write_some(void *call, size_t bytes) {
  REAL(ssize_t, write, int, const void *, size_t);
  struct writing *writing = call;
  return real_write(writing->fd, writing->bytes, bytes);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  return write_part(judge_fd("pwrite", fd), length, pwrite_some, &(struct writing){fd, bytes, at});
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  return pwrite64(fd, bytes, length, at);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  return write_part(judge_fd("write", fd), length, write_some, &(struct writing){fd, bytes, 0});
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) {
  REAL(ssize_t, pread64, int, void *, size_t, off64_t);
  struct verdict verdict = judge_fd("pread", fd);
  return is_made(verdict) ? made(verdict, real_pread64(fd, bytes, length, at)) : unmade(verdict, 0);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t at) {
  return pread64(fd, bytes, length, at);
}

int fsync(int fd) {
  REAL(int, fsync, int);
  struct verdict verdict = judge_fd("sync", fd);
  return (int)(is_made(verdict) ? made(verdict, real_fsync(fd)) : unmade(verdict, 0));
}

int fdatasync(int fd) {
  REAL(int, fdatasync, int);
  struct verdict verdict = judge_fd("sync", fd);
  return (int)(is_made(verdict) ? made(verdict, real_fdatasync(fd)) : unmade(verdict, 0));
}

int ftruncate64(int fd, off64_t length) {
  REAL(int, ftruncate64, int, off64_t);
  struct verdict verdict = judge_fd("ftruncate", fd);
  return (int)(is_made(verdict) ? made(verdict, real_ftruncate64(fd, length)) : unmade(verdict, 0));
}

int ftruncate(int fd, off_t length) {
  return ftruncate64(fd, length);
}

int unlink(const char *path) {
  REAL(int, unlink, const char *);
  struct verdict verdict = judge("unlink", path);
  return (int)(is_made(verdict) ? made(verdict, real_unlink(path)) : unmade(verdict, 0));
}

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  struct verdict verdict = judge("rename", from);
  return (int)(is_made(verdict) ? made(verdict, real_rename(from, to)) : unmade(verdict, 0));
}

static int open_as(const char *path, int flags, mode_t mode) {
  REAL(int, open64, const char *, int, ...);
  struct verdict verdict = judge("open", path);
  /* A lie would need a descriptor: it fails instead. */
  return (int)(is_made(verdict) ? made(verdict, real_open64(path, flags, mode)) : unmade(verdict, -1));
}

static mode_t mode_of(int flags, va_list rest) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return open_as(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return open_as(path, flags, mode);
}
