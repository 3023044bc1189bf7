import type { Value } from '../model.ts'
import type { LineSettings, PointSettings } from '../settings.ts'
import { Findings } from './build/findings.ts'
import { checkName, name } from './build/name.ts'
import { checkOverlaps } from './build/overlaps.ts'
import { buildPoint } from './build/points.ts'
import { checkScaleFrom } from './build/scale-from.ts'
import { explain } from './explain.ts'
import { type ParsedFile, parseFile, sorted } from './parsed-file.ts'
import { ConfigInvalid, counted, type Problem } from './problem.ts'
import { point as pointSchema } from './schema/point.ts'
import { type ProfileFile, profile as schema } from './schema/profile.ts'
import { readSource } from './source.ts'
import { wording } from './wording.ts'

/** A kind of device, as its file describes it. */
export interface Profile {
  /** `eastron/sdm630` */
  readonly name: string
  readonly title: string
  /** Name, version and address of the public list that it was made from. */
  readonly source: string
  /** Path. */
  readonly file: string
  /** How the device leaves the factory, most usual first. Empty: it is on the network. */
  readonly lines: readonly LineSettings[]
  /** The Modbus address it leaves the factory with. */
  readonly unitId?: number
  readonly defaults: ProfileDefaults
  /** Each of them alone tells the device from others. */
  readonly identify: readonly IdentifyRule[]
  readonly points: readonly ProfilePoint[]
  /** What is allowed but odd in the file. */
  readonly warnings: readonly Problem[]
}

/** What its devices are asked like when the configuration says nothing else. */
interface ProfileDefaults {
  readonly intervalMs: number
  readonly byteOrder: PointSettings['byteOrder']
  readonly registersMax: number
  readonly holeMax: number
  readonly onePointPerRequest: boolean
}

/** The device is known by it when the point holds one of the values. */
export interface IdentifyRule {
  readonly point: PointSettings
  readonly equals: readonly Value[]
}

export interface ProfilePoint extends PointSettings {
  /** One of the few that a scan asks for first. */
  readonly essential?: boolean
}

/** A profile as it is merged into a configuration. */
export interface ReadProfile {
  readonly profile: Profile
  /** As written. */
  readonly tree: ParsedFile['tree']
}

/** Reads and checks a profile. Throws ConfigInvalid with every problem at once. */
export function readProfile(place: { readonly name: string; readonly file: string }): ReadProfile {
  const { file } = place
  const parsed = parseFile(readSource(file), file)
  const { tree, problemOf } = parsed
  const checked = schema.safeParse(tree.value, { error: wording })
  const explained = checked.success ? [] : explain(checked.error.issues, tree.value)
  const problems = [...parsed.problems, ...explained.filter((one) => !parsed.isTold(one)).map((one) => problemOf(one))]
  if (!checked.success) throw refused(file, problems)
  const findings = new Findings(tree.value, { source: (path) => tree.source(path), misspelt: [] })
  const built = build(findings, checked.data)
  const all = [...problems, ...findings.errors.map((one) => problemOf(one))]
  if (all.length > 0) throw refused(file, all)
  const warnings = sorted(findings.warnings.map((one) => problemOf(one)))
  return { profile: { ...place, ...built, warnings }, tree }
}

function refused(file: string, problems: readonly Problem[]): ConfigInvalid {
  return new ConfigInvalid(sorted(problems), {
    title: `the profile ${file} has ${counted(problems.length, 'error')}`,
    hint: 'correct the file; the profile it describes cannot be used',
  })
}

function build(findings: Findings, file: ProfileFile): Omit<Profile, 'name' | 'file' | 'warnings'> {
  const { device } = file
  const points = Object.entries(file.points).flatMap(([key, { essential, ...point }]): ProfilePoint[] => {
    const path = ['points', key]
    checkName(findings, path, name)
    const built = buildPoint(findings, path, { point, device })
    return built === undefined ? [] : [essential ? { ...built, essential } : built]
  })
  if (Object.keys(file.points).length === 0) {
    findings.error(['points'], 'a profile needs at least one point', { at: 'key' })
  }
  checkOverlaps(findings, ['points'], points)
  checkScaleFrom(findings, ['points'], points)
  return {
    title: file.title,
    source: file.source,
    lines: file.lines,
    ...(file.unit_id === undefined ? {} : { unitId: file.unit_id }),
    defaults: {
      intervalMs: device.interval,
      byteOrder: device.byte_order,
      registersMax: device.max_registers,
      holeMax: device.max_hole,
      onePointPerRequest: device.one_point_per_request,
    },
    identify: identifyRules(findings, file),
    points,
  }
}

function identifyRules(findings: Findings, { identify, device }: ProfileFile): IdentifyRule[] {
  const plain = pointSchema.parse({})
  return identify.flatMap(({ equals, ...place }, index) => {
    const point = buildPoint(findings, ['identify', index], { point: { ...plain, ...place }, device })
    return point === undefined ? [] : [{ point, equals }]
  })
}
