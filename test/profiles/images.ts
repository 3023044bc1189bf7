import type { RegisterTable } from '../../src/settings.ts'

/**
 * What a device of each bundled profile could hold in its registers, and what that means. The words are written by hand, as
 * they go over the wire (high byte first), from the encodings in the vendor's document; what is not named here is 0.
 */
export interface Image {
  readonly profile: string
  /** Requests that one reading of all points takes. */
  readonly requests: number
  /** Words from an address on, hexadecimal. */
  readonly words: readonly (readonly [RegisterTable, address: number, words: string])[]
  /** A value, or the code that stands in its place. */
  readonly expected: Readonly<Record<string, number | string | { readonly error: string }>>
}

/** A reply that the Eastron papers print: 01 04 04 43 66 33 34 1B 38. */
const eastronVolts = '43663334'
/** 49.98 */
const hertz = '4247EB85'
/** 230.2 and -1234.56 as float32. */
const volts = '43663333'
const watts = 'C49A51EC'
const invalid = { error: 'invalid' }

function text(characters: string, registers: number): string {
  return Buffer.from(characters.padEnd(registers * 2, '\0'), 'latin1').toString('hex')
}

const sunspec = (model: string): Image['words'] => [
  ['holding', 40004, text('SolarEdge', 16)],
  ['holding', 40020, text('SE7K-RWS48BNN4', 16)],
  ['holding', 40044, text('4.18.32', 8)],
  ['holding', 40052, text('7E1A2B3C', 16)],
  ['holding', 40069, model],
  // 537, 179, 180, 178; 10 ** -2
  ['holding', 40071, '0219 00B3 00B4 00B2 FFFE'],
  // 4001, 4002, 3999; 2302, 2310, 2295; 10 ** -1
  ['holding', 40076, '0FA1 0FA2 0F9F 08FE 0906 08F7 FFFF'],
  // 370 * 10 ** 1; 49980 * 10 ** -3
  ['holding', 40083, '0172 0001 C33C FFFD'],
  // No apparent power; -250 * 10 ** 0; -9980 * 10 ** -2
  ['holding', 40087, '8000 8000 FF06 0000 D904 FFFE'],
  // 12345678 * 10 ** 0
  ['holding', 40093, '00BC614E 0000'],
  // No current; 7512 * 10 ** -1; 380 * 10 ** 1
  ['holding', 40096, 'FFFF 8000 1D58 FFFF 017C 0001'],
  // No cabinet; 4523 * 10 ** -2
  ['holding', 40102, '8000 11AB 8000 8000 FFFE'],
  // Producing; no state of the vendor; no event
  ['holding', 40107, '0004 FFFF 00000000'],
]

const sunspecExpected = {
  manufacturer: 'SolarEdge',
  model: 'SE7K-RWS48BNN4',
  version: '4.18.32',
  serial: '7E1A2B3C',
  current: 5.37,
  current_l1: 1.79,
  current_scale: -2,
  voltage_l1: 230.2,
  power: 3700,
  frequency: 49.98,
  apparent_power: invalid,
  reactive_power: -250,
  power_factor: -99.8,
  energy: 12_345_678,
  dc_current: invalid,
  dc_voltage: 751.2,
  dc_power: 3800,
  cabinet_temperature: invalid,
  heat_sink_temperature: 45.23,
  state: 4,
  state_vendor: invalid,
  events: 0,
} as const

const gavazziExpected = {
  voltage_l1: 230.2,
  current_l1: 5.432,
  power: -1234.5,
  frequency: 50,
  energy_import: 123_456.7,
  energy_export: invalid,
} as const

/** The low word comes first: 2302; 5432; -12345; 500; 1234567; too large for the display. */
const gavazzi: Image['words'] = [
  ['input', 0x00, '08FE 0000'],
  ['input', 0x0c, '1538 0000'],
  ['input', 0x28, 'CFC7 FFFF'],
  ['input', 0x33, '01F4'],
  ['input', 0x34, 'D687 0012'],
  ['input', 0x4e, 'FFFF 7FFF'],
]

export const images: readonly Image[] = [
  {
    profile: 'eastron/sdm120',
    requests: 3,
    words: [
      ['input', 0, eastronVolts],
      ['input', 12, watts],
      ['input', 30, 'BF7851EC'],
      ['input', 70, hertz],
      ['input', 72, '45B17733'],
      ['input', 344, '42C70000'],
    ],
    expected: {
      voltage: 230.20001,
      power: -1234.56,
      power_factor: -0.97,
      frequency: 49.98,
      energy_import: 5678.9,
      reactive_energy_total: 99.5,
    },
  },
  {
    profile: 'eastron/sdm230',
    requests: 3,
    words: [
      ['input', 0, eastronVolts],
      ['input', 36, '41F00000'],
      ['input', 70, hertz],
      ['input', 74, '45B17733'],
      ['input', 86, '449A51EC'],
      ['input', 342, '42C70000'],
    ],
    expected: {
      voltage: 230.20001,
      phase_angle: 30,
      frequency: 49.98,
      energy_export: 5678.9,
      power_demand_max: 1234.56,
      energy_total: 99.5,
    },
  },
  {
    profile: 'eastron/sdm630',
    requests: 3,
    words: [
      ['input', 0, eastronVolts],
      ['input', 34, 'BF7851EC'],
      ['input', 52, watts],
      ['input', 70, hertz],
      ['input', 72, '45B17733'],
      ['input', 206, '43C80000'],
      ['input', 356, '42C70000'],
    ],
    expected: {
      voltage_l1: 230.20001,
      power_factor_l3: -0.97,
      power: -1234.56,
      frequency: 49.98,
      energy_import: 5678.9,
      voltage_ll_avg: 400,
      energy_export_l3: 99.5,
    },
  },
  // The examples of its manual: 0131h is 30.5 °C, FF33h is -20.5 °C, 0222h is 54.6 %.
  {
    profile: 'xy/md02',
    requests: 1,
    words: [['input', 1, '0131 0222']],
    expected: { temperature: 30.5, humidity: 54.6 },
  },
  {
    profile: 'xy/md02',
    requests: 1,
    words: [['input', 1, 'FF33 0222']],
    expected: { temperature: -20.5, humidity: 54.6 },
  },
  {
    profile: 'abb/b23',
    requests: 3,
    words: [
      ['holding', 0x5000, '000000000012D687'],
      ['holding', 0x5008, 'FFFFFFFFFFFE1DC0'],
      ['holding', 0x5460, 'FFFFFFFFFFFFFFFF'],
      ['holding', 0x5b00, '000008FE FFFFFFFF'],
      ['holding', 0x5b14, 'FFFE1DC0 7FFFFFFF'],
      ['holding', 0x5b2c, '1386'],
      ['holding', 0x5b3a, 'FC36 7FFF 03E8'],
    ],
    expected: {
      energy_import: 12_345.67,
      energy_net: -1234.56,
      energy_import_l1: invalid,
      voltage_l1: 230.2,
      voltage_l2: invalid,
      power: -1234.56,
      power_l1: invalid,
      frequency: 49.98,
      power_factor: -0.97,
      power_factor_l1: invalid,
      power_factor_l2: 1,
    },
  },
  {
    profile: 'abb/b21',
    requests: 2,
    words: [
      ['holding', 0x5000, '000000000012D687'],
      ['holding', 0x5004, 'FFFFFFFFFFFFFFFF'],
      ['holding', 0x5b00, '000008FE'],
      ['holding', 0x5b0c, '0000021F'],
      ['holding', 0x5b14, 'FFFE1DC0'],
      ['holding', 0x5b2c, '1386'],
      ['holding', 0x5b3a, 'FC36'],
    ],
    expected: {
      energy_import: 12_345.67,
      energy_export: invalid,
      voltage: 230.2,
      current: 5.43,
      power: -1234.56,
      frequency: 49.98,
      power_factor: -0.97,
    },
  },
  {
    profile: 'schneider/iem3155',
    requests: 4,
    words: [
      ['holding', 2999, '40ADC28F'],
      ['holding', 3027, volts],
      ['holding', 3059, '3F9E0419'],
      ['holding', 3109, hertz],
      ['holding', 3203, '00000000075BCD15'],
      ['holding', 3223, '0000000000000001'],
    ],
    expected: {
      current_l1: 5.43,
      voltage_l1: 230.2,
      power: 1234.5,
      frequency: 49.98,
      energy_import: 123_456.789,
      reactive_energy_export: 0.001,
    },
  },
  {
    profile: 'carlo-gavazzi/em340',
    requests: 2,
    words: [...gavazzi, ['input', 0x31, '03CA']],
    expected: { ...gavazziExpected, power_factor: 0.97 },
  },
  { profile: 'carlo-gavazzi/em24-e1', requests: 2, words: gavazzi, expected: gavazziExpected },
  {
    profile: 'janitza/umg604',
    requests: 1,
    words: [
      ['holding', 19000, volts],
      ['holding', 19026, watts],
      ['holding', 19050, `${hertz} BF800000`],
      // 1234567 Wh
      ['holding', 19068, '4996B438'],
    ],
    expected: { voltage_l1: 230.2, power: -1234.56, frequency: 49.98, rotation: -1, energy_import: 1234.567 },
  },
  { profile: 'sunspec/inverter-1ph', requests: 1, words: sunspec('0065'), expected: sunspecExpected },
  {
    profile: 'sunspec/inverter-3ph',
    requests: 1,
    words: sunspec('0067'),
    expected: { ...sunspecExpected, current_l3: 1.78, voltage_l3_l1: 399.9, voltage_l3: 229.5 },
  },
  {
    profile: 'victron/gx-system',
    requests: 6,
    words: [
      ['holding', 800, text('b827eb123456', 6)],
      ['holding', 817, '03E8'],
      ['holding', 820, 'FF38'],
      ['holding', 826, '0001'],
      // 530, -50, -264, 85, discharging, 321, 360
      ['holding', 840, '0212 FFCE FEF8 0055 0002 0141 0168'],
      ['holding', 850, '0190 0019'],
      ['holding', 866, 'FEF8'],
    ],
    expected: {
      serial: 'b827eb123456',
      consumption_l1: 1000,
      grid_l1: -200,
      active_input: 1,
      battery_voltage: 53,
      battery_current: -5,
      battery_power: -264,
      battery_soc: 85,
      battery_state: 2,
      battery_consumed: -32.1,
      battery_time_to_go: 36_000,
      pv_dc_power: 400,
      pv_dc_current: 2.5,
      vebus_charge_power: -264,
    },
  },
  {
    profile: 'victron/gx-battery',
    requests: 2,
    words: [
      ['holding', 259, '14B4'],
      ['holding', 261, 'FFCE FFE7'],
      ['holding', 265, '0141 0352'],
      ['holding', 272, '0002'],
    ],
    expected: { voltage: 53, current: -5, temperature: -2.5, consumed: -32.1, soc: 85, alarm_low_soc: 2 },
  },
  {
    profile: 'victron/gx-vebus',
    requests: 1,
    words: [
      ['holding', 3, '08FE'],
      ['holding', 6, 'FFF6'],
      ['holding', 9, '1386'],
      ['holding', 12, '0019'],
      ['holding', 23, 'FFF6'],
      ['holding', 26, '14B4 FFCE'],
      ['holding', 30, '0352 0003'],
    ],
    expected: {
      input_voltage_l1: 230.2,
      input_current_l1: -1,
      input_frequency_l1: 49.98,
      input_power_l1: 250,
      output_power_l1: -100,
      battery_voltage: 53,
      battery_current: -5,
      soc: 85,
      state: 3,
    },
  },
]
