import { confirmed } from '../ask.ts'
import { told } from '../outbox/orders.ts'
import { type InboxFlags, inboxOfAgent } from './source.ts'

/** `tidegate inbox reset`: forgets the highest version of a key. Asks first. */
export async function reset(key: string, flags: InboxFlags & { readonly yes: boolean }): Promise<number> {
  const question = `Forget the highest version of ${key}? A command sent before that is still on its way will be applied.`
  if (!(await confirmed(question, flags))) {
    console.error('Nothing was changed.')
    return 1
  }
  const answer = await inboxOfAgent(flags.stateDir).reset(key)
  const { version } = answer
  const what = version === undefined ? 'No version was remembered.' : `Version ${version} is forgotten.`
  return told(answer, { json: flags.json, text: `${what} The next command of ${key} counts, whatever its version.` })
}
