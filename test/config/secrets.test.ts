import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { mask } from '../../src/config/frame.ts'
import { stableName } from '../../src/config/ports.ts'
import { readPem, readSecret } from '../../src/config/secrets.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe('secrets', () => {
  test('the credentials folder of systemd comes before the one beside the configuration', (t) => {
    const folder = folderOf(t)
    mkdirSync(join(folder, 'credentials'))
    mkdirSync(join(folder, 'systemd'))
    writeFileSync(join(folder, 'credentials', 'a'), 'beside\n')
    const env = { CREDENTIALS_DIRECTORY: join(folder, 'systemd') }
    assert.deepEqual(readSecret('secret:a', { env, folder }), { value: 'beside' })
    writeFileSync(join(folder, 'systemd', 'a'), 'systemd\r\n')
    assert.deepEqual(readSecret('secret:a', { env, folder }), { value: 'systemd' })
  })

  test('a missing secret names every place looked at', (t) => {
    const folder = folderOf(t)
    const read = readSecret('secret:a', { env: { CREDENTIALS_DIRECTORY: '/run/cred' }, folder })
    assert.ok('problem' in read)
    assert.match(read.problem, /\/run\/cred\/a and .*credentials\/a/)
  })

  test('only one line break at the end is taken off', (t) => {
    const folder = folderOf(t)
    writeFileSync(join(folder, 'p'), ' pass word \n\n')
    assert.deepEqual(readSecret('file:p', { env: {}, folder }), { value: ' pass word \n' })
    assert.deepEqual(readSecret(`file:${join(folder, 'p')}`, { env: {}, folder }), { value: ' pass word \n' })
  })

  test('an empty secret is an error, not an empty password', (t) => {
    const folder = folderOf(t)
    writeFileSync(join(folder, 'p'), '\n')
    assert.ok('problem' in readSecret('file:p', { env: {}, folder }))
    assert.ok('problem' in readSecret('env:EMPTY', { env: { EMPTY: '' }, folder }))
    assert.ok('problem' in readSecret('env:UNSET', { env: {}, folder }))
  })

  test('a name cannot lead out of the folder', (t) => {
    const folder = folderOf(t)
    writeFileSync(join(folder, 'p'), 'x')
    assert.ok('problem' in readSecret('secret:../p', { env: {}, folder }))
  })

  test('a certificate that is none is told', (t) => {
    const folder = folderOf(t)
    writeFileSync(join(folder, 'der'), Buffer.from([0x30, 0x82]))
    const read = readPem('der', { env: {}, folder })
    assert.ok('problem' in read && /no PEM/.test(read.problem))
  })

  test('text without a prefix stands for itself', () => {
    assert.deepEqual(readSecret('plain', { env: {}, folder: '/' }), { value: 'plain' })
  })
})

describe('what is shown of a line', () => {
  test('a secret is masked, whatever its quotes and however its key is spelt', () => {
    for (const line of [
      'password: hunter2',
      'pasword: hunter2',
      '{ "password": "hunter2" }',
      "{ type: mqtt, password: 'hunter2', x: 1 }",
      'password:hunter2',
      'my_token = hunter2',
      'password: "hunter2, hunter2} and hunter2"',
      'url: mqtt://me:hunter2@host',
      'url: mqtt://me:hunter2@hunter2@host',
    ]) {
      assert.doesNotMatch(mask(line), /hunter2/, mask(line))
      assert.equal(mask(line).length, line.length)
    }
  })

  test('a pre-shared key is masked, also one with something wrong in it', () => {
    for (const key of [
      '00aabbccddeeff11',
      '"00AABBCC"',
      "'0x00aabbcc'",
      '00:aa:bb:cc',
      'AA BB CC',
      '00zz',
      '12345678',
    ]) {
      for (const line of [`tls: { psk: { identity: gw, key: ${key} } }`, `        key: ${key}`, `psk: ${key}`]) {
        const masked = mask(line)
        assert.ok(!masked.includes(key.replace(/["']/g, '')), masked)
        assert.equal(masked.length, line.length)
      }
    }
  })

  test('references to a secret and everything else stay readable', () => {
    for (const line of [
      'tls: { psk: { identity: gw, key: secret:psk } }',
      'tls: { cert: client.pem, key: client.key }',
      'tls: { key: /etc/tidegate/key }',
      'commands: { key: user-property:key }',
      'commands: { key: topic:-1, subscribe: a/+ }',
      'password: secret:cloud-mq',
      'password: "env:PASS"',
      'cert: secret:client, x: 1',
      'unit_id: 5',
    ]) {
      assert.equal(mask(line), line)
    }
  })
})

describe('serial ports', () => {
  test('the link that survives replugging is found, by-id first', (t) => {
    const folder = folderOf(t)
    for (const kind of ['by-id', 'by-path']) {
      mkdirSync(join(folder, kind))
      symlinkSync('/dev/null', join(folder, kind, `${kind}-link`))
    }
    assert.equal(stableName('/dev/null', folder), join(folder, 'by-id', 'by-id-link'))
    assert.equal(stableName('/dev/ttyUSB9', folder), undefined)
    assert.equal(stableName('/dev/ttyUSB9', join(folder, 'nothing')), undefined)
  })
})
