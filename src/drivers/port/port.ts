import type { LinkError } from '../driver.ts'

/**
 * An open channel of bytes: a serial line, a socket, or a test's stand-in. Single use: a new opening is a new port, so no
 * state of the last one can leak into the next.
 */
export interface Port {
  /** Hands bytes over and returns; a failure shows as `onClosed`. */
  write(bytes: Uint8Array): void
  /** Idempotent, never rejects; no handler is called afterwards. */
  close(): Promise<void>
}

export interface PortHandlers {
  onData(bytes: Uint8Array): void
  /** Called at most once, when the other side or the cable ended it. */
  onClosed(error: LinkError): void
}

/** Opens a port. Rejects with LinkError; aborting the signal gives up and leaves nothing open. */
export type OpenPort = (handlers: PortHandlers, signal: AbortSignal) => Promise<Port>
