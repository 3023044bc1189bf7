import type { Path } from '../problem.ts'
import type { Profile } from '../profile-file.ts'
import type { File } from '../schema/file.ts'
import type { SecretPlaces } from '../secrets.ts'
import { Findings } from './findings.ts'

/** The machine the configuration is for, as far as it matters. */
export interface Host extends SecretPlaces {
  readonly hostname: string
  /** Folder with by-id and by-path links of serial ports. */
  readonly serialFolder: string
  /** Where device profiles are looked for, first ones first. */
  readonly profileFolders: readonly string[]
}

/** What building settings needs at hand, and where it leaves what it has to say. */
export class Context extends Findings {
  /** What the schema made of the file, without the parts that were wrong. */
  readonly file: File
  readonly host: Host
  readonly gatewayId: string
  /** By device; undefined: the profile is wrong, and told. */
  readonly profiles: ReadonlyMap<string, Profile | undefined>

  constructor(
    file: File,
    options: {
      raw: unknown
      host: Host
      profiles: ReadonlyMap<string, Profile | undefined>
      source: (path: Path) => string | undefined
      misspelt: readonly Path[]
    },
  ) {
    super(options.raw, options)
    this.file = file
    this.host = options.host
    this.profiles = options.profiles
    this.gatewayId = file.gateway.id ?? options.host.hostname
  }

  /** Is the profile of the device wrong, and told? Then nothing is known about its points. */
  lacksProfile(device: string): boolean {
    return this.profiles.has(device) && this.profiles.get(device) === undefined
  }
}
