/**
 * A file system on a disk that remembers the order of its writes (crashdisk.c), for rebuilding what a power cut may leave.
 * Linux, root, FUSE and loop devices are needed.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type DiskEvent, parseDiskLog } from './crashdisk-log.ts'
import { lack, needs, skip } from './needs.ts'
import { until } from './until.ts'

const SOURCE = fileURLToPath(new URL('../faults/crashdisk.c', import.meta.url))
/** Room for the log of SQLite at its bound, the database, and a journal of ext4 that wraps round in a short run. */
const DISK_BYTES = 16 * 1024 * 1024

/** True when such a disk can be made here; else the test is skipped, or fails where skipping is forbidden. */
export function canCrashDisk(test: TestContext): boolean {
  if (!needs(test, 'gcc', 'losetup')) return false
  try {
    execFileSync('pkg-config', ['--exists', 'fuse3'], { stdio: 'ignore' })
    execFileSync('mke2fs', ['-V'], { stdio: 'ignore' })
  } catch {
    return lack(test, 'fuse3 libfuse3-dev pkg-config e2fsprogs')
  }
  if (process.getuid?.() === 0 && existsSync('/dev/fuse') && existsSync('/dev/loop-control')) return true
  return skip(test, 'needs root, /dev/fuse and loop devices')
}

/** Compiles crashdisk.c into the folder and gives the program. */
export function buildCrashDisk(folder: string): string {
  const program = join(folder, 'crashdisk')
  const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' }).trim().split(/\s+/)
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, SOURCE, ...flags], { stdio: 'pipe' })
  return program
}

export interface CrashDisk {
  /** The mounted file system. */
  readonly directory: string
  /** What is written to this file stands in the log, in order with the writes. */
  readonly markFile: string
  /** Unmounts, and gives the disk as it was in the beginning and everything that happened to it. Idempotent. */
  finish(): Promise<{ readonly base: Buffer; readonly events: readonly DiskEvent[] }>
}

/** Makes an empty ext4 on such a disk, below `folder`. */
export async function startCrashDisk(program: string, folder: string): Promise<CrashDisk> {
  const place = (name: string) => join(folder, name)
  for (const name of ['fuse', 'mounted']) mkdirSync(place(name), { recursive: true })
  const base = emptyDisk(place('disk.img'))
  const server = spawn(program, [place('disk.img'), place('disk.log'), place('fuse')], { stdio: 'inherit' })
  try {
    await until(() => existsSync(place('fuse/disk')) || server.exitCode !== null, { what: 'the crash disk' })
    mountDisk(place('fuse/disk'), place('mounted'))
  } catch (error) {
    await stopServer(server, place('fuse'))
    throw error
  }
  let finished: ReturnType<CrashDisk['finish']> | undefined
  const finish = async () => {
    try {
      unmount(place('mounted'))
    } finally {
      await stopServer(server, place('fuse'))
    }
    return { base, events: parseDiskLog(readFileSync(place('disk.log'))) }
  }
  return {
    directory: place('mounted'),
    markFile: place('fuse/mark'),
    finish() {
      finished ??= finish()
      return finished
    },
  }
}

/** Mounts a disk, lets `look` at the file system, unmounts. Throws when the file system cannot be mounted. */
export async function onDisk<T>(disk: Buffer, folder: string, look: (directory: string) => Promise<T>): Promise<T> {
  const image = join(folder, 'rebuilt.img')
  const directory = join(folder, 'rebuilt')
  mkdirSync(directory, { recursive: true })
  writeFileSync(image, disk)
  try {
    mountDisk(image, directory)
  } catch {
    // A cut can tear the superblock itself (one sector of its two); a machine that boots repairs that from a copy of it.
    spawnSync('e2fsck', ['-f', '-y', image], { stdio: 'ignore' })
    mountDisk(image, directory)
  }
  try {
    return await look(directory)
  } finally {
    unmount(directory)
  }
}

function emptyDisk(image: string): Buffer {
  writeFileSync(image, Buffer.alloc(DISK_BYTES))
  // Nothing is left for the kernel to initialise later: its writes would only be noise between ours.
  const options = ['-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard', '-J', 'size=4', '-N', '128']
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-b', '4096', '-m', '0', ...options, image], { stdio: 'pipe' })
  return readFileSync(image)
}

/** The loop device goes away by itself when it is unmounted (mount(8)). */
function mountDisk(image: string, directory: string): void {
  execFileSync('mount', ['-t', 'ext4', '-o', 'loop,noatime,nodiscard', image, directory], { stdio: 'pipe' })
}

function unmount(target: string): void {
  execFileSync('umount', [target], { stdio: 'pipe' })
}

async function stopServer(server: ChildProcess, mountPoint: string): Promise<void> {
  try {
    if (server.exitCode === null && existsSync(join(mountPoint, 'disk'))) unmount(mountPoint)
  } catch {
    // Somebody still holds the disk: without its server it cannot outlive the test.
    server.kill('SIGKILL')
  }
  await until(() => server.exitCode !== null || server.signalCode !== null, { what: 'the end of the crash disk' })
}
