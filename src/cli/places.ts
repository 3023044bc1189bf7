/** Where things are on an installed gateway. */
export const DEFAULT_CONFIG = '/etc/tidegate/config.yaml'
const DEFAULT_STATE_DIR = '/var/lib/tidegate'

/** systemd.exec(5): $STATE_DIRECTORY holds the directories of StateDirectory=, separated by colons. */
export function defaultStateDir(env: Readonly<Record<string, string | undefined>>): string {
  return env['STATE_DIRECTORY']?.split(':')[0] || DEFAULT_STATE_DIR
}
