/** Against Modbus software nobody here wrote: pymodbus as the device, mbpoll as the asker of our simulator, alone and beside us. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { it } from 'node:test'
import { promisify } from 'node:util'
import { createDriver } from '../../src/drivers/catalog.ts'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import { deviceWith, pointWith, rtuSettings, tcpSettings } from '../support/bus-settings.ts'
import { absentDevice, foreignDevice, talk } from '../support/foreign-device.ts'
import { hasPymodbus, PymodbusServer } from '../support/modbus-server.ts'
import { needs } from '../support/needs.ts'
import { start } from '../support/program.ts'
import { PtyCable } from '../support/pty.ts'
import { until } from '../support/until.ts'

const [first] = foreignDevice.points
assert.ok(first)

it('reads and writes a pymodbus server over TCP; an absent unit is an error', async (test) => {
  if (!hasPymodbus(test)) return
  const server = await PymodbusServer.tcp()
  const driver = createDriver(tcpSettings([foreignDevice], { port: server.port, timeoutMs: 1_000 }))
  try {
    await driver.open()
    await talk(driver)
    const [sample] = await driver.read(absentDevice, [first])
    assert.match(sample?.error ?? '', /^(timeout|exception_\d+)$/)
  } finally {
    await driver.close()
    await server.close()
  }
})

it('reads and writes a pymodbus server over a serial line; an absent unit is silent', async (test) => {
  if (!hasPymodbus(test) || !needs(test, 'socat')) return
  const cable = await PtyCable.plugged()
  const server = PymodbusServer.rtu(cable.far)
  const line = { baud: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const
  const driver = createDriver(rtuSettings([foreignDevice], { port: cable.near, timeoutMs: 500, line }))
  try {
    await driver.open()
    await until(async () => (await driver.read(foreignDevice, [first]))[0]?.error === undefined, {
      what: 'pymodbus',
    })
    await talk(driver)
    assert.deepEqual(await driver.read(absentDevice, [first]), [{ point: 'int16', error: 'timeout' }])
    await talk(driver)
  } finally {
    await driver.close()
    await server.close()
    await cable.close()
  }
})

it('mbpoll reads and writes our simulator', async (test) => {
  if (!needs(test, 'mbpoll')) return
  const unit = new SimulatedUnit(3, [
    { register: 'holding', address: 0, type: 'uint16', value: 1_234, writable: true },
    { register: 'holding', address: 1, type: 'uint16', value: 4_321, writable: true },
    { register: 'input', address: 4, type: 'float32', value: 230.5 },
    { register: 'coil', address: 0, type: 'bool', value: true, writable: true },
  ])
  const server = await ModbusServer.start([unit])
  const mbpoll = async (...words: readonly string[]) => {
    const target = ['-m', 'tcp', '-p', String(server.port), '-a', '3', '-0', '-1', '-q']
    const { stdout } = await promisify(execFile)('mbpoll', [...target, ...words])
    return stdout
  }
  try {
    assert.match(await mbpoll('-t', '4', '-r', '0', '-c', '2', '127.0.0.1'), /\[0\]:\s+1234\s+\[1\]:\s+4321/)
    assert.match(await mbpoll('-t', '3:float', '-B', '-r', '4', '-c', '1', '127.0.0.1'), /\[4\]:\s+230\.5/)
    assert.match(await mbpoll('-t', '0', '-r', '0', '-c', '1', '127.0.0.1'), /\[0\]:\s+1/)
    await mbpoll('-t', '4', '-r', '0', '127.0.0.1', '--', '77', '78')
    assert.deepEqual([unit.word('holding', 0), unit.word('holding', 1)], [77, 78])
    await mbpoll('-t', '0', '-r', '0', '127.0.0.1', '--', '0')
    assert.equal(unit.word('coil', 0), 0)
    await assert.rejects(mbpoll('-t', '4', '-r', '100', '-c', '1', '127.0.0.1'))
  } finally {
    await server.close()
  }
})

/** Notes the function of each request. */
class WatchedUnit extends SimulatedUnit {
  readonly asked: number[] = []

  override answer(pdu: Uint8Array, seconds: number): Uint8Array {
    this.asked.push(pdu[0] ?? 0)
    return super.answer(pdu, seconds)
  }
}

it('our driver and mbpoll ask the same unit at the same time: each gets its own answers', async (test) => {
  if (!needs(test, 'mbpoll')) return
  // The same addresses in both tables, the same function never: ours are holding registers, those of mbpoll input registers.
  const registers = [0, 1, 2, 3].flatMap((address) => [
    { register: 'holding' as const, address, type: 'uint16' as const, value: 1_000 + address, writable: true },
    { register: 'input' as const, address, type: 'uint16' as const, value: 2_000 + address },
  ])
  const unit = new WatchedUnit(3, registers, { delayMs: 4 })
  const server = await ModbusServer.start([unit])
  // Apart, so that each is a request of its own.
  const points = [0, 2].map((address) => pointWith({ name: `h${address}`, address, access: 'rw' }))
  const [written, beside] = points
  assert.ok(written && beside)
  const device = deviceWith({ name: 'meter', unitId: 3, holeMax: 0, points })
  const driver = createDriver(tcpSettings([device], { port: server.port, timeoutMs: 10_000, timeoutMinMs: 10_000 }))
  const target = ['-m', 'tcp', '-p', String(server.port), '-a', '3', '-0', '-q', '-o', '10', '-l', '11']
  const mbpoll = start(test, ['mbpoll', ...target, '-t', '3', '-r', '0', '-c', '4', '127.0.0.1'])
  try {
    await driver.open()
    const polled = () => unit.asked.filter((code) => code === 4).length
    await until(() => polled() > 0, { what: 'the first request of mbpoll' })
    const before = polled()
    await until(
      async () => {
        const value = unit.asked.length % 65_536
        await driver.write(device, written, value)
        assert.deepEqual(await driver.read(device, points), [
          { point: 'h0', value },
          { point: 'h2', value: 1_002 },
        ])
        return polled() >= before + 50
      },
      { what: 'fifty requests of mbpoll between ours', timeoutMs: 30_000 },
    )
    assert.equal(server.clients, 2)
    assert.ok(
      unit.asked.some((code, index) => code === 4 && unit.asked[index + 1] === 3),
      'they took turns',
    )
    mbpoll.child.kill('SIGINT')
    const { stdout, stderr } = await mbpoll.ended
    assert.equal(stderr, '')
    const shown = [...stdout.matchAll(/\[(\d)\]:\s+(\d+)/g)].map(([, address, value]) => [
      Number(address),
      Number(value),
    ])
    assert.ok(shown.length >= 4 * 50, `${shown.length} values`)
    for (const [address = 0, value] of shown) assert.equal(value, 2_000 + address)
  } finally {
    await driver.close()
    await server.close()
  }
})
