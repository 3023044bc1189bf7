import type { Clock } from '../../clock.ts'
import { clockText, colour, plain, type Scene, screen } from './view.ts'

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
const CLEAR_ALL = '\u001b[2J'

const REDRAW_MS = 500
/** Redraws between two samples of the queue's depth, and lines between two samples when there is no terminal. */
const WIDTH_WITHOUT_TERMINAL = 100

/** Shows the scene until the signal: a screen that is redrawn on a terminal, else a line whenever the story goes on. */
export class Terminal {
  readonly #out: NodeJS.WriteStream
  readonly #queue: number[] = []
  readonly #live: boolean
  #story = ''

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
    this.#live = out.isTTY === true
  }

  /** Resolves when the signal is aborted; the last screen stays. */
  async show(
    scene: () => Omit<Scene, 'queue' | 'width'>,
    options: { clock: Clock; signal: AbortSignal },
  ): Promise<void> {
    if (this.#live) this.#out.write(HIDE_CURSOR + CLEAR_ALL)
    try {
      while (!options.signal.aborted) {
        this.#draw(scene())
        await options.clock.wait(REDRAW_MS, options.signal)
      }
      this.#draw(scene())
    } finally {
      if (this.#live) this.#out.write(`\n${SHOW_CURSOR}`)
    }
  }

  #draw(scene: Omit<Scene, 'queue' | 'width'>): void {
    this.#queue.push(scene.status.uplinks[0]?.pending ?? 0)
    if (this.#queue.length > 500) this.#queue.shift()
    const width = this.#out.columns ?? WIDTH_WITHOUT_TERMINAL
    if (this.#live) {
      const paint = process.env['NO_COLOR'] ? plain : colour
      const lines = screen({ ...scene, queue: this.#queue, width }, paint)
      this.#out.write(`${HOME}${lines.map((line) => line + CLEAR_LINE).join('\n')}${CLEAR_BELOW}`)
    } else if (scene.story !== this.#story) {
      this.#story = scene.story
      this.#out.write(`${clockText(scene.elapsedMs).padStart(5)}  ${scene.story}\n`)
    }
  }
}
