import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { findSentence } from '../../../src/drivers/serial/nmea.ts'
import { textFormat } from '../../../src/drivers/serial/text.ts'
import { latin1 } from '../../support/instrument.ts'

/** `$...*hh` as a device sends it. */
function sentence(text: string): string {
  let sum = 0
  for (const character of text) sum ^= character.charCodeAt(0)
  return `$${text}*${sum.toString(16).toUpperCase().padStart(2, '0')}`
}

/** As in the manuals of receivers and instruments. */
const published = [
  '$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47',
  '$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A',
  '$GPGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1*39',
]

describe('an NMEA sentence', () => {
  for (const line of published) {
    it(`${line.slice(0, 6)} with a right checksum is taken, without it`, () => {
      assert.deepEqual(findSentence(line), { text: line.slice(0, -3), behindRubbish: false })
      assert.deepEqual(findSentence(`${line.slice(0, -2)}${line.slice(-2).toLowerCase()}\r`)?.text, line.slice(0, -3))
    })
    it(`${line.slice(0, 6)} with any character changed is not`, () => {
      for (let at = 1; at < line.length; at++) {
        const changed = `${line.slice(0, at)}${line[at] === '0' ? '1' : '0'}${line.slice(at + 1)}`
        assert.equal(findSentence(changed), undefined, changed)
      }
    })
  }

  const rows: readonly (readonly [string, string])[] = [
    ['no checksum', '$GPGGA,123519'],
    ['half a checksum', '$GPGGA,123519*4'],
    ['something behind it', `${sentence('GPGGA,1')}00`],
    ['no delimiter', 'GPGGA,1*00'],
    ['nothing at all', ''],
    ['a star alone', '*00'],
    ['not hexadecimal', '$GPGGA,1*G0'],
  ]
  for (const [what, line] of rows) {
    it(`with ${what} is none`, () => assert.equal(findSentence(line), undefined))
  }

  it('behind the rest of a torn one is found, and said to be', () => {
    assert.deepEqual(findSentence(`$IIMWV,21${sentence('SDDBT,7.8,f,2.4,M,1.3,F')}`), {
      text: '$SDDBT,7.8,f,2.4,M,1.3,F',
      behindRubbish: true,
    })
  })

  it('behind a tag block is whole', () => {
    assert.equal(findSentence(`\\s:mast*5E\\${sentence('WIMWV,1')}`)?.behindRubbish, false)
  })

  it('encapsulated data (AIS) begins with an exclamation mark', () => {
    assert.equal(
      findSentence('!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C')?.text,
      '!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0',
    )
  })
})

describe('a stream of sentences', () => {
  const format = textFormat({ checksum: 'nmea', endsWith: '\r\n', devices: [] })

  it('with any bytes lost, changed or put in between gives no sentence whose checksum is wrong', () => {
    const content = fc.string({ unit: fc.constantFrom(...'GPDBT,0123456789.'), minLength: 5, maxLength: 20 })
    const edit = fc.record({
      at: fc.nat(),
      cut: fc.nat(3),
      put: fc.string({ unit: fc.constantFrom(...'$*0A,\r\n'), maxLength: 1 }),
    })
    let found = 0
    fc.assert(
      fc.property(
        fc.array(content, { minLength: 1, maxLength: 8 }),
        fc.array(edit, { maxLength: 3 }),
        (texts, edits) => {
          let stream = `\r\n${texts.map((text) => `${sentence(text)}\r\n`).join('')}`
          for (const { at, cut, put } of edits) {
            const from = at % stream.length
            stream = stream.slice(0, from) + put + stream.slice(from + cut)
          }
          const { messages } = format.cut(format.opened, latin1(stream))
          found += messages.length
          for (const message of messages) assert.ok(stream.includes(sentence(message.slice(1))), stream)
          if (edits.length === 0)
            assert.deepEqual(
              messages,
              texts.map((text) => `$${text}`),
            )
        },
      ),
      { numRuns: 300 },
    )
    assert.ok(found > 300)
  })

  it('counts what it leaves out', () => {
    const cut = format.cut(format.fresh, latin1(`${sentence('A,1')}\r\n$A,2*00\r\nA,3\r\n$A,4${sentence('A,5')}\r\n`))
    assert.deepEqual(cut.messages, ['$A,1', '$A,5'])
    assert.deepEqual(cut.troubles, ['checksum', 'checksum', 'noise'])
  })
})
