import type { Value } from '../model.ts'
import type { CommandSettings, PointSettings } from '../settings.ts'
import type { Command, FinalState } from './command.ts'
import { type Comparison, isSame } from './fit.ts'
import { show } from './parse.ts'

/** How the inbox reaches devices. Errors carry a short `code`; those of `write` also say what may have happened. */
export interface Devices {
  /**
   * Resolves when the device confirmed the write. `isWanted` is asked when its turn on the wire has come: no means that
   * nothing is sent and the write fails as not happened.
   */
  write(device: string, point: string, value: Value, isWanted: () => boolean): Promise<void>
  /** In one go; one value for each point, in their order. */
  read(device: string, points: readonly string[]): Promise<readonly Value[]>
  isOnline(device: string): boolean
}

export interface Job {
  readonly command: Command
  readonly settings: CommandSettings
  readonly point: PointSettings
}

export type AttemptResult =
  | {
      readonly result: 'end'
      readonly state: FinalState
      readonly reason?: string
      /** What the point holds now, where that is not the very value. */
      readonly readBack?: Value
    }
  | { readonly result: 'again'; readonly doubt: boolean; readonly reason: string }

/** Writes, and verifies if the command says so. */
export async function writeOnce(job: Job, devices: Devices, isWanted: () => boolean): Promise<AttemptResult> {
  const { command, settings } = job
  if (command.value === undefined) throw new Error(`command ${command.id} of ${command.key} has no value to write`)
  try {
    await devices.write(settings.device, settings.point, command.value, isWanted)
  } catch (error) {
    return afterFailure(failureOf(error), job)
  }
  return settings.verify === 'read_back' && job.point.access !== 'wo'
    ? readBack(job, command.value, devices)
    : end('applied')
}

/**
 * A command that must not be written twice, after an attempt that may have reached the device: reads the point, and equal
 * means applied. Nothing, when the point could not be read now.
 */
export async function look(job: Job, devices: Devices): Promise<AttemptResult | undefined> {
  const { command, settings } = job
  let found: Found
  try {
    found = await read(job, devices)
  } catch (error) {
    failureOf(error)
    return undefined
  }
  if (command.value !== undefined && isSame(job.point, { wanted: command.value, ...found })) {
    const reason = `${command.reason ?? 'no reply'}; the point was read and has the value`
    const state = settings.verify === 'read_back' ? 'verified' : 'applied'
    return end(state, { reason, ...readBackOf(command.value, found.got) })
  }
  const reason = `${command.reason ?? 'no reply'}; the point was read and has ${show(found.got)}`
  return end('unknown', { reason, readBack: found.got })
}

type Found = Omit<Comparison, 'wanted'>

/** The point, and what holds its power of ten. */
async function read({ settings, point }: Job, devices: Devices): Promise<Found> {
  const names = [settings.point, ...(point.scaleFrom === undefined ? [] : [point.scaleFrom])]
  const [got, power] = await devices.read(settings.device, names)
  if (got === undefined) throw new Error(`reading ${settings.device}.${settings.point} gave no value`)
  return { got, power }
}

async function readBack(job: Job, wanted: Value, devices: Devices): Promise<AttemptResult> {
  let found: Found
  try {
    found = await read(job, devices)
  } catch (error) {
    const reason = `the device confirmed the write, but it could not be read back: ${failureOf(error).text}`
    return end('applied', { reason })
  }
  const differing = readBackOf(wanted, found.got)
  if (isSame(job.point, { wanted, ...found })) return end('verified', differing)
  return end('failed', { reason: `read back ${show(found.got)} after writing ${show(wanted)}`, ...differing })
}

function readBackOf(wanted: Value, got: Value): { readonly readBack?: Value } {
  // 1 and true, 5 and 5n are the same.
  return wanted === got || (typeof wanted !== 'string' && Number(wanted) === Number(got)) ? {} : { readBack: got }
}

function afterFailure(failure: Failure, job: Job): AttemptResult {
  if (failure.happened === 'no') {
    return failure.retriable
      ? { result: 'again', doubt: false, reason: failure.text }
      : end('failed', { reason: failure.text })
  }
  // Not retriable, and yet it may have happened: trying again cannot help, and so nobody will ever know.
  const { repeatable } = job.settings
  if (repeatable && failure.retriable) return { result: 'again', doubt: true, reason: failure.text }
  if (repeatable || job.point.access === 'wo') return end('unknown', { reason: failure.text })
  return { result: 'again', doubt: true, reason: failure.text }
}

interface Failure {
  readonly happened: 'no' | 'maybe'
  readonly retriable: boolean
  readonly text: string
}

/** Where an error does not say what happened, it may have happened. What has no code is a programming error. */
function failureOf(error: unknown): Failure {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error
  const text = error.message === '' || error.message === error.code ? error.code : `${error.code}: ${error.message}`
  return {
    happened: 'happened' in error && error.happened === 'no' ? 'no' : 'maybe',
    retriable: !('retriable' in error) || error.retriable !== false,
    text,
  }
}

function end(state: FinalState, told: { readonly reason?: string; readonly readBack?: Value } = {}): AttemptResult {
  return { result: 'end', state, ...told }
}
