/** The root of the main thread: builds every part, connects them in the order of the picture, starts and stops them. */
import { type Clock, systemClock } from './clock.ts'
import { openDesk } from './desk.ts'
import type { DeviceDesk } from './device-api.ts'
import type { DriverOptions } from './drivers/catalog.ts'
import { Fleet } from './drivers/fleet.ts'
import type { Poller } from './drivers/poller/poller.ts'
import { Inbox } from './inbox/inbox.ts'
import type { InboxDesk } from './inbox-api.ts'
import { openInboxDesk } from './inbox-desk.ts'
import { LastValues } from './lastvalue/lastvalue.ts'
import type { Logger } from './log.ts'
import type { Keeper } from './outbox/keeper.ts'
import type { OutboxDesk } from './outbox-api.ts'
import { overview, type Parts } from './overview.ts'
import type { Settings } from './settings.ts'
import { createSouthbound, type Southbound } from './southbound.ts'
import type { Status } from './status.ts'
import { openStore, type Store } from './store.ts'
import { surfaceContent } from './surface.ts'
import { Times } from './times.ts'
import { MqttTransport } from './uplink/mqtt/mqtt.ts'
import type { SurfaceContent } from './uplink/surface.ts'
import { Uplink } from './uplink/uplink.ts'
import { gatewayVerbs } from './verbs.ts'

/** A single sync may take this long on a dying card before the watchdog is left hungry. */
const STORAGE_SILENT_MS_MAX = 600_000
/** Every call of a driver and every sleep of a poller has its deadline; beyond it by so much, only a restart helps. */
const POLLER_SILENT_MS_MAX = 60_000

export interface AgentOptions {
  readonly stateDir: string
  readonly version: string
  readonly log: Logger
  readonly clock?: Clock
  /** Ports that stand in for the connections' own: the demo. */
  readonly openPort?: DriverOptions['openPort']
  /** Called when a command asks for a restart: stop, and have somebody start again. Absent: nobody would. */
  readonly restart?: () => void
}

export interface Agent {
  status(): Status
  /** Do the loop and the storage thread turn? Errors of disk, devices or links are no reason to say no. */
  healthy(): Promise<boolean>
  /** What an operator can see of the outbox and do with it. */
  readonly outbox: OutboxDesk
  /** What an operator can see of the commands and do with them. */
  readonly inbox: InboxDesk
  /** What tools can do with the devices. */
  readonly devices: DeviceDesk
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
  const store = await openStore(settings, { ...options, clock, times, closing })
  const { storage, outbox, keeper, salvage } = store
  const lastValues = new LastValues(settings.connections.flatMap((connection) => connection.devices))
  const southbound = createSouthbound(settings, {
    clock,
    times,
    log,
    lastValues,
    openPort: options.openPort,
    append: (records) => outbox.append(records),
    onDeviceEvent(event) {
      if (event.event === 'device_online') inbox.deviceOnline(event.device)
      for (const uplink of uplinks) uplink.look()
    },
  })
  const { pollers, record } = southbound
  pauseWhenFull(keeper, pollers)
  const inbox = createInbox(settings, { ...options, clock, times, store, pollers, record })
  const uplinks = createUplinks(settings, { times, store, inbox, clock, log, content: surfaceContent(() => parts) })
  const own = { settings, version: options.version, startedMono, clock }
  const parts: Parts = { ...own, storage, outbox, keeper, salvage, inbox, lastValues, pollers, uplinks }

  const desk = openDesk({ stateDir: options.stateDir, settings: settings.outbox, clock, storage, outbox, uplinks })
  const inboxDesk = openInboxDesk({
    commands: settings.commands,
    storage,
    inbox,
    facts: () => ({ now: times.now(), bootOffset: (boot) => outbox.boots.knownOffset(boot) }),
  })
  closing.defer(() => desk.close())
  closing.defer(() => stopAll(uplinks))
  closing.defer(() => inbox.close())
  closing.defer(() => stopAll(pollers))
  closing.defer(() => times.stop())
  store.restoreAlso(() => inbox.known())
  // Not waited for: a disk that takes nothing must not keep the gateway from reading its devices.
  void inbox.open()
  times.start(() => {
    inbox.clockChanged()
    for (const poller of pollers) poller.clockChanged()
  })
  for (const poller of pollers) poller.start()
  for (const uplink of uplinks) uplink.start()
  salvage.start()

  return {
    status: () => overview(parts),
    outbox: desk,
    inbox: inboxDesk,
    devices: southbound.desk,
    healthy: async () =>
      storage.silentMs() < STORAGE_SILENT_MS_MAX &&
      pollers.every((poller) => poller.overdueMs() < POLLER_SILENT_MS_MAX),
    stop: () => closing.disposeAsync(),
  }
}

interface InboxSurroundings extends Pick<Southbound, 'pollers' | 'record'>, Pick<AgentOptions, 'log' | 'restart'> {
  readonly clock: Clock
  readonly times: Times
  readonly store: Store
}

function createInbox(settings: Settings, parts: InboxSurroundings): Inbox {
  const { clock, times, pollers, record, restart, store } = parts
  const { storage, outbox, isLogLost } = store
  const { connections } = settings
  const flush = () => outbox.append([], { durable: true })
  return new Inbox(settings, {
    storage,
    clock,
    log: parts.log.child('inbox'),
    isLogLost,
    report: (outcome) => outbox.report(outcome),
    devices: new Fleet(pollers),
    verbs: gatewayVerbs({ connections, pollers, clock, record, flush, restart }),
    now: () => times.now(),
    bootOffset: (boot) => outbox.boots.knownOffset(boot),
  })
}

interface UplinkSurroundings {
  readonly times: Times
  readonly store: Pick<Store, 'outbox'>
  readonly inbox: Inbox
  readonly clock: Clock
  readonly log: Logger
  readonly content: SurfaceContent
}

function createUplinks(settings: Settings, { times, store, inbox, clock, log, content }: UplinkSurroundings): Uplink[] {
  const { outbox } = store
  return settings.uplinks.map(
    (uplink) =>
      new Uplink(uplink, {
        transport: new MqttTransport(uplink, { clockKnown: () => times.now().clockKnown }),
        feed: outbox.cursor(uplink.name),
        accept: (command) => inbox.accept(command),
        content,
        append: (record) => outbox.append([record]),
        clock,
        log: log.child(uplink.name),
      }),
  )
}

/** when_full: pause_polling. */
function pauseWhenFull(keeper: Keeper, pollers: readonly Poller[]): void {
  const { pause } = keeper
  if (!pause) return
  pause.onFull = (full) => {
    for (const poller of pollers) full ? poller.pause() : poller.resume()
  }
  if (pause.isFull) pause.onFull(true)
}

async function stopAll(parts: readonly { stop(): Promise<void> }[]): Promise<void> {
  await Promise.all(parts.map((part) => part.stop()))
}
