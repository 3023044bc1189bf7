import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrokerRecipe } from './broker-program.ts'
import { answersConnect } from './mqtt-knock.ts'

/**
 * Mosquitto that keeps its sessions over a stop, for a listener of any kind: `lines` are its settings, `plainPort` is a second
 * one without any, for those who look on. It is to be ended with SIGTERM, because only then it saves all it has.
 */
export function mosquittoWith(
  plainPort: number,
  lines: (folder: string) => readonly string[] = () => [],
): BrokerRecipe {
  return {
    program: 'mosquitto',
    isUp: () => answersConnect(plainPort),
    prepare(folder, port) {
      const config = join(folder, 'mosquitto.conf')
      const text = [
        'per_listener_settings true',
        'max_inflight_messages 50',
        'max_queued_messages 0',
        'set_tcp_nodelay true',
        'persistence true',
        `persistence_location ${folder}/`,
        ...(process.getuid?.() === 0 ? ['user root'] : []),
        `listener ${plainPort} 127.0.0.1`,
        'allow_anonymous true',
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        ...lines(folder),
      ]
      writeFileSync(config, `${text.join('\n')}\n`)
      return { words: ['-c', config] }
    },
  }
}
