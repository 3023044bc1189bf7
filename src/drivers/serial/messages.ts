/**
 * What the driver of speaking and asked devices needs to know of a kind of line: how bytes become messages, and messages
 * samples. Lines of text (`text.ts`) and frames of bytes (`binary.ts`). Pure: the state is data, time comes in as silence.
 */
import type { Sample } from '../../model.ts'
import type { DeviceSettings } from '../../settings.ts'

/** Something that was left out, by its short code. */
export type Trouble = 'too_long' | 'checksum' | 'noise' | 'short_reply'

/** What a piece of the stream, or a silence, brought. */
export interface Cut<State, Message> {
  readonly state: State
  readonly messages: readonly Message[]
  readonly troubles: readonly Trouble[]
}

export interface Format<State, Message> {
  /** Just opened, perhaps in the midst of what is being said. */
  readonly opened: State
  /** Nothing is being said: the next byte begins a message. */
  readonly fresh: State
  /** The messages do not depend on how the stream is cut into pieces. */
  cut(state: State, bytes: Uint8Array): Cut<State, Message>
  /** The line fell silent for as long as it does between two messages. */
  quiet(state: State): Cut<State, Message>
  /** The line was silent for so long that a message that has begun does not go on. */
  torn(state: State): Cut<State, Message>
  /** Has a message begun that has not ended? */
  isBegun(state: State): boolean
  /** The samples of the device's points; undefined when the message is not of this device. */
  read(device: DeviceSettings, message: Message): readonly Sample[] | undefined
  /** The message for people who write the pattern for it. */
  show(message: Message): string
  /** Is the message what was sent, brought back by the line or the device? */
  isEcho(message: Message, request: Uint8Array): boolean
  /** Can a message be of both devices, as far as the settings tell? */
  mistakable(one: DeviceSettings, other: DeviceSettings): boolean
}
