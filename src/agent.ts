/** The root of the main thread: builds every part, connects them in the order of the picture, starts and stops them. */
import { join } from 'node:path'
import { type Clock, systemClock } from './clock.ts'
import { createDriver, type DriverOptions } from './drivers/catalog.ts'
import { Fleet } from './drivers/fleet.ts'
import { Poller } from './drivers/poller.ts'
import { Inbox } from './inbox/inbox.ts'
import { LastValues } from './lastvalue/lastvalue.ts'
import { deviceEventRecord, readingRecord } from './lastvalue/record.ts'
import type { Logger } from './log.ts'
import { databaseSetAsideRecord } from './outbox/events.ts'
import { Keeper } from './outbox/keeper.ts'
import { Outbox } from './outbox/outbox.ts'
import { overview } from './overview.ts'
import type { Settings } from './settings.ts'
import type { Status } from './status.ts'
import { StorageThread } from './storage/storage.ts'
import { Times } from './times.ts'
import { MqttTransport } from './uplink/mqtt.ts'
import { Uplink } from './uplink/uplink.ts'

/** A single sync may take this long on a dying card before the watchdog is left hungry. */
const STORAGE_SILENT_MS_MAX = 600_000

export interface AgentOptions {
  readonly stateDir: string
  readonly version: string
  readonly log: Logger
  readonly clock?: Clock
  /** Ports that stand in for the connections' own: the demo. */
  readonly openPort?: DriverOptions['openPort']
}

export interface Agent {
  status(): Status
  /** Do the loop and the storage thread turn? Errors of disk, devices or links are no reason to say no. */
  healthy(): Promise<boolean>
  /** Stops in good order: everything that was read is on disk afterwards. */
  stop(): Promise<void>
}

/** Opens everything in order; when something fails, closes what is open, in reverse, and throws the first error. */
export async function startAgent(settings: Settings, options: AgentOptions): Promise<Agent> {
  const closing = new AsyncDisposableStack()
  try {
    return await connect(settings, options, closing)
  } catch (error) {
    await closing.disposeAsync()
    throw error
  }
}

async function connect(settings: Settings, options: AgentOptions, closing: AsyncDisposableStack): Promise<Agent> {
  const { log, clock = systemClock } = options
  const startedMono = clock.mono()
  const times = await Times.begin(settings.gateway.clock, clock)
  const { storage, outbox } = await openStore(settings, { ...options, clock, times, closing })
  const lastValues = new LastValues(settings.connections.flatMap((connection) => connection.devices))

  const pollers = settings.connections.map(
    (connection) =>
      new Poller(connection, {
        driver: createDriver(connection, options.openPort ? { clock, openPort: options.openPort } : { clock }),
        clock,
        log: log.child(connection.name),
        onReading(reading) {
          lastValues.offer(reading)
          outbox.append([readingRecord(reading)])
        },
        onDeviceEvent(event) {
          outbox.append([deviceEventRecord(event, clock.mono())])
          if (event.event === 'device_online') inbox.deviceOnline(event.device)
          else lastValues.markOffline(event.device)
        },
      }),
  )
  const inbox = new Inbox(settings, {
    storage,
    clock,
    log: log.child('inbox'),
    report: (record) => outbox.report(record),
    devices: new Fleet(pollers),
    now: () => times.now(),
    bootOffset: (boot) => outbox.boots.knownOffset(boot),
  })
  const uplinks = settings.uplinks.map(
    (uplink) =>
      new Uplink(uplink, {
        transport: new MqttTransport(uplink),
        feed: outbox.cursor(uplink.name),
        accept: (command) => inbox.accept(command),
        clock,
        log: log.child(uplink.name),
      }),
  )

  closing.defer(() => stopAll(uplinks))
  closing.defer(() => inbox.close())
  closing.defer(() => stopAll(pollers))
  closing.defer(() => times.stop())
  await inbox.open()
  times.start(() => inbox.clockChanged())
  for (const poller of pollers) poller.start()
  for (const uplink of uplinks) uplink.start()

  const parts = { settings, version: options.version, startedMono, mono: () => clock.mono() }
  return {
    status: () => overview({ ...parts, storage, outbox, inbox, lastValues, pollers, uplinks }),
    healthy: async () => storage.silentMs() < STORAGE_SILENT_MS_MAX,
    stop: () => closing.disposeAsync(),
  }
}

interface StoreOptions extends AgentOptions {
  readonly clock: Clock
  readonly times: Times
  readonly closing: AsyncDisposableStack
}

async function openStore(
  settings: Settings,
  options: StoreOptions,
): Promise<{ storage: StorageThread; outbox: Outbox }> {
  const { clock, times, closing } = options
  const log = options.log.child('outbox')
  const file = join(options.stateDir, 'tidegate.db')
  const storage = await StorageThread.open(file, { clock, log: options.log.child('storage') })
  closing.defer(() => storage.close())
  const outbox = await Outbox.open({
    storage,
    clock,
    log,
    commitIntervalMs: settings.outbox.commitIntervalMs,
    start: { ...times.now(), gateway: settings.gateway.id, uplinks: settings.uplinks },
  })
  closing.defer(() => outbox.close())
  const { damage, setAside } = storage.opened
  if (damage !== undefined && setAside !== undefined) {
    outbox.append([databaseSetAsideRecord({ damage, setAside }, clock.mono())])
  }
  times.onObserved = (now) => outbox.boots.observe(now)
  const limits = { ...settings.outbox, usedBytes: () => storage.facts.usedBytes }
  const keeper = new Keeper(outbox, { storage, clock, log, ...limits })
  keeper.start()
  closing.defer(() => keeper.stop())
  return { storage, outbox }
}

async function stopAll(parts: readonly { stop(): Promise<void> }[]): Promise<void> {
  await Promise.all(parts.map((part) => part.stop()))
}
