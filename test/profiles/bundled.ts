import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Loaded, parseSettings } from '../../src/config/load.ts'

export const bundledFolder = fileURLToPath(new URL('../../profiles', import.meta.url))

/** `VENDOR/MODEL`, from the files. */
export function bundledNames(): string[] {
  return readdirSync(bundledFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.replaceAll('\\', '/').replace(/\.yaml$/, ''))
    .sort()
}

export function bundledFile(name: string): string {
  return join(bundledFolder, `${name}.yaml`)
}

/** A configuration with one device of the profile behind Modbus TCP; `more` are further keys of the device. */
export function loadWith(profile: string, port: number, more = ''): Loaded {
  const text = `version: 1
connections:
  bus: { type: modbus-tcp, host: 127.0.0.1, port: ${port} }
devices:
  it: { connection: bus, profile: ${profile}${more === '' ? '' : `, ${more}`} }
uplinks:
  cloud: { type: mqtt, url: mqtt://127.0.0.1 }
`
  return parseSettings(text, '/nonexistent/config.yaml', {
    env: {},
    hostname: 'some-host',
    serialFolder: '/nonexistent',
    profileFolders: [bundledFolder],
  })
}
