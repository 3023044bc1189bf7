import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'

/** Debian package that brings each program the tests may use. */
const packages = {
  mosquitto: 'mosquitto',
  mosquitto_sub: 'mosquitto-clients',
  socat: 'socat',
  mbpoll: 'mbpoll',
  'systemd-analyze': 'systemd',
  'systemd-notify': 'systemd',
  'qemu-aarch64-static': 'qemu-user-static',
  'apt-get': 'apt',
  gcc: 'gcc',
  'pkg-config': 'pkg-config',
  losetup: 'mount',
  faketime: 'faketime',
  'rabbitmq-server': 'rabbitmq-server',
  'nats-server': 'nats-server',
  nft: 'nftables',
  ip: 'iproute2',
} as const

export type Program = keyof typeof packages

/**
 * True when every program is there. Otherwise the test is skipped, naming the package to install; with
 * TIDEGATE_NO_SKIP=1 it fails instead.
 */
export function needs(test: TestContext, ...programs: readonly Program[]): boolean {
  const missing = programs.filter((program) => !isInstalled(program))
  if (missing.length === 0) return true
  return lack(test, [...new Set(missing.map((program) => packages[program]))].join(' '))
}

/** Skips (or fails, when skipping is forbidden) for want of Debian packages. Always false. */
export function lack(test: TestContext, aptPackages: string): false {
  return skip(test, `needs ${aptPackages} (apt-get install ${aptPackages})`)
}

/** Skips (or fails, when skipping is forbidden) for a reason such as "needs root". Always false. */
export function skip(test: TestContext, reason: string): false {
  if (process.env['TIDEGATE_NO_SKIP'] === '1') throw new Error(`skipping is forbidden here, but this test ${reason}`)
  test.skip(reason)
  return false
}

function isInstalled(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
