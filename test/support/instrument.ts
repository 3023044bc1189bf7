import type { Clock } from '../../src/clock.ts'
import { type Driver, LinkError } from '../../src/drivers/driver.ts'
import type { OpenPort, PortHandlers } from '../../src/drivers/port/port.ts'
import { binaryFormat } from '../../src/drivers/serial/binary.ts'
import { SerialDriver } from '../../src/drivers/serial/serial.ts'
import { textFormat } from '../../src/drivers/serial/text.ts'
import type { DeviceSettings, SerialBinarySettings, SerialTextSettings } from '../../src/settings.ts'
import { speaking } from './bus-settings.ts'

/** Bytes that appear on the line some time after the request. */
interface Said {
  readonly afterMs: number
  readonly bytes: Uint8Array
}

/** What the line does when it hears the request of this number. */
type InstrumentScript = (request: Uint8Array, index: number) => readonly Said[]

/** A serial line inside the process with instruments on it, given by a script. */
export class ScriptedLine {
  script: InstrumentScript
  readonly heard: Uint8Array[] = []
  plugged = true
  readonly #clock: Clock
  #current: { readonly handlers: PortHandlers; isClosed: boolean } | undefined

  constructor(clock: Clock, script: InstrumentScript = () => []) {
    this.#clock = clock
    this.script = script
  }

  readonly openPort: OpenPort = async (handlers) => {
    if (!this.plugged) throw new LinkError('no_such_port', 'opening the line: no such port')
    const current = { handlers, isClosed: false }
    this.#current = current
    return {
      write: (bytes) => this.#hear(bytes),
      close: async () => {
        current.isClosed = true
      },
    }
  }

  /** Bytes from a device, as they are. */
  say(bytes: Uint8Array): void {
    if (this.#current && !this.#current.isClosed) this.#current.handlers.onData(bytes)
  }

  unplug(): void {
    this.plugged = false
    const current = this.#current
    this.#current = undefined
    if (!current || current.isClosed) return
    current.isClosed = true
    current.handlers.onClosed(new LinkError('unplugged', 'the line is gone'))
  }

  #hear(bytes: Uint8Array): void {
    this.heard.push(bytes)
    for (const { afterMs, bytes: said } of this.script(bytes, this.heard.length - 1)) {
      void this.#clock.wait(afterMs).then(() => this.say(said))
    }
  }
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

/** Complete settings of a serial-binary connection; what a test is about is given. */
export function binarySettings(
  devices: readonly DeviceSettings[],
  given: Partial<SerialBinarySettings> & Pick<SerialBinarySettings, 'frame'>,
): SerialBinarySettings {
  return {
    type: 'serial-binary',
    name: 'sensors',
    ...speaking,
    devices,
    ...given,
  }
}

/** The driver of a serial line, on a scripted one. */
export function driverOn(
  line: ScriptedLine,
  settings: SerialTextSettings | SerialBinarySettings,
  options: { readonly clock: Clock },
): Driver {
  const wire = { openPort: line.openPort, clock: options.clock }
  return settings.type === 'serial-text'
    ? new SerialDriver(settings, { ...wire, format: textFormat(settings) })
    : new SerialDriver(settings, { ...wire, format: binaryFormat(settings) })
}
