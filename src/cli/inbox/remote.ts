import type {
  CancelAnswer,
  CommandPage,
  InboxReader,
  InboxReport,
  InboxWriter,
  ListedCommand,
  ResetAnswer,
} from '../../inbox-api.ts'
import { getJson, postJson } from '../client.ts'

const BASE = '/api/v1/inbox'
/** A page that is read from a slow card while the card is busy with commits. */
const PAGE_WAIT_MS = 60_000

/** The inbox of the running agent, over its socket. */
export function remoteInbox(stateDir: string): InboxReader & InboxWriter {
  const get = (path: string, query: object = {}) => getJson(stateDir, `${BASE}${path}${queryText(query)}`, PAGE_WAIT_MS)
  return {
    report: async () => (await get('')) as InboxReport,
    commands: async (query) => (await get('/commands', query)) as CommandPage,
    find: async (id, key) => (await get('/command', { id, key })) as ListedCommand[],
    cancel: async (order) => (await postJson(stateDir, `${BASE}/cancel`, order)) as CancelAnswer,
    reset: async (key) => (await postJson(stateDir, `${BASE}/reset`, { key })) as ResetAnswer,
  }
}

/** Lists become words with commas between them; what is absent or empty is left out. */
function queryText(query: object): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && String(value) !== '') parameters.set(name, String(value))
  }
  return parameters.size === 0 ? '' : `?${parameters}`
}
