/**
 * What wall time a monotonic stamp of any boot means. A Pi has no clock chip: records carry the boot and CLOCK_MONOTONIC,
 * and each boot has one offset to wall time, which is corrected when the clock becomes known, for all records of the boot
 * at once.
 */
export interface Boot {
  readonly boot: number
  /** /proc/sys/kernel/random/boot_id */
  readonly id: string
  /** wall - mono in ms, as last seen. */
  offsetMs: number
  /** A time service vouched for the offset. */
  known: boolean
}

/** Beyond this the wall clock was stepped, not slewed, and the stored offset is renewed. */
const STEP_MS = 50

export class Boots {
  readonly #byNumber = new Map<number, Boot>()
  readonly current: Boot
  #firstKnownOffsetMs: number | undefined
  /** The current boot's row differs from what is stored. */
  changed = true

  constructor(stored: readonly Boot[], current: Boot) {
    for (const boot of stored) this.#byNumber.set(boot.boot, boot)
    this.#byNumber.set(current.boot, current)
    this.current = current
    if (current.known) this.#firstKnownOffsetMs = current.offsetMs
  }

  /** Unix ms of a stamp, as far as it is known now. */
  wallOf(boot: number, mono: number): number {
    return Math.round(mono + (this.#byNumber.get(boot)?.offsetMs ?? this.current.offsetMs))
  }

  isKnown(boot: number): boolean {
    return this.#byNumber.get(boot)?.known ?? false
  }

  get all(): readonly Readonly<Boot>[] {
    return [...this.#byNumber.values()]
  }

  /** wall - mono in ms of every boot. */
  offsets(): [boot: number, offsetMs: number][] {
    return [...this.#byNumber.values()].map(({ boot, offsetMs }) => [boot, offsetMs])
  }

  /** wall - mono in ms of the boot with this id, when a time service vouched for it. */
  knownOffset(id: string): number | undefined {
    for (const boot of this.#byNumber.values()) if (boot.id === id && boot.known) return boot.offsetMs
    return undefined
  }

  /**
   * Takes in what the clock says now. Once known, an offset stays known for this boot: a time service that went away does
   * not make the clock wrong.
   */
  observe(now: { readonly mono: number; readonly wall: number; readonly clockKnown: boolean }): void {
    const offset = now.wall - now.mono
    if (now.clockKnown && !this.current.known) {
      this.current.known = true
      this.current.offsetMs = offset
      this.#firstKnownOffsetMs = offset
      this.changed = true
    } else if ((now.clockKnown || !this.current.known) && Math.abs(offset - this.current.offsetMs) > STEP_MS) {
      this.current.offsetMs = offset
      this.changed = true
    }
  }

  /**
   * Age in ms of a stamp: wall time when both stamps are known, else powered time, of which only this boot's is certain.
   * Errs to younger, so that retention keeps.
   */
  ageMs(boot: number, mono: number, nowMono: number): number {
    if (boot === this.current.boot) return nowMono - mono
    if (this.isKnown(boot) && this.current.known) {
      // The younger of both: a step of a clock that was vouched for must not make the backlog old.
      const offset = Math.min(this.current.offsetMs, this.#firstKnownOffsetMs ?? this.current.offsetMs)
      return Math.max(0, nowMono + offset - this.wallOf(boot, mono))
    }
    return nowMono
  }
}
