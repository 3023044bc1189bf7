import type { TlsSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { readPem } from '../secrets.ts'
import type { BrokerUrl } from '../urls.ts'
import type { Context } from './context.ts'

/** Certificates and key as PEM texts, read now so that a missing file is told at the start. */
export function buildTls(
  context: Context,
  path: Path,
  options: { readonly tls: Uplink['tls']; readonly urls: readonly BrokerUrl[] },
): TlsSettings {
  const { tls, urls } = options
  if (urls.length > 0 && urls.every((url) => !url.encrypted) && context.written(path)) {
    context.warning(path, 'tls has no effect with mqtt://', { at: 'key', hint: 'write mqtts:// in the url' })
  }
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
  const ca = pem(context, [...path, 'ca'], tls.ca)
  const cert = pem(context, [...path, 'cert'], tls.cert)
  const key = pem(context, [...path, 'key'], tls.key)
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.server_name === undefined ? {} : { serverName: tls.server_name }),
    rejectUnauthorized: !tls.insecure,
  }
}

function pem(context: Context, path: Path, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const read = readPem(text, context.host)
  if ('value' in read) return read.value
  context.error(path, read.problem, { hint: read.hint })
  return undefined
}
