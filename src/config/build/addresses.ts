import type { ProxySettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { type BrokerUrl, parseBrokerUrl, parseProxyUrl } from '../urls.ts'
import type { Context } from './context.ts'
import { buildSecret, warnOfPlain } from './secret.ts'

/** Where the broker is; what cannot be read is left out and told. */
export function buildUrls(context: Context, path: Path, given: string | readonly string[]): BrokerUrl[] {
  const list = typeof given === 'string' ? [given] : given
  return list.flatMap((text, index) => {
    const parsed = parseBrokerUrl(text)
    if ('value' in parsed) return [parsed.value]
    context.error(typeof given === 'string' ? path : [...path, index], parsed.problem, { hint: parsed.hint })
    return []
  })
}

/** What stands between the gateway and the broker. */
export function buildProxy(context: Context, path: Path, given: Uplink['proxy']): ProxySettings | undefined {
  if (given === undefined) return undefined
  const isText = typeof given === 'string'
  const {
    url,
    username: name,
    password: secret,
  } = isText ? { url: given, username: undefined, password: undefined } : given
  if (secret !== undefined && name === undefined && !context.attempted([...path, 'username'])) {
    context.error([...path, 'password'], 'password needs "username" beside it', { at: 'key' })
  }
  const username = buildSecret(context, [...path, 'username'], name)
  const password = buildSecret(context, [...path, 'password'], secret)
  if (secret !== undefined) warnOfPlain(context, [...path, 'password'], { text: secret, noun: 'the password' })
  const parsed = parseProxyUrl(url)
  if ('problem' in parsed) {
    const hint = isText && parsed.hint?.startsWith('write them') ? credentialsHint : parsed.hint
    context.error(isText ? path : [...path, 'url'], parsed.problem, { hint })
    return undefined
  }
  return {
    ...parsed.value,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
}

const credentialsHint = 'write proxy: { url: ..., username: ..., password: ... }'
