/**
 * A whole driver, as a model for others: DS18B20 thermometers behind the 1-wire driver of the Linux kernel. The connection
 * is a folder (/sys/bus/w1/devices); a device is the folder in it that its label `sensor` names, with a file `w1_slave`:
 *     4b 46 7f ff 0c 10 1c : crc=1c YES
 *     4b 46 7f ff 0c 10 1c t=28687
 * The raw value of a point is degrees Celsius (28.687), so `scale: 1.8, offset: 32` gives Fahrenheit.
 */
import { access, readFile } from 'node:fs/promises'
import type { Clock } from '../src/clock.ts'
import { type Driver, LinkError, WriteError } from '../src/drivers/driver.ts'
import type { Sample } from '../src/model.ts'
import type { DeviceSettings, PointSettings } from '../src/settings.ts'

type Reply = { readonly celsius: number; readonly error?: never } | { readonly error: string }
const lookEveryMs = 200 // sysfs tells nobody of its changes (no inotify), so one has to look
const codeOf = (error: NodeJS.ErrnoException) => ({ code: error.code ?? '' })

export class OneWireDriver implements Driver {
  onLost?: (error: LinkError) => void
  readonly #options: { readonly folder: string; readonly timeoutMs: number; readonly clock: Clock }
  /** One per opening. Aborted when that ends, with the LinkError that says why: all that is pending then ends as well. */
  #link = new AbortController()
  #reading = false // while it is, a loss rejects the call; else `onLost` is told

  /** `timeoutMs` includes the time until a sensor is found again; a measurement alone takes 750. */
  constructor(options: { readonly folder: string; readonly timeoutMs: number; readonly clock: Clock }) {
    this.#options = options
    this.#link.abort(new LinkError('closed', `${options.folder} is not open yet`))
  }

  async open(): Promise<void> {
    this.close() // not awaited: a close by the caller, right after this call, has to find the new opening
    const link = new AbortController()
    this.#link = link
    await this.#broken(link, { ENOENT: 'no_such_port', EACCES: 'permission' }, 'open_failed')
    link.signal.throwIfAborted() // by that, or by a close that came meanwhile
    void this.#watch(link)
  }

  async close(): Promise<void> {
    this.#link.abort(new LinkError('closed', `${this.#options.folder} was closed`))
  }

  async read(device: DeviceSettings, points: readonly PointSettings[]): Promise<readonly Sample[]> {
    const link = this.#link
    link.signal.throwIfAborted()
    const sensor = device.labels['sensor'] ?? ''
    // The pattern also keeps a label from leading out of the folder.
    if (!/^28-[0-9a-f]{12}$/.test(sensor)) return points.map(({ name }) => ({ point: name, error: 'unsupported' }))
    const done = new AbortController()
    const over = AbortSignal.any([link.signal, done.signal])
    this.#reading = true
    try {
      // One reply serves all points. One that comes when the time is up goes nowhere: it never reaches a later call.
      const late = this.#options.clock.wait(this.#options.timeoutMs, over).then(() => ({ error: 'timeout' }))
      const reply = await Promise.race([this.#ask(sensor, over), late])
      if (reply.error) await this.#broken(link) // is it the sensor that is missing, or everything?
      link.signal.throwIfAborted()
      return points.map((point) => sampleOf(point, reply))
    } finally {
      this.#reading = false
      done.abort()
    }
  }

  async write(_device: DeviceSettings, { name }: PointSettings): Promise<void> {
    throw new WriteError('read_only', `${name}: a thermometer takes no values`, { happened: 'no', retriable: false })
  }

  /** A sensor without contact has no file until the kernel finds it again; any other failure is the answer. */
  async #ask(sensor: string, over: AbortSignal): Promise<Reply> {
    while (!over.aborted) {
      const text = await readFile(`${this.#options.folder}/${sensor}/w1_slave`, 'latin1').catch(codeOf)
      if (typeof text === 'string') return decode(text)
      if (text.code !== 'ENOENT' && text.code !== 'ENODEV') return { error: 'io' }
      await this.#options.clock.wait(lookEveryMs, over)
    }
    return { error: 'timeout' }
  }

  async #watch(link: AbortController): Promise<void> {
    while (!link.signal.aborted) {
      await this.#options.clock.wait(lookEveryMs, link.signal)
      if ((await this.#broken(link)) && !this.#reading) this.onLost?.(link.signal.reason)
    }
  }

  /** Ends an opening whose folder is not there (any more), and says whether it did. */
  async #broken(link: AbortController, codes: Record<string, string> = {}, otherwise = 'unplugged'): Promise<boolean> {
    const failure = await access(`${this.#options.folder}/.`).then(() => undefined, codeOf)
    if (!failure || link.signal.aborted) return false
    const hint = 'Are the kernel modules w1-gpio and w1-therm loaded?'
    link.abort(new LinkError(codes[failure.code] ?? otherwise, `no folder ${this.#options.folder}`, { hint }))
    return true
  }
}

/** What the kernel's two lines say. A file that was cut anywhere, even within the number, lacks its last line end. */
function decode(text: string): Reply {
  const [first = '', second = '', end] = text.split('\n')
  if (end !== '') return { error: 'short_reply' }
  const [, bytes = '', verdict] = /^((?:[0-9a-f]{2} )+): crc=[0-9a-f]{2} (YES|NO)$/.exec(first) ?? []
  if (verdict === 'NO') return { error: 'crc' }
  const [, repeated, thousandths] = /^((?:[0-9a-f]{2} )+)t=(-?\d+)$/.exec(second) ?? []
  // Nothing but zeros has a right checksum, too: so reads a line with a short circuit.
  if (bytes !== repeated || /^[0 ]+$/.test(bytes)) return { error: 'noise' }
  const celsius = Number(thousandths) / 1000
  // 85 is what a sensor holds at power-on, before it measured; it cannot measure beyond -55..125.
  return celsius === 85 || celsius < -55 || celsius > 125 ? { error: 'invalid' } : { celsius }
}

/** Points for which nothing can be asked say so, whatever the sensor replied. */
function sampleOf({ name, access, type, scale, offset, precision, invalid }: PointSettings, reply: Reply): Sample {
  if (access === 'wo') return { point: name, error: 'write_only' }
  if (type !== 'number') return { point: name, error: 'unsupported' }
  if (reply.error !== undefined) return { point: name, error: reply.error }
  if (invalid.some((marker) => Number(marker) === reply.celsius)) return { point: name, error: 'invalid' }
  const value = reply.celsius * scale + offset
  return { point: name, value: precision === undefined ? value : Number(value.toFixed(precision)) }
}
