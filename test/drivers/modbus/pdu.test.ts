import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { belongs, exceptionOf, identificationRequest, readIdentification } from '../../../src/drivers/modbus/pdu.ts'
import { bytesOf } from '../../support/bus.ts'

describe('a pdu belongs to a request', () => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['03 0064 0002', '03 04 000a0102', true],
    ['03 0064 0002', '03 02 000a', false],
    ['03 0064 0002', '03 03 000a01', false],
    ['03 0064 0002', '03 05 000a0102', false],
    ['03 0064 0002', '04 04 000a0102', false],
    ['03 0064 0002', '83 02', true],
    ['03 0064 0002', '83 00', false],
    ['03 0064 0002', '83 02 00', false],
    ['03 0064 0002', '84 02', false],
    ['01 0000 0009', '01 02 ff01', true],
    ['01 0000 0008', '01 02 ff01', false],
    ['05 0003 ff00', '05 0003 ff00', true],
    ['05 0003 ff00', '05 0003 0000', false],
    ['06 0003 0007', '06 0004 0007', false],
    ['06 0003 0007', '06 0003 0008', false],
    ['10 0003 0002 04 00010002', '10 0003 0002', true],
    ['10 0003 0002 04 00010002', '10 0003 0001', false],
    ['0f 0003 0001 01 01', '0f 0003 0001', true],
    ['16 0003 fffe 0001', '16 0003 fffe 0001', true],
    ['16 0003 fffe 0001', '16 0003 fffe 0000', false],
    ['16 0003 fffe 0001', '16 0003 fffe', false],
    ['17 0003 0001 0010 0001 02 0007', '17 02 0007', true],
    ['17 0003 0002 0010 0001 02 0007', '17 02 0007', false],
    // Device identification: the parts end where the reply ends, and begin where they were asked to.
    ['2b 0e01 00', '2b 0e01 01 00 00 02 00 02 4142 01 01 43', true],
    ['2b 0e01 00', '2b 0e01 01 00 00 01 00 03 4142', false],
    ['2b 0e01 00', '2b 0e01 01 00 00 01 00 01 4142', false],
    ['2b 0e01 00', '2b 0e02 01 00 00 01 00 02 4142', false],
    ['2b 0e01 00', '2b 0d01 01 00 00 01 00 02 4142', false],
    ['2b 0e01 00', '2b 0e01 01 00 00 00', true],
    ['2b 0e01 00', '2b 0e01', false],
    ['2b 0e01 02', '2b 0e01 01 00 00 01 02 02 4142', true],
    ['2b 0e01 02', '2b 0e01 01 00 00 01 00 02 4142', false],
    ['2b 0e01 00', 'ab 01', true],
    ['08 0000 1234', '08 0000 1234', false],
  ]
  for (const [asked, answered, expected] of rows) {
    it(`${answered} ${expected ? 'answers' : 'does not answer'} ${asked}`, () => {
      assert.equal(belongs(bytesOf(answered), bytesOf(asked)), expected)
    })
  }

  it('the exception code is read from an exception only', () => {
    assert.equal(exceptionOf(bytesOf('83 0b')), 11)
    assert.equal(exceptionOf(bytesOf('03 02 000b')), 0)
  })
})

describe('device identification', () => {
  it('is asked for by category and first object', () => {
    assert.deepEqual(Buffer.from(identificationRequest(2, 3)).toString('hex'), '2b0e0203')
  })

  it('gives texts by object id, and says where to go on', () => {
    assert.deepEqual(readIdentification(bytesOf('2b 0e02 02 ff 03 02 00 04 41434d45 01 02 5058')), {
      objects: { 0: 'ACME', 1: 'PX' },
      next: 3,
    })
    assert.deepEqual(readIdentification(bytesOf('2b 0e02 02 00 00 01 02 04 76312e30')), { objects: { 2: 'v1.0' } })
  })

  it('may count the objects of all parts together', () => {
    assert.deepEqual(readIdentification(bytesOf('2b 0e02 02 ff 01 07 00 04 41434d45')), {
      objects: { 0: 'ACME' },
      next: 1,
    })
  })

  it('shows what is no ASCII as question marks, and drops padding', () => {
    assert.deepEqual(readIdentification(bytesOf('2b 0e01 01 00 00 01 00 06 41ff1b20 0000')), { objects: { 0: 'A??' } })
  })
})
