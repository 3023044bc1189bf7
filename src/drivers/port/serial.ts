import { userInfo } from 'node:os'
import { SerialPort } from 'serialport'
import type { Direction, LineSettings } from '../../settings.ts'
import { LinkError } from '../driver.ts'
import { DirectedSender } from './direction.ts'
import { holderOf } from './holder.ts'
import type { OpenPort, Port, PortHandlers } from './port.ts'

/** Closing waits for the operating system to send what is buffered; a jammed adapter must not hold up a stop. */
const CLOSE_TIMEOUT_MS = 1_000

/** A port over a serial line; the port is locked against other programs. */
export function openSerialPort(
  path: string,
  line: LineSettings,
  options: { readonly direction?: Direction } = {},
): OpenPort {
  const { direction = 'auto' } = options
  return async (handlers, signal) => {
    const stream = new SerialPort({
      path,
      baudRate: line.baud,
      dataBits: line.dataBits,
      parity: line.parity,
      stopBits: line.stopBits,
      autoOpen: false,
    })
    stream.on('error', () => {}) // what matters arrives as 'close' or at the callback
    const failure = await new Promise<Error | null>((resolve) => stream.open(resolve))
    if (failure) throw await openError(failure, path)
    const sender = direction === 'auto' ? undefined : new DirectedSender(stream, direction)
    const port = portOver(stream, { handlers, path, sender })
    const noRts = await sender?.listen().then(
      () => undefined,
      (error: Error) => error,
    )
    if (!noRts && !signal.aborted) return port
    await port.close()
    if (noRts) throw noRtsError(path, direction, noRts)
    throw new LinkError('closed', `opening ${path} was given up`)
  }
}

function portOver(
  stream: SerialPort,
  options: { readonly handlers: PortHandlers; readonly path: string; readonly sender: DirectedSender | undefined },
): Port {
  const { handlers, path, sender } = options
  let gone = false
  stream.on('data', (bytes: Buffer) => handlers.onData(bytes))
  // An unplugged adapter emits only this, no 'error'; and from then on `write` neither fails nor calls back, it would
  // keep the bytes and send them when a port of that name opens again. So the stream is never used after it.
  stream.on('close', (error: Error | null) => {
    if (gone) return
    gone = true
    handlers.onClosed(
      new LinkError('unplugged', `${path} is gone: ${error?.message ?? 'closed by the system'}`, {
        hint: 'the adapter was unplugged or lost power; it is opened again as soon as it is back',
        cause: error ?? undefined,
      }),
    )
  })
  return {
    write: (bytes) => {
      if (gone) return
      if (sender) sender.send(bytes)
      else stream.write(Buffer.from(bytes))
    },
    close: async () => {
      if (gone) return
      gone = true
      stream.removeAllListeners('data')
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
        stream.close(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
  }
}

function noRtsError(path: string, direction: Direction, cause: Error): LinkError {
  return new LinkError('open_failed', `opening ${path}: direction is ${direction}, but this port has no RTS line`, {
    hint: 'set direction: auto, unless the RS-485 transceiver at this port is switched by RTS',
    cause,
  })
}

/** What opening failed of, and what to do. The binding gives texts without codes, made with strerror. */
export async function openError(error: Error, path: string): Promise<LinkError> {
  const text = error.message
  if (/No such file|No such device/i.test(text)) {
    return new LinkError('no_such_port', `opening ${path}: no such port`, {
      hint: 'check that the adapter is plugged in; `ls -l /dev/serial/by-id/` lists the names that survive replugging',
      cause: error,
    })
  }
  if (/Permission denied|Operation not permitted/i.test(text)) {
    return new LinkError('permission', `opening ${path}: permission denied for user ${userName()}`, {
      hint: 'add the user to the group that owns the port, usually: sudo usermod -aG dialout USER',
      cause: error,
    })
  }
  if (/lock port|temporarily unavailable|busy/i.test(text)) {
    const holder = await holderOf(path)
    return new LinkError('busy', `opening ${path}: in use by ${holder ?? 'another program'}`, {
      hint: busyHint(path, holder),
      cause: error,
    })
  }
  return new LinkError('open_failed', `opening ${path}: ${text.replace(/^Error:?\s*/, '')}`, {
    hint: 'check that this is a serial port and that it can do these line settings',
    cause: error,
  })
}

function busyHint(path: string, holder: string | undefined): string {
  if (holder === undefined) return `find it with: sudo fuser -v ${path}`
  // An agent serves tools on its port, if they know where it is.
  if (holder.startsWith('tidegate')) return 'name the state directory of that agent: --state-dir DIRECTORY; or stop it'
  return 'stop that program, or give it another port'
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown') // a uid without an entry, as systemd may give out
  }
}
