/** What tools do with the devices of the pollers, between their polls: put together from its parts. */
import type { Clock } from '../clock.ts'
import type {
  CheckAnswer,
  DeviceTools,
  RawOrder,
  RawQuestion,
  RawReply,
  ReadAnswer,
  ReadOrder,
  WriteAnswer,
  WriteOrder,
} from '../device-api.ts'
import { createDriver, type DriverOptions } from '../drivers/catalog.ts'
import { type Explorer, LinkError, WriteError } from '../drivers/driver.ts'
import type { Poller } from '../drivers/poller/poller.ts'
import { GatewayError } from '../errors.ts'
import { fit } from '../inbox/fit.ts'
import type { NewRecord } from '../model.ts'
import type { ConnectionSettings, DeviceSettings, LineSettings, PointSettings } from '../settings.ts'
import { type LocalWrite, localWriteRecord, readBackOf, valueFor, type WriteOutcome } from './local-write.ts'
import { factsOf, planReport } from './planned.ts'
import { askAll, askOne, persistently, type RawSample, rawSample, refuseWhenGone } from './raw-access.ts'
import { plain } from './watchers.ts'

export interface WorkbenchParts {
  readonly connections: readonly ConnectionSettings[]
  /** In the order of the connections. */
  readonly pollers: readonly Poller[]
  readonly clock: Clock
  /** True in the agent, which polls; false in a tool that has opened the connection for itself. */
  readonly running: boolean
  readonly openPort?: DriverOptions['openPort']
  /** Takes the event record of a write. */
  readonly onWrite?: (record: NewRecord) => void
}

/** A connection that is not there by then is told as such. */
const READY_WAIT_MAX_MS = 10_000
const LOOK_EVERY_MS = 10
const pending: readonly string[] = ['opening', 'closed', 'lent']

/** Names that an error lists. */
const NAMES_SHOWN = 8

/** The connection broke under the question. */
const BROKEN: RawReply = { ok: false, code: 'io' }

interface Place {
  readonly connection: ConnectionSettings
  readonly poller: Poller
}

export class Workbench implements DeviceTools {
  readonly #parts: WorkbenchParts

  constructor(parts: WorkbenchParts) {
    this.#parts = parts
  }

  async plan() {
    return planReport(this.#places(), this.#parts.running)
  }

  async read(deviceName: string, order: ReadOrder): Promise<ReadAnswer> {
    const { device, place } = this.#device(deviceName)
    const wanted = order.points?.map((name) => pointOf(device, name)) ?? device.points.filter(isReadable)
    const asked = wanted.filter(isReadable)
    const before = this.#parts.clock.mono()
    await this.#ready(place)
    const answers = await told(samplesOf(place, device, { points: asked, raw: order.raw ?? false }))
    const byName = new Map(answers.map((answer) => [answer.point, answer]))
    return {
      device: device.name,
      connection: place.connection.name,
      unitId: device.unitId,
      ts: this.#parts.clock.wall(),
      tookMs: this.#parts.clock.mono() - before,
      samples: wanted.map((point) => {
        const { value, error, raw } = byName.get(point.name) ?? { point: point.name, error: 'write_only' }
        return {
          ...factsOf(point, place.connection),
          ...(value === undefined ? { error: error ?? 'io' } : { value: plain(value) }),
          ...(raw === undefined ? {} : { raw }),
        }
      }),
    }
  }

  async check(deviceName: string, order: WriteOrder): Promise<CheckAnswer> {
    const { device, point, value } = this.#writable(deviceName, order)
    return { device: device.name, point: point.name, value: plain(value) }
  }

  async write(deviceName: string, order: WriteOrder): Promise<WriteAnswer> {
    const { device, point, value, place } = this.#writable(deviceName, order)
    await this.#ready(place)
    const before = this.#parts.clock.mono()
    await this.#write(place, { device, point, value })
    const { result, readBack, error } = await readBackOf(place.poller, { device, point, value })
    this.#note({ device, point, value }, { result, ...(readBack === undefined ? {} : { readBack }) })
    return {
      device: device.name,
      point: point.name,
      value: plain(value),
      result,
      ...(readBack === undefined ? {} : { readBack: plain(readBack) }),
      ...(error === undefined ? {} : { error }),
      ...(point.unit === undefined ? {} : { unit: point.unit }),
      tookMs: this.#parts.clock.mono() - before,
    }
  }

  /** What is to be written where. Throws GatewayError('usage') when the point does not take the value. */
  #writable(deviceName: string, order: WriteOrder): LocalWrite & { readonly place: Place } {
    const { device, place } = this.#device(deviceName)
    const point = pointOf(device, order.point)
    const name = `${device.name}.${point.name}`
    if (point.access === 'ro') {
      throw new GatewayError('usage', `${name} can only be read`, {
        hint: 'access: rw on the point in the configuration, if the device takes writes there',
      })
    }
    const fitted = fit(point, valueFor(point, order.value))
    if (fitted.ok) return { device, point, value: fitted.value, place }
    throw new GatewayError('usage', `${name} is not written: ${fitted.reason}`, {
      hint: 'type, min and max of the point stand in the configuration',
    })
  }

  async ask(connectionName: string, order: RawOrder, signal?: AbortSignal): Promise<readonly RawReply[]> {
    const place = this.#place(connectionName)
    const { line, timeoutMs, questions } = order
    const options = timeoutMs === undefined ? {} : { timeoutMs }
    if (line !== undefined && !isLineOf(place.connection, line)) {
      const ask = (explorer: Explorer, signal: AbortSignal) => askAll(explorer, questions, { ...options, signal })
      return told(this.#askAt(place, line, { ask, ...(signal ? { signal } : {}) }))
    }
    return told(this.#askEach(place, questions, { ...options, signal }))
  }

  /** One job each, so that polls that become due meanwhile have their turn. What was answered is not lost with the connection. */
  async #askEach(
    place: Place,
    questions: readonly RawQuestion[],
    { timeoutMs, signal }: { readonly timeoutMs?: number; readonly signal: AbortSignal | undefined },
  ): Promise<readonly RawReply[]> {
    const { clock, running } = this.#parts
    const asking = { clock, own: !running, ready: () => this.#ready(place), signal }
    const options = timeoutMs === undefined ? {} : { timeoutMs }
    const replies: RawReply[] = []
    try {
      for (const question of questions) {
        const reply = await persistently(place.poller, (explorer) => askOne(explorer, question, options), asking)
        replies.push(reply ?? BROKEN)
      }
    } catch (error) {
      if (!(error instanceof LinkError) || replies.length === 0) throw error
    }
    return questions.map((_, index) => replies[index] ?? BROKEN)
  }

  /** Another tool has the port for a moment, or it is just being opened. */
  async #ready({ poller }: Place): Promise<void> {
    const { clock } = this.#parts
    const giveUpAt = clock.mono() + READY_WAIT_MAX_MS
    while (pending.includes(poller.status().connection.state) && clock.mono() < giveUpAt)
      await clock.wait(LOOK_EVERY_MS)
  }

  /** The port is lent out by its poller and opened with other settings. */
  async #askAt<T>({ connection, poller }: Place, line: LineSettings, work: AtLine<T>): Promise<T> {
    if (!('line' in connection)) {
      throw new GatewayError('usage', `${connection.name} has no line settings that could be changed`)
    }
    const { openPort, clock } = this.#parts
    return poller.lend(async (signal) => {
      const driver = createDriver({ ...connection, line, devices: [] }, { clock, ...(openPort ? { openPort } : {}) })
      try {
        await driver.open()
        if (!driver.explorer) throw new LinkError('unsupported', `${connection.name} has no registers`)
        return await work.ask(driver.explorer, signal)
      } finally {
        await driver.close()
      }
    }, work.signal)
  }

  async #write(place: Place, job: LocalWrite): Promise<void> {
    const { device, point, value } = job
    try {
      await place.poller.write(device.name, point.name, value)
    } catch (error) {
      if (!(error instanceof WriteError)) return told(Promise.reject(error))
      const maybe = error.happened === 'maybe'
      if (maybe) this.#note(job, { result: 'unknown', reason: error.code })
      const hint = maybe
        ? `it may have happened all the same: tidegate read ${device.name}.${point.name}`
        : writeHint(error, device)
      throw new GatewayError(error.code === 'range' ? 'usage' : 'bad_answer', withCode(error), {
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      })
    }
  }

  #note(job: LocalWrite, outcome: WriteOutcome): void {
    this.#parts.onWrite?.(localWriteRecord(job, { ...outcome, mono: this.#parts.clock.mono() }))
  }

  #places(): readonly Place[] {
    return this.#parts.connections.flatMap((connection, index) => {
      const poller = this.#parts.pollers[index]
      return poller ? [{ connection, poller }] : []
    })
  }

  #place(name: string): Place {
    const places = this.#places()
    const place = places.find(({ connection }) => connection.name === name)
    if (place) return place
    throw unknown('connection', name, { names: places.map(({ connection }) => connection.name) })
  }

  #device(name: string): { readonly device: DeviceSettings; readonly place: Place } {
    const all = this.#places().flatMap((place) => place.connection.devices.map((device) => ({ device, place })))
    const found = all.find(({ device }) => device.name === name)
    if (found) return found
    throw unknown('device', name, { names: all.map(({ device }) => device.name) })
  }
}

interface AtLine<T> {
  readonly ask: (explorer: Explorer, signal: AbortSignal) => Promise<T>
  readonly signal?: AbortSignal
}

function isReadable({ access }: PointSettings): boolean {
  return access !== 'wo'
}

/** In as few requests as the plan allows, or with the bytes of each. */
async function samplesOf(
  { poller }: Place,
  device: DeviceSettings,
  { points, raw }: { readonly points: readonly PointSettings[]; readonly raw: boolean },
): Promise<readonly RawSample[]> {
  if (points.length === 0) return []
  const names = points.map(({ name }) => name)
  if (!raw) return poller.readNow(device.name, names)
  const samples: RawSample[] = []
  for (const point of points) samples.push(await poller.explore((explorer) => rawSample(explorer, device, point)))
  return samples
}

function pointOf(device: DeviceSettings, name: string): PointSettings {
  const point = device.points.find((candidate) => candidate.name === name)
  if (point) return point
  throw unknown('point', `${device.name}.${name}`, { names: device.points.map((one) => `${device.name}.${one.name}`) })
}

function unknown(what: string, name: string, { names }: { readonly names: readonly string[] }): GatewayError {
  const shown = names.slice(0, NAMES_SHOWN).join(', ')
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : ''
  return new GatewayError('unknown_device', `there is no ${what} ${name}`, {
    hint: names.length === 0 ? 'tidegate plan' : `one of ${shown}${more}`,
  })
}

function isLineOf(connection: ConnectionSettings, line: LineSettings): boolean {
  if (!('line' in connection) || connection.line === undefined) return false
  const { baud, dataBits, parity, stopBits } = connection.line
  return baud === line.baud && dataBits === line.dataBits && parity === line.parity && stopBits === line.stopBits
}

/** The code once, for those who look it up. */
function withCode({ message, code }: LinkError | WriteError): string {
  return message.includes(`(${code})`) ? message : `${message} (${code})`
}

/** What there is to do about a write that did not happen. */
function writeHint({ code, retriable }: WriteError, { name }: DeviceSettings): string | undefined {
  if (code === 'busy') return 'the same in a moment'
  if (/^exception_[123]$/.test(code)) {
    return "compare register, address and type of the point with the device's register list: is it writable there?"
  }
  return retriable ? `the same once more; does it answer? tidegate read ${name}` : undefined
}

/** What an operator is told when a connection is down or the device cannot be asked. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof LinkError) {
      const { hint } = error
      throw new GatewayError('bad_answer', withCode(error), {
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      })
    }
    if (error instanceof WriteError) throw new GatewayError('bad_answer', withCode(error), { cause: error })
    if (error instanceof DOMException && error.name === 'AbortError') refuseWhenGone(AbortSignal.abort())
    throw error
  }
}
