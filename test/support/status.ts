import type { Status } from '../../src/status.ts'

/** A site where all is well; tests replace the part they are about. */
export function statusOf(changes: Partial<Status> = {}): Status {
  return {
    gateway: 'plant7-gw01',
    version: '0.1.0',
    epoch: '17-3f9a2c',
    pid: 4711,
    uptimeMs: 12 * 86_400_000 + 4 * 3_600_000,
    clockKnown: true,
    connections: [
      {
        name: 'bus-a',
        type: 'modbus-rtu',
        line: '9600 8N1',
        state: 'open',
        exchanges: 1234,
        failures: 0,
        lastReplyAgeMs: 400,
        opens: 1,
        failedOpens: 0,
        busy: 0.124,
        missedPollsLately: 0,
      },
    ],
    devices: [
      {
        name: 'main-meter',
        connection: 'bus-a',
        state: 'online',
        sinceMs: 60_000,
        latencyMs: 38.4,
        missedPolls: 0,
        points: [{ name: 'power', value: 12.4, quality: 'good', unit: 'kW', ageMs: 400 }],
      },
    ],
    uplinks: [uplinkOf()],
    outbox: { head: 100, tail: 3, usedBytes: 212 * 1024 ** 2, maxBytes: 4 * 1024 ** 3, commits: 2, writtenRecords: 97 },
    inbox: { waiting: [], received: 14, finished: { applied: 11, superseded: 3, failed: 0 } },
    storage: { state: 'ok', file: '/var/lib/tidegate/tidegate.db' },
    attention: [],
    ...changes,
  }
}

export function uplinkOf(changes: Partial<Status['uplinks'][number]> = {}): Status['uplinks'][number] {
  return {
    name: 'cloud',
    type: 'mqtt',
    state: 'online',
    sinceMs: 3 * 86_400_000,
    issued: 100,
    delivered: 100,
    pending: 0,
    dropped: 0,
    rejected: 0,
    notWanted: 0,
    skipped: 0,
    inFlight: 0,
    window: 1000,
    lastAckAgeMs: 2000,
    deliveryDelayMs: 400,
    connects: 1,
    connectFailures: 0,
    ...changes,
  }
}
