import { readFileSync } from 'node:fs'
import { ConfigInvalid, fileProblem, placedProblem } from './problem.ts'

/** A site of 50 devices and 1,000 points is 100 kB; beyond this the path names something else. */
const fileBytesMax = 4 * 1024 * 1024

/** The text of a configuration file; throws ConfigInvalid when there is none to be had. */
export function readSource(file: string): string {
  const bytes = readBytes(file)
  if (bytes.length > fileBytesMax) {
    const message = `the file has ${bytes.length} bytes; a configuration has at most ${fileBytesMax}`
    throw new ConfigInvalid([fileProblem(file, message)])
  }
  const text = decode(file, bytes)
  if (text.trim() === '') {
    throw new ConfigInvalid([
      fileProblem(file, 'the file is empty', 'tidegate needs connections, devices and uplinks in it'),
    ])
  }
  return text
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw new ConfigInvalid([fileProblem(file, ...unreadable(code, error))])
  }
}

function unreadable(code: string, error: unknown): [message: string, hint?: string] {
  switch (code) {
    case 'ENOENT':
      return [
        'there is no such file',
        'name another one with --config FILE, or begin with a copy of examples/small.yaml',
      ]
    case 'EACCES':
      return [
        'the file may not be read by this user',
        `look at its owner and mode with ls -l, and at ${userName()} with id`,
      ]
    case 'EISDIR':
      return ['this is a folder, not a file', 'name the file in it']
    default:
      return [`the file cannot be read: ${error instanceof Error ? error.message : String(error)}`]
  }
}

function userName(): string {
  return process.getuid === undefined ? 'the user' : `user ${process.getuid()}`
}

/** UTF-8 or an error at the first byte that is not; a byte order mark is skipped. */
function decode(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    const before = new TextDecoder('utf-8').decode(bytes).split('\ufffd')[0] ?? ''
    const line = before.split('\n').length
    const column = before.length - before.lastIndexOf('\n')
    const where = {
      line,
      column,
      length: 1,
      path: [],
      message: 'this byte is not UTF-8',
      hint: 'save the file as UTF-8',
    }
    throw new ConfigInvalid([placedProblem(file, new TextDecoder('utf-8').decode(bytes), where)])
  }
}
