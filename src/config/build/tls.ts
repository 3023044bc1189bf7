import type { TlsSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { readPem } from '../secrets.ts'
import type { BrokerUrl } from '../urls.ts'
import type { Context } from './context.ts'
import { buildSecret, warnOfPlain } from './secret.ts'

type Tls = Uplink['tls']

/** Shorter keys can be tried out by whoever has recorded one connection. */
const keyBytesAdvised = 16

/** Certificates and keys, read now so that a missing file is told at the start. */
export function buildTls(
  context: Context,
  path: Path,
  options: { readonly tls: Tls; readonly urls: readonly BrokerUrl[] },
): TlsSettings {
  const { tls, urls } = options
  if (urls.length > 0 && urls.every((url) => !url.encrypted) && context.written(path)) {
    const schemes = new Set(urls.map(({ url }) => url.replace(/:.*/, '')))
    const [scheme = 'mqtt'] = schemes
    context.warning(path, `tls has no effect with ${scheme}://`, { at: 'key', hint: `write ${scheme}s:// in the url` })
  }
  if (tls.psk !== undefined) checkAlone(context, path)
  else checkCertificates(context, path, tls)
  const ca = pem(context, [...path, 'ca'], tls.ca)
  const cert = pem(context, [...path, 'cert'], tls.cert)
  const key = pem(context, [...path, 'key'], tls.key)
  const psk = tls.psk && presharedKey(context, [...path, 'psk'], tls.psk)
  const alpn = typeof tls.alpn === 'string' ? [tls.alpn] : tls.alpn
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.server_name === undefined ? {} : { serverName: tls.server_name }),
    ...(alpn === undefined ? {} : { alpn }),
    ...(psk === undefined ? {} : { psk }),
    rejectUnauthorized: !tls.insecure,
  }
}

function checkCertificates(context: Context, path: Path, tls: Tls): void {
  if (tls.insecure) {
    context.warning([...path, 'insecure'], 'any certificate is accepted: anybody on the way can read and forge', {
      hint: 'name the certificate of the broker as ca instead',
    })
  }
  for (const [one, other] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (tls[one] !== undefined && !context.attempted([...path, other])) {
      context.error([...path, one], `${one} needs "${other}" beside it`, { at: 'key' })
    }
  }
}

/** With a key that both sides know nobody shows a certificate. */
function checkAlone(context: Context, path: Path): void {
  context.refuse(path, ['ca', 'cert', 'key', 'insecure'], 'has no meaning beside psk: there are no certificates')
}

function presharedKey(context: Context, path: Path, psk: NonNullable<Tls['psk']>): TlsSettings['psk'] {
  const place = [...path, 'key']
  warnOfPlain(context, place, { text: psk.key, noun: 'the key' })
  const text = buildSecret(context, place, psk.key)
  if (text === undefined) return undefined
  const digits = text.trim()
  // What was found is never repeated: it is the secret, or a good part of it.
  if (!/^(?:[0-9a-f]{2})+$/i.test(digits)) {
    const odd = /^[0-9a-f]+$/i.test(digits) ? `, got ${digits.length} of them` : ''
    context.error(place, `expected an even number of hexadecimal digits and nothing else${odd}`, {
      hint: 'make a key with openssl rand -hex 32',
    })
    return undefined
  }
  const key = Uint8Array.from(Buffer.from(digits, 'hex'))
  if (key.length < keyBytesAdvised) {
    context.warning(place, `a key of ${key.length} bytes can be guessed`, {
      hint: 'make one with openssl rand -hex 32',
    })
  }
  return { identity: psk.identity, key }
}

function pem(context: Context, path: Path, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const read = readPem(text, context.host)
  if ('value' in read) return read.value
  context.error(path, read.problem, { hint: read.hint })
  return undefined
}
