/** The least a program can do: the plain modbus-serial client, reading the same registers as often, and forgetting them. */
import modbusSerial from 'modbus-serial'

const [port = '0', connections = '10', devicesEach = '5', pointsEach = '20'] = process.argv.slice(2)

for (let wire = 0; wire < Number(connections); wire++) {
  const client = new modbusSerial.default()
  await client.connectTCP('127.0.0.1', { port: Number(port) })
  client.setTimeout(500)
  const poll = async () => {
    for (let device = 0; device < Number(devicesEach); device++) {
      client.setID(wire * Number(devicesEach) + device + 1)
      await client.readHoldingRegisters(0, Number(pointsEach))
    }
  }
  setInterval(() => void poll(), 1_000)
}
