/** Tools without an agent: the same driver and poller, on a connection of their own. */
import { systemClock } from '../../clock.ts'
import { createDriver } from '../../drivers/catalog.ts'
import { Poller } from '../../drivers/poller/poller.ts'
import { silentLogger } from '../../log.ts'
import type { ConnectionSettings } from '../../settings.ts'
import { Workbench } from '../../workbench/workbench.ts'

/**
 * Opens the connection, lets `work` use it and closes it. Nothing is polled. A connection that cannot be opened is told when
 * it is asked.
 */
export async function withOwnTools<T>(
  connection: ConnectionSettings,
  work: (tools: Workbench) => Promise<T>,
): Promise<T> {
  const poller = makePoller(connection)
  poller.pause()
  poller.start()
  try {
    return await work(
      new Workbench({ connections: [connection], pollers: [poller], clock: systemClock, running: false }),
    )
  } finally {
    await poller.stop()
  }
}

/** What would be polled; nothing is opened. */
export function ownPlan(connections: readonly ConnectionSettings[]): Workbench {
  return new Workbench({ connections, pollers: connections.map(makePoller), clock: systemClock, running: false })
}

function makePoller(connection: ConnectionSettings): Poller {
  return new Poller(connection, {
    driver: createDriver(connection),
    clock: systemClock,
    log: silentLogger,
    onReading: () => {},
    onDeviceEvent: () => {},
  })
}
