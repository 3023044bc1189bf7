/*
 * crashdisk IMAGE LOG MOUNTPOINT
 *
 * A disk that remembers the order in which it was written. MOUNTPOINT/disk is the content of IMAGE; whatever is written
 * to it goes to IMAGE and, with every flush, to LOG. Text written to MOUNTPOINT/mark goes to LOG only: a program says
 * there what it has just been promised. From LOG every state can be rebuilt in which a power cut may leave the disk.
 *
 * LOG is a sequence of records, integers in the byte order of the machine:
 *   char kind ('W' write, 'F' flush, 'M' mark), 3 bytes of padding, uint32 length,
 *   uint64 offset on the disk (writes only), uint64 CLOCK_MONOTONIC in ns, then `length` bytes.
 *
 * One thread (-s), so that the order of the records is the order in which the requests were answered.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct header {
  char kind;
  char padding[3];
  uint32_t length;
  uint64_t offset;
  uint64_t time;
};

static int image;
static int record;
static off_t image_bytes;

static int is_disk(const char *path) { return strcmp(path, "/disk") == 0; }
static int is_mark(const char *path) { return strcmp(path, "/mark") == 0; }

/* A log with a gap would prove nothing: without it the disk ends. */
static void remember(char kind, const char *data, size_t length, off_t offset) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct header header = {
      .kind = kind,
      .length = (uint32_t)length,
      .offset = (uint64_t)offset,
      .time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
  };
  struct iovec parts[2] = {{&header, sizeof header}, {(void *)data, length}};
  if (writev(record, parts, length > 0 ? 2 : 1) != (ssize_t)(sizeof header + length)) {
    perror("crashdisk: cannot write the log");
    abort();
  }
}

static int disk_getattr(const char *path, struct stat *status, struct fuse_file_info *file) {
  (void)file;
  memset(status, 0, sizeof *status);
  status->st_nlink = 1;
  if (strcmp(path, "/") == 0) {
    status->st_mode = S_IFDIR | 0700;
    status->st_nlink = 2;
  } else if (is_disk(path)) {
    status->st_mode = S_IFREG | 0600;
    status->st_size = image_bytes;
  } else if (is_mark(path)) {
    status->st_mode = S_IFREG | 0600;
  } else {
    return -ENOENT;
  }
  return 0;
}

static int disk_open(const char *path, struct fuse_file_info *file) {
  if (!is_disk(path) && !is_mark(path)) return -ENOENT;
  /* Past the page cache: what the block layer hands over arrives here at once and whole. */
  file->direct_io = 1;
  return 0;
}

static int disk_read(const char *path, char *data, size_t length, off_t offset, struct fuse_file_info *file) {
  (void)file;
  if (!is_disk(path)) return 0;
  ssize_t count = pread(image, data, length, offset);
  return count < 0 ? -errno : (int)count;
}

static int disk_write(const char *path, const char *data, size_t length, off_t offset, struct fuse_file_info *file) {
  (void)file;
  if (is_mark(path)) {
    remember('M', data, length, 0);
    return (int)length;
  }
  if (offset + (off_t)length > image_bytes) return -ENOSPC;
  if (pwrite(image, data, length, offset) != (ssize_t)length) return -EIO;
  remember('W', data, length, offset);
  return (int)length;
}

static int disk_fsync(const char *path, int data_only, struct fuse_file_info *file) {
  (void)data_only;
  (void)file;
  if (is_disk(path)) remember('F', NULL, 0, 0);
  return 0;
}

/* Opening the mark with O_TRUNC is as good as opening it. */
static int disk_truncate(const char *path, off_t size, struct fuse_file_info *file) {
  (void)size;
  (void)file;
  return is_mark(path) ? 0 : -EPERM;
}

static const struct fuse_operations operations = {
    .getattr = disk_getattr,
    .open = disk_open,
    .read = disk_read,
    .write = disk_write,
    .fsync = disk_fsync,
    .truncate = disk_truncate,
};

int main(int count, char **words) {
  if (count != 4) {
    fprintf(stderr, "usage: crashdisk IMAGE LOG MOUNTPOINT\n");
    return 2;
  }
  struct stat status;
  image = open(words[1], O_RDWR);
  if (image < 0 || fstat(image, &status) != 0) {
    perror(words[1]);
    return 1;
  }
  image_bytes = status.st_size;
  record = open(words[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  if (record < 0) {
    perror(words[2]);
    return 1;
  }
  char *options[] = {words[0], "-f", "-s", words[3], NULL};
  return fuse_main(4, options, &operations, NULL);
}
