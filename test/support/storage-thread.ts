import type { TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import type { CommandRow, Loaded } from '../../src/inbox/operations.ts'
import { silentLogger } from '../../src/log.ts'
import type { Operation, Storage } from '../../src/storage/operation.ts'
import type { StorageOptions } from '../../src/storage/options.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import { atEnd } from './field-ending.ts'

/** A storage thread alone, closed at the end of the test. */
export async function openThread(
  t: TestContext,
  file: string,
  options: Partial<StorageOptions> = {},
): Promise<StorageThread> {
  const storage = await StorageThread.open(file, { clock: systemClock, log: silentLogger, ...options })
  atEnd(t, () => storage.close())
  return storage
}

/** Rows of any size for tests that do not care what is stored: commands in a state that is loaded again. */
function putOperation(ids: readonly string[], options: { readonly bytes?: number } = {}): Operation<void> {
  const rows = ids.map((id) => rowOf(id, 'x'.repeat(options.bytes ?? 10)))
  return { op: 'inbox.settle', args: { rows } }
}

export async function put(storage: Storage, ids: readonly string[], options: { readonly bytes?: number } = {}) {
  await storage.transact([putOperation(ids, options)])
}

export async function storedIds(storage: Storage): Promise<string[]> {
  const { live } = await storage.read<Loaded>({ op: 'inbox.load', args: {} })
  return live.map(({ id }) => id)
}

/** a0, a1, ... */
export function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`)
}

function rowOf(id: string, text: string): CommandRow {
  return {
    key: 'boiler.setpoint',
    id,
    arrival: arrivals++,
    uplink: 'north',
    reply_topic: null,
    reply_data: null,
    state: 'waiting',
    value: JSON.stringify(text),
    version: null,
    boot: 'boot-1',
    mono: 1,
    wall: null,
    expires_mono: null,
    expires_wall: null,
    hold_ms: 0,
    redelivery: null,
    attempts: 0,
    crashes: 0,
    doubt: 0,
    reason: null,
    superseded_by: null,
    read_back: null,
    finished_boot: null,
    finished_mono: null,
    finished_wall: null,
  }
}

/** Higher than in any process before: rows of two runs do not meet. */
let arrivals = Date.now() * 1000
