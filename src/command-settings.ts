/** The settings of commands: what the cloud may have done here, and nothing else. The rest is in `settings.ts`. */

export interface CommandSettings {
  /** The last-value key. */
  readonly key: string
  readonly target: CommandTarget
  readonly mode: 'last_value' | 'queue'
  readonly expiresAfterMs: number
  readonly repeatable: boolean
  readonly acceptRetained: boolean
  /** More than so many in so long are refused. Absent: any number. */
  readonly rate?: { readonly commands: number; readonly perMs: number }
  /** Commands that may wait at a time (mode queue); more are refused. */
  readonly waitingMax: number
}

/** What a command does. */
export type CommandTarget =
  | PointTarget
  | GroupTarget
  | MessageTarget
  | { readonly type: 'gateway'; readonly verb: GatewayVerb }
  | ExecTarget

/** Writes one point; the value of the command is the value of the point. */
export interface PointTarget {
  readonly type: 'point'
  readonly device: string
  readonly point: string
  readonly verify: 'none' | 'read_back'
}

/**
 * Writes several points of one device, in the order given here; the value of the command is an object with a value for each
 * name, or for some of them.
 */
export interface GroupTarget {
  readonly type: 'group'
  readonly device: string
  /** `name` is that in the command's value. */
  readonly points: readonly { readonly name: string; readonly point: string }[]
  readonly verify: 'none' | 'read_back'
}

/** Sends a text to a serial device; `{value}` in it is replaced by the value of the command. */
export interface MessageTarget {
  readonly type: 'message'
  readonly device: string
  readonly text: string
  readonly value: ValueRule
}

/**
 * read_now: polls a device (the value is its name, or true for all). outbox_flush: commits now. reload: reads the configuration
 * again. restart: ends with the status that makes systemd start the agent again.
 */
export type GatewayVerb = 'read_now' | 'outbox_flush' | 'reload' | 'restart'

/** Runs a program, without a shell, for actuators that have no driver. */
export interface ExecTarget {
  readonly type: 'exec'
  /** Absolute path. */
  readonly program: string
  /** `{value}` in an argument is replaced by the value of the command; nothing is ever split or expanded. */
  readonly args: readonly string[]
  readonly value: ValueRule
  readonly timeoutMs: number
}

/** What the value of a command may be where no point says so. At least one of them is there, or the command takes no value. */
export interface ValueRule {
  readonly oneOf?: readonly (string | number | boolean)[]
  readonly min?: number
  readonly max?: number
  /** The whole text must match. */
  readonly pattern?: string
}
