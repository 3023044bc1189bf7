import { z } from 'zod'
import { flag, text } from '../field.ts'

/** The name of a protocol is at most this long (RFC 7301 section 3.1). */
const alpnBytesMax = 255
/** A server that knows one of more than a few knows the first ones. */
const alpnMax = 8
/** Longer identities are refused by many servers (RFC 4279 section 5.3). */
const identityLengthMax = 128

export const secretForms = 'secret:NAME, env:NAME or file:/path keep it out of the file'
const pemForms = 'a path, or secret:NAME, env:NAME, file:/path'

const alpnName = () => text({ max: alpnBytesMax })

const psk = z.strictObject({
  identity: text({ max: identityLengthMax }).meta({ description: 'Name by which the broker knows the key.' }),
  key: text().meta({ description: `The key, in hexadecimal; ${secretForms}.` }),
})

export const tls = z
  .strictObject({
    ca: text()
      .optional()
      .meta({
        description: `Certificates to trust, PEM: ${pemForms}. Default: the public authorities known to the program.`,
      }),
    cert: text()
      .optional()
      .meta({ description: `Certificate of this gateway, PEM: ${pemForms}. Needs key.` }),
    key: text()
      .optional()
      .meta({ description: `Private key of this gateway, PEM: ${pemForms}. Needs cert.` }),
    server_name: text({ max: 255 }).optional().meta({
      description: 'Name expected in the certificate of the broker, and sent to it. Default: the host of the url.',
    }),
    alpn: z
      .union([
        alpnName(),
        z.array(alpnName()).min(1, 'is an empty list').max(alpnMax, `has more than ${alpnMax} entries`),
      ])
      .optional()
      .meta({
        description:
          'Protocol names offered to the broker (ALPN), or a list; brokers behind port 443 need them. Default: none.',
      }),
    psk: psk.optional().meta({
      description: 'A key that both sides know, instead of certificates. Default: certificates.',
    }),
    insecure: flag().prefault(false).meta({ description: 'Accept any certificate. Only for tests.' }),
  })
  .prefault({})
  .meta({ description: 'Encryption of mqtts and wss urls.' })

const proxyForm = 'http://host:port'

export const proxy = z
  .union(
    [
      text(),
      z.strictObject({
        url: text().meta({ description: `The proxy as ${proxyForm}.` }),
        username: text().optional().meta({ description: 'User name. Default: none.' }),
        password: text()
          .optional()
          .meta({ description: `Password; ${secretForms}. Default: none.` }),
      }),
    ],
    { error: `expected a proxy such as ${proxyForm}, or a block with url, username and password` },
  )
  .optional()
  .meta({
    description: `HTTP proxy that is asked to CONNECT to the broker, as ${proxyForm}, or a block. Proxies named in the environment are not used. Default: none.`,
  })
