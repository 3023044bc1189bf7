/**
 * A small ext4 of its own on a loop device, which can be full, read-only for an administrator, or read-only because the
 * kernel met an error, as after a failing card. Linux and root are needed.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { TestContext } from 'node:test'
import { atEnd } from './field-ending.ts'
import { lack, needs, skip } from './needs.ts'
import { until } from './until.ts'

const BLOCK_BYTES = 4096

/** Mounted until the end of the test; undefined, and the test skipped, where that is not allowed. */
export function smallDisk(test: TestContext, options: { readonly bytes: number }): SmallDisk | undefined {
  if (!needs(test, 'losetup')) return undefined
  if (!existsSync('/sbin/mke2fs')) {
    lack(test, 'e2fsprogs')
    return undefined
  }
  if (process.getuid?.() !== 0 || !existsSync('/dev/loop-control')) {
    skip(test, 'needs root and loop devices')
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'tg-'))
  atEnd(test, () => rmSync(folder, { recursive: true, force: true }))
  const disk = new SmallDisk(folder, options.bytes)
  atEnd(test, () => disk.unmount())
  return disk
}

export class SmallDisk {
  /** Where it is mounted. */
  readonly directory: string
  readonly #image: string
  readonly #filler: string

  constructor(folder: string, bytes: number) {
    this.directory = join(folder, 'disk')
    this.#image = join(folder, 'image')
    this.#filler = join(this.directory, 'filler')
    mkdirSync(this.directory)
    writeFileSync(this.#image, '')
    execFileSync('truncate', ['-s', String(bytes), this.#image])
    const options = ['-b', String(BLOCK_BYTES), '-m', '0', '-N', '128', '-O', '^has_journal']
    execFileSync('mke2fs', ['-q', '-t', 'ext4', ...options, this.#image], { stdio: 'pipe' })
    this.mount()
  }

  mount(): void {
    execFileSync('mount', ['-o', 'loop,errors=remount-ro', this.#image, this.directory], { stdio: 'pipe' })
  }

  /** Whoever still has files open there keeps them. Idempotent. */
  unmount(): void {
    if (this.#device()) execFileSync('umount', ['-l', this.directory], { stdio: 'pipe' })
  }

  /** Takes all the room there is, or all but `leave` bytes. Nobody else should be writing. */
  fill(options: { readonly leave?: number } = {}): void {
    const descriptor = openSync(this.#filler, 'a')
    const spare = join(this.directory, 'spare')
    if (options.leave) writeFileSync(spare, Buffer.alloc(options.leave, 1))
    try {
      const block = Buffer.alloc(BLOCK_BYTES, 1)
      for (;;) if (writeSync(descriptor, block) < block.length) break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(descriptor)
      rmSync(spare, { force: true })
    }
  }

  /** Gives back what `fill` took. */
  free(): void {
    rmSync(this.#filler, { force: true })
  }

  /** As an administrator does it. Waits until nobody has a file open for writing. */
  async makeReadOnly(): Promise<void> {
    await until(() => this.#remounts('ro'), { what: 'nobody to have a file open for writing', timeoutMs: 30_000 })
  }

  makeWritable(): void {
    if (!this.#remounts('rw')) throw new Error(`${this.directory} cannot be made writable`)
  }

  /** The kernel meets an error in the file system: read-only at once, whoever has files open. It stays so until `repair`. */
  meetError(): void {
    const device = basename(this.#device() ?? '')
    writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, '1')
  }

  /** Unmounts, checks and mounts again. Nobody may have a file open. */
  repair(): void {
    execFileSync('umount', [this.directory], { stdio: 'pipe' })
    try {
      execFileSync('e2fsck', ['-fy', this.#image], { stdio: 'pipe' })
    } catch (error) {
      // 1: errors were corrected, as they should be.
      if ((error as { status?: number }).status !== 1) throw error
    }
    this.mount()
  }

  #remounts(mode: 'ro' | 'rw'): boolean {
    try {
      execFileSync('mount', ['-o', `remount,${mode}`, this.directory], { stdio: 'pipe' })
      return true
    } catch {
      return false
    }
  }

  #device(): string | undefined {
    try {
      return execFileSync('findmnt', ['-nro', 'SOURCE', '-M', this.directory], { encoding: 'utf8' }).trim() || undefined
    } catch {
      return undefined
    }
  }
}
