/**
 * The one error class. `message` says what was attempted, on what, the current value and the allowed one (no full stop);
 * `hint` names the command to run or the thing to change; `code` is for programs and for searching.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'GatewayError'
    this.code = code
    this.hint = options.hint
  }
}

export type ErrorCode =
  | 'usage' // wrong words on the command line
  | 'config_invalid' // the configuration was refused, whole
  | 'agent_unreachable' // nobody answers on the socket
  | 'state_locked' // another agent has the state directory
  | 'state_unusable' // the state directory or database cannot be opened
  | 'socket_path' // the path of the unix socket is too long
  | 'conflict' // cannot be done as things are now
  | 'runtime' // the Node under us cannot run this
  | 'unknown_uplink' // nobody has this name
  | 'unknown_device' // no device, point or connection has this name
  | 'unknown_key' // no command has this key
  | 'unknown_profile' // no profile has this name
  | 'still_configured' // only an uplink that is not in the configuration can be forgotten
  | 'bad_answer' // the thing asked about is bad (device silent, uplink down, something missing)

/** Exit statuses: 0 good, 1 the thing asked about is bad, 2 wrong usage, 3 agent not reachable, 78 configuration invalid. */
export function exitStatus(error: unknown): number {
  if (!(error instanceof GatewayError)) return 1
  switch (error.code) {
    case 'usage':
    case 'unknown_uplink':
    case 'unknown_device':
    case 'unknown_key':
    case 'unknown_profile':
      return 2
    case 'agent_unreachable':
      return 3
    case 'config_invalid':
      return 78
    default:
      return 1
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
