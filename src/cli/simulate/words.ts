import type { Command } from 'commander'
import { type Done, jsonOption } from '../options.ts'

export function addSimulate(program: Command, done: Done): void {
  program
    .command('simulate')
    .description('serve simulated Modbus devices, with scripted faults; no agent, network or root needed')
    .argument('<file>', 'what is simulated, such as examples/simulator.yaml')
    .option('--for <duration>', 'end after this time, such as 30s; else Ctrl-C does')
    .addOption(jsonOption())
    .action(async (file: string, flags: { for?: string; json: boolean }) => {
      const { simulate } = await import('../simulate.ts')
      done(await simulate({ file, ...flags }))
    })
}
