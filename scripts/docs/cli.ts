import type { Command, Option } from 'commander'

/** Every command with its words and options, as Markdown. */
export function commandReference(program: Command): string {
  return program.commands.flatMap((command) => sections(command, 'tidegate')).join('\n\n')
}

function sections(command: Command, before: string): string[] {
  const name = `${before} ${command.name()}`
  return [section(command, name), ...command.commands.flatMap((each) => sections(each, name))]
}

function section(command: Command, name: string): string {
  const words = command.registeredArguments.map((argument) => {
    const text = `${argument.name()}${argument.variadic ? '...' : ''}`
    return ` ${argument.required ? text : `[${text}]`}`
  })
  const rows = [...argumentRows(command), ...command.options.filter((option) => !option.hidden).map(optionRow)]
  const table = rows.length === 0 ? '' : `\n\n| option | |\n|---|---|\n${rows.join('\n')}`
  return `### ${name}${words.join('')}\n\n${sentence(command.description())}${table}`
}

function argumentRows(command: Command): string[] {
  const described = command.registeredArguments.filter(({ description }) => description !== '')
  return described.map((argument) => `| \`${argument.name()}\` | ${argument.description} |`)
}

function optionRow(option: Option): string {
  const choices = option.argChoices ? `: ${option.argChoices.join(', ')}` : ''
  // Where an agent keeps its state depends on the machine that writes this page.
  const isPlain = option.defaultValue === undefined || option.defaultValue === false || option.long === '--state-dir'
  const value = isPlain ? '' : ` (default: ${option.defaultValue})`
  const must = option.mandatory ? ' (needed)' : ''
  return `| \`${option.flags}\` | ${option.description}${choices}${value}${must} |`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
