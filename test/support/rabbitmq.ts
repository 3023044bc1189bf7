import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BrokerProgram, type BrokerRecipe } from './broker-program.ts'
import { FieldProcess, freePort, listening } from './field-process.ts'
import { answersConnect } from './mqtt-knock.ts'

/** RabbitMQ with its MQTT 3.1.1, which takes some 15 s to start, and the name service that Erlang needs. */
export async function startRabbitMq(): Promise<{ broker: BrokerProgram; close(): Promise<void> }> {
  const names = await startEpmd()
  const [amqp, distribution] = [await freePort(), await freePort()]
  try {
    const broker = await BrokerProgram.start(recipe({ epmd: names.port, amqp, distribution }))
    return {
      broker,
      async close() {
        await broker.close()
        await names.close()
      },
    }
  } catch (error) {
    await names.close()
    throw error
  }
}

/** One of our own: else Erlang starts one that stays when everything else is gone. */
async function startEpmd(): Promise<{ port: number; close(): Promise<unknown> }> {
  const port = await freePort()
  const epmd = new FieldProcess('epmd', ['-port', String(port), '-address', '127.0.0.1'], { outputFile: '/dev/null' })
  await listening(port, epmd)
  return { port, close: () => epmd.end('SIGKILL') }
}

function recipe(ports: { epmd: number; amqp: number; distribution: number }): BrokerRecipe {
  return {
    program: '/usr/lib/rabbitmq/bin/rabbitmq-server',
    isUp: answersConnect,
    pid: (folder) => Number(readFileSync(join(folder, 'pid'), 'utf8')),
    prepare(folder, port) {
      mkdirSync(join(folder, 'mnesia'), { recursive: true })
      writeFileSync(join(folder, 'enabled_plugins'), '[rabbitmq_mqtt].\n')
      const lines = [
        `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
        `mqtt.listeners.tcp.1 = 127.0.0.1:${port}`,
        'mqtt.allow_anonymous = true',
        'mqtt.default_user = guest',
        'mqtt.default_pass = guest',
        'mqtt.tcp_listen_options.nodelay = true',
      ]
      writeFileSync(join(folder, 'rabbitmq.conf'), `${lines.join('\n')}\n`)
      return { words: [], env: environment(folder, ports) }
    },
  }
}

function environment(folder: string, ports: { epmd: number; distribution: number }): NodeJS.ProcessEnv {
  return {
    HOME: folder,
    RABBITMQ_NODENAME: 'rig@localhost',
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(ports.epmd),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  }
}
