import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { needs } from '../support/needs.ts'
import { emptyFolder, repository, start } from '../support/program.ts'

const folder = join(repository, 'systemd')
const unit = readFileSync(join(folder, 'tidegate.service'), 'utf8')

/** All values of a key, in the order of the file. */
function valuesOf(key: string): string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map((match) => match[1] ?? '')
}

/** The unit with a program that exists on every machine, since that is part of what is verified. */
function unitCopy(test: TestContext, text = unit): string {
  const copy = join(emptyFolder(test), 'tidegate.service')
  writeFileSync(copy, text.replace('/opt/tidegate/bin/tidegate', '/bin/true'))
  return copy
}

/** What systemd says to a unit; it says it on standard error and still ends with 0. */
async function verify(test: TestContext, file: string): Promise<string> {
  const { status, stdout, stderr } = await start(test, ['systemd-analyze', 'verify', '--man=no', file]).ended
  return `${stdout}${stderr}${status === 0 ? '' : `status ${status}`}`
}

test('systemd has nothing to say about the unit', async (t) => {
  if (!needs(t, 'systemd-analyze')) return
  assert.equal(await verify(t, unitCopy(t)), '')
  // The control: a misspelt key must not pass, or the line above proves nothing.
  assert.match(await verify(t, unitCopy(t, unit.replace('WatchdogSec', 'WatchdogSecs'))), /WatchdogSecs/)
})

test('nothing is ordered after the network, and nothing requires it', () => {
  for (const key of ['After', 'Wants', 'Requires', 'Requisite', 'BindsTo']) assert.deepEqual(valuesOf(key), [], key)
})

test('an unattended box never gives up, except on a configuration that stays bad', () => {
  assert.deepEqual(valuesOf('StartLimitIntervalSec'), ['0'])
  assert.deepEqual(valuesOf('Restart'), ['always'])
  assert.deepEqual(valuesOf('RestartPreventExitStatus'), ['78'])
  assert.ok(unit.indexOf('StartLimitIntervalSec') < unit.indexOf('[Service]'), 'it belongs into [Unit]')
})

test('systemd-notify may speak for the agent, and silence is noticed', () => {
  assert.deepEqual([valuesOf('Type'), valuesOf('NotifyAccess'), valuesOf('WatchdogSec')], [['notify'], ['all'], ['60']])
})

test('serial ports can be opened, and the sandbox lets V8 live', () => {
  assert.deepEqual(valuesOf('SupplementaryGroups'), ['dialout'])
  assert.deepEqual(valuesOf('DevicePolicy'), ['closed'])
  assert.deepEqual(valuesOf('DeviceAllow'), ['char-ttyUSB rw', 'char-ttyACM rw', 'char-ttyAMA rw', 'char-ttyS rw'])
  assert.deepEqual([valuesOf('PrivateDevices'), valuesOf('MemoryDenyWriteExecute')], [[], []])
  assert.match(valuesOf('RestrictAddressFamilies')[0] ?? '', /\bAF_NETLINK\b/)
})

test('the sandbox is as tight as an agent with serial ports and network can have it', async (t) => {
  if (!needs(t, 'systemd-analyze')) return
  const words = ['security', '--offline=true', '--threshold=25', unitCopy(t)]
  const { status, stdout } = await start(t, ['systemd-analyze', ...words]).ended
  assert.equal(status, 0, stdout.split('\n').slice(-3).join('\n'))
})

test('the user of the unit is made by sysusers, and owns what tmpfiles makes', () => {
  assert.deepEqual(
    [valuesOf('User'), valuesOf('Group'), valuesOf('StateDirectory')],
    [['tidegate'], ['tidegate'], ['tidegate']],
  )
  assert.match(
    readFileSync(join(folder, 'tidegate.sysusers.conf'), 'utf8'),
    /^u tidegate - "[^"]+" \/var\/lib\/tidegate$/m,
  )
  assert.match(
    readFileSync(join(folder, 'tidegate.tmpfiles.conf'), 'utf8'),
    /^d +\/etc\/tidegate\/credentials +0750 root tidegate /m,
  )
})
