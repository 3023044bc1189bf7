import assert from 'node:assert/strict'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { startApi } from '../../src/console/server.ts'
import { silentLogger } from '../../src/log.ts'
import type { OutboxDesk } from '../../src/outbox-api.ts'
import { emptyFolder } from '../support/program.ts'
import { statusOf } from '../support/status.ts'

/** Posts over the socket: with the length said before, or piece by piece without one. */
async function rig(t: TestContext) {
  const stateDir = emptyFolder(t)
  const asked: unknown[] = []
  const drop: OutboxDesk['drop'] = async (query) => {
    asked.push(query)
    return { records: 1 }
  }
  const outbox = { stateDir, drop } as unknown as OutboxDesk
  const source = { status: () => statusOf(), healthy: async () => true, outbox }
  const api = await startApi(source, { stateDir, log: silentLogger })
  t.after(() => api.close())
  const post = (text: string, options: { readonly saysLength: boolean }) =>
    new Promise<{ status: number | undefined; type: string | undefined; text: string }>((resolve, reject) => {
      const headers = options.saysLength ? { 'content-length': Buffer.byteLength(text) } : {}
      const outgoing = request({ socketPath: api.path, path: '/api/v1/outbox/drop', method: 'POST', headers })
      outgoing.once('error', reject)
      outgoing.once('response', (answer) => {
        let body = ''
        answer.setEncoding('utf8').on('data', (piece: string) => {
          body += piece
        })
        answer.once('error', reject)
        answer.once('end', () =>
          resolve({ status: answer.statusCode, type: answer.headers['content-type'], text: body }),
        )
      })
      const half = text.length / 2
      outgoing.write(text.slice(0, half))
      outgoing.end(text.slice(half))
    })
  return { post, asked }
}

for (const saysLength of [true, false]) {
  const how = saysLength ? 'with its length' : 'without a length'

  test(`a body ${how} is read`, async (t) => {
    const { post, asked } = await rig(t)
    const { status, text } = await post('{"before":"9","uplink":"höchst"}', { saysLength })
    assert.deepEqual([status, text], [200, '{"records":1}'])
    assert.deepEqual(asked, [{ before: '9', uplink: 'höchst' }])
  })

  test(`a body ${how} beyond the limit is refused as problem+json, and reaches nobody`, async (t) => {
    const { post, asked } = await rig(t)
    const largest = '{"before":"9"}'.padEnd(256 * 1024)
    assert.equal((await post(largest, { saysLength })).status, 200)
    const { status, type, text } = await post(`${largest} `, { saysLength })
    assert.deepEqual([status, type], [413, 'application/problem+json'])
    assert.equal((JSON.parse(text) as { detail: string }).detail, 'the body is longer than 262144 bytes')
    assert.equal(asked.length, 1)
  })
}

test('a body of any length does not fill the memory', async (t) => {
  const { post } = await rig(t)
  const { status } = await post(' '.repeat(64 * 1024 * 1024), { saysLength: false })
  assert.equal(status, 413)
})
