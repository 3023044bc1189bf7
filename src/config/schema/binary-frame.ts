import { z } from 'zod'
import { choice, parsed, whole } from '../field.ts'
import { hexPattern, parseHex } from '../hex.ts'

/** A longer frame is a file transfer. */
const frameBytesMax = 1024

/** More bytes behind a checksum are a part of the frame that it does not cover. */
const trailerBytesMax = 16

export const hex = () => parsed(parseHex, { pattern: hexPattern })

const byteOrder = () => choice(['big', 'little'])

const frameLength = z.strictObject({
  at: whole(0, frameBytesMax - 1).meta({ description: 'Position of the length in the frame, counting from 0.' }),
  bytes: whole(1, 2).prefault(1).meta({ description: 'How many bytes it takes.' }),
  order: byteOrder().prefault('big').meta({ description: 'Which of its two bytes comes first.' }),
  adds: whole(-frameBytesMax, frameBytesMax).prefault(0).meta({
    description: 'What is added to it to get the bytes of the whole frame, from its first to its last.',
  }),
})

const checksum = z.strictObject({
  kind: choice(['sum8', 'sum16', 'xor8', 'complement8', 'crc16_modbus', 'crc16_ccitt']).meta({
    description:
      'sum8: the bytes added, modulo 256; sum16: modulo 65536. complement8: what makes sum8 0. xor8: all of them combined by exclusive or. crc16_modbus, crc16_ccitt: by their polynomials.',
  }),
  from: whole(0, frameBytesMax - 1)
    .prefault(0)
    .meta({ description: 'Position of the first byte that it covers.' }),
  behind: whole(0, trailerBytesMax).prefault(0).meta({ description: 'How many bytes follow behind it.' }),
  order: byteOrder().optional().meta({
    description: 'Which of its two bytes comes first. Default: little for crc16_modbus, else big.',
  }),
})

/** How the frames of a serial-binary connection are told apart. */
export const binaryFrame = z
  .strictObject({
    starts_with: hex().optional().meta({
      description: 'Bytes that every frame begins with, in hexadecimal and in quotes: "AA 55". Default: none.',
    }),
    length: z
      .union([whole(1, frameBytesMax), frameLength], {
        error: 'expected the number of bytes of a frame such as 9, or a block that says where in the frame it stands',
      })
      .meta({
        description:
          'Bytes of a whole frame; or a block { at, bytes, order, adds } that says where in the frame its length stands.',
      }),
    checksum: checksum.optional().meta({
      description: 'The checksum at the end of the frame; a frame with a wrong one is left out. Default: none.',
    }),
  })
  .meta({ description: 'How frames are told apart. Positions count from 0, the first byte of the frame.' })

export type BinaryFrame = z.output<typeof binaryFrame>
