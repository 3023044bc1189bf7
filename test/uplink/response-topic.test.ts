import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unusableBecause } from '../../src/uplink/response-topic.ts'

const delivery = { topic: 'cmd/gw/pump' }
const why = (topic: string, subscribed = 'cmd/gw/+') => unusableBecause(topic, { delivery, subscribed })

test('what nothing can be published on is no response topic', () => {
  assert.match(why('') ?? '', /empty/)
  assert.match(why('a/+/b') ?? '', /wildcards/)
  assert.match(why('a/#') ?? '', /wildcards/)
  assert.match(why('$SYS/x') ?? '', /begins with \$/)
  assert.match(why('a\0b') ?? '', /NUL/)
  for (const topic of ['asker/answers', 'a', '/', 'cmd/gw', 'cmd/gw/pump/result', 'cmd/other/pump', ' ']) {
    assert.equal(why(topic), undefined, topic)
  }
})

test('nor is what the commands come on: the answer would come back as a command', () => {
  const loops: readonly (readonly [string, string])[] = [
    ['cmd/gw/valve', 'cmd/gw/+'],
    ['cmd/gw/valve', 'cmd/#'],
    ['cmd', 'cmd/#'],
    ['cmd/gw/valve', '#'],
    ['cmd/gw/valve', '$share/gateways/cmd/gw/+'],
    ['cmd/gw/valve', '$queue/cmd/gw/+'],
    ['cmd/gw/valve', '$q/cmd/gw/+'],
    // A queue whose filter only the broker knows.
    ['cmd/gw/pump', '$queue/cmd-gw'],
  ]
  for (const [topic, subscribed] of loops) assert.match(why(topic, subscribed) ?? '', /commands come on it/, subscribed)
  assert.equal(why('cmd/gw/a/b', 'cmd/gw/+'), undefined)
  assert.equal(why('cmd/gw/valve', '$queue/cmd-gw'), undefined)
})
