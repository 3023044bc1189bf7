/** What the gateway tells on its topics beside the records, put together from its parts as they are now. */
import { overview, type Parts } from './overview.ts'
import { availabilityText, configDigest, devicesText, healthText, infoText, verdictsText } from './surface-content.ts'
import type { SurfaceContent } from './uplink/surface.ts'

/** `parts` is asked for when there is something to tell, for the uplinks are among them. */
export function surfaceContent(parts: () => Parts): SurfaceContent {
  let config: string | undefined
  return {
    info() {
      const { settings, version, outbox } = parts()
      config ??= configDigest(settings)
      return infoText(settings, { version, node: process.versions.node, epoch: outbox.epoch, config })
    },
    devices: (names) => devicesText(parts().settings.connections, names),
    health: () => healthText(overview(parts()), parts().clock.wall()),
    verdicts() {
      const { pollers, uplinks, storage, outbox, keeper } = parts()
      const states = pollers.map((poller) => poller.status())
      return verdictsText({
        connections: states.map(({ connection }) => connection),
        devices: states.flatMap(({ devices }) => devices),
        uplinks: uplinks.map((uplink) => uplink.status()),
        storage: storage.status(),
        clockKnown: outbox.boots.current.known,
        isFull: keeper.pause?.isFull ?? false,
      })
    },
    availability: () =>
      parts()
        .pollers.flatMap((poller) => poller.status().devices)
        .map((device) => ({ device: device.name, text: availabilityText(device) })),
  }
}
