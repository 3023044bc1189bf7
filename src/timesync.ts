import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'

/** systemd-timesyncd makes this file when it has set the clock in this boot. */
const TIMESYNCD_FILE = '/run/systemd/timesync/synchronized'
const ANSWER_MS_MAX = 5_000

/**
 * Does a time service vouch for the wall clock? chrony and ntpd are seen through the kernel's flag, which `timedatectl`
 * shows. No answer means no: a wrong time must not pass for a right one.
 */
export async function isClockSynchronized(): Promise<boolean> {
  return (await exists(TIMESYNCD_FILE)) || (await kernelSaysSynchronized())
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

function kernelSaysSynchronized(): Promise<boolean> {
  const words = ['show', '--property=NTPSynchronized', '--value']
  return new Promise((resolve) => {
    try {
      execFile('timedatectl', words, { timeout: ANSWER_MS_MAX }, (error, stdout) => {
        resolve(!error && stdout.trim() === 'yes')
      })
    } catch {
      resolve(false) // no memory for a process
    }
  })
}
