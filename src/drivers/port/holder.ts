import { readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { basename } from 'node:path'

/** Processes looked at; a small gateway has some hundred. */
const PROCESSES_MAX = 4_096

/**
 * Who has a file open, as `name (pid)`: what `fuser` prints, without needing it. Undefined when nobody is found, which
 * may also mean that we are not allowed to look.
 */
export async function holderOf(path: string): Promise<string | undefined> {
  try {
    const target = await realpath(path)
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).slice(0, PROCESSES_MAX)
    for (const pid of pids) {
      if (Number(pid) !== process.pid && (await hasOpen(pid, target))) return `${await nameOf(pid)} (pid ${pid})`
    }
    return (await hasOpen(String(process.pid), target)) ? 'this very program' : undefined
  } catch {
    return undefined
  }
}

async function hasOpen(pid: string, target: string): Promise<boolean> {
  try {
    for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
      if ((await linkOf(`/proc/${pid}/fd/${descriptor}`)) === target) return true
    }
  } catch {
    // the process ended, or belongs to somebody else
  }
  return false
}

async function linkOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch {
    return undefined
  }
}

/** Node calls its main thread "MainThread", and an interpreter says nothing of the program that it runs. */
async function nameOf(pid: string): Promise<string> {
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').filter((word) => word !== '')
    const comm = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim()
    return programOf(words) ?? comm
  } catch {
    return 'a program'
  }
}

const interpreters = /^(?:node|python[\d.]*|sh|bash|perl|ruby|java)$/

/** "tidegate run", "mbpoll": the program of a command line, for people; undefined where it has none. Pure. */
export function programOf(words: readonly string[]): string | undefined {
  const [program = '', ...rest] = words
  const scriptAt = interpreters.test(basename(program)) ? rest.findIndex((word) => !word.startsWith('-')) : -1
  const script = scriptAt < 0 ? program : (rest[scriptAt] ?? program)
  const name = basename(script)
  if (name === '') return undefined
  if (!/(?:^|\/)tidegate(?:\.[cm]?js)?$|\/tidegate\/.*main\.[jt]s$/.test(script)) return name
  const word = scriptAt < 0 ? rest[0] : rest[scriptAt + 1]
  return word === undefined || word.startsWith('-') ? 'tidegate' : `tidegate ${word}`
}
