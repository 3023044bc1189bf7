import type { ModbusSettings } from '../../settings.ts'
import type { Suspicion } from '../driver.ts'
import { describeConnection } from '../line.ts'

/** So many replies in a row, of all devices, and not one sound frame between: that is not the weather. */
const DAMAGED_MIN = 6

/** What replies that are all damaged say about the line. Silence says nothing: devices may be switched off. */
export function suspicionOf(settings: ModbusSettings, damagedInARow: number): Suspicion | undefined {
  if (damagedInARow < DAMAGED_MIN) return undefined
  const message = `the last ${damagedInARow} replies were damaged, without a sound one between`
  switch (settings.type) {
    case 'modbus-rtu':
    case 'modbus-ascii': {
      const line = describeConnection(settings)
      const hint = `compare the line settings (${line}: rate, data bits, parity, stop bits) with those of the devices; then check that A and B are not swapped, the termination, and that no other client asks on the line`
      return { code: 'damaged', message, hint }
    }
    case 'modbus-rtu-over-tcp':
      return {
        code: 'damaged',
        message,
        hint: 'check that the converter passes bytes on as they are (if it speaks Modbus TCP, type: modbus-tcp), and its line settings against those of the devices',
      }
    case 'modbus-tcp':
      return {
        code: 'damaged',
        message,
        hint: 'check that this port is for Modbus TCP; a converter that passes bytes on as they are needs type: modbus-rtu-over-tcp',
      }
  }
}
