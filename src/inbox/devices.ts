import type { Value } from '../model.ts'

/** How the inbox reaches devices. Errors carry a short `code`; those of `write` and `send` also say what may have happened. */
export interface Devices {
  /**
   * Resolves when the device confirmed the write. `isWanted` is asked when its turn on the wire has come: no means that
   * nothing is sent and the write fails as not happened.
   */
  write(device: string, point: string, value: Value, isWanted: () => boolean): Promise<void>
  /** Resolves when the text has gone out; an answer is not waited for. `isWanted` as for `write`. */
  send(device: string, text: string, isWanted: () => boolean): Promise<void>
  /** In one go; one value for each point, in their order. */
  read(device: string, points: readonly string[]): Promise<readonly Value[]>
  isOnline(device: string): boolean
}

export interface Failure {
  readonly happened: 'no' | 'maybe'
  readonly retriable: boolean
  readonly text: string
}

/** Where an error does not say what happened, it may have happened. What has no code is a programming error. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error
  const text = error.message === '' || error.message === error.code ? error.code : `${error.code}: ${error.message}`
  return {
    happened: 'happened' in error && error.happened === 'no' ? 'no' : 'maybe',
    retriable: !('retriable' in error) || error.retriable !== false,
    text,
  }
}
