import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrokerRecipe } from './broker-program.ts'
import { answersConnect } from './mqtt-knock.ts'

/** NATS with JetStream, which keeps what QoS 1 needs, and MQTT 3.1.1. Its own protocol listens where nobody looks. */
export const nats: BrokerRecipe = {
  program: 'nats-server',
  isUp: answersConnect,
  prepare(folder, port) {
    const config = join(folder, 'nats.conf')
    // Without ack_wait, what was not confirmed comes again 30 s later, however often we connect.
    const text = `server_name: rig
host: 127.0.0.1
port: -1
jetstream { store_dir: "${folder}/store" }
mqtt { host: 127.0.0.1, port: ${port}, ack_wait: "1s" }
`
    writeFileSync(config, text)
    return { words: ['-c', config] }
  },
}
