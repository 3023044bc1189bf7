import { connect } from 'node:net'
import { generate } from 'mqtt-packet'

/** Does a server on this port answer a CONNECT of MQTT 3.1.1? Brokers listen some time before they serve. */
export function answersConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (answers: boolean) => {
      socket.destroy()
      resolve(answers)
    }
    socket.setTimeout(2_000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
    // CONNACK, accepted.
    socket.once('data', (bytes) => end(bytes[0] === 0x20 && bytes[3] === 0))
    socket.once('connect', () => {
      const packet = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 10 } as const
      socket.write(generate({ ...packet, clientId: 'knock' }))
    })
  })
}
