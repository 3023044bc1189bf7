import type {
  OutboxReader,
  OutboxReport,
  OutboxWriter,
  RecordCount,
  RecordPage,
  RejectedRecord,
  Verification,
} from '../../outbox-api.ts'
import { askLong, getJson, postJson } from '../client.ts'

const BASE = '/api/v1/outbox'
/** A page that is read from a slow card while the card is busy with commits. */
const PAGE_WAIT_MS = 60_000

type Records = { readonly records: number }

/** The outbox of the running agent, over its socket. */
export function remoteOutbox(stateDir: string): OutboxReader & OutboxWriter {
  const get = (path: string, query: object = {}) => getJson(stateDir, `${BASE}${path}${queryText(query)}`, PAGE_WAIT_MS)
  const order = async (uplink: string, verb: string, body: object = {}): Promise<Records> =>
    (await postJson(stateDir, `${BASE}/uplinks/${encodeURIComponent(uplink)}/${verb}`, body)) as Records
  return {
    report: async () => (await get('')) as OutboxReport,
    records: async (query) => (await get('/records', query)) as RecordPage,
    count: async (query) => (await get('/count', query)) as RecordCount,
    rejected: async (query) => (await get('/rejected', query)) as RejectedRecord[],
    verify: async (onProgress) => (await askLong(stateDir, { path: `${BASE}/verify` }, onProgress)) as Verification,
    pause: async (uplink) => void (await order(uplink, 'pause')),
    resume: async (uplink) => void (await order(uplink, 'resume')),
    forget: (uplink) => order(uplink, 'forget'),
    replay: (uplink, span) => order(uplink, 'replay', span),
    drop: async (query) => (await postJson(stateDir, `${BASE}/drop`, query)) as Records,
    retry: (uplink, seqs) => order(uplink, 'retry', { seqs }),
    discard: (uplink, seqs) => order(uplink, 'discard', { seqs }),
  }
}

function queryText(query: object): string {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, String(value))
  return parameters.size === 0 ? '' : `?${parameters}`
}
