/** Frames of bytes as messages. Pure. */
import type { DeviceSettings, SerialBinarySettings } from '../../settings.ts'
import { decodeField } from './fields.ts'
import { betweenFrames, cutFrames, endFrames, type FrameState, inMidFrame } from './frames.ts'
import type { Format } from './messages.ts'

export function binaryFormat(settings: Pick<SerialBinarySettings, 'frame'>): Format<FrameState, Uint8Array> {
  const { frame } = settings
  return {
    opened: inMidFrame,
    fresh: betweenFrames,
    cut: (state, bytes) => cutFrames(state, { bytes, frame }),
    quiet: (state) => endFrames(state, { frame, ending: 'quiet' }),
    torn: (state) => endFrames(state, { frame, ending: 'torn' }),
    isBegun: (state) => state.held.length > 0,
    read: (device, message) => {
      if (!isOf(device, message)) return undefined
      return device.points.map((point) => ({ point: point.name, ...decodeField(point, message) }))
    },
    show: (message) =>
      Buffer.from(message)
        .toString('hex')
        .replace(/..(?=.)/g, '$& '),
    isEcho: (message, request) => Buffer.compare(message, request) === 0,
    mistakable: (one, other) => !differ(one, other),
  }
}

function isOf(device: DeviceSettings, message: Uint8Array): boolean {
  return (device.match ?? []).every(({ at, bytes }) => bytes.every((byte, index) => message[at + index] === byte))
}

/** Do the two devices ask for different bytes at one position? */
function differ(one: DeviceSettings, other: DeviceSettings): boolean {
  const wanted = new Map<number, number>()
  for (const { at, bytes } of one.match ?? []) for (const [index, byte] of bytes.entries()) wanted.set(at + index, byte)
  return (other.match ?? []).some(({ at, bytes }) =>
    bytes.some((byte, index) => wanted.has(at + index) && wanted.get(at + index) !== byte),
  )
}
