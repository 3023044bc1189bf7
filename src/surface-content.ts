/**
 * PUBLIC: what a gateway tells on its topics beside the records (`<root>/info`, `health`, `devices` and
 * `<device>/availability`), as JSON texts. Times are Unix ms, durations ms, sizes bytes. Names are stable; fields are only
 * added. Pure.
 */
import { createHash } from 'node:crypto'
import type { CommandSettings, CommandTarget, ValueRule } from './command-settings.ts'
import type { ConnectionSettings, DeviceSettings, PointSettings, Settings } from './settings.ts'
import type { ConnectionStatus, DeviceStatus, Status, StorageStatus, UplinkStatus } from './status.ts'

/** Sentences in a health message; of further ones only how many. */
const ATTENTION_MAX = 10
/** Devices named in a health message; of further ones only how many. */
const OFFLINE_NAMED_MAX = 20

export interface InfoFacts {
  readonly version: string
  /** Of Node. */
  readonly node: string
  readonly epoch: string
  /** Changes when the configuration does. */
  readonly config: string
}

/** What it is, and what can be asked of it. */
export function infoText(settings: Settings, facts: InfoFacts): string {
  const { gateway, uplinks, commands } = settings
  return JSON.stringify({
    gateway: gateway.id,
    version: facts.version,
    node: facts.node,
    epoch: facts.epoch,
    config: facts.config,
    ...(Object.keys(gateway.labels).length > 0 ? { labels: gateway.labels } : {}),
    uplinks: uplinks.map(({ name, type, format, order, delivery }) => ({
      name,
      type,
      format: format.type,
      order,
      delivery,
    })),
    commands: commands.map(commandOf),
  })
}

function commandOf({ key, target, mode, expiresAfterMs }: CommandSettings) {
  return { key, ...targetOf(target), mode, expires_after_ms: expiresAfterMs }
}

/** What it does; of a program only that it runs one. */
function targetOf(target: CommandTarget) {
  switch (target.type) {
    case 'point':
      return { device: target.device, point: target.point, verify: target.verify }
    case 'group':
      return { device: target.device, points: target.points, verify: target.verify }
    case 'message':
      return { device: target.device, message: target.text, value: ruleOf(target.value) }
    case 'gateway':
      return { gateway: target.verb }
    case 'exec':
      return { exec: true, value: ruleOf(target.value) }
  }
}

function ruleOf({ oneOf, ...limits }: ValueRule) {
  return { ...(oneOf === undefined ? {} : { one_of: oneOf }), ...limits }
}

/** The devices with their points, in the order of the configuration; only those of `names` when given. */
export function devicesText(connections: readonly ConnectionSettings[], names?: readonly string[]): string {
  const devices = connections.flatMap((connection) =>
    connection.devices
      .filter(({ name }) => names?.includes(name) ?? true)
      .map((device) => deviceOf(device, connection)),
  )
  return JSON.stringify({ devices })
}

function deviceOf(device: DeviceSettings, connection: ConnectionSettings) {
  const { name, profile, labels, points } = device
  return {
    device: name,
    connection: connection.name,
    type: connection.type,
    ...(profile === undefined ? {} : { profile }),
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
    points: points.map(pointOf),
  }
}

function pointOf({ name, type, unit, access, kind, min, max, intervalMs, schedule }: PointSettings) {
  return {
    point: name,
    type: jsonType(type),
    ...(unit === undefined ? {} : { unit }),
    access,
    kind,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(intervalMs > 0 ? { interval_ms: intervalMs } : {}),
    ...(schedule === undefined ? {} : { schedule }),
  }
}

/** What its values are in a record. */
function jsonType(type: PointSettings['type']): 'number' | 'boolean' | 'string' {
  if (type === 'string') return 'string'
  return type === 'bool' || type === 'bit' ? 'boolean' : 'number'
}

/** What stands on a device's own topic. `unknown`: it was not heard of since the start. */
export function availabilityText({ state, reason }: Pick<DeviceStatus, 'state' | 'reason'>): string {
  return JSON.stringify(state === 'offline' && reason !== undefined ? { state, reason } : { state })
}

/** How it is, in numbers; `now` is Unix ms. */
export function healthText(status: Status, now: number): string {
  const { devices, outbox, inbox, storage, attention } = status
  const offline = devices.filter((device) => device.state === 'offline').map((device) => device.name)
  return JSON.stringify({
    ts: Math.round(now),
    ...(status.clockKnown ? {} : { clock: 'unsynced' }),
    state: attention.length === 0 ? 'ok' : 'attention',
    attention: attention.slice(0, ATTENTION_MAX),
    ...moreThan('attention_more', attention, ATTENTION_MAX),
    uptime_ms: Math.round(status.uptimeMs),
    connections: Object.fromEntries(status.connections.map(({ name, state }) => [name, state])),
    devices: {
      online: countOf(devices, 'online'),
      offline: offline.length,
      unknown: countOf(devices, 'unknown'),
      ...(offline.length > 0 ? { names_offline: offline.slice(0, OFFLINE_NAMED_MAX) } : {}),
    },
    uplinks: Object.fromEntries(status.uplinks.map((uplink) => [uplink.name, uplinkOf(uplink)])),
    outbox: { used_bytes: outbox.usedBytes, max_bytes: outbox.maxBytes, in_memory: outbox.tail },
    inbox: { waiting: inbox.waiting.length },
    storage: {
      state: storage.state,
      ...(storage.freeBytes === undefined ? {} : { free_bytes: storage.freeBytes }),
      ...(storage.writtenBytes === undefined ? {} : { written_bytes: storage.writtenBytes }),
    },
  })
}

function countOf(devices: readonly DeviceStatus[], state: DeviceStatus['state']): number {
  return devices.filter((device) => device.state === state).length
}

function moreThan(name: string, list: readonly unknown[], max: number) {
  return list.length > max ? { [name]: list.length - max } : {}
}

function uplinkOf(uplink: UplinkStatus) {
  const { state, paused, problem, pending, delivered, dropped, rejected, oldestPendingAgeMs } = uplink
  return {
    state: paused ? 'paused' : state,
    ...(problem === undefined ? {} : { problem: problem.code }),
    pending,
    ...(oldestPendingAgeMs === undefined ? {} : { oldest_ms: Math.round(oldestPendingAgeMs) }),
    delivered,
    dropped,
    rejected,
  }
}

export interface Verdicts {
  readonly connections: readonly Pick<ConnectionStatus, 'name' | 'state' | 'problem' | 'suspicion'>[]
  readonly devices: readonly Pick<DeviceStatus, 'name' | 'state'>[]
  readonly uplinks: readonly Pick<UplinkStatus, 'name' | 'state' | 'problem' | 'shortfalls'>[]
  readonly storage: Pick<StorageStatus, 'state'>
  readonly clockKnown: boolean
  readonly isFull: boolean
}

/** Differs when something turned bad, or good again; numbers alone make no difference. */
export function verdictsText({ connections, devices, uplinks, storage, clockKnown, isFull }: Verdicts): string {
  return JSON.stringify([
    connections.map(({ name, state, problem, suspicion }) => [name, state, problem?.code, suspicion?.code]),
    devices.map(({ name, state }) => [name, state]),
    uplinks.map(({ name, state, problem, shortfalls }) => [
      name,
      state === 'connecting' ? 'offline' : state,
      problem?.code,
      shortfalls?.map(({ code }) => code),
    ]),
    [storage.state, clockKnown, isFull],
  ])
}

/** Secrets, and what goes with them, are left out: they are not to be guessed from a digest. */
const SECRET: ReadonlySet<string> = new Set(['password', 'username', 'tls', 'proxy'])

/** Sixteen hexadecimal digits that change when the configuration does. */
export function configDigest(settings: Settings): string {
  const text = JSON.stringify(settings, (name, value: unknown) => {
    if (SECRET.has(name)) return undefined
    return typeof value === 'bigint' ? value.toString() : value
  })
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
