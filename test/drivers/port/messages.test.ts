import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinkError } from '../../../src/drivers/driver.ts'
import { openError, openSerialPort } from '../../../src/drivers/port/serial.ts'

describe('a serial port that cannot be opened', () => {
  const rows: readonly (readonly [string, string, RegExp, RegExp])[] = [
    ['Error: No such file or directory, cannot open /dev/x', 'no_such_port', /no such port/, /by-id/],
    ['Error: Permission denied, cannot open /dev/x', 'permission', /denied for user \w+/, /dialout/],
    ['Error: Operation not permitted, cannot open /dev/x', 'permission', /denied/, /usermod/],
    ['Error: Resource temporarily unavailable Cannot lock port', 'busy', /in use by/, /./],
    ['Error: Device or resource busy, cannot open /dev/x', 'busy', /in use by/, /./],
    ['Error: Inappropriate ioctl for device, cannot open /dev/x', 'open_failed', /Inappropriate/, /serial port/],
  ]
  for (const [system, code, message, hint] of rows) {
    it(`"${system}" is ${code}, with what to do`, async () => {
      const error = await openError(new Error(system), '/dev/x')
      assert.equal(error.code, code)
      assert.match(error.message, /^opening \/dev\/x: /)
      assert.match(error.message, message)
      assert.match(error.hint ?? '', hint)
    })
  }

  it('a file that is no port at all', async () => {
    const line = { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 } as const
    const handlers = { onData: () => {}, onClosed: () => {} }
    await assert.rejects(
      openSerialPort(import.meta.filename, line)(handlers, new AbortController().signal),
      (error) => {
        return error instanceof LinkError && error.code === 'open_failed'
      },
    )
  })
})
