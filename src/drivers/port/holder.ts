import { readdir, readFile, readlink, realpath } from 'node:fs/promises'

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

async function nameOf(pid: string): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim()
  } catch {
    return 'a program'
  }
}
