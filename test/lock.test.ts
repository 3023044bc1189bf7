import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingEntries, readLock } from '../scripts/complete-lock.ts'

test('the lock file names every optional package, so that npm ci takes it on every platform', () => {
  assert.deepEqual([...missingEntries(readLock().packages).keys()], [], 'run: node scripts/complete-lock.ts')
})

test('an optional package without an entry is found, with the platform its name tells', () => {
  const packages = { '': {}, 'node_modules/a': { optionalDependencies: { '@a/linux-arm64-musl': '1.0.0' } } }
  assert.deepEqual(
    [...missingEntries(packages)],
    [
      [
        'node_modules/@a/linux-arm64-musl',
        { version: '1.0.0', cpu: ['arm64'], libc: ['musl'], optional: true, os: ['linux'] },
      ],
    ],
  )
})
