import type { CommandSettings } from '../../src/command-settings.ts'
import type { PointSettings, Settings } from '../../src/settings.ts'

/** What the writer on the crash disk and whoever looks at the disk afterwards agree upon. */
export const DATABASE = 'tidegate.db'
export const GATEWAY = 'gw'
export const UPLINKS = ['cloud', 'archive'] as const

/** The inside of the record with this number: made from its identity, so that other content under the same id shows. */
export function bodyOf(tag: string, seq: number): string {
  const filler = 'x'.repeat((seq * 37) % 900)
  return `"device":"meter","values":{"n":${seq},"of":"${tag}","filler":"${filler}"}`
}

/** A record of the loss ledger: only the uplink that lost something wants it. */
export function isLoss(record: { readonly kind: string; readonly body: string }): boolean {
  return record.kind === 'event' && record.body.startsWith('"event":"dropped"')
}

const point: PointSettings = {
  name: 'setpoint',
  type: 'int32',
  access: 'rw',
  intervalMs: 1000,
  register: 'holding',
  address: 0,
  byteOrder: 'ABCD',
  bit: 0,
  length: 2,
  scale: 1,
  offset: 0,
  invalid: [],
  kind: 'gauge',
}

function command(key: string, mode: CommandSettings['mode']): CommandSettings {
  const repeatable = mode === 'last_value'
  const target = { type: 'point', device: 'boiler', point: 'setpoint', verify: 'none' } as const
  return { key, mode, repeatable, target, expiresAfterMs: 3_600_000, acceptRetained: false, waitingMax: 1_000 }
}

/** One key of each mode, both for the same point. */
export const commandSettings: Pick<Settings, 'commands' | 'connections' | 'inbox'> = {
  commands: [command('level', 'last_value'), command('batch', 'queue')],
  connections: [
    {
      type: 'modbus-tcp',
      name: 'line',
      host: '127.0.0.1',
      port: 502,
      timeoutMinMs: 1_000,
      timeoutMs: 100,
      requestGapMs: 0,
      connectDelayMs: 0,
      devices: [
        { name: 'boiler', connection: 'line', unitId: 1, registersMax: 125, holeMax: 0, labels: {}, points: [point] },
      ],
    },
  ],
  inbox: { keepHistoryMs: 3_600_000 },
}
