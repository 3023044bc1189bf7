import { readdirSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'

/** udev's links to serial adapters: by maker and serial number, or by socket for those without a number. */
export const serialFolder = '/dev/serial'

/** Is this a name the kernel gives in the order of plugging in, which changes when two adapters are swapped? */
export function isUnstablePort(port: string): boolean {
  return /^\/dev\/tty(USB|ACM)\d+$/.test(port)
}

/** A link to the port that survives replugging, if the machine has one now. */
export function stableName(port: string, folder: string = serialFolder): string | undefined {
  for (const kind of ['by-id', 'by-path']) {
    for (const link of entries(join(folder, kind))) {
      if (target(link) === basename(port)) return link
    }
  }
  return undefined
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return [] // no adapter is plugged in, or this is not Linux
  }
}

function target(link: string): string | undefined {
  try {
    return basename(realpathSync(link))
  } catch {
    return undefined // unplugged while looking
  }
}
