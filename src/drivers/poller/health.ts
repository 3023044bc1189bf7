/**
 * Does a device answer? Pure.
 *
 *   unknown ──answer──► online ──no answer──► offline ──answer──► online
 *
 * One poll in which nothing came at all takes a device offline. Damaged or foreign replies show that something is alive on
 * the line; only several polls of nothing but those do. A device that refuses (a Modbus exception) is online.
 */
import type { Sample } from '../../model.ts'

export type Health =
  | { readonly state: 'unknown' | 'online'; readonly since: number; readonly garbled: number }
  | {
      readonly state: 'offline'
      readonly since: number
      /** Short code of the failure. */
      readonly reason: string
      /** Probes that failed since it is offline. */
      readonly probes: number
      readonly probeAt: number
    }

/** Polls in a row with only damaged replies before the device counts as offline. */
export const GARBLED_POLLS_MAX = 3
/** The longest pause between two probes, unless the interval itself is longer. */
const PROBE_PAUSE_MAX_MS = 60_000

/** Codes that say that no valid reply came; all others come from the device itself. */
const silentCodes = new Set(['timeout', 'crc', 'short_reply', 'foreign_reply', 'noise', 'io'])

/** Codes of what was never asked: they say nothing about the device. */
const unaskedCodes = new Set(['read_only', 'write_only', 'range', 'unsupported', 'expired'])

/** Was nothing asked? */
export function isUnasked(code: string | undefined): boolean {
  return code !== undefined && unaskedCodes.has(code)
}

/** The code of the failure when not one sample is an answer of the device; undefined when it answered, or was not asked. */
export function silenceOf(samples: readonly Sample[]): string | undefined {
  const asked = samples.filter((sample) => !isUnasked(sample.error))
  const isSilence = asked.every((sample) => sample.error !== undefined && silentCodes.has(sample.error))
  return isSilence ? asked[0]?.error : undefined
}

/** The device answered, if only to refuse. */
export function onAnswer(health: Health, now: number): Health {
  if (health.state !== 'online') return { state: 'online', since: now, garbled: 0 }
  return health.garbled === 0 ? health : { ...health, garbled: 0 }
}

/** A poll, or a probe, brought no answer. */
export function onSilence(
  health: Health,
  code: string,
  at: { readonly now: number; readonly intervalMs: number },
): Health {
  const { now, intervalMs } = at
  if (health.state === 'offline') {
    const probes = health.probes + 1
    return { ...health, reason: code, probes, probeAt: now + probePauseMs(probes, intervalMs) }
  }
  const garbled = health.garbled + 1
  if (code !== 'timeout' && garbled < GARBLED_POLLS_MAX) return { ...health, garbled }
  return offline(code, at)
}

/** Offline for certain: the connection is gone, or nothing came for longer than allowed. */
export function offline(reason: string, at: { readonly now: number; readonly intervalMs: number }): Health {
  const { now, intervalMs } = at
  return { state: 'offline', since: now, reason, probes: 0, probeAt: now + probePauseMs(0, intervalMs) }
}

/** 1, 2, 4 ... intervals, up to a minute: a dead device costs its neighbours one short probe now and then (P7). */
export function probePauseMs(probes: number, intervalMs: number): number {
  if (!Number.isFinite(intervalMs)) return PROBE_PAUSE_MAX_MS
  return Math.min(Math.max(PROBE_PAUSE_MAX_MS, intervalMs), intervalMs * 2 ** Math.min(probes, 30))
}
