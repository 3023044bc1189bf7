/**
 * A private ext4 on a loop device, whose own counter tells what reaches the flash: pages, the file system's journal and
 * its metadata, and nothing of any other program. The image lies in memory. Linux and root are needed.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const MEMORY = '/dev/shm'
const SECTOR_BYTES = 512
/** Field of /sys/block/DEVICE/stat that counts sectors written (Documentation/block/stat.rst of the kernel). */
const SECTORS_WRITTEN = 6
/** The journal of ext4 writes by itself every 5 s; afterwards nothing is owed. */
const SETTLE_MS = 6_000
/** Blocks as on a card; mke2fs chooses smaller ones for a small image, which would write less. */
const FORMAT = ['-q', '-t', 'ext4', '-b', '4096', '-E', 'lazy_itable_init=0,lazy_journal_init=0']

/** Why no such disk can be made here, or undefined. */
export function whyNoLoopDisk(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root for loop devices'
  if (!existsSync('/dev/loop-control') || !existsSync(MEMORY)) return 'needs loop devices and /dev/shm'
  return undefined
}

export class LoopDisk {
  readonly directory: string
  readonly #folder: string
  readonly #device: string

  constructor(megabytes = 256) {
    this.#folder = mkdtempSync(join(MEMORY, 'tidegate-flash-'))
    this.directory = join(this.#folder, 'mounted')
    mkdirSync(this.directory)
    const image = join(this.#folder, 'disk.img')
    execFileSync('truncate', ['-s', `${megabytes}M`, image])
    execFileSync('mke2fs', [...FORMAT, image])
    this.#device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim()
    execFileSync('mount', [this.#device, this.directory])
  }

  /** Bytes written to the device since it exists. */
  get written(): number {
    const stat = readFileSync(`/sys/block/${this.#device.replace('/dev/', '')}/stat`, 'utf8')
    return Number(stat.trim().split(/\s+/)[SECTORS_WRITTEN]) * SECTOR_BYTES
  }

  remove(): void {
    execFileSync('umount', [this.directory])
    execFileSync('losetup', ['--detach', this.#device])
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Everything that programs wrote is on the devices, and their journals are at rest. */
export async function settleDisks(): Promise<void> {
  execFileSync('sync')
  await delay(SETTLE_MS)
  execFileSync('sync')
}
