import type { Command } from 'commander'
import { configOption, type Done, jsonOption, stateDirOption } from '../options.ts'
import type { SendTestFlags } from './send-test.ts'

/** The words of `tidegate send-test`. */
export function addSendTest(program: Command, done: Done): void {
  program
    .command('send-test')
    .description('try an uplink: connect, send one message, say what each step took; status 1 when one fails')
    .argument('[uplink]', 'only this one')
    .addOption(configOption())
    .addOption(stateDirOption())
    .addOption(jsonOption())
    .option('--topic <topic>', 'publish there (default: send-test beside the topic of the events)')
    .option('--as-gateway', "with the gateway's own client id, session and will; only while no agent runs", false)
    .action(async (name: string | undefined, flags: SendTestFlags) => {
      const { sendTest } = await import('./send-test.ts')
      done(await sendTest(name, flags))
    })
}
