import type { TestContext } from 'node:test'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { Logger } from '../../src/log.ts'
import type { IncomingCommand } from '../../src/model.ts'
import { MqttTransport } from '../../src/uplink/mqtt/mqtt.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import type { MqttSettings } from '../../src/uplink-settings.ts'
import { MemoryFeed } from '../support/feed.ts'
import { mqttSettings } from '../support/uplink-settings.ts'

export interface Rig {
  readonly uplink: Uplink
  readonly feed: MemoryFeed
  readonly commands: IncomingCommand[]
  /** `up resumed`, `down taken_over`, ... as the agent is told. */
  readonly links: string[]
  /** "level message" of each line logged. */
  readonly lines: string[]
}

export interface RigOptions {
  readonly settings?: Partial<MqttSettings>
  readonly accept?: (command: IncomingCommand) => Promise<void>
  readonly feed?: MemoryFeed
  readonly clock?: Clock
}

/** A started uplink to `url`, over the real transport and clock; stopped with the test. */
export function startUplink(t: TestContext, url: string, options: RigOptions = {}): Rig {
  const settings = mqttSettings(url, options.settings)
  const feed = options.feed ?? new MemoryFeed({ async: true })
  const commands: IncomingCommand[] = []
  const links: string[] = []
  const lines: string[] = []
  const uplink = new Uplink(settings, {
    transport: new MqttTransport(settings),
    feed,
    accept: (command) => {
      commands.push(command)
      return options.accept?.(command) ?? Promise.resolve()
    },
    clock: options.clock ?? systemClock,
    log: logTo(lines),
    onLink: (up, headline) => links.push(`${up ? 'up' : 'down'} ${headline}`),
  })
  t.after(() => uplink.stop())
  uplink.start()
  return { uplink, feed, commands, links, lines }
}

export const withCommands = {
  commands: { subscribe: 'cmd/gw/+', key: { from: 'topic', level: -1 }, receiveMaximum: 50 },
} as const

/** Takes down "level message" of each line. */
export function logTo(lines: string[]): Logger {
  const line = (level: string) => (message: string) => void lines.push(`${level} ${message}`)
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: () => logTo(lines),
  }
}
